import { assert, assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import { comparePercentiles, compareRuns } from "../metrics/compare.ts";
import { parseGate } from "../metrics/compare_gate.ts";
import type { ComparedFigure, CompareOptions, Comparison } from "../metrics/compare_result.ts";
import { holm } from "../metrics/compare_verdict.ts";
import { createCompared, createSide, createTurns } from "./support/create_compared.ts";

const TTFT: CompareOptions = { figures: ["ttft:mean"] };

function onlyFigure({ loads }: Comparison): ComparedFigure {
  assertEquals(loads.map(({ figures }) => figures.length), [1]);
  return loads[0]!.figures[0]!;
}

function single(name: string, ttftMs: number, reachMs: number, bracketMs?: number) {
  const interval = { low: ttftMs - reachMs, high: ttftMs + reachMs };
  const bracket = bracketMs === undefined
    ? {}
    : { bracket: { low: ttftMs - bracketMs, high: ttftMs + bracketMs } };
  return { name, runs: [createCompared([{ ttftMs, interval, ...bracket }])] };
}

Deno.test("intervals of single runs are combined by MOVER on logs", () => {
  const a = {
    name: "a",
    runs: [createCompared([{ ttftMs: 100, interval: { low: 90, high: 120 } }])],
  };
  const b = {
    name: "b",
    runs: [createCompared([{ ttftMs: 150, interval: { low: 140, high: 165 } }])],
  };
  const { ratio, difference, chance, verdict, pValue } = onlyFigure(compareRuns([a, b], TTFT));
  // By hand: ln 1.5 = 0.405465; below √(ln²(150/140) + ln²(120/100)) = 0.194938, above
  // √(ln²(165/150) + ln²(100/90)) = 0.142074.
  assertAlmostEquals(ratio!.value, 1.5, 1e-12);
  assertAlmostEquals(Math.log(ratio!.interval!.low), 0.405465 - 0.194938, 1e-5);
  assertAlmostEquals(Math.log(ratio!.interval!.high), 0.405465 + 0.142074, 1e-5);
  assertAlmostEquals(difference!.value, 50, 1e-9);
  // The end that faces no change: 0.405465 · 1.959964 / 0.194938 = 4.0766 standard errors.
  assertAlmostEquals(pValue!, 4.57e-5, 1e-7);
  assertEquals([chance, verdict], ["within", "worse"]);
});

Deno.test("repeats are compared by Welch's t on logs", () => {
  // Logs 0, 0.1, 0.2 and 0.3, 0.3, 0.6, by hand: difference 0.3, standard error
  // √(0.01/3 + 0.03/3) = 0.115470, degrees of freedom 0.0133333² / (0.00333333²/2 + 0.01²/2) = 3.2;
  // p and the quantile by numeric integration of the density.
  const side = (name: string, logs: readonly number[]) =>
    createSide(name, logs.map((log) => 100 * Math.exp(log)));
  const a = side("a", [0, 0.1, 0.2]);
  const b = side("b", [0.3, 0.3, 0.6]);
  const { ratio, pValue, chance, paired, a: own } = onlyFigure(compareRuns([a, b], TTFT));
  assertAlmostEquals(Math.log(ratio!.value), 0.3, 1e-9);
  assertAlmostEquals(pValue!, 0.0753764, 1e-6);
  const reach = Math.log(ratio!.interval!.high) - 0.3;
  assertAlmostEquals(reach, 3.0728289 * 0.1154701, 1e-6);
  assertEquals([chance, paired, own.values.length], ["repeats", false, 3]);
  assertAlmostEquals(own.spread!, 0.1, 1e-9);
  assertAlmostEquals(own.value!, 100 * Math.exp(0.1), 1e-9);
});

Deno.test("a side of one run takes its spread from the other's repeats", () => {
  const comparison = compareRuns([createSide("a", [100, 110, 121]), createSide("b", [150])], TTFT);
  const { ratio, chance } = onlyFigure(comparison);
  // By hand: logs of a have the standard deviation ln 1.1, so the error is ln 1.1 · √(1 + 1/3), t 4.3027.
  const reach = 4.30265 * Math.log(1.1) * Math.sqrt(4 / 3);
  assertAlmostEquals(Math.log(ratio!.interval!.high / ratio!.value), reach, 1e-5);
  assertEquals(chance, "repeats");
  assert(comparison.remarks.some((one) => one.includes("one side is a single run")));
});

Deno.test("turns are compared as pairs, and a drift between them cancels out", () => {
  // Each load is 5 % slower than the one before, b by 10 % besides; pairs in the order ABBA.
  const drifted = (turn: number) => 100 * 1.05 ** turn;
  const [a, b] = [[0, 3, 4, 7, 8, 11], [1, 2, 5, 6, 9, 10]];
  const noise = [1, 1.001, 0.999, 1.001, 1, 0.999];
  const sides = createTurns(a!.map(drifted), b!.map((turn, i) => 1.1 * noise[i]! * drifted(turn)));
  const comparison = compareRuns(sides, TTFT);
  const { ratio, paired, verdict, a: first, b: second } = onlyFigure(comparison);
  assertEquals([paired, verdict], [true, "worse"]);
  assertAlmostEquals(ratio!.value, 1.1, 1e-3);
  assertAlmostEquals(second.value! / first.value!, ratio!.value, 1e-9);
  assert(ratio!.interval!.high - ratio!.interval!.low < 0.01, "drift is left in the interval");
  assert(comparison.remarks.some((one) => one.includes("by turns")));
  // The same values as runs one by one: the drift is larger than the change.
  const apart = compareRuns([
    createSide("a", a!.map(drifted)),
    createSide("b", b!.map((turn) => 1.1 * drifted(turn))),
  ], TTFT);
  assertEquals(onlyFigure(apart).verdict, "undecided");
});

Deno.test("pairs of both orders are compared without what the turn does", () => {
  // Logs of the changes, b after a: 0.10, 0.12, 0.11; a after b: 0.02, 0.04, 0.03. By hand: means 0.11
  // and 0.03, so 0.07; squares 0.0004 on 4 degrees of freedom; error √(0.0001/3 + 0.0001/3) / 2.
  const changes = [0.10, 0.02, 0.12, 0.04, 0.11, 0.03];
  const sides = createTurns(changes.map(() => 100), changes.map((one) => 100 * Math.exp(one)));
  const { ratio } = onlyFigure(compareRuns(sides, TTFT));
  assertAlmostEquals(Math.log(ratio!.value), 0.07, 1e-9);
  assertAlmostEquals(Math.log(ratio!.interval!.high) - 0.07, 2.7764451 * 0.00408248, 1e-7);
  // Four pairs are too few for that: the plain t of their changes.
  const few = createTurns(
    [100, 100, 100, 100],
    changes.slice(0, 4).map((one) => 100 * Math.exp(one)),
  );
  const plain = onlyFigure(compareRuns(few, TTFT)).ratio!;
  assertAlmostEquals(Math.log(plain.value), 0.07, 1e-9);
  assertAlmostEquals(Math.log(plain.interval!.high) - 0.07, 3.1824463 * 0.0238048, 1e-6);
});

Deno.test("turns that always begin with the same side are told", () => {
  const plan = (repeat: number, side: number) => ({ plan: { repeat, side } });
  const run = createCompared([
    { ttftMs: 100, ...plan(1, 0) },
    { ttftMs: 101, ...plan(1, 1) },
    { ttftMs: 100, ...plan(2, 0) },
    { ttftMs: 102, ...plan(2, 1) },
  ]);
  const sides = [0, 1].map((side) => ({ name: "ab"[side]!, side, runs: [run] }));
  const { remarks } = compareRuns(sides, TTFT);
  assert(remarks.some((one) => one.includes("a was always measured first")), remarks.join("\n"));
});

Deno.test("same needs the whole interval within the margin, and wins over better and worse", () => {
  const verdict = (b: number, reach: number, margin?: number) =>
    onlyFigure(
      compareRuns([single("a", 100, reach), single("b", b, reach)], {
        ...TTFT,
        ...(margin === undefined ? {} : { margin }),
      }),
    ).verdict;
  assertEquals(verdict(101, 0.1), "same");
  assertEquals(verdict(101, 0.1, 0.005), "worse");
  assertEquals(verdict(99, 0.1, 0.005), "better");
  assertEquals(verdict(101, 5), "undecided");
  assertEquals(verdict(104, 0.1), "worse");
});

Deno.test("what the client leaves open keeps a verdict back, with that reason", () => {
  const judged = (b: number, bracketMs: number) => {
    const sides = [single("a", 100, 0.1, bracketMs), single("b", b, 0.1, bracketMs)];
    const { verdict, reason } = onlyFigure(compareRuns(sides, TTFT));
    return [verdict, reason?.replace(/ .*/, "")];
  };
  assertEquals(judged(110, 4), ["worse", undefined]);
  assertEquals(judged(110, 6), ["undecided", "the"]);
  assertEquals(judged(100, 1), ["same", undefined]);
  assertEquals(judged(100, 2), ["undecided", "the"]);
  const { reason } = onlyFigure(
    compareRuns([single("a", 100, 0.1, 6), single("b", 110, 0.1, 6)], TTFT),
  );
  assertEquals(
    reason,
    "the client leaves −1.9 to +23.4 % open, more than the difference of +10.0 %",
  );
});

Deno.test("Holm adjusts figures that are judged together", () => {
  // Holm (1979): 0.01 · 4, 0.02 · 3, max(0.06, 0.03 · 2), max(0.06, 0.04).
  assertEquals(holm([0.03, 0.01, 0.04, 0.02]), [0.06, 0.04, 0.06, 0.06]);
  assertEquals(holm([0.5, undefined, 0.9]), [1, undefined, 1]);
  assertEquals(holm([]), []);
});

Deno.test("one figure among many that looks changed is undecided", () => {
  // The interval of the means alone excludes no change: p is about 0.03.
  const sides = [single("a", 100, 2), single("b", 103.2, 2)];
  assertEquals(onlyFigure(compareRuns(sides, { ...TTFT, margin: 0.001 })).verdict, "worse");
  const { loads } = compareRuns(sides, { margin: 0.001 });
  const { verdict, reason, pValue, adjustedPValue } = loads[0]!.figures.find((one) =>
    one.name === "ttft:mean"
  )!;
  assertEquals(verdict, "undecided");
  assert(reason!.startsWith("among 7 figures one may look so by chance"), reason);
  assert(pValue! < 0.05 && adjustedPValue! > 0.05);
  const gate = parseGate("ttft<+9%,itl<+9%");
  const gated = compareRuns(sides, { ...TTFT, margin: 0.001, gate }).loads[0]!.figures[0]!;
  assert(gated.reason!.startsWith("among 2 figures"), gated.reason);
});

Deno.test("what cannot be told is undecided, with the reason", () => {
  const { verdict, reason, ratio } = onlyFigure(
    compareRuns([createSide("a", [100]), createSide("b", [110])], TTFT),
  );
  assertEquals(verdict, "undecided");
  assertEquals(reason, "a run was too short to tell what chance leaves open");
  assertAlmostEquals(ratio!.value, 1.1, 1e-9);
  const constant = compareRuns([createSide("a", [100, 100]), createSide("b", [110, 110])], TTFT);
  assertEquals(onlyFigure(constant).verdict, "undecided");
  const equal = compareRuns([createSide("a", [100, 100]), createSide("b", [100, 100])], TTFT);
  assertEquals(onlyFigure(equal).verdict, "same");
});

Deno.test("the first side is compared with each of the others, load by load", () => {
  const run = (factor: number, labels: readonly string[]) =>
    createCompared(
      labels.map((label, i) => ({
        ttftMs: (100 + 50 * i) * factor,
        interval: { low: (99 + 50 * i) * factor, high: (101 + 50 * i) * factor },
        plan: { label },
      })),
    );
  const comparison = compareRuns([
    { name: "a", runs: [run(1, ["1 user", "2 users", "4 users"])] },
    { name: "b", runs: [run(1.1, ["1 user", "2 users"])] },
    { name: "c", runs: [run(0.9, ["1 user", "2 users", "8 users"])] },
  ], TTFT);
  assertEquals(
    comparison.loads.map(({ label, side, figures }) => [label, side, figures[0]!.verdict]),
    [
      ["1 user", "b", "worse"],
      ["2 users", "b", "worse"],
      ["1 user", "c", "better"],
      ["2 users", "c", "better"],
    ],
  );
  assertEquals(comparison.unmatched, ["4 users: only a", "8 users: only c"]);
  assertEquals(
    comparison.answer[0],
    "1 user: b is 10.0 % slower in TTFT mean (95 %: 8.5 to 11.6 %) than a",
  );
});

Deno.test("the answer is a sentence with its uncertainty", () => {
  const answer = (b: number, reach: number, options: CompareOptions = TTFT) =>
    compareRuns([single("a", 100, reach), single("b", b, reach)], options).answer;
  assertEquals(answer(105, 1), ["b is 5.0 % slower in TTFT mean (95 %: 3.6 to 6.5 %) than a"]);
  assertEquals(answer(90, 1), ["b is 10.0 % faster in TTFT mean (95 %: 8.6 to 11.3 %) than a"]);
  assertEquals(answer(100, 1), [
    "b is the same as a in TTFT mean within 3 % (95 %: −1.4 to +1.4 %)",
  ]);
  assertEquals(answer(100, 9), [
    "whether b differs from a is undecided: TTFT mean (95 %: −12.0 to +13.6 %)",
  ]);
  assertEquals(answer(120, 1, {}), [
    "b is 20.0 % slower in TTFT mean (95 %: 18.4 to 21.6 %) than a; 6 undecided",
  ]);
});

Deno.test("loads of several runs are repeats in the order of measurement", () => {
  const at = (startedAt: string, ttftMs: number) =>
    createCompared([{ ttftMs }], { header: { startedAt } });
  const late = at("2026-01-02T04:00:00.000Z", 102);
  const early = at("2026-01-02T03:00:00.000Z", 100);
  const { a, b } = onlyFigure(
    compareRuns([{ name: "a", runs: [late, early] }, createSide("b", [100, 101])], TTFT),
  );
  assertEquals([a.values, b.values], [[100, 102], [100, 101]]);
});

Deno.test("runs with repeats inside of them are one value each, where there are three or more", () => {
  const run = (second: number, ttftMs: readonly number[]) =>
    createCompared(
      ttftMs.map((one, i) => ({ ttftMs: one, plan: { repeat: i + 1 } })),
      { header: { startedAt: `2026-01-02T03:04:0${second}.000Z` } },
    );
  const side = (name: string, starts: readonly number[]) => ({
    name,
    runs: starts.map((start, i) => run(i, [start, start * 1.001, start / 1.001])),
  });
  // Runs differ by 10 %, their repeats by 0.1 %: nine values on each side would look sure.
  const many = compareRuns([side("a", [100, 110, 90]), side("b", [108, 119, 97])], TTFT);
  const { a, verdict } = onlyFigure(many);
  assertEquals([a.values.length, verdict], [3, "undecided"]);
  assertAlmostEquals(a.values[1]!, 110, 1e-9);
  assert(many.remarks.some((one) => one.startsWith("each run is one value")));
  const two = compareRuns([side("a", [100, 110]), side("b", [108, 119])], TTFT);
  assertEquals(onlyFigure(two).a.values.length, 6);
  assert(two.remarks.some((one) => one.startsWith("repeats of several runs")));
  const one = compareRuns([side("a", [100]), side("b", [108])], TTFT);
  assert(!one.remarks.some((remark) => /each run is one|repeats of several/.test(remark)));
});

Deno.test("percentiles that figures and gates need are listed", () => {
  const gate = [{ figure: "itl:p99.9", operator: "<", change: 0.05, text: "" } as const];
  assertEquals(comparePercentiles({ figures: ["ttft:p75", "throughput"], gate }), [75, 99.9]);
  assertEquals(comparePercentiles({}), []);
});

Deno.test("what cannot be compared is refused with what would work", () => {
  const side = createSide("a", [100]);
  for (
    const [sides, options, message] of [
      [[side], {}, "give two or more"],
      [[side, { name: "b", runs: [] }], {}, "b: it has no runs"],
      [[side, side], { figures: ["ttfb:p99"] }, '"ttfb:p99"'],
      [[side, side], { margin: 1 }, "margin of 1"],
      [[side, side], { margin: NaN }, "margin of NaN"],
      [[side, side], { maxFailures: -1 }, "failures of -1"],
    ] as const
  ) {
    assertThrows(() => compareRuns(sides, options), RangeError, message);
  }
});
