// Where to begin: figures 1 and 7 as the configuration has them, classical experiments, and tasks for modes.

import { MODES_DEFAULTS, PATHWAYS_DEFAULTS } from "./fields";
import type { Modes } from "./modes";
import type { Pathways } from "./pathways";
import { type Cell, fromCell } from "./state";

export interface Preset<S> {
  name: string;
  words: string;
  state: S;
}

/** What the configuration has of scalar pathways: experiments, and their cells. */
export interface Experiment {
  name: string;
  title: string;
  vary: string[];
  cells: Cell[];
}

const FIGURES = [
  {
    experiment: "phase_portraits",
    figure: "Figure 1",
    depth: 5,
    early:
      "Pathway b cannot learn for fifteen epochs at the start, and every trajectory ends near a. Make the network deeper, and less is left for b.",
    late: "The same deficit after a hundred epochs: trajectories have reached the line where all is learned, and there nothing moves them. What they end with was decided by where they began.",
  },
  {
    experiment: "phase_portraits_small_init",
    figure: "Figure 7",
    depth: 4,
    early:
      "From small equal scales nothing seems to happen for 200 000 epochs, and yet five epochs of gating at the very start decide who wins. The shallower the network, the longer a deficit it forgives.",
    late: "Ten thousand epochs of gating, two thousand times as many as in the early deficit, change nothing. The error is gone, and with it all that could move a pathway.",
  },
];

const EYES = { depth: [4, 4], epochs: 400, n_trajectories: 60, init_sd: 0.02 };
const CLASSICS: { name: string; words: string; set: Partial<Pathways> }[] = [
  {
    name: "Monocular deprivation",
    words:
      "One eye is closed early in life. The open pathway takes the feature, and opening the eye gives nothing back.",
    set: { ...EYES, duration: 30 },
  },
  {
    name: "The same, late",
    words:
      "The same eye is closed for longer, but after the feature is learned. Nothing is left to compete for, and nothing changes.",
    set: { ...EYES, onset: 200, duration: 150 },
  },
  {
    name: "Reverse suture",
    words:
      "The closed eye is opened after forty epochs, and the other one closed for as long: what was lost is regained. Turn after eighty, and it is too late.",
    set: { ...EYES, duration: 80, alternate_every: 40 },
  },
  {
    name: "Alternating",
    words:
      "The eyes are closed in turn, an epoch each, and both keep their share. Let one and the same stay closed for as long, and nothing is left for it.",
    set: { ...EYES, duration: 120, alternate_every: 1 },
  },
  {
    name: "Patching",
    words:
      "After early deprivation the better eye is covered for a while. The deprived pathway learns what the patch hides, and ends with half instead of a tenth.",
    set: { ...EYES, duration: 30, lesioned_pathway: 0, lesion_onset: 120, lesion_duration: 60 },
  },
];

const MODE_PRESETS: { name: string; words: string; set: Partial<Modes> }[] = [
  {
    name: "A task that stays",
    words:
      "Modes are learned one after the other, the strongest first; then two of them are not wanted any more. They fall at once, but not to nothing: in a product modes vanish as a power of time only.",
    set: {},
  },
  {
    name: "As in figure 10",
    words:
      "Two factors, and a second task that has modes of the first one in another order. Training follows such curves where all entries are observed.",
    set: {
      depth: 2,
      init_scale: 0.0001,
      learning_rate: 0.5,
      first: [50, 46, 42, 38, 34],
      final: [0, 0, 52, 56, 60],
      pretrain_epochs: 10_000,
      final_epochs: 10_000,
    },
  },
  {
    name: "One matrix",
    words:
      "A single matrix learns and forgets all modes at one pace, whatever their strength. With two factors or more the stronger ones come first.",
    set: { depth: 1, pretrain_epochs: 200_000, final_epochs: 300_000 },
  },
  {
    name: "Deeper, sharper",
    words: "With five factors modes wait, and then rise in a step. The weaker a mode, the longer it waits.",
    set: { depth: 5, init_scale: 0.01, pretrain_epochs: 20_000, final_epochs: 20_000 },
  },
];

export const MODES_PRESETS: Preset<Modes>[] = MODE_PRESETS.map(({ name, words, set }) => ({
  name,
  words,
  state: { ...MODES_DEFAULTS, ...set },
}));

/** Cells of the configuration's experiments, by title: what varies among them, and their settings. */
export function configured(experiments: Experiment[]): Map<string, Preset<Pathways>[]> {
  const named = (cell: Cell, vary: string[]) =>
    vary.map((name) => `${name} ${cell[name] ?? "null"}`).join(", ");
  return new Map(
    experiments.map(({ title, vary, cells }) => [
      title,
      cells.map((cell) => ({ name: named(cell, vary) || title, words: `${title}.`, state: fromCell(cell) })),
    ]),
  );
}

/** Presets of figures, from the experiments that the configuration still has. */
function figures(experiments: Experiment[]): Preset<Pathways>[] {
  return FIGURES.flatMap(({ experiment, figure, depth, early, late }) => {
    const cells =
      experiments.find(({ name }) => name === experiment)?.cells.filter((cell) => cell.depth === depth) ?? [];
    return cells.map((cell) => {
      const when = cell.onset === 0 ? "early" : "late";
      return { name: `${figure}, ${when}`, words: when === "early" ? early : late, state: fromCell(cell) };
    });
  });
}

/** The first preset that the configuration gives, if any. */
export const first = (experiments: Experiment[]): Preset<Pathways> | undefined =>
  [...figures(experiments), ...[...configured(experiments).values()].flat()][0];

/** Presets of pathways: those of figures, and the classical experiments. */
export function pathwaysPresets(experiments: Experiment[]): Preset<Pathways>[] {
  const classics = CLASSICS.map(({ name, words, set }) => ({
    name,
    words,
    state: { ...PATHWAYS_DEFAULTS, ...set },
  }));
  return [...figures(experiments), ...classics];
}
