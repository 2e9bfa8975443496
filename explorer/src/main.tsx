// The page: two tabs, and the setting in the address.

import { render } from "preact";
import { useEffect, useMemo, useState } from "preact/hooks";
import * as modes from "./modes";
import { ModesPage } from "./modes-page";
import * as pathways from "./pathways";
import { PathwaysPage } from "./pathways-page";
import { configured, type Experiment, first, MODES_PRESETS, pathwaysPresets } from "./presets";
import { DEFAULTS, fromFragment, records, type State, target, toFragment, toYaml } from "./state";

const TABS = { pathways: "Pathways that compete", modes: "Modes of a matrix" };

const configuration = document.getElementById("configuration")?.textContent?.trim() || "[]";
const experiments: Experiment[] = JSON.parse(configuration);
const presets = pathwaysPresets(experiments);
const more = configured(experiments);
const BEGIN = { ...DEFAULTS, pathways: first(experiments)?.state ?? DEFAULTS.pathways };

/** Put a setting into the address, where the page is one that has an address. */
function address(fragment: string) {
  try {
    history.replaceState(null, "", `#${fragment}`);
  } catch {
    // A page inside of a report has none.
  }
}

function App() {
  const begin = useMemo(() => fromFragment(location.hash, BEGIN), []);
  const [state, setState] = useState<State>(begin.state);
  const [refused, refuse] = useState(begin.refused);
  const set = (values: Partial<State>) => {
    setState((state) => ({ ...state, ...values }));
    refuse([]);
  };
  useEffect(() => {
    const later = setTimeout(() => address(toFragment(state)), 200);
    return () => clearTimeout(later);
  }, [state]);
  useEffect(() => {
    const changed = () => {
      const next = fromFragment(location.hash, BEGIN);
      setState(next.state);
      refuse(next.refused);
    };
    addEventListener("hashchange", changed);
    return () => removeEventListener("hashchange", changed);
  }, []);
  const tabs = Object.keys(TABS) as State["page"][];
  const turn = (event: KeyboardEvent) => {
    if (!["ArrowLeft", "ArrowRight"].includes(event.key)) return;
    const page = state.page === "pathways" ? "modes" : "pathways";
    set({ page });
    document.getElementById(`tab-${page}`)?.focus();
  };
  return (
    <>
      <div role="tablist" aria-label="Pages" onKeyDown={turn}>
        {tabs.map((page) => (
          <button
            type="button"
            key={page}
            role="tab"
            id={`tab-${page}`}
            aria-controls="page"
            aria-selected={state.page === page}
            tabIndex={state.page === page ? 0 : -1}
            onClick={() => set({ page })}
          >
            {TABS[page]}
          </button>
        ))}
      </div>
      {refused.length > 0 && (
        <p class="said refused" role="alert">
          The address asks for what there is not: {refused.join("; ")}.
        </p>
      )}
      <section id="page" role="tabpanel" aria-labelledby={`tab-${state.page}`}>
        {state.page === "pathways" ? (
          <PathwaysPage state={state.pathways} set={(pathways) => set({ pathways })} {...{ presets, more }} />
        ) : (
          <ModesPage state={state.modes} set={(modes) => set({ modes })} presets={MODES_PRESETS} />
        )}
      </section>
    </>
  );
}

// For the console of the browser, and for tests.
Object.assign(globalThis, {
  explorer: { ...pathways, ...modes, records, toYaml, target, fromFragment, presets, more },
});

render(<App />, document.getElementById("app") as HTMLElement);
