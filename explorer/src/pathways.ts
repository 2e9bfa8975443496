// Pathways that compete for one mode: eqs 6 to 8, deficits as phases, and when the period closes in theory.

import { AT_REST, type Field, integrate, TooLong } from "./integrate";

/** A setting of pathways, by the names that config.yaml has; pathways are numbered from 0. */
export type Pathways = {
  n_pathways: number;
  depth: number[];
  singular_value: number;
  imbalance: number;
  init_mean: number[];
  init_sd: number;
  n_trajectories: number;
  draw: number;
  learning_rate: number;
  epochs: number;
  gated_pathway: number;
  onset: number;
  duration: number;
  plasticity: number;
  alternate_every: number | null;
  lesioned_pathway: number | null;
  lesion_onset: number;
  lesion_duration: number | null;
};

export interface Deficit {
  kind: "gating" | "lesion";
  pathway: number;
  start: number;
  end: number;
}

export interface Phase {
  start: number;
  end: number;
  /** Factor on the velocity of each pathway. */
  plasticity: number[];
  /** 0 for a pathway that is lesioned, 1 for others. */
  present: number[];
}

/** K of every pathway along one trajectory. */
export interface Run {
  t: ArrayLike<number>;
  K: ArrayLike<number>[];
  /** K of every pathway at the epochs asked for, as far as it came. */
  at: number[][];
  final: number[];
  /** Whether it ran to its end in the time that it had. */
  whole: boolean;
}

/** base to the power of 0, 1, 2, ...: multiplications alone. */
export function power(base: number, exponent: number): number {
  let result = 1;
  for (let square = base; exponent > 0; exponent >>= 1, square *= square) if (exponent & 1) result *= square;
  return result;
}

/** K = p q^(D-1), eq 6. */
export const strength = (p: number, q: number, depth: number) => p * power(q, depth - 1);

/** q >= 0 with q^2 - p^2 = C, eq 8. */
export const lowerScale = (p: number, imbalance: number) => Math.sqrt(Math.max(0, imbalance + p * p));

/** dK/dt over the error s - sum K. */
export const speed = (p: number, q: number, depth: number) =>
  power(q, 2 * (depth - 2)) * (q * q + (depth - 1) * p * p);

/**
 * Scales p and q >= 0 of a strength: Newton's method on the logarithm x of the smaller one of |p| and q, whose equation
 * is increasing and convex, so that it converges from above.
 */
export function scales(K: number, depth: number, imbalance: number): [number, number] {
  const gap = Math.abs(imbalance);
  const own = imbalance >= 0 ? 1 : depth - 1;
  const other = depth - own;
  let small = 0;
  if (K !== 0) {
    const goal = Math.log(Math.abs(K));
    const logGap = Math.log(gap);
    let x = Math.min(gap > 0 ? (goal - 0.5 * other * logGap) / own : Number.POSITIVE_INFINITY, goal / depth);
    for (let i = 0; i < 100; i++) {
      const top = Math.max(logGap, 2 * x);
      const large = top + Math.log(Math.exp(logGap - top) + Math.exp(2 * x - top));
      const step = (own * x + 0.5 * other * large - goal) / (own + other * Math.exp(2 * x - large));
      x -= step;
      if (Math.abs(step) <= 1e-15 * Math.max(1, Math.abs(x))) break;
    }
    small = Math.exp(x);
  }
  const large = Math.hypot(Math.sqrt(gap), small);
  const [p, q] = imbalance >= 0 ? [small, large] : [large, small];
  return [K < 0 ? -p : p, q];
}

