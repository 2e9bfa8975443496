// Curves of pathways: strengths against time, and shares against onset and duration of the deficit.

import { FEW, type Sweep, type Sweeps, type Trajectories } from "./calculations";
import { letter } from "./fields";
import { deficits, type Pathways } from "./pathways";
import type { Player } from "./player";
import { type Axis, type Frame, fill, line, note, Plot, upright } from "./plot";
import { number } from "./scale";

interface TimeProps {
  state: Pathways;
  offer: (values: Partial<Pathways>) => void;
  found: Trajectories | null;
  player: Player;
  spacing: "linear" | "symlog";
  logTime: boolean;
  setLogTime: (log: boolean) => void;
  moveOnset: (value: number) => void;
  moveDuration: (value: number) => void;
  epoch: (value: number, most: number) => number;
}

export function Time({
  state,
  offer,
  found,
  player,
  spacing,
  logTime,
  setLogTime,
  moveOnset,
  moveDuration,
  epoch,
}: TimeProps) {
  const { onset, duration, epochs, singular_value: s } = state;
  const end = onset + duration;
  const draw = (frame: Frame) => {
    const { pen, x, y, colour } = frame;
    const [bottom, top] = [y(y.domain[0]), y(y.domain[1])];
    for (const { kind, pathway, start, end } of deficits(state)) {
      pen.globalAlpha = kind === "lesion" ? 0.16 : 0.24;
      pen.fillStyle = colour(kind === "gating" && state.alternate_every !== null ? letter(pathway) : kind);
      pen.fillRect(x(start), top, Math.max(1, x(end) - x(start)), bottom - top);
    }
    pen.globalAlpha = 1;
    pen.strokeStyle = colour("gating");
    pen.lineWidth = 1.5;
    for (const edge of duration > 0 ? [onset, end] : []) upright(frame, edge);
    pen.strokeStyle = colour("ink");
    pen.lineWidth = 1.2;
    pen.setLineDash([5, 4]);
    line(frame, [0, epochs], [s, s]);
    pen.setLineDash([]);
    if (!found) return;
    const names: { at: number; name: string }[] = [];
    found.bands.forEach(({ mean, low, high }, i) => {
      const shown = mean.map((_, j) => found.epochs[j]);
      pen.fillStyle = pen.strokeStyle = colour(letter(i));
      pen.globalAlpha = 0.22;
      fill(frame, shown, low, high);
      pen.globalAlpha = 1;
      pen.lineWidth = 2;
      line(frame, shown, mean);
      names.push({ at: y(mean[mean.length - 1]) - 6, name: letter(i) });
    });
    names.sort((first, second) => second.at - first.at);
    names.forEach(({ at, name }, i) => {
      const place = i > 0 ? Math.min(at, names[i - 1].at - 12) : at;
      names[i].at = place;
      pen.fillStyle = colour(name);
      note(frame, `K_${name}`, x(epochs) - 4, place, "right");
    });
    if (player.part < 1) {
      pen.strokeStyle = colour("accent");
      pen.lineWidth = 1.5;
      upright(frame, player.epoch);
    }
  };
  // The left edge moves with the end held.
  const moveStart = (value: number) => {
    const onset = epoch(value, end);
    offer(onset > state.onset ? { duration: end - onset, onset } : { onset, duration: end - onset });
  };
  const step: [number, number] = [Math.max(1, Math.round(epochs / 200)), 0];
  const window = `gated from epoch ${onset} to ${end}`;
  return (
    <Plot
      name="time"
      title="Strengths against time"
      text={`Strength of every pathway against the epoch; ${letter(state.gated_pathway)} is ${window}.`}
      x={{ domain: [0, epochs], label: "epoch", spacing }}
      y={{ domain: [0, 1.12 * s], label: "K" }}
      draw={draw}
      handles={[
        {
          label: "Gating",
          text: window,
          x: (onset + end) / 2,
          width: duration,
          moved: (x) => moveOnset(x - duration / 2),
          step,
        },
        { label: "Onset of gating", text: `epoch ${onset}`, x: onset, moved: moveStart, step: [1, 0] },
        {
          label: "End of gating",
          text: `epoch ${end}`,
          x: end,
          moved: (x) => moveDuration(x - onset),
          step: [1, 0],
        },
      ]}
      caption="Mean and range over trajectories. Drag the shaded deficit, or one of its edges."
    >
      <button type="button" aria-pressed={logTime} onClick={() => setLogTime(!logTime)}>
        log
      </button>
    </Plot>
  );
}

interface SweepProps {
  name: "onset" | "duration";
  title: string;
  axis: Axis;
  value: number;
  moved: (value: number) => void;
  state: Pathways;
  curves: Sweeps | null;
}

export function SweepPlot({ name, title, axis, value, moved, state, curves }: SweepProps) {
  const gated = letter(state.gated_pathway);
  const sweep: Sweep | undefined = curves?.[name];
  const theory =
    name === "duration" && curves && curves.closing <= axis.domain[1] ? curves.closing : Number.NaN;
  const draw = (frame: Frame) => {
    const { pen, x, y, colour } = frame;
    if (sweep && curves) {
      pen.strokeStyle = colour("soft");
      pen.lineWidth = 1;
      pen.setLineDash([2, 3]);
      line(frame, axis.domain, [curves.undisturbed, curves.undisturbed]);
      pen.setLineDash([]);
      pen.fillStyle = pen.strokeStyle = colour(gated);
      pen.globalAlpha = 0.22;
      fill(frame, sweep.x, sweep.low, sweep.high);
      pen.globalAlpha = 1;
      pen.lineWidth = 2;
      line(frame, sweep.x, sweep.mean);
    }
    if (Number.isFinite(theory)) {
      pen.strokeStyle = pen.fillStyle = colour("ink");
      pen.lineWidth = 1.4;
      pen.setLineDash([5, 4]);
      upright(frame, theory);
      pen.setLineDash([]);
      const left = x(theory) > (x(axis.domain[0]) + x(axis.domain[1])) / 2;
      note(
        frame,
        `closes at ${number(theory, 3)}, in theory`,
        x(theory) + (left ? -6 : 6),
        y(0.86),
        left ? "right" : "left",
      );
    }
    pen.strokeStyle = colour("gating");
    pen.lineWidth = 2;
    upright(frame, value);
  };
  const said = Number.isFinite(theory)
    ? ` Theory predicts that the period closes at ${number(theory, 3)} epochs.`
    : "";
  return (
    <Plot
      name={name}
      title={title}
      text={`Final share of ${gated} against the ${name} of its gating.${said}`}
      x={axis}
      y={{ domain: [0, 1], label: `share of ${gated}` }}
      draw={draw}
      pressed={moved}
      handles={[
        {
          label: `${name[0].toUpperCase()}${name.slice(1)} of gating, in the curve`,
          text: `epoch ${value}`,
          x: value,
          moved,
          step: [1, 0],
        },
      ]}
      caption={
        name === "onset"
          ? `At the end, with the present duration; dotted without gating${state.n_trajectories > FEW ? `; ${FEW} of the trajectories` : ""}.`
          : `With the present onset. The dashed line is the duration that does half the harm of an endless deficit, from theory alone; it holds for full gating of one of several like pathways from the start on.`
      }
    />
  );
}
