/** Sides by turns on a server that gets slower: what interleaving is for. */
import { assert, assertEquals } from "@std/assert";
import { compareRuns } from "../metrics/compare.ts";
import type { CompareVerdict } from "../metrics/compare_result.ts";
import { planOrder } from "../workloads/bench_order.ts";
import { drifting } from "./support/drifting_run.ts";

const SEEDS = Array.from({ length: 20 }, (_, seed) => seed);
const PAIRS = 6;
/** Twice the spread from load to load, with each load. */
const DRIFT = 0.02;
const FIGURE = "ttft:mean";

function sidesOf(seed: number): readonly number[] {
  return planOrder({ loads: 1, repeats: PAIRS, sides: 2, seed })!.map(({ side }) => side!);
}

function verdictOf(sides: Parameters<typeof compareRuns>[0]): CompareVerdict {
  const [load] = compareRuns(sides, { figures: [FIGURE] }).loads;
  return load!.figures.find(({ name }) => name === FIGURE)!.verdict;
}

/** One run that takes turns. */
function byTurns(seed: number, effect: number): CompareVerdict {
  const run = drifting({ sides: sidesOf(seed), seed, drift: DRIFT, effect });
  return verdictOf([{ name: "a", runs: [run], side: 0 }, { name: "b", runs: [run], side: 1 }]);
}

/** The same number of loads, one side after the other. */
function oneAfterTheOther(seed: number): CompareVerdict {
  const run = (from: number) => drifting({ loads: PAIRS, seed, drift: DRIFT, from });
  return verdictOf([{ name: "a", runs: [run(0)] }, { name: "b", runs: [run(PAIRS)] }]);
}

function count(verdicts: readonly CompareVerdict[], ...wanted: readonly CompareVerdict[]): number {
  return verdicts.filter((one) => wanted.includes(one)).length;
}

Deno.test("A/A on a server that drifts: by turns no difference, one after the other a false one", () => {
  const turns = SEEDS.map((seed) => byTurns(seed, 0));
  // Five percent of 20, and what chance adds to it.
  assert(count(turns, "better", "worse") <= 4, turns.join(" "));
  assert(count(turns, "same") >= 9, turns.join(" "));
  const after = SEEDS.map(oneAfterTheOther);
  assert(count(after, "worse") >= 19, after.join(" "));
});

Deno.test("a true change is found by turns all the same", () => {
  const found = SEEDS.map((seed) => byTurns(seed, 0.05));
  assert(count(found, "worse") >= 17, found.join(" "));
  assertEquals(count(found, "better"), 0);
});

Deno.test("drift over the repeats is told", () => {
  const told = SEEDS.filter((seed) => {
    const { checks } = drifting({ loads: PAIRS, seed, drift: DRIFT });
    return checks.some(({ name, ok }) => name === "repeats_drift" && !ok);
  });
  assert(told.length >= 17, `${told.length}`);
  const steady = SEEDS.filter((seed) => {
    const { checks } = drifting({ loads: PAIRS, seed, drift: 0 });
    return checks.some(({ name, ok }) => name === "repeats_drift" && !ok);
  });
  assert(steady.length <= 4, `${steady.length}`);
});
