// Scales of axes and sliders, their ticks, and numbers as people read them.

import { ticks } from "d3-array";

export type Spacing = "linear" | "log" | "symlog";

export interface Scale {
  (value: number): number;
  invert: (place: number) => number;
  domain: [number, number];
  ticks: number[];
}

const TRANSFORMS: Record<Spacing, [(value: number) => number, (place: number) => number]> = {
  linear: [(value) => value, (place) => place],
  log: [Math.log, Math.exp],
  symlog: [
    (value) => Math.sign(value) * Math.log1p(Math.abs(value)),
    (place) => Math.sign(place) * Math.expm1(Math.abs(place)),
  ],
};

/** From a domain to a range, with some `count` ticks. */
export function scale(
  domain: [number, number],
  range: [number, number],
  spacing: Spacing = "linear",
  count = 5,
): Scale {
  const [forth, back] = TRANSFORMS[spacing];
  const [from, to] = domain.map(forth);
  const wide = to - from || 1;
  const place = (value: number) => range[0] + ((forth(value) - from) / wide) * (range[1] - range[0]);
  const invert = (place: number) => back(from + ((place - range[0]) / (range[1] - range[0])) * wide);
  return Object.assign(place, {
    invert,
    domain,
    ticks: spacing === "linear" ? ticks(...domain, count) : decades(domain),
  });
}

/** 0 and the powers of ten inside of a domain of positive numbers, at most some six of them. */
function decades([from, to]: [number, number]): number[] {
  const powers = ticks(Math.log10(Math.max(from, 1)), Math.log10(Math.max(to, 1)), 5).filter(
    Number.isInteger,
  );
  return [...(from <= 0 ? [0] : []), ...powers.map((power) => 10 ** power)];
}

/** A number with some significant digits: 0.0012, 3.14, 12 345, 1.2e-9. */
export function number(value: number, digits = 4): string {
  if (!Number.isFinite(value)) return "–";
  const size = Math.abs(value);
  const short = Number(value.toPrecision(digits));
  if (size !== 0 && (size < 1e-4 || size >= 1e7))
    return short.toExponential().replace("e+", "e").replaceAll("-", "−");
  const text = size >= 10 ** digits ? value.toFixed(0) : String(short);
  const [whole, part] = text.replace("-", "−").split(".");
  return whole.replace(/\B(?=(\d{3})+$)/g, "\u2009") + (part ? `.${part}` : "");
}

/** Ticks as 10k and 2M where one of them is that large. */
export function tickLabels(values: number[]): string[] {
  const most = Math.max(...values.map(Math.abs));
  const [unit, letter] = most >= 1e6 ? [1e6, "M"] : most >= 1e4 ? [1e3, "k"] : [1, ""];
  return values.map((value) => number(value / unit) + (value === 0 ? "" : letter));
}
