/**
 * Courses of loads whose steady state is known by construction.
 *
 * @module
 */
import { createRandom } from "../../backends/random.ts";
import { type Course, findSteady } from "../../metrics/stat_steady.ts";

/** A course without noise, of mean 1 where it is steady. */
export interface KnownCourse {
  /** What it does. */
  readonly name: string;
  /** Where it gets within 5 % of its level, as a share of its length; absent = nowhere in the first half. */
  readonly steadyFrom: number | undefined;
  /** Value at a share of its length. */
  readonly at: (share: number) => number;
}

const TURN = 2 * Math.PI;

/** Transients that a search has to find, and courses that have no steady state. */
export const KNOWN_COURSES: readonly KnownCourse[] = [
  { name: "flat", steadyFrom: 0, at: () => 1 },
  // Within 5 % after three time constants.
  { name: "exponential, 5 %", steadyFrom: 0.15, at: (x) => 1 - Math.exp(-x / 0.05) },
  { name: "exponential, 10 %", steadyFrom: 0.3, at: (x) => 1 - Math.exp(-x / 0.1) },
  { name: "step at 10 %", steadyFrom: 0.1, at: (x) => x < 0.1 ? 0.6 : 1 },
  { name: "step at 30 %", steadyFrom: 0.3, at: (x) => x < 0.3 ? 0.6 : 1 },
  {
    name: "linear ramp to 20 %, then flat",
    steadyFrom: 0.19,
    at: (x) => Math.min(1, 0.3 + 0.7 * x / 0.2),
  },
  {
    name: "linear ramp to 35 %, then flat",
    steadyFrom: 0.33,
    at: (x) => Math.min(1, 0.3 + 0.7 * x / 0.35),
  },
  { name: "oscillation, 10 periods", steadyFrom: 0, at: (x) => 1 + 0.2 * Math.sin(TURN * 10 * x) },
  { name: "oscillation, 5 periods", steadyFrom: 0, at: (x) => 1 + 0.2 * Math.sin(TURN * 5 * x) },
  { name: "spike at 5 %", steadyFrom: 0.05, at: (x) => Math.abs(x - 0.05) < 0.01 ? 5 : 1 },
  { name: "spike at 50 %", steadyFrom: 0, at: (x) => Math.abs(x - 0.5) < 0.01 ? 5 : 1 },
  { name: "spike at 80 %", steadyFrom: 0, at: (x) => Math.abs(x - 0.8) < 0.01 ? 5 : 1 },
  { name: "ramp all the way, +100 %", steadyFrom: undefined, at: (x) => 0.5 + x },
  { name: "ramp all the way, +30 %", steadyFrom: undefined, at: (x) => 0.85 + 0.3 * x },
  { name: "step at 70 %", steadyFrom: undefined, at: (x) => x < 0.7 ? 0.6 : 1 },
];

/** How a course was observed. */
export interface Observation {
  /** Number of cells. */
  readonly cells: number;
  /** Standard deviation of the noise of a cell, as a share of the level. */
  readonly noise: number;
  /** Correlation of the noise of neighbors. */
  readonly correlation: number;
}

/** How often the search said what is true. */
export interface SteadyScore {
  /** Share of searches whose start is within 10 % of the load of the truth, or that rightly found none. */
  readonly right: number;
  /** Share of searches that found none. */
  readonly none: number;
}

/** Repeats the search on seeded noise: throughput as the course is, TTFT its mirror image. */
export function scoreSteady(
  { name, steadyFrom, at }: KnownCourse,
  { cells, noise, correlation }: Observation,
  repeats: number,
): SteadyScore {
  const random = createRandom(16, `steady ${name} ${cells} ${noise} ${correlation}`);
  const normal = () => Math.sqrt(-2 * Math.log(1 - random.next())) * Math.cos(TURN * random.next());
  const observe = (level: (value: number) => number): Course => {
    let error = normal();
    const values = Array.from({ length: cells }, (_, i) => {
      error = correlation * error + Math.sqrt(1 - correlation ** 2) * normal();
      return 100 * (level(at((i + 0.5) / cells)) + noise * error);
    });
    return { values, negligible: 0 };
  };
  let [right, none] = [0, 0];
  for (let i = 0; i < repeats; i++) {
    const { from } = findSteady([
      observe((value) => value),
      observe((value) => Math.max(0.05, 2 - value)),
    ]);
    if (from === undefined) none++;
    if (
      steadyFrom === undefined || from === undefined
        ? steadyFrom === from
        : Math.abs(from / cells - steadyFrom) <= 0.1
    ) right++;
  }
  return { right: right / repeats, none: none / repeats };
}
