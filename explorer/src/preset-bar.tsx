// Presets as buttons, and what the chosen one is about.

import type { Preset } from "./presets";

interface BarProps<S> {
  presets: Preset<S>[];
  state: S;
  set: (state: S) => void;
}

export function PresetBar<S>({ presets, state, set }: BarProps<S>) {
  const written = JSON.stringify(state);
  const chosen = presets.find((preset) => JSON.stringify(preset.state) === written);
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
      </fieldset>
      <p class="about" aria-live="polite">
        {chosen?.words ??
          "A setting of your own. The address holds it: copy the link to show it to somebody."}
      </p>
    </div>
  );
}
