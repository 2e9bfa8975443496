// The plane of two pathways: flow, trajectories, the line of rest, and where they start.

import { bisect, mean } from "d3-array";
import { useMemo } from "preact/hooks";
import type { Trajectories } from "./calculations";
import { letter } from "./fields";
import { flow } from "./flow";
import { deficits, lowerScale, type Pathways, type Run, scales, strength } from "./pathways";
import type { Player } from "./player";
import { type Frame, Key, line, note, Plot } from "./plot";
import { number } from "./scale";

interface PlaneProps {
  state: Pathways;
  offer: (values: Partial<Pathways>) => void;
  found: Trajectories | null;
  player: Player;
}

export function Plane({ state, offer, found, player }: PlaneProps) {
  const { depth, imbalance, singular_value: s, init_mean } = state;
  // The gated pathway and another one, in their order.
  const [a, b] = state.gated_pathway === 0 ? [0, 1] : [0, state.gated_pathway];
  const K = init_mean.map((p, i) => strength(p, lowerScale(p, imbalance), depth[i]));
  const others = K.reduce((sum, each) => sum + each, 0) - K[a] - K[b];
  const low = Math.min(-0.05 * s, 1.1 * K[a], 1.1 * K[b]);
  const high = Math.max(1.15 * s, 1.1 * K[a], 1.1 * K[b]);
  const pieces = useMemo(
    () => flow(state, [a, b], others, low, high),
    [String(depth), imbalance, s, a, b, others, low, high],
  );

  const placeOf = ({ t, K }: Run, epoch: number): [number, number] => [
    interpolated(t, K[a], epoch),
    interpolated(t, K[b], epoch),
  ];
  const draw = (frame: Frame) => {
    const { pen, x, y, colour } = frame;
    pen.strokeStyle = pen.fillStyle = colour("flow");
    pen.lineWidth = 1;
    for (const piece of pieces) {
      line(frame, piece.x, piece.y);
      arrow(frame, piece.x, piece.y);
    }
    pen.strokeStyle = colour("ink");
    pen.setLineDash([5, 4]);
    pen.lineWidth = 1.2;
    line(frame, [s - others, 0], [0, s - others]);
    pen.setLineDash([]);
    if (found && found.state.n_pathways === state.n_pathways) {
      const many = found.runs.length > 10;
      const spans = {
        learning: [{ start: 0, end: state.epochs }],
        gating: [{ start: found.state.onset, end: found.state.onset + found.state.duration }],
        lesion: deficits(found.state).filter(({ kind }) => kind === "lesion"),
      };
      for (const kind of ["learning", "gating", "lesion"] as const) {
        const bold = kind !== "learning";
        pen.strokeStyle = pen.fillStyle = colour(kind);
        pen.globalAlpha = many && !bold ? 0.55 : 0.9;
        pen.lineWidth = (many ? 1 : 1.8) * (bold ? 1.6 : 1);
        const shown = spans[kind].filter(({ start, end }) => Math.min(end, player.epoch) > start);
        for (const run of found.runs) {
          for (const { start, end } of shown) {
            const from = Math.max(0, bisect(run.t, start) - 1);
            line(frame, run.K[a], run.K[b], from, bisect(run.t, Math.min(end, player.epoch)));
          }
          if (bold && shown.length > 0) disc(frame, ...placeOf(run, shown[0].start), many ? 1.6 : 3);
        }
      }
      pen.globalAlpha = 1;
      const ends = found.runs.map((run) => placeOf(run, player.epoch));
      pen.fillStyle = colour("learning");
      for (const [Ka, Kb] of many || player.part < 1 ? ends : [])
        disc(frame, Ka, Kb, player.part < 1 ? 2.2 : 1.4);
      if (player.part === 1) {
        const [Ka, Kb] = [0, 1].map((i) => mean(ends, (end) => end[i]) as number);
        pen.strokeStyle = colour("ink");
        pen.fillStyle = colour("ground");
        pen.lineWidth = 1.6;
        disc(frame, Ka, Kb, 5);
        pen.stroke();
        pen.fillStyle = colour("ink");
        const left = x(Ka) > (x(low) + 3 * x(high)) / 4;
        note(
          frame,
          `(${number(Ka, 2)}, ${number(Kb, 2)})`,
          x(Ka) + (left ? -10 : 10),
          y(Kb) - 9,
          left ? "right" : "left",
        );
      }
    }
    pen.strokeStyle = colour("accent");
    pen.lineWidth = 2.5;
    pen.beginPath();
    pen.arc(x(K[a]), y(K[b]), 7, 0, 2 * Math.PI);
    pen.stroke();
  };

  const start = (Ka: number, Kb: number) => {
    const p = [...init_mean];
    const inside = (value: number) => Math.min(Math.max(value, low), high);
    p[a] = Number(scales(inside(Ka), depth[a], imbalance)[0].toPrecision(4));
    p[b] = Number(scales(inside(Kb), depth[b], imbalance)[0].toPrecision(4));
    offer({ init_mean: p });
  };
  const names = [letter(a), letter(b)];
  const from = `K_${names[0]} ${number(K[a], 3)}, K_${names[1]} ${number(K[b], 3)}`;
  return (
    <Plot
      name="plane"
      title="The plane of strengths"
      text={`Trajectories of ${names.join(" and ")} from ${from} on, with the flow without a deficit; numbers are in the table below.`}
      x={{ domain: [low, high], label: `K_${names[0]}` }}
      y={{ domain: [low, high], label: `K_${names[1]}` }}
      ratio={1}
      draw={draw}
      handles={[{ label: "Start", text: from, x: K[a], y: K[b], moved: start, step: [0.01 * s, 0.01 * s] }]}
      caption={
        <>
          <span class="player">
            <button type="button" id="play" onClick={() => player.play(!player.playing)}>
              {player.playing ? "Pause" : "Play"}
            </button>
            <input
              type="range"
              min={0}
              max={400}
              value={Math.round(400 * player.part)}
              aria-label="Epoch that is shown"
              aria-valuetext={number(player.epoch)}
              onInput={({ currentTarget }) => player.setPart(currentTarget.valueAsNumber / 400)}
            />
            <span class="clock">epoch {number(Math.round(player.epoch))}</span>
          </span>
          <Key name="learning">trajectories</Key>, <Key name="gating">while gated</Key>
          {state.lesioned_pathway !== null && (
            <>
              , <Key name="lesion">while lesioned</Key>
            </>
          )}
          ; arrows are the flow without a deficit. On the dashed line all is learned, and everything rests.
          Drag the ring to start elsewhere.
        </>
      }
    />
  );
}

function disc({ pen, x, y }: Frame, a: number, b: number, radius: number) {
  pen.beginPath();
  pen.arc(x(a), y(b), radius, 0, 2 * Math.PI);
  pen.fill();
}

/** The head of an arrow at the end of a line. */
function arrow({ pen, x, y }: Frame, xs: number[], ys: number[]) {
  const last = xs.length - 1;
  const [tipX, tipY] = [x(xs[last]), y(ys[last])];
  const angle = Math.atan2(tipY - y(ys[last - 1]), tipX - x(xs[last - 1]));
  pen.beginPath();
  pen.moveTo(tipX, tipY);
  for (const side of [0.45, -0.45])
    pen.lineTo(tipX - 5.5 * Math.cos(angle + side), tipY - 5.5 * Math.sin(angle + side));
  pen.fill();
}

/** Values at a time between two of a list. */
function interpolated(t: ArrayLike<number>, values: ArrayLike<number>, at: number): number {
  const next = Math.min(Math.max(1, bisect(t, at)), t.length - 1);
  const part = t[next] > t[next - 1] ? Math.min(1, (at - t[next - 1]) / (t[next] - t[next - 1])) : 1;
  return values[next - 1] + part * (values[next] - values[next - 1]);
}
