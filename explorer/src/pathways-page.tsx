// The page of pathways: presets, fields, four pictures, and the numbers of what they show.

import { useEffect, useRef, useState } from "preact/hooks";
import type { Sweeps, Trajectories } from "./calculations";
import { Calculator } from "./calculator";
import { SweepPlot, Time } from "./curves";
import { changed, conflict, letter, PATHWAYS, type Value } from "./fields";
import { copy, saveCsv } from "./files";
import { Form } from "./form";
import { Numbers } from "./numbers";
import type { Pathways } from "./pathways";
import { Plane } from "./plane";
import { usePlayer } from "./player";
import { PresetBar } from "./preset-bar";
import type { Preset } from "./presets";
import { records, target, toYaml } from "./state";
import type { Question } from "./worker";

interface PageProps {
  state: Pathways;
  set: (state: Pathways) => void;
  presets: Preset<Pathways>[];
  more: Map<string, Preset<Pathways>[]>;
}

/** The latest answer of a calculator that is asked at every change. */
function useCalculator<Answer>(question: Question, pause = 0): Answer | null {
  const [answer, answered] = useState<Answer | null>(null);
  const calculator = useRef<Calculator<Answer> | null>(null);
  useEffect(() => {
    calculator.current ??= new Calculator<Answer>(answered, pause);
    calculator.current.ask(question);
  }, Object.values(question));
  return answer;
}

export function PathwaysPage({ state, set, presets, more }: PageProps) {
  const [logTime, setLogTime] = useState(state.epochs > 20_000);
  useEffect(() => setLogTime(state.epochs > 20_000), [state.epochs > 20_000]);
  const spacing = logTime ? "symlog" : "linear";
  const found = useCalculator<Trajectories>({ kind: "trajectories", state, spacing });
  const curves = useCalculator<Sweeps>({ kind: "sweeps", state }, 150);
  const player = usePlayer(state.epochs, spacing);
  const [said, say] = useState("");

  const offer = (values: Partial<Pathways>) => {
    const next = Object.entries(values).reduce(
      (next, [name, value]) => changed(next, name, value as Value),
      state,
    );
    if (!conflict(next, "")) set(next);
  };
  const epoch = (value: number, most: number) => Math.round(Math.min(Math.max(value, 0), most));
  const moveOnset = (value: number) => offer({ onset: epoch(value, state.epochs - state.duration) });
  const moveDuration = (value: number) => offer({ duration: epoch(value, state.epochs - state.onset) });

  const [opened, open] = useState(false);
  const copied = async (what: string, text: string) =>
    say(
      (await copy(text))
        ? `${what} copied.`
        : `The browser does not allow to copy; ${what.toLowerCase()} can be selected below.`,
    );
  const csv = () => {
    const { epoch, runs } = records(state, performance.now() + 5000);
    const rows = runs.flatMap(({ at }, trajectory) =>
      at[0].map((_, i) => [trajectory, epoch[i], ...at.map((K) => K[i])]),
    );
    saveCsv(
      [["trajectory", "epoch", ...state.depth.map((_, i) => `K_${letter(i)}`)], ...rows],
      "trajectories.csv",
    );
  };

  return (
    <>
      <PresetBar {...{ presets, more, state, set }} />
      <div class="columns">
        <Plane {...{ state, offer, found, player }} />
        <Form label="Parameters of the pathways" fields={PATHWAYS} state={state} set={set} />
        <div class="stack">
          <Time
            {...{ state, offer, found, player, spacing, logTime, setLogTime, moveOnset, moveDuration, epoch }}
          />
          <SweepPlot
            {...{ state, curves }}
            name="onset"
            title="Share against onset"
            axis={{ domain: [0, state.epochs - state.duration || 1], label: "onset of gating (epoch)" }}
            value={state.onset}
            moved={moveOnset}
          />
          <SweepPlot
            {...{ state, curves }}
            name="duration"
            title="Share against duration"
            axis={{
              domain: [0, state.epochs - state.onset || 1],
              label: "duration of gating (epochs)",
              spacing: "symlog",
            }}
            value={state.duration}
            moved={moveDuration}
          />
        </div>
      </div>
      <p class="said" role="status">
        {found?.cut} {curves?.cut} {said}
      </p>
      {found && <Numbers found={found} curves={curves} />}
      <div class="actions">
        <button type="button" id="copy-yaml" onClick={() => copied("Lines", toYaml(state))}>
          Copy as YAML
        </button>
        <button type="button" onClick={() => copied("Address", location.href)}>
          Copy link
        </button>
        <button type="button" onClick={csv}>
          Data as CSV
        </button>
      </div>
      <details onToggle={({ currentTarget }) => open(currentTarget.open)}>
        <summary>Lines for the workflow</summary>
        <p>
          In a file <code>mine.yaml</code>,{" "}
          <code>snakemake {target(state)} --cores 2 --configfile mine.yaml</code> computes the same.
        </p>
        <textarea
          id="yaml"
          readOnly
          rows={16}
          aria-label="Lines for the workflow"
          value={opened ? toYaml(state) : ""}
        />
      </details>
    </>
  );
}
