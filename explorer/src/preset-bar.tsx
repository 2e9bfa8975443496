// Where to begin: presets as buttons, more of them in a list, and what the chosen one is about.

import type { Preset } from "./presets";

interface BarProps<S> {
  presets: Preset<S>[];
  /** More presets, by group. */
  more?: Map<string, Preset<S>[]>;
  state: S;
  set: (state: S) => void;
}

const OWN = "A setting of your own. The address holds it: copy the link to show it to somebody.";

export function PresetBar<S>({ presets, more = new Map(), state, set }: BarProps<S>) {
  const written = JSON.stringify(state);
  const listed = [...more.values()].flat();
  const is = (preset: Preset<S>) => JSON.stringify(preset.state) === written;
  const chosen = presets.find(is) ?? listed.find(is);
  return (
    <div class="presets">
      <fieldset aria-label="Where to begin">
        {presets.map((preset) => (
          <button
            type="button"
            key={preset.name}
            aria-pressed={preset === chosen}
            onClick={() => set(preset.state)}
          >
            {preset.name}
          </button>
        ))}
        {listed.length > 0 && (
          <select
            aria-label="Experiments of config.yaml"
            value={listed.findIndex(is)}
            onChange={({ currentTarget }) => set(listed[Number(currentTarget.value)].state)}
          >
            <option value={-1} disabled>
              from config.yaml
            </option>
            {[...more].map(([title, members]) => (
              <optgroup key={title} label={title}>
                {members.map((preset) => (
                  <option key={preset.name} value={listed.indexOf(preset)}>
                    {preset.name}
                  </option>
                ))}
              </optgroup>
            ))}
          </select>
        )}
      </fieldset>
      <p class="about" aria-live="polite">
        {chosen?.words ?? OWN}
      </p>
    </div>
  );
}