/** Deficits of a run, in order: gating, passed on to the next pathway where it alternates, and a lesion. */
export function deficits(state: Pathways): Deficit[] {
  const { n_pathways, gated_pathway, onset, duration, epochs, lesion_onset, lesion_duration } = state;
  const end = onset + duration;
  const turn = state.alternate_every ?? duration;
  const found: Deficit[] = [];
  for (
    let start = onset, pathway = gated_pathway;
    start < end;
    start += turn, pathway = (pathway + 1) % n_pathways
  ) {
    found.push({ kind: "gating", pathway, start, end: Math.min(start + turn, end) });
  }
  if (state.lesioned_pathway !== null) {
    const until = lesion_duration === null ? epochs : lesion_onset + lesion_duration;
    if (until > lesion_onset) {
      found.push({ kind: "lesion", pathway: state.lesioned_pathway, start: lesion_onset, end: until });
    }
  }
  return found;
}

/** Phases of a run: no step of the integration crosses an edge of a deficit. */
export function phases(state: Pathways): Phase[] {
  const windows = deficits(state);
  const edges = new Set([0, state.epochs, ...windows.flatMap(({ start, end }) => [start, end])]);
  const sorted = [...edges].sort((a, b) => a - b);
  return sorted.slice(1).map((end, index) => {
    const start = sorted[index];
    const plasticity = new Array(state.n_pathways).fill(1);
    const present = new Array(state.n_pathways).fill(1);
    for (const window of windows) {
      if (window.start > start || start >= window.end) continue;
      if (window.kind === "gating") plasticity[window.pathway] = state.plasticity;
      else present[window.pathway] = 0;
    }
    return { start, end, plasticity, present };
  });
}

/** Velocities of (p, q) of every pathway, eq 7, an epoch being `learning_rate` units of time. */
function velocities(
  { n_pathways: n, depth, singular_value: s, learning_rate, imbalance }: Pathways,
  phase: Phase,
): Field {
  const inner = new Float64Array(n);
  return (y, dy) => {
    let error = s;
    let settles = 0;
    for (let i = 0; i < n; i++) {
      // Without imbalance a negative p only falls towards 0, and never gets there.
      if (imbalance === 0 && y[2 * i] < 0 && y[2 * i] > -1e-14) y[2 * i] = y[2 * i + 1] = 0;
      const p = y[2 * i];
      const q = y[2 * i + 1];
      inner[i] = power(q, depth[i] - 2);
      error -= phase.present[i] * p * q * inner[i];
      settles +=
        phase.present[i] * phase.plasticity[i] * inner[i] * inner[i] * (q * q + (depth[i] - 1) * p * p);
    }
    let moves = false;
    for (let i = 0; i < n; i++) {
      const drive = learning_rate * phase.plasticity[i] * phase.present[i] * error * inner[i];
      dy[2 * i] = drive * y[2 * i + 1];
      dy[2 * i + 1] = drive * y[2 * i];
      moves ||= dy[2 * i] !== 0 || dy[2 * i + 1] !== 0;
    }
    return !moves || Math.abs(error) <= 1e-13 * s ? AT_REST : learning_rate * settles;
  };
}

export interface RunOptions {
  /** Ascending epochs at which to record K. */
  grid?: number[];
  rtol?: number;
  until?: number;
  schedule?: Phase[];
}

