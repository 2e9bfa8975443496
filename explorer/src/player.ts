// Training as a film: the epoch that is shown, from the start to the end.

import { useEffect, useState } from "preact/hooks";
import { scale } from "./scale";

/** How long it plays, in ms. */
const PLAY = 6000;

export type Player = ReturnType<typeof usePlayer>;

/** An epoch that runs through the whole of training, as far as it is played. */
export function usePlayer(epochs: number, spacing: "linear" | "symlog") {
  const [part, setPart] = useState(1);
  const [playing, play] = useState(false);
  useEffect(() => {
    if (!playing) return;
    const begun = performance.now() - (part < 1 ? part * PLAY : 0);
    let frame = requestAnimationFrame(function tick(now) {
      const next = Math.min(1, Math.max(0, (now - begun) / PLAY));
      setPart(next);
      if (next < 1) frame = requestAnimationFrame(tick);
      else play(false);
    });
    return () => cancelAnimationFrame(frame);
  }, [playing]);
  const epoch = scale([0, epochs], [0, 1], spacing).invert(part);
  return { part, setPart, playing, play, epoch: part < 1 ? epoch : epochs };
}
