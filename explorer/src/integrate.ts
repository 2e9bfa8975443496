// Adaptive Runge-Kutta of order 5 with error control and continuous extension: Dormand and Prince's pair (Hairer,
// Norsett and Wanner, Solving Ordinary Differential Equations I, II.4 to II.6).

const A = [
  [1 / 5],
  [3 / 40, 9 / 40],
  [44 / 45, -56 / 15, 32 / 9],
  [19372 / 6561, -25360 / 2187, 64448 / 6561, -212 / 729],
  [9017 / 3168, -355 / 33, 46732 / 5247, 49 / 176, -5103 / 18656],
  [35 / 384, 0, 500 / 1113, 125 / 192, -2187 / 6784, 11 / 84],
];
const ERROR = [71 / 57600, 0, -71 / 16695, 71 / 1920, -17253 / 339200, 22 / 525, -1 / 40];
const DENSE = [
  -12715105075 / 11282082432,
  0,
  87487479700 / 32700410799,
  -10690763975 / 1880347072,
  701980252875 / 199316789632,
  -1453857185 / 822651844,
  69997945 / 29380423,
];

/** Steps between two looks at the clock. */
const PATIENCE = 256;

/** An integration did not end in the time that it had. */
export class TooLong extends Error {}

/** Writes dy/dt and returns the rate at which the fastest part of y settles, or AT_REST where nothing moves. */
export type Field = (y: Float64Array, dy: Float64Array) => number;
export const AT_REST = -1;

export interface Options {
  rtol?: number;
  atol?: number;
  /** Time of `performance.now()` from which on it throws `TooLong`. */
  until?: number;
  /** Sees every step: where it ends, y there, and a function that writes y at any time inside it. */
  stepped?: (t: number, y: Float64Array, inside: (when: number, out: Float64Array) => void) => void;
}

/**
 * Integrate dy/dt from t to end, in place, and return y.
 *
 * No step is longer than twice the time in which the fastest part settles: a fixed point is approached, not circled.
 */
export function integrate(
  field: Field,
  y: Float64Array,
  t: number,
  end: number,
  options: Options = {},
): Float64Array {
  const { rtol = 1e-9, atol = 1e-13, until = Number.POSITIVE_INFINITY, stepped } = options;
  const size = y.length;
  const k = Array.from({ length: 7 }, () => new Float64Array(size));
  const next = new Float64Array(size);
  const combined = (weights: number[], i: number) => {
    let sum = 0;
    for (let stage = 0; stage < weights.length; stage++) sum += weights[stage] * k[stage][i];
    return sum;
  };
  let settles = field(y, k[0]);
  let h = firstStep(y, k[0], rtol, atol);
  for (let tries = 0; t < end && settles !== AT_REST; tries++) {
    if (tries % PATIENCE === 0 && performance.now() > until) throw new TooLong();
    h = Math.min(h, 2 / settles, end - t);
    if (t + h <= t) h = Math.max(t * 1e-15, Number.MIN_VALUE);
    let after = 0;
    for (let stage = 1; stage < 7; stage++) {
      for (let i = 0; i < size; i++) next[i] = y[i] + h * combined(A[stage - 1], i);
      after = field(next, k[stage]);
    }
    let error = 0;
    for (let i = 0; i < size; i++) {
      const allowed = atol + rtol * Math.max(Math.abs(y[i]), Math.abs(next[i]));
      error = Math.max(error, Math.abs(h * combined(ERROR, i)) / allowed);
    }
    if (!(error <= 1)) {
      h *= Number.isFinite(error) ? Math.max(0.2, 0.9 * error ** -0.2) : 0.1;
      continue;
    }
    const from = t;
    const step = h;
    t = Math.min(t + h, end);
    stepped?.(t, next, (when, out) => {
      const x = (when - from) / step;
      for (let i = 0; i < size; i++) {
        const rise = next[i] - y[i];
        const bend = step * k[0][i] - rise;
        const last = rise - step * k[6][i] - bend + (1 - x) * step * combined(DENSE, i);
        out[i] = y[i] + x * (rise + (1 - x) * (bend + x * last));
      }
    });
    y.set(next);
    [k[0], k[6]] = [k[6], k[0]];
    settles = after;
    h *= Math.min(5, 0.9 * Math.max(error, 1e-10) ** -0.2);
  }
  return y;
}

function firstStep(y: Float64Array, slope: Float64Array, rtol: number, atol: number): number {
  const times = y.map((value, i) => (Math.abs(value) + atol / rtol) / Math.abs(slope[i]));
  return Math.min(Number.MAX_VALUE, 0.01 * Math.min(...times));
}
