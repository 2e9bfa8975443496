// Calculations beside the page, so that nothing freezes.

import { sweeps, trajectories } from "./calculations";
import type { Pathways } from "./pathways";

export type Question =
  | { kind: "trajectories"; state: Pathways; spacing: "linear" | "symlog" }
  | { kind: "sweeps"; state: Pathways };

self.onmessage = ({ data }: MessageEvent<Question>) => {
  self.postMessage(
    data.kind === "trajectories" ? trajectories(data.state, data.spacing) : sweeps(data.state),
  );
};
