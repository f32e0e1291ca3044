import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { comparePlan } from "../metrics/compare_plan.ts";
import type { CompareSide } from "../metrics/compare_result.ts";
import { createCompared, createSide, createTurns } from "./support/create_compared.ts";

/** A side whose logs have exactly this standard deviation. */
function spread(std: number, count: number): CompareSide {
  const logs = Array.from({ length: count }, (_, i) => i % 2 === 0 ? 1 : -1);
  const scale = std / Math.sqrt(count / (count - 1));
  return createSide("a", logs.map((log) => 100 * Math.exp(scale * log)));
}

const TTFT = { figures: ["ttft:mean"] };

Deno.test("repeats follow from the spread of the given runs", () => {
  const repeats = (std: number, count: number, effect: number) =>
    comparePlan([spread(std, count)], { effect, ...TTFT }).figures[0]!.repeats!;
  // Cohen (1988): 17 in each group find one standard deviation; the upper limit of the spread of 200
  // runs is 4.4 % above it, which asks for
  // 19.
  assertEquals(repeats(Math.log1p(0.05), 200, 0.05), 19);
  assert(repeats(0.05, 4, 0.05) > repeats(0.05, 50, 0.05), "few runs have an uncertain spread");
  assert(repeats(0.05, 50, 0.025) > 3 * repeats(0.05, 50, 0.05));
  assertEquals(repeats(0.0001, 50, 0.05), 3);
});

Deno.test("Holm over more figures asks for more repeats", () => {
  const sides = [spread(0.05, 20)];
  const one = comparePlan(sides, { effect: 0.05, ...TTFT }).figures[0]!.repeats!;
  const all = comparePlan(sides, { effect: 0.05 }).figures;
  assert(all.find(({ name }) => name === "ttft:mean")!.repeats! > one);
  assertEquals(all[0]!.name, "ttft:mean", "the most demanding is first");
});

Deno.test("turns are planned by how much the change of a pair differs", () => {
  // Runs differ by 10 %, pairs by about 0.1 %.
  const a = [100, 110, 90, 105, 95, 102];
  const sides = createTurns(a, a.map((one, i) => one * (1 + (i % 2) / 500)));
  const { paired, figures, answer } = comparePlan(sides, { effect: 0.05, ...TTFT });
  assertEquals([paired, figures[0]!.repeats], [true, 3]);
  assert(figures[0]!.spread! < 0.01);
  assert(answer[0]!.startsWith("3 repeats on each side by turns find a change of 5 %"), answer[0]);
  const apart = comparePlan(sides.slice(0, 1), { effect: 0.05, ...TTFT });
  assertEquals(apart.paired, false);
  assert(apart.figures[0]!.repeats! > 20);
});

Deno.test("a pair takes the place of two runs", () => {
  // Changes of ±5 %, each sign in both orders. Ten pairs find one standard deviation (Cohen, 1988), the
  // order term and the upper limit of the spread ask for a few more.
  const signs = Array.from({ length: 40 }, (_, i) => i % 4 < 2 ? 1 : -1);
  const sides = createTurns(signs.map(() => 100), signs.map((one) => 100 * 1.05 ** one));
  const [figure] = comparePlan(sides, { effect: 0.05, ...TTFT }).figures;
  assertAlmostEquals(figure!.spread!, Math.log(1.05), 2e-3);
  assert(figure!.repeats! >= 11 && figure!.repeats! <= 14, `${figure!.repeats} pairs`);
});

Deno.test("a single run plans with what chance inside it leaves open, and says so", () => {
  const run = (reach: number) =>
    createCompared([{ ttftMs: 100, interval: { low: 100 - reach, high: 100 + reach } }]);
  const plan = (reach: number) =>
    comparePlan([{ name: "a", runs: [run(reach)] }], { effect: 0.05, ...TTFT });
  const [figure] = plan(5).figures;
  assertEquals([figure!.basis, figure!.spread], ["within", undefined]);
  assertAlmostEquals(figure!.spreadWithin!, Math.log(105 / 95) / 2 / 1.96, 1e-4);
  assert(plan(5).answer.some((one) => one.includes("is the least")), plan(5).answer.join("\n"));
  // Half as wide takes four times as long.
  const ratio = plan(5).figures[0]!.durationMs! / plan(2.5).figures[0]!.durationMs!;
  assertAlmostEquals(ratio, 4, 0.02);
});

Deno.test("what cannot be planned has a reason", () => {
  const { figures, answer } = comparePlan([createSide("a", [100])], { effect: 0.05, ...TTFT });
  assertEquals(figures[0]!.repeats, undefined);
  assertEquals(
    answer,
    [
      "what finds a change of 5 % with a power of 80 % cannot be told: neither repeats nor an " +
      "interval of one run show how much it varies",
    ],
  );
  const wild = comparePlan([spread(1, 4)], { effect: 0.01, ...TTFT });
  assertEquals(wild.figures[0]!.reason, "more than 1,000 repeats");
  const sides = [createSide("a", [100, 101])];
  for (
    const [given, options, message] of [
      [sides, { effect: 0 }, "change of 0"],
      [sides, { effect: 0.05, power: 1 }, "power of 1"],
      [sides, { effect: 0.05, figures: ["x"] }, '"x"'],
      [[], { effect: 0.05 }, "there are no runs"],
      [[{ name: "a", runs: [] }], { effect: 0.05 }, "from a: there are no runs"],
    ] as const
  ) {
    assertThrows(() => comparePlan(given, options), RangeError, message);
  }
});
