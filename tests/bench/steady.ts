/**
 * How often the search for a steady state finds the truth, on courses that are known by construction, with
 * noise. Seeded; no clock. Prints Markdown.
 *
 *     deno task bench:steady [--repeats 400]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { KNOWN_COURSES, type Observation, scoreSteady } from "../support/steady_courses.ts";

const OBSERVATIONS: readonly Observation[] = [
  { cells: 100, noise: 0, correlation: 0 },
  { cells: 100, noise: 0.03, correlation: 0 },
  { cells: 100, noise: 0.1, correlation: 0 },
  { cells: 100, noise: 0.03, correlation: 0.6 },
  { cells: 40, noise: 0.03, correlation: 0 },
  { cells: 40, noise: 0.1, correlation: 0 },
];

if (import.meta.main) {
  const { values: { repeats } } = parseArgs({
    options: { repeats: { type: "string", default: "400" } },
  });
  const print = (cells: readonly string[]) =>
    Deno.stdout.writeSync(new TextEncoder().encode(`| ${cells.join(" | ")} |\n`));
  const percent = (share: number) => `${(100 * share).toFixed(0)} %`;
  print([
    "course",
    "truth",
    ...OBSERVATIONS.map(({ cells, noise, correlation }) =>
      `${cells} cells, noise ${percent(noise)}${
        correlation === 0 ? "" : `, correlation ${correlation}`
      }`
    ),
  ]);
  print(["---", "---:", ...OBSERVATIONS.map(() => "---:")]);
  for (const course of KNOWN_COURSES) {
    const { name, steadyFrom } = course;
    print([
      name,
      steadyFrom === undefined ? "none" : percent(steadyFrom),
      ...OBSERVATIONS.map((observation) => {
        const count = observation.noise === 0 ? 1 : Number(repeats);
        return percent(scoreSteady(course, observation, count).right);
      }),
    ]);
  }
}
