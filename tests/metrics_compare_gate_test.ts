import { assert, assertEquals, assertThrows } from "@std/assert";
import { compareRuns } from "../metrics/compare.ts";
import { compareExitCode, gateOutcome, parseGate } from "../metrics/compare_gate.ts";
import type { CompareOptions, CompareSide } from "../metrics/compare_result.ts";
import { createCompared, createSide } from "./support/create_compared.ts";

/** A side whose mean TTFT varies by about so much from run to run. */
function repeats(name: string, ttftMs: number, count: number, spreadMs = 0.5): CompareSide {
  const at = (i: number) => ttftMs + spreadMs * ((i % 3) - 1);
  return createSide(name, Array.from({ length: count }, (_, i) => at(i)));
}

function result(sides: readonly CompareSide[], text: string, options: CompareOptions = {}) {
  const comparison = compareRuns(sides, { ...options, gate: parseGate(text) });
  return { comparison, gate: comparison.gate, exit: compareExitCode(comparison) };
}

Deno.test("limits on changes have a sign, in the one grammar", () => {
  assertEquals(parseGate("ttft:p99<+5%,throughput>-3%"), [
    { figure: "ttft:p99", operator: "<", change: 0.05, text: "ttft:p99 < +5 %" },
    { figure: "throughput", operator: ">", change: -0.03, text: "throughput > −3 %" },
  ]);
  const changes = (text: string) =>
    parseGate(text).map(({ figure, operator, change }) => [figure, operator, change]);
  assertEquals(changes("itl<=0.5%"), [["itl:mean", "<=", 0.005]]);
  assertEquals(changes("ITL:median ≤ 0.02"), [["itl:p50", "<=", 0.02]]);
  assertEquals(changes("ttft:p99.9:+5%"), [["ttft:p99.9", "<=", 0.05]]);
  assertEquals(changes("goodput:-2%"), [["goodput", ">=", -0.02]]);
  assertEquals(changes("throughput>−3%"), [["throughput", ">", -0.03]]);
  assertEquals(changes("interactivity:p90>-3%"), [["interactivity:p90", ">", -0.03]]);
});

Deno.test("limits that cannot be used are refused with what would work", () => {
  for (
    const [text, message] of [
      ["", "is not metric:limit"],
      ["ttft:p99", "put it in quotes"],
      ["nothing<5%", '"nothing" is nothing that can have a limit'],
      ["ttft:p99<5", "is a change: write 5%"],
      ["ttft:p99<5ms", '"ms" is no unit of ttft'],
      ["ttft:p99<much", "is no change in %, such as +5% or -3%"],
      ["ttft:max<5%", "there is no figure ttft:max"],
      ["throughput>-100%", "leaves nothing of throughput"],
      ["throughput:p50>-3%", "is one number"],
      ["ttft:p99<5%,ttft:p99<7%", "has two limits"],
      ["prompt_tokens:5%", "does not say which side is good"],
    ] as const
  ) {
    const error = assertThrows(() => parseGate(text)) as Error;
    assert(error instanceof SyntaxError || error instanceof RangeError, text);
    assert(error.message.startsWith(`Cannot use --gate "${text}"`), error.message);
    assert(error.message.includes(message), `${text}: ${error.message}`);
  }
});

Deno.test("a limit is passed or missed where the whole interval is, else undecided", () => {
  const judged = (b: number, spreadMs = 0.5) => {
    const { gate, exit } = result(
      [repeats("a", 100, 5, spreadMs), repeats("b", b, 5, spreadMs)],
      "ttft:mean<+5%",
    );
    return [gate[0]!.result, exit];
  };
  assertEquals(judged(100), ["passed", 0]);
  assertEquals(judged(90), ["passed", 0]);
  assertEquals(judged(112), ["missed", 5]);
  assertEquals(judged(105), ["undecided", 4]);
  assertEquals(judged(100, 8), ["undecided", 4]);
});

