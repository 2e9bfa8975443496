// The page of modes: singular values of a product of matrices through two tasks.

import { useMemo } from "preact/hooks";
import { MODES } from "./fields";
import { saveCsv } from "./files";
import { Form } from "./form";
import { learningTime, type Modes, modes, timescale } from "./modes";
import { type Frame, line, Plot, upright } from "./plot";
import { PresetBar } from "./preset-bar";
import type { Preset } from "./presets";
import { number } from "./scale";

const DISPLAYED = 400;

interface PageProps {
  state: Modes;
  set: (state: Modes) => void;
  presets: Preset<Modes>[];
}

const colourOf = (index: number) => "abcdef"[index % 6];

export function ModesPage({ state, set, presets }: PageProps) {
  const { first, final, depth, pretrain_epochs: switchEpoch, final_epochs } = state;
  const end = switchEpoch + final_epochs;
  const epochs = useMemo(() => {
    const regular = Array.from({ length: DISPLAYED }, (_, i) => (i * end) / DISPLAYED);
    return [...new Set([...regular, switchEpoch, end])].sort((a, b) => a - b);
  }, [switchEpoch, end]);
  const strengths = useMemo(() => modes(state, epochs), [state, epochs]);
  const atSwitch = strengths.map((mode) => mode[epochs.indexOf(switchEpoch)]);
  const tau = timescale(state);

  const draw = (frame: Frame) => {
    const { pen, colour } = frame;
    first.forEach((_, i) => {
      pen.strokeStyle = colour(colourOf(i));
      pen.lineWidth = 1;
      pen.setLineDash([2, 3]);
      line(frame, [0, switchEpoch], [first[i], first[i]]);
      line(frame, [switchEpoch, end], [final[i], final[i]]);
      pen.setLineDash([]);
      pen.lineWidth = 2;
      line(frame, epochs, strengths[i]);
    });
    pen.strokeStyle = colour("gating");
    pen.lineWidth = 2;
    upright(frame, switchEpoch);
  };
  const move = (epoch: number) => {
    const pretrain_epochs = Math.round(Math.min(Math.max(epoch, 0), end - 1));
    set({ ...state, pretrain_epochs, final_epochs: end - pretrain_epochs });
  };
  const highest = Math.max(state.init_scale, ...first, ...final);
  return (
    <>
      <PresetBar presets={presets} state={state} set={set} />
      <div class="columns modes">
        <Form label="Parameters of the modes" fields={MODES} state={state} set={set} />
        <div class="stack">
          <Plot
            name="sigmoids"
            title="Singular values against time"
            text={`Singular values of ${first.length} modes; the task switches at epoch ${switchEpoch}. Learning times are in the table below.`}
            x={{ domain: [0, end], label: "epoch" }}
            y={{ domain: [0, 1.08 * highest || 1], label: "singular value" }}
            draw={draw}
            handles={[
              {
                label: "Switch of the task",
                text: `epoch ${switchEpoch}`,
                x: switchEpoch,
                moved: move,
                step: [Math.max(1, Math.round(end / 200)), 0],
              },
            ]}
            caption="One line for each mode; dotted, what the task asks for. Drag the upright line, where the task switches."
          />
          <section class="numbers">
            <h2>Learning times</h2>
            <div class="scroll">
              <table id="learning-times">
                <thead>
                  <tr>
                    <th scope="col">Mode</th>
                    <th scope="col">First task</th>
                    <th scope="col">Learned in</th>
                    <th scope="col">At the switch</th>
                    <th scope="col">Final task</th>
                    <th scope="col">Learned in</th>
                    <th scope="col">At the end</th>
                  </tr>
                </thead>
                <tbody>
                  {first.map((_, i) => (
                    <tr key={String(i)}>
                      <th scope="row">
                        <span class="key" style={{ "--key": `var(--${colourOf(i)})` }}>
                          {i + 1}
                        </span>
                      </th>
                      <td>{number(first[i])}</td>
                      <td>{number(learningTime(first[i], state.init_scale, tau, depth))}</td>
                      <td>{number(atSwitch[i])}</td>
                      <td>{number(final[i])}</td>
                      <td>{number(learningTime(final[i], atSwitch[i], tau, depth))}</td>
                      <td>{number(strengths[i][strengths[i].length - 1])}</td>
                    </tr>
                  ))}
                </tbody>
              </table>
            </div>
            <p class="note">
              Epochs of a task, however long it lasts, until a mode has grown to half of what is asked for; –
              where it does not have to grow.
            </p>
          </section>
          <div class="actions">
            <button
              type="button"
              onClick={() =>
                saveCsv(
                  [
                    ["epoch", ...first.map((_, i) => `mode_${i + 1}`)],
                    ...epochs.map((epoch, j) => [epoch, ...strengths.map((mode) => mode[j])]),
                  ],
                  "modes.csv",
                )
              }
            >
              Data as CSV
            </button>
          </div>
        </div>
      </div>
    </>
  );
}
