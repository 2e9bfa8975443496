import { describe, expect, test } from "vitest";
import { changed, conflict, MODES_DEFAULTS, PATHWAYS, PATHWAYS_DEFAULTS, parse } from "../src/fields";
import { learningTime, mode } from "../src/modes";
import { closing, phases, run, scales, strength } from "../src/pathways";
import { number, scale, tickLabels } from "../src/scale";
import { DEFAULTS, fromFragment, target, toFragment, toYaml } from "../src/state";

describe("pathways", () => {
  test("two like pathways of depth 2 follow K = s/2 tanh, as eq 7 has it without imbalance", () => {
    // With p = q: dK/dt = 2 K (s - 2 K), a logistic curve.
    const state = { ...PATHWAYS_DEFAULTS, depth: [2, 2], imbalance: 0, duration: 0, learning_rate: 0.001 };
    const { at } = run(state, [0.1, 0.1], { grid: [0, 200, 400, 1000], rtol: 1e-11 });
    const exact = (t: number) => 5 / (1 + (5 / 0.01 - 1) * Math.exp(-2 * 10 * 0.001 * t));
    for (const K of at)
      expect(Math.max(...K.map((value, i) => Math.abs(value - exact([0, 200, 400, 1000][i]))))).toBeLessThan(
        1e-8,
      );
  });

  test("no phase crosses an edge of a deficit, and windows may overlap", () => {
    const state = {
      ...PATHWAYS_DEFAULTS,
      onset: 10,
      duration: 20,
      alternate_every: 15,
      lesioned_pathway: 0,
      lesion_onset: 20,
    };
    expect(phases(state).map(({ start, end }) => [start, end])).toEqual([
      [0, 10],
      [10, 20],
      [20, 25],
      [25, 30],
      [30, 1000],
    ]);
    expect(phases(state)[3]).toMatchObject({ plasticity: [0, 1], present: [0, 1] });
  });

  test("scales are the inverse of the strength", () => {
    for (const C of [-2, 0, 1]) {
      for (const K of [1e-20, 0.3, 50]) {
        const [p, q] = scales(K, 5, C);
        expect(strength(p, q, 5) / K).toBeCloseTo(1, 11);
        expect(q * q - p * p).toBeCloseTo(C, 9);
      }
    }
  });

  test("a run that takes too long is cut off where it is", () => {
    const found = run(PATHWAYS_DEFAULTS, [0.01, 0], { until: 0 });
    expect(found.whole).toBe(false);
    expect(found.t).toEqual([0]);
  });

  test("theory has no closing where pathways differ", () => {
    expect(closing(PATHWAYS_DEFAULTS)).toBeCloseTo(8.916, 3);
    expect(closing({ ...PATHWAYS_DEFAULTS, depth: [5, 4] })).toBeNaN();
  });
});

test("a mode reaches half of its task when it is said to be learned", () => {
  for (const depth of [1, 2, 5]) {
    const time = learningTime(30, 0.1, 50_000, depth);
    expect(mode([0, time], 30, 0.1, 50_000, depth)[1]).toBeCloseTo(15, 6);
  }
});

describe("fields", () => {
  test("nonsense is refused with what is allowed", () => {
    for (const text of ["", "five", "1", "2.5", "1e3", "-3", "0x10", "2 3"]) {
      expect(() => parse(PATHWAYS.depth, text)).toThrow("allowed: 2 to 100, whole");
    }
    expect(parse(PATHWAYS.lesion_duration, "")).toBeNull();
  });

  test("a window outside of the run is refused at the field that was changed", () => {
    expect(conflict({ ...PATHWAYS_DEFAULTS, onset: 990 }, "onset")).toBe(
      "990; allowed: 0 to 985, inside the 1000 epochs",
    );
    expect(conflict({ ...PATHWAYS_DEFAULTS, epochs: 10 }, "epochs")).toContain("allowed: 15 or more");
    expect(conflict({ ...PATHWAYS_DEFAULTS, imbalance: -1 }, "imbalance")).toContain(
      "minus the smallest p(0)²",
    );
  });

  test("further pathways are like the last, and tasks have a value for every mode", () => {
    expect(changed({ ...PATHWAYS_DEFAULTS, depth: [5, 3] }, "n_pathways", 4).depth).toEqual([5, 3, 3, 3]);
    expect(changed(MODES_DEFAULTS, "first", [1, 2, 3, 4, 5, 6]).final).toEqual([48, 0, 44, 0, 40, 0]);
  });
});

describe("address and lines", () => {
  test("an address brings back the setting that it was made of", () => {
    const pathways = {
      ...PATHWAYS_DEFAULTS,
      depth: [5, 4],
      init_mean: [0.1, -0.2],
      alternate_every: 7,
      lesioned_pathway: 1,
    };
    const state = { ...DEFAULTS, pathways };
    expect(fromFragment(`#${toFragment(state)}`)).toEqual({ state, refused: [] });
  });

  test("what an address may not ask for is said, and the rest of it holds", () => {
    const { state, refused } = fromFragment("#pathways&depth=1&onset=20");
    expect(refused).toEqual(["depth: 1; allowed: 2 to 100, whole"]);
    expect(state.pathways).toMatchObject({ depth: [5, 5], onset: 20 });
  });

  test("an address says what differs from the defaults, wherever a page without one begins", () => {
    const begin = { ...DEFAULTS, pathways: { ...PATHWAYS_DEFAULTS, onset: 30 } };
    expect(fromFragment("", begin).state).toEqual(begin);
    expect(fromFragment("#pathways&depth=4", begin).state.pathways).toEqual({
      ...PATHWAYS_DEFAULTS,
      depth: [4, 4],
    });
    expect(fromFragment("#modes", begin).state).toEqual({ ...begin, page: "modes" });
  });

  test("the workflow is asked for a figure where the lines have one", () => {
    for (const n_pathways of [2, 3]) {
      const state = changed(PATHWAYS_DEFAULTS, "n_pathways", n_pathways) as typeof PATHWAYS_DEFAULTS;
      expect(toYaml(state).includes("figures:")).toBe(n_pathways === 2);
      expect(target(state)).toBe(n_pathways === 2 ? "explored" : "results/experiments/explored.nc");
    }
  });

  test("numbers are numbers in YAML 1.1 too", () => {
    expect(toYaml({ ...PATHWAYS_DEFAULTS, learning_rate: 1e-7 })).toContain("learning_rate: 1.0e-7");
  });
});

test("numbers and ticks as people read them", () => {
  expect([0, 0.00001, -3.21987, 12345, 1e9, Number.NaN].map((value) => number(value))).toEqual([
    "0",
    "1e−5",
    "−3.22",
    "12\u2009345",
    "1e9",
    "–",
  ]);
  expect(tickLabels([0, 5000, 10_000])).toEqual(["0", "5k", "10k"]);
  expect(scale([0, 1000], [0, 1], "symlog").invert(scale([0, 1000], [0, 1], "symlog")(15))).toBeCloseTo(
    15,
    9,
  );
});