Deno.test("one missed limit misses the gate, one undecided leaves it undecided", () => {
  const sides = [repeats("a", 100, 5), repeats("b", 112, 5)];
  const { comparison, gate, exit } = result(sides, "ttft:mean<+5%,e2e:mean<+50%,throughput>-9.1%");
  assertEquals(gate.map((one) => one.result), ["missed", "passed", "undecided"]);
  assertEquals([gateOutcome(comparison), exit], ["missed", 5]);
  const open = result(sides, "e2e:mean<+50%,e2e:mean>+10%").comparison;
  assertEquals([gateOutcome(open), compareExitCode(open)], ["undecided", 4]);
  assertEquals(compareExitCode(open, { undecided: "pass" }), 0);
  assertEquals(compareExitCode(comparison, { undecided: "pass" }), 5);
  assertEquals(gateOutcome(compareRuns(sides)), "none");
  assertEquals(
    comparison.answer[0],
    "the gate is missed: 3 limits, 1 missed, 1 undecided, 1 passed",
  );
});

Deno.test("single runs and two repeats decide no gate unless that is accepted", () => {
  const interval = { low: 99, high: 101 };
  const single = (name: string): CompareSide => ({
    name,
    runs: [createCompared([{ ttftMs: 100, interval }])],
  });
  const sides = [single("a"), single("b")];
  const { gate, exit } = result(sides, "ttft:mean<+5%");
  assertEquals([gate[0]!.result, exit], ["undecided", 4]);
  assertEquals(gate[0]!.reason, "a single run does not hold differences from run to run");
  assertEquals(result(sides, "ttft:mean<+5%", { singleRun: true }).exit, 0);
  const two = [repeats("a", 100, 2, 0.01), repeats("b", 100, 2, 0.01)];
  assertEquals(result(two, "ttft:mean<+5%").gate[0]!.reason?.slice(0, 9), "2 repeats");
  assertEquals(result(two, "ttft:mean<+5%", { singleRun: true }).exit, 0);
  const mixed = [repeats("a", 100, 5, 0.01), repeats("b", 100, 1, 0.01)];
  assertEquals(result(mixed, "ttft:mean<+5%").exit, 4);
});

Deno.test("what the client leaves open beyond a limit leaves the gate undecided", () => {
  const side = (name: string): CompareSide => ({
    name,
    runs: [0, 1, 2].map((i) =>
      createCompared([{ ttftMs: 100 + i / 100, bracket: { low: 97, high: 104 } }])
    ),
  });
  const { gate, exit } = result([side("a"), side("b")], "ttft:mean<+5%");
  assertEquals([gate[0]!.result, exit], ["undecided", 4]);
  assertEquals(gate[0]!.reason, "the client leaves −6.7 to +7.2 % open");
  assertEquals(result([side("a"), side("b")], "ttft:mean<+8%").exit, 0);
});

Deno.test("Holm is over the gated figures of all loads, the others over their load", () => {
  const sides = [repeats("a", 100, 5), repeats("b", 100.5, 5)];
  const { comparison } = result(sides, "ttft:mean<+5%");
  const figures = comparison.loads[0]!.figures;
  const p = (name: string) => figures.find((one) => one.name === name)!;
  assertEquals(p("ttft:mean").adjustedPValue, p("ttft:mean").pValue);
  assert(p("e2e:mean").adjustedPValue! > p("e2e:mean").pValue!);
});

Deno.test("a figure that nobody measured leaves the gate undecided", () => {
  const { gate } = result([repeats("a", 100, 5), repeats("b", 100, 5)], "goodput>-3%");
  assertEquals([gate[0]!.result, gate[0]!.measured], ["undecided", undefined]);
});

Deno.test("a load of the first side that another lacks leaves the gate undecided", () => {
  const run = (labels: readonly string[]) =>
    createCompared(
      labels.flatMap((label) =>
        [1, 2, 3].map((repeat) => ({ ttftMs: 100 + repeat / 100, plan: { label, repeat } }))
      ),
    );
  const both = ["1 user", "2 users"];
  const gate = (a: readonly string[], b: readonly string[]) => {
    const sides = [{ name: "a", runs: [run(a)] }, { name: "b", runs: [run(b)] }];
    const { gate, exit } = result(sides, "ttft:mean<+5%");
    return [exit, ...gate.map((one) => one.result)];
  };
  assertEquals(gate(both, ["1 user"]), [4, "passed", "undecided"]);
  assertEquals(gate(["1 user"], both), [0, "passed"]);
});
