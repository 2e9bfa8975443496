// What the page may be asked for: fields by the names that they have in config.yaml, with what they allow.

import type { Modes } from "./modes";
import { type Pathways, starts } from "./pathways";

export type Value = number | number[] | null;

export interface Field {
  label: string;
  group: string;
  min: number;
  max: number;
  whole?: boolean;
  /** Ends of the slider, and how it is spaced; no slider if not given. */
  slide?: [from: number, to: number, spacing?: "log" | "symlog"];
  /** One value for each pathway. */
  each?: boolean;
  /** As many values as there are modes. */
  list?: boolean;
  /** What an empty field means. */
  empty?: string;
  /** A choice among pathways. */
  pathway?: boolean;
  help?: string;
}

export const MOST_MODES = 20;
const MOST_EPOCHS = 10_000_000;
const MOST_TURNS = 1000;
const epochs = { whole: true, min: 0, max: MOST_EPOCHS };

export const PATHWAYS: Record<keyof Pathways, Field> = {
  n_pathways: { group: "Network", label: "Pathways", whole: true, min: 2, max: 6, slide: [2, 6] },
  depth: {
    group: "Network",
    label: "Depth D",
    whole: true,
    min: 2,
    max: 100,
    slide: [2, 13],
    each: true,
    help: "Weight matrices of a pathway.",
  },
  singular_value: {
    group: "Network",
    label: "Singular value s",
    min: 1e-6,
    max: 1e6,
    slide: [0.1, 100, "log"],
    help: "What the pathways have to add up to.",
  },
  imbalance: {
    group: "Network",
    label: "Imbalance C",
    min: -1e6,
    max: 1e6,
    slide: [-1, 4],
    help: "C = q² − p², which training conserves.",
  },
  init_mean: {
    group: "Start",
    label: "Mean of p(0)",
    min: -100,
    max: 100,
    slide: [-0.5, 1.5],
    each: true,
    help: "Drag the ring in the plane, too.",
  },
  init_sd: {
    group: "Start",
    label: "Spread of p(0)",
    min: 0,
    max: 100,
    slide: [0, 0.3],
    help: "Standard deviation over trajectories and pathways.",
  },
  n_trajectories: { group: "Start", label: "Trajectories", whole: true, min: 1, max: 200, slide: [1, 200] },
  draw: { group: "Start", label: "Random draw", whole: true, min: 0, max: 999_999, slide: [0, 50] },
  gated_pathway: {
    group: "Gating",
    label: "Pathway",
    min: 0,
    max: 5,
    pathway: true,
    help: "It does not learn for a while.",
  },
  onset: { group: "Gating", label: "Onset", ...epochs, slide: [0, 0] },
  duration: { group: "Gating", label: "Duration", ...epochs, slide: [0, 0, "symlog"] },
  plasticity: {
    group: "Gating",
    label: "Plasticity left",
    min: 0,
    max: 1,
    slide: [0, 1],
    help: "0 is full gating, 1 none.",
  },
  alternate_every: {
    group: "Gating",
    label: "Passes on every",
    ...epochs,
    min: 1,
    empty: "never",
    help: "Epochs until the next pathway is gated instead.",
  },
  lesioned_pathway: {
    group: "Lesion",
    label: "Pathway",
    min: 0,
    max: 5,
    pathway: true,
    empty: "none",
    help: "Its output is blocked, as by a patch.",
  },
  lesion_onset: { group: "Lesion", label: "Onset", ...epochs, slide: [0, 0] },
  lesion_duration: {
    group: "Lesion",
    label: "Duration",
    ...epochs,
    empty: "to the end",
    help: "Empty: to the end.",
  },
  learning_rate: {
    group: "Training",
    label: "Learning rate",
    min: 1e-9,
    max: 1000,
    slide: [1e-4, 0.1, "log"],
    help: "Units of time in an epoch.",
  },
  epochs: { group: "Training", label: "Epochs", ...epochs, min: 1, slide: [10, 1_000_000, "log"] },
};

export const MODES: Record<keyof Modes, Field> = {
  depth: {
    group: "Network",
    label: "Depth N",
    whole: true,
    min: 1,
    max: 50,
    slide: [1, 8],
    help: "Factors of W.",
  },
  size: {
    group: "Network",
    label: "Size n",
    whole: true,
    min: 1,
    max: 100_000,
    slide: [10, 1000, "log"],
    help: "All matrices are n × n.",
  },
  init_scale: {
    group: "Network",
    label: "Initial scale",
    min: 1e-12,
    max: 1e4,
    slide: [1e-6, 10, "log"],
    help: "Singular values of W at the start.",
  },
  learning_rate: { group: "Network", label: "Learning rate", min: 1e-9, max: 1e4, slide: [0.01, 10, "log"] },
  first: {
    group: "Tasks",
    label: "First task",
    min: 0,
    max: 1e6,
    list: true,
    help: "Singular values s*, mode by mode.",
  },
  final: {
    group: "Tasks",
    label: "Final task",
    min: 0,
    max: 1e6,
    list: true,
    help: "In the same singular vectors, in any order.",
  },
  pretrain_epochs: {
    group: "Tasks",
    label: "Switch",
    ...epochs,
    slide: [0, 60_000],
    help: "Epochs of the first task.",
  },
  final_epochs: { group: "Tasks", label: "Epochs after it", ...epochs, min: 1, slide: [100, 60_000] },
};

