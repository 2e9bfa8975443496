// The flow without a deficit in the plane of two pathways: short pieces of its lines, with heads.

import { type Pathways, scales, speed } from "./pathways";

const PIECES = 13;
const STEPS = 6;

export interface Piece {
  x: number[];
  y: number[];
}

/**
 * Pieces of lines of the flow through a grid of the square from `low` to `high`, the others of the pathways standing
 * at `others` altogether. Where nothing moves there is none.
 */
export function flow(
  state: Pathways,
  [a, b]: [number, number],
  others: number,
  low: number,
  high: number,
): Piece[] {
  const { depth, imbalance, singular_value: s } = state;
  const cell = (high - low) / PIECES;
  const direction = (Ka: number, Kb: number): [number, number] => {
    const error = Math.sign(s - Ka - Kb - others);
    const [va, vb] = [
      speed(...scales(Ka, depth[a], imbalance), depth[a]),
      speed(...scales(Kb, depth[b], imbalance), depth[b]),
    ];
    const length = Math.hypot(va, vb);
    return length > 0 ? [(error * va) / length, (error * vb) / length] : [0, 0];
  };
  const pieces: Piece[] = [];
  for (let i = 0; i < PIECES; i++) {
    for (let j = 0; j < PIECES; j++) {
      let [x, y] = [low + (i + 0.5) * cell, low + (j + 0.5) * cell];
      const piece: Piece = { x: [x], y: [y] };
      for (let step = 0; step < STEPS; step++) {
        const [dx, dy] = direction(x, y);
        const before = Math.sign(s - x - y - others);
        x += (0.62 * cell * dx) / STEPS;
        y += (0.62 * cell * dy) / STEPS;
        if (before !== Math.sign(s - x - y - others)) break;
        piece.x.push(x);
        piece.y.push(y);
      }
      if (piece.x.length > 2) pieces.push(piece);
    }
  }
  return pieces;
}
