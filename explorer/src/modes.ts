// Modes of a product of N matrices through two tasks that share singular vectors: eqs 10, 19 and 21.

import { AT_REST, type Field, integrate } from "./integrate";

/** A setting of modes; all entries of the matrices are observed. */
export type Modes = {
  depth: number;
  size: number;
  init_scale: number;
  learning_rate: number;
  /** Singular values of both tasks, mode by mode. */
  first: number[];
  final: number[];
  pretrain_epochs: number;
  final_epochs: number;
};

/** Epochs that a mode of unit strength needs for its strength: tau = n^2 / h. */
export const timescale = ({ size, learning_rate }: Modes) => size ** 2 / learning_rate;

/** Strength of every mode at ascending epochs, through both tasks. */
export function modes(state: Modes, epochs: number[]): number[][] {
  const tasks = [
    { targets: state.first, epochs: state.pretrain_epochs },
    { targets: state.final, epochs: state.final_epochs },
  ];
  const tau = timescale(state);
  return state.first.map((_, index) => {
    const found: number[] = [];
    let current = state.init_scale;
    let begin = 0;
    for (const task of tasks) {
      const inside = epochs.filter((epoch) => (epoch > begin || begin === 0) && epoch <= begin + task.epochs);
      const times = [...inside.map((epoch) => epoch - begin), task.epochs];
      const strengths =
        task.epochs > 0
          ? mode(times, task.targets[index], current, tau, state.depth)
          : times.map(() => current);
      current = strengths[strengths.length - 1];
      found.push(...strengths.slice(0, -1));
      begin += task.epochs;
    }
    return found;
  });
}

/** Strength of a mode at ascending times: closed form for depths 1 and 2 (eq 21), else eq 19 integrated in ln s. */
export function mode(times: number[], target: number, start: number, tau: number, depth: number): number[] {
  if (depth === 1) return times.map((t) => target + (start - target) * Math.exp(-t / tau));
  if (depth === 2) return times.map((t) => sigmoid(t, target, start, tau));
  const found: number[] = [];
  const y = Float64Array.of(Math.log(start));
  const inside = new Float64Array(1);
  const record = (end: number, at: (t: number) => number) => {
    while (found.length < times.length && times[found.length] <= end)
      found.push(Math.exp(at(times[found.length])));
  };
  const field: Field = (y, dy) => {
    const s = Math.exp(y[0]);
    const pace = (depth * s ** (1 - 2 / depth)) / tau;
    dy[0] = pace * (target - s);
    return Math.abs(target - s) <= 1e-13 * target ? AT_REST : pace * Math.max(s, Math.abs(target - s));
  };
  const end = times[times.length - 1];
  record(0, () => y[0]);
  integrate(field, y, 0, end, {
    rtol: 1e-11,
    atol: 1e-11,
    stepped: (t, _, interpolate) =>
      record(t, (when) => {
        interpolate(when, inside);
        return inside[0];
      }),
  });
  record(end, () => y[0]);
  return found;
}

/** Eq 21 with both sides of the fraction divided by e^x: nothing overflows, and s* = 0 is no special case. */
function sigmoid(t: number, target: number, start: number, tau: number): number {
  const x = (2 * target * t) / tau;
  const growth = x > 0 ? -Math.expm1(-x) / x : 1;
  return start / (Math.exp(-x) + ((start * 2 * t) / tau) * growth);
}

/** Epochs until a mode has grown from `start` to half of its task's singular value; NaN where it does not grow to it. */
export function learningTime(target: number, start: number, tau: number, depth: number): number {
  if (start >= target / 2) return Number.NaN;
  if (depth === 1) return tau * Math.log((target - start) / (target / 2));
  const field: Field = (y, dy) => {
    const s = Math.exp(y[0]);
    dy[0] = 1;
    dy[1] = tau / (depth * s ** (1 - 2 / depth) * (target - s));
    return 0;
  };
  const [from, to] = [Math.log(start), Math.log(target / 2)];
  return integrate(field, Float64Array.of(from, 0), from, to)[1];
}