export const PATHWAYS_DEFAULTS: Pathways = {
  n_pathways: 2,
  depth: [5, 5],
  singular_value: 10,
  imbalance: 1,
  init_mean: [0, 0],
  init_sd: 0.01,
  n_trajectories: 100,
  draw: 0,
  learning_rate: 0.001,
  epochs: 1000,
  gated_pathway: 1,
  onset: 0,
  duration: 15,
  plasticity: 0,
  alternate_every: null,
  lesioned_pathway: null,
  lesion_onset: 0,
  lesion_duration: null,
};

export const MODES_DEFAULTS: Modes = {
  depth: 3,
  size: 100,
  init_scale: 0.001,
  learning_rate: 0.2,
  first: [40, 36, 32, 28, 24],
  final: [48, 0, 44, 0, 40],
  pretrain_epochs: 30_000,
  final_epochs: 30_000,
};

/** Names of pathways. */
export const letter = (pathway: number) => "abcdef"[pathway];

/** A list as long as there are pathways, the last value going on. */
export const stretched = <T>(list: T[], n: number) =>
  Array.from({ length: n }, (_, i) => list[Math.min(i, list.length - 1)]);

export const alike = (list: Value[]) => list.every((value) => value === list[0]);

const plain = (value: number) =>
  Math.abs(value) >= 1e6 ? value.toExponential().replace("e+", "e") : String(value);

/** What a field allows, in words. */
export function allowed({ min, max, whole, list, empty }: Field): string {
  const numbers = `${plain(min)} to ${plain(max)}`;
  const many = list ? `1 to ${MOST_MODES} numbers from ` : "";
  return `${many}${numbers}${whole ? ", whole" : ""}${empty ? `, or empty for ${empty}` : ""}`;
}

/** What a text means for a field; throws an Error that says what is allowed. */
export function parse(field: Field, text: string): Value {
  const words = text.trim().split(/[\s,;]+/);
  if (field.empty !== undefined && ["", field.empty].includes(text.trim())) return null;
  const values = words.map((word) =>
    /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i.test(word) ? Number(word) : Number.NaN,
  );
  const good = values.every(
    (value) => value >= field.min && value <= field.max && (!field.whole || Number.isInteger(value)),
  );
  const most = field.list ? MOST_MODES : 1;
  if (!good || values.length > most) {
    throw new Error(`${text.trim().slice(0, 30) || "nothing"}; allowed: ${allowed(field)}`);
  }
  return field.list ? values : values[0];
}

/** A setting with one value changed, and what has to follow from it; `index` for one pathway of several. */
export function changed<S extends Pathways | Modes>(state: S, name: string, value: Value, index?: number): S {
  const old = (state as Record<string, Value>)[name];
  const list = index === undefined ? value : (old as number[]).map((each, i) => (i === index ? value : each));
  const next = { ...state, [name]: list } as S;
  if (!("n_pathways" in next)) {
    // Both tasks have a value for every mode: 0 for one that a task does not want.
    const length = (name === "final" ? next.final : next.first).length;
    const filled = (list: number[]) => Array.from({ length }, (_, i) => list[i] ?? 0);
    return { ...next, first: filled(next.first), final: filled(next.final) };
  }
  const { n_pathways, depth, init_mean, gated_pathway, lesioned_pathway } = next;
  return {
    ...next,
    depth: stretched([depth].flat(), n_pathways),
    init_mean: stretched([init_mean].flat(), n_pathways),
    gated_pathway: Math.min(gated_pathway, n_pathways - 1),
    lesioned_pathway: lesioned_pathway === null ? null : Math.min(lesioned_pathway, n_pathways - 1),
  };
}

/** Ends of a field's slider beside the other values. */
export function ends(name: string, field: Field, state: Pathways | Modes): [number, number] {
  const [from, to] = field.slide ?? [field.min, field.max];
  if (!("n_pathways" in state)) return [from, to];
  if (name === "onset") return [0, state.epochs - state.duration];
  if (name === "duration") return [0, state.epochs - state.onset];
  if (name === "lesion_onset") return [0, state.epochs - (state.lesion_duration ?? 0)];
  return [from, to];
}

/** What is wrong with a setting as a whole, as seen from the field that was changed; "" for nothing. */
export function conflict(state: Pathways | Modes, name: string): string {
  if (!("n_pathways" in state)) return "";
  const outside = (
    onset: "onset" | "lesion_onset",
    duration: "duration" | "lesion_duration",
    what: string,
  ) => {
    const [start, length] = [state[onset], state[duration] ?? 0];
    if (start + length <= state.epochs) return "";
    if (name === "epochs")
      return `${state.epochs}; allowed: ${start + length} or more, the end of the ${what}`;
    const [own, other] = name === onset ? [start, length] : [length, start];
    return `${own}; allowed: 0 to ${Math.max(0, state.epochs - other)}, inside the ${state.epochs} epochs`;
  };
  const gating = outside("onset", "duration", "gating");
  const lesion = state.lesioned_pathway === null ? "" : outside("lesion_onset", "lesion_duration", "lesion");
  if (gating || lesion) return gating || lesion;
  const turns = Math.ceil(state.duration / (state.alternate_every ?? Number.POSITIVE_INFINITY));
  if (turns > MOST_TURNS) return `${turns} turns of the pathways; allowed: ${MOST_TURNS}`;
  if (state.imbalance >= 0) return "";
  const least = Math.min(...starts(state).flatMap((p) => p.map((value) => value * value)));
  if (least >= -state.imbalance) return "";
  return name === "imbalance"
    ? `${state.imbalance}; allowed: ${(-least).toPrecision(4)} or more, minus the smallest p(0)²`
    : `p(0)² of ${least.toPrecision(3)}; allowed: ${-state.imbalance} or more, minus C`;
}