/** One trajectory from p(0) of each pathway, with K at every step. */
export function run(state: Pathways, start: number[], options: RunOptions = {}): Run {
  const { n_pathways: n, depth, imbalance } = state;
  const { grid = [], rtol, until, schedule = phases(state) } = options;
  const y = new Float64Array(2 * n);
  const inside = new Float64Array(2 * n);
  start.forEach((p, i) => {
    y.set([p, lowerScale(p, imbalance)], 2 * i);
  });
  const strengthOf = (i: number, of: Float64Array) => strength(of[2 * i], of[2 * i + 1], depth[i]);
  const t: number[] = [];
  const K: number[][] = start.map(() => []);
  const at: number[][] = start.map(() => []);
  let whole = true;
  const note = (when: number, state: Float64Array) => {
    t.push(when);
    for (let i = 0; i < n; i++) K[i].push(strengthOf(i, state));
  };
  const record = (end: number, stateAt: (when: number) => Float64Array) => {
    for (let next = at[0].length; next < grid.length && grid[next] <= end; next++) {
      const state = stateAt(grid[next]);
      for (let i = 0; i < n; i++) at[i].push(strengthOf(i, state));
    }
  };
  note(0, y);
  record(0, () => y);
  try {
    for (const phase of schedule) {
      integrate(velocities(state, phase), y, phase.start, phase.end, {
        rtol,
        until,
        stepped: (end, state, interpolate) => {
          record(end, (when) => {
            if (when === end) return state;
            interpolate(when, inside);
            return inside;
          });
          note(end, state);
        },
      });
      record(phase.end, () => y);
      if (t[t.length - 1] < phase.end) note(phase.end, y);
    }
  } catch (error) {
    if (!(error instanceof TooLong)) throw error;
    whole = false;
  }
  return { t, K, at, final: K.map((each) => each[each.length - 1]), whole };
}

/** Share of a pathway in the sum of all; NaN where nothing was learned. */
export const share = (final: number[], pathway: number) =>
  final[pathway] / final.reduce((sum, K) => sum + K, 0);

/**
 * Epochs of gating, from the start on, that do half the harm of an endless deficit; NaN where the theory does not hold:
 * pathways that differ, partial or alternating deficits, lesions. All pathways run through the same K on the clock of
 * the error, which stands still for the gated one (docs/theory.md).
 */
export function closing(state: Pathways): number {
  const { n_pathways: n, singular_value: s, imbalance, learning_rate } = state;
  const [depth] = state.depth;
  const [p0] = state.init_mean;
  const alike = state.depth.every((D) => D === depth) && state.init_mean.every((p) => p === p0);
  const K0 = strength(p0, lowerScale(p0, imbalance), depth);
  const disturbed =
    state.plasticity !== 0 || state.alternate_every !== null || state.lesioned_pathway !== null;
  if (!alike || disturbed || K0 >= s / n || (p0 <= 0 && imbalance <= 0)) return Number.NaN;
  const pace = (p: number) => power(lowerScale(p, imbalance), depth - 1);
  const loser = (s / n + K0) / 2;
  const [from, to] = [loser, (s - loser) / (n - 1)].map((K) => scales(K, depth, imbalance)[0]);
  const clock: Field = (y, dy) => {
    dy[0] = 1;
    dy[1] = 1 / pace(y[0]);
    return 0;
  };
  const delay = integrate(clock, Float64Array.of(from, 0), from, to)[1];
  const learning: Field = (y, dy) => {
    dy[0] = pace(y[0]);
    dy[1] = 1 / (s - K0 - (n - 1) * y[0] * dy[0]);
    return 0;
  };
  return integrate(learning, Float64Array.of(p0, 0), 0, delay)[1] / learning_rate;
}

/** Standard normal numbers, the same for the same draw; the first ones stay when more are asked for. */
function normals(draw: number, count: number): number[] {
  let seed = (draw * 2654435761 + 1013904223) >>> 0;
  const uniform = () => {
    // mulberry32
    seed = (seed + 0x6d2b79f5) >>> 0;
    let x = Math.imul(seed ^ (seed >>> 15), seed | 1);
    x ^= x + Math.imul(x ^ (x >>> 7), x | 61);
    return ((x ^ (x >>> 14)) >>> 0) / 2 ** 32;
  };
  return Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - uniform()));
    return radius * Math.cos(2 * Math.PI * uniform());
  });
}

/** p(0) of every trajectory and pathway. */
export function starts({ n_trajectories, n_pathways, init_mean, init_sd, draw }: Pathways): number[][] {
  const z = normals(draw, n_trajectories * n_pathways);
  return Array.from({ length: n_trajectories }, (_, j) =>
    init_mean.map((mean, i) => (init_sd > 0 ? mean + init_sd * z[j * n_pathways + i] : mean)),
  );
}
