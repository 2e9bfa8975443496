// What the page shows of a setting of pathways: trajectories, and the share of the gated pathway over a deficit's window.

import { mean } from "d3-array";
import { closing, type Pathways, phases, type Run, run, share, starts } from "./pathways";
import { scale } from "./scale";

/** What no calculation may exceed, in ms; and the trajectories that curves over a window take the mean of. */
export const PATIENCE = 1000;
export const FEW = 16;

const POINTS = 33;
const COARSE = 9;
const DISPLAYED = 240;

export interface Band {
  mean: number[];
  low: number[];
  high: number[];
}

export interface Trajectories {
  state: Pathways;
  runs: Run[];
  epochs: number[];
  /** K of every pathway at `epochs`, over trajectories. */
  bands: Band[];
  cut: string;
}

export interface Sweep extends Band {
  x: number[];
}

export interface Sweeps {
  state: Pathways;
  onset: Sweep;
  duration: Sweep;
  /** Share of the gated pathway without gating, mean over the same trajectories. */
  undisturbed: number;
  closing: number;
  cut: string;
}

function band(rows: number[][]): Band {
  const found: Band = { mean: [], low: [], high: [] };
  for (let i = 0; i < rows[0].length; i++) {
    let [sum, low, high] = [0, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (const row of rows) {
      sum += row[i];
      if (row[i] < low) low = row[i];
      if (row[i] > high) high = row[i];
    }
    found.mean.push(sum / rows.length);
    found.low.push(low);
    found.high.push(high);
  }
  return found;
}

/** Trajectories of a setting, and their range at epochs that lie equally on an axis. */
export function trajectories(state: Pathways, spacing: "linear" | "symlog"): Trajectories {
  const until = performance.now() + PATIENCE;
  const axis = scale([0, state.epochs], [0, DISPLAYED], spacing);
  const epochs = Array.from({ length: DISPLAYED + 1 }, (_, i) =>
    i < DISPLAYED ? axis.invert(i) : state.epochs,
  );
  const schedule = phases(state);
  const runs: Run[] = [];
  for (const start of starts(state)) {
    const found = run(state, start, { grid: epochs, until, schedule });
    if (!found.whole && runs.length > 0) break;
    runs.push(found);
    if (!found.whole) break;
  }
  const whole = runs.length === state.n_trajectories && runs.every((each) => each.whole);
  const last = runs[runs.length - 1];
  const came = last.whole
    ? `${runs.length} of ${state.n_trajectories} trajectories are shown`
    : `it came to epoch ${Math.floor(last.t[last.t.length - 1])}`;
  return {
    state,
    // Arrays of numbers travel from a worker faster than lists, and what is in bands need not.
    runs: runs.map((each) => ({
      ...each,
      t: Float64Array.from(each.t),
      K: each.K.map((K) => Float64Array.from(K)),
      at: [],
    })),
    epochs,
    bands: state.depth.map((_, i) => band(runs.map((each) => each.at[i]))),
    cut: whole
      ? ""
      : `Cut off after ${PATIENCE / 1000} second: ${came}. Fewer epochs or trajectories, or a lower learning rate, take less.`,
  };
}

/** Mean and range of the share of the gated pathway over the onset and over the duration of its deficit. */
export function sweeps(state: Pathways): Sweeps {
  const until = performance.now() + PATIENCE;
  const few = starts({ ...state, n_trajectories: Math.min(FEW, state.n_trajectories) });
  let cut = "";
  const shares = (set: Partial<Pathways>): number[] => {
    const setting = { ...state, ...set };
    const schedule = phases(setting);
    return few.map((start) => {
      const found = run(setting, start, { rtol: 1e-6, until, schedule });
      if (!found.whole) cut = `Curves over the deficit are cut off after ${PATIENCE / 1000} second.`;
      return found.whole ? share(found.final, state.gated_pathway) : Number.NaN;
    });
  };
  // Theory speaks of training to its end.
  const learned = () => {
    const { final } = run({ ...state, duration: 0 }, few[0], { rtol: 1e-6, until });
    return final.reduce((sum, K) => sum + K, 0) > 0.99 * state.singular_value;
  };
  const sweep = (name: "onset" | "duration", to: number, spacing: "linear" | "symlog"): Sweep => {
    const axis = scale([0, to], [0, 1], spacing);
    const points: { place: number; shares: number[]; mean: number }[] = [];
    const add = (place: number) => {
      const found = shares({ [name]: axis.invert(place) });
      points.push({ place, shares: found, mean: mean(found) ?? Number.NaN });
    };
    for (let i = 0; i < COARSE; i++) add(i / (COARSE - 1));
    // Then where the curve is longest between two neighbours.
    while (points.length < POINTS && !cut) {
      points.sort((a, b) => a.place - b.place);
      const lengths = points
        .slice(1)
        .map((b, i) => Math.hypot(b.place - points[i].place, 2 * (b.mean - points[i].mean) || 0));
      const longest = lengths.indexOf(Math.max(...lengths));
      add((points[longest].place + points[longest + 1].place) / 2);
    }
    points.sort((a, b) => a.place - b.place);
    const shown = points.filter((point) => Number.isFinite(point.mean));
    const rows = few.map((_, j) => shown.map((point) => point.shares[j]));
    return { x: shown.map((point) => axis.invert(point.place)), ...band(rows) };
  };
  return {
    state,
    onset: sweep("onset", state.epochs - state.duration, "linear"),
    duration: sweep("duration", state.epochs - state.onset, "symlog"),
    undisturbed: mean(shares({ duration: 0 })) ?? Number.NaN,
    closing: state.onset === 0 && learned() ? closing(state) : Number.NaN,
    cut,
  };
}
