// A setting as the address, as lines for config.yaml, and from a cell of the configuration; presets.

import {
  alike,
  changed,
  conflict,
  type Field,
  letter,
  MODES,
  MODES_DEFAULTS,
  PATHWAYS,
  PATHWAYS_DEFAULTS,
  parse,
  stretched,
  type Value,
} from "./fields";
import type { Modes } from "./modes";
import { type Pathways, phases, type Run, run, starts } from "./pathways";

export interface State {
  page: "pathways" | "modes";
  pathways: Pathways;
  modes: Modes;
}

export const DEFAULTS: State = { page: "pathways", pathways: PATHWAYS_DEFAULTS, modes: MODES_DEFAULTS };

/** Records of a run: some two hundred, at whole epochs. */
export const recordEvery = ({ epochs }: Pathways) => Math.ceil(epochs / 200);

/** Epochs that are recorded, as the workflow has them. */
export function recorded(state: Pathways): number[] {
  const step = recordEvery(state);
  const count = Math.ceil(state.epochs / step);
  return [...Array.from({ length: count }, (_, i) => i * step), state.epochs];
}

/** Epochs, and K of every trajectory and pathway at them, to more digits than pictures need. */
export function records(state: Pathways, until?: number): { epoch: number[]; runs: Run[] } {
  const epoch = recorded(state);
  const schedule = phases(state);
  return {
    epoch,
    runs: starts(state).map((start) => run(state, start, { grid: epoch, rtol: 1e-11, schedule, until })),
  };
}

const written = (value: Value) => (value === null ? "-" : [value].flat().join(","));

/** What differs from the defaults, for the address. */
export function toFragment({ page, ...all }: State): string {
  const defaults: Record<string, Value> = DEFAULTS[page];
  const values = Object.entries<Value>(all[page]).map(([name, value]) => [name, written(value)]);
  return [
    page,
    ...values.filter(([name, value]) => value !== written(defaults[name])).map((pair) => pair.join("=")),
  ].join("&");
}

/** The setting of an address, which says what differs from the defaults, and what in it is refused, in words. */
export function fromFragment(fragment: string, begin = DEFAULTS): { state: State; refused: string[] } {
  const given = new URLSearchParams(fragment.replace(/^#/, ""));
  const page = given.has("modes") ? "modes" : "pathways";
  const fields: Record<string, Field> = page === "modes" ? MODES : PATHWAYS;
  const refused: string[] = [];
  const from = (fragment ? DEFAULTS : begin)[page];
  let state: Pathways | Modes = from;
  const names = Object.keys(fields).filter((name) => given.has(name));
  for (const name of names) {
    const field = fields[name];
    const text = given.get(name) as string;
    try {
      const values = field.each
        ? text.split(",").map((word) => parse(field, word))
        : parse(field, text === "-" ? "" : text);
      state = changed(state, name, values as Value);
    } catch (error) {
      refused.push(`${name}: ${(error as Error).message}`);
    }
  }
  const wrong = conflict(state, names[names.length - 1] ?? "");
  if (wrong) refused.push(wrong);
  return { state: { ...begin, page, [page]: wrong ? from : state }, refused };
}

/** A number as YAML 1.1 reads it: exponents need a point. */
function yamlNumber(value: number): string {
  const text = String(value);
  return /e/.test(text) && !text.includes(".") ? text.replace("e", ".0e") : text;
}

/** Lines for config.yaml that compute the same with the workflow. */
export function toYaml(state: Pathways): string {
  const list = (values: number[]) => `[${values.map(yamlNumber).join(", ")}]`;
  const drawn = state.init_sd > 0 || !alike(state.init_mean);
  const name = (pathway: number | null) => (pathway === null ? "null" : letter(pathway));
  const lesioned = state.lesioned_pathway !== null;
  const settings = {
    solver: "gradient_flow",
    n_pathways: state.n_pathways,
    depth: alike(state.depth) ? state.depth[0] : list(state.depth),
    singular_value: yamlNumber(state.singular_value),
    imbalance: yamlNumber(state.imbalance),
    init_mean: drawn ? 0 : yamlNumber(state.init_mean[0]),
    init_sd: 0,
    init_handicap: 1,
    depth_handicap: 0,
    n_trajectories: state.n_trajectories,
    learning_rate: yamlNumber(state.learning_rate),
    epochs: state.epochs,
    gated_pathway: letter(state.gated_pathway),
    duration: state.duration,
    plasticity: yamlNumber(state.plasticity),
    alternate_every: state.alternate_every ?? "null",
    lesioned_pathway: name(state.lesioned_pathway),
    lesion_onset: lesioned ? state.lesion_onset : 0,
    lesion_duration: (lesioned ? state.lesion_duration : null) ?? "null",
    record_every: recordEvery(state),
    rtol: "1.0e-12",
    atol: "1.0e-13",
  };
  const portrait = [
    "figures:",
    "  explored:",
    "    title: Trajectories of the explorer",
    "    panels:",
    "      - {plot: phase_portrait, experiment: explored, col: onset}",
  ];
  return [
    "experiments:",
    "  explored:",
    "    title: As in the explorer",
    "    model: scalar_pathways",
    "    set:",
    ...Object.entries(settings).map(([key, value]) => `      ${key}: ${value}`),
    ...(drawn
      ? ["      init_p: # of every trajectory", ...starts(state).map((p) => `        - ${list(p)}`)]
      : []),
    "    vary:",
    `      onset: [${state.onset}]`,
    ...(state.n_pathways === 2 ? portrait : []),
    "",
  ].join("\n");
}

/** What to ask the workflow for, given those lines: their figure, which more than two pathways do not have. */
export const target = ({ n_pathways }: Pathways) =>
  n_pathways === 2 ? "explored" : "results/experiments/explored.nc";

/** Parameters of a cell of the model scalar_pathways. */
export type Cell = Record<string, number | string | null | number[]>;

/** The setting of a cell; its initial conditions are drawn anew. */
export function fromCell(cell: Cell): Pathways {
  const n = cell.n_pathways as number;
  const pathway = (name: Cell[string]) => (typeof name === "string" ? "abcdef".indexOf(name) : null);
  const plain = Object.keys(PATHWAYS).filter((name) => typeof cell[name] === "number" || cell[name] === null);
  const depth = stretched([cell.depth].flat() as number[], n);
  const init_mean = stretched([cell.init_mean as number], n);
  depth[n - 1] += cell.depth_handicap as number;
  init_mean[n - 1] *= cell.init_handicap as number;
  return {
    ...PATHWAYS_DEFAULTS,
    ...Object.fromEntries(plain.map((name) => [name, cell[name]])),
    depth,
    init_mean,
    n_trajectories: Math.min(cell.n_trajectories as number, PATHWAYS.n_trajectories.max),
    gated_pathway: pathway(cell.gated_pathway) as number,
    lesioned_pathway: pathway(cell.lesioned_pathway),
  };
}
