// The numbers of what is shown of pathways.

import { deviation, mean } from "d3-array";
import type { Sweeps, Trajectories } from "./calculations";
import { letter } from "./fields";
import { share } from "./pathways";
import { Key } from "./plot";
import { number } from "./scale";

export function Numbers({ found, curves }: { found: Trajectories; curves: Sweeps | null }) {
  const { state, runs } = found;
  const gated = state.gated_pathway;
  const spread = (values: number[]) =>
    values.length > 1 && state.init_sd > 0
      ? `${number(mean(values) as number, 3)} ± ${number(deviation(values) as number, 2)}`
      : number(values[0]);
  const sums = found.epochs.map((_, i) => found.bands.reduce((sum, band) => sum + band.mean[i], 0));
  const half = found.epochs[sums.findIndex((sum) => sum >= state.singular_value / 2)];
  const shares = runs.map((run) => share(run.final, gated));
  return (
    <section class="numbers">
      <h2>What is shown</h2>
      <div class="scroll">
        <table id="numbers">
          <thead>
            <tr>
              <th scope="col">Pathway</th>
              <th scope="col">Depth</th>
              <th scope="col">K at the start</th>
              <th scope="col">K at the end</th>
              <th scope="col">Share</th>
            </tr>
          </thead>
          <tbody>
            {state.depth.map((D, i) => (
              <tr key={letter(i)}>
                <th scope="row">
                  <Key name={letter(i)}>{letter(i)}</Key>
                  {i === gated && state.duration > 0 ? " (gated)" : ""}
                  {i === state.lesioned_pathway ? " (lesioned)" : ""}
                </th>
                <td>{D}</td>
                <td>{spread(runs.map((run) => run.K[i][0]))}</td>
                <td>{spread(runs.map((run) => run.final[i]))}</td>
                <td>{spread(runs.map((run) => share(run.final, i)))}</td>
              </tr>
            ))}
          </tbody>
        </table>
      </div>
      <ul class="sentences">
        {curves && Number.isFinite(curves.undisturbed) && (
          <li>
            Without gating, {letter(gated)} ends with a share of {number(curves.undisturbed, 3)}; with it,{" "}
            {number(mean(shares) as number, 3)}.
          </li>
        )}
        {half !== undefined && <li>Half of s is learned at epoch {number(half, 3)}.</li>}
        {curves && Number.isFinite(curves.closing) && (
          <li>
            In theory gating from the start does half its harm within {number(curves.closing, 3)} epochs.
          </li>
        )}
      </ul>
    </section>
  );
}
