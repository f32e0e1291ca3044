import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { compareRuns } from "../metrics/compare.ts";
import type { Host } from "../workloads/command.ts";
import type { GateValues } from "../workloads/bench_options_repeat.ts";
import {
  compareTurns,
  planComparison,
  withComparedPercentiles,
} from "../workloads/compare_turns.ts";
import { UserError } from "../workloads/user_error.ts";
import { drifting } from "./support/drifting_run.ts";

/** What is printed and noted. */
function fakeHost() {
  const printed: string[] = [];
  const notes: string[] = [];
  const never = new AbortController().signal;
  const host: Host = {
    print: (text) => void printed.push(text),
    note: (text) => void notes.push(text),
    progress() {},
    interrupted: never,
    aborted: never,
    interrupt: () => {},
    commandLine: [],
    columns: 80,
    stdoutIsTerminal: false,
    color: false,
  };
  return { host, printed, notes };
}

const SLOWER = drifting({ sides: [0, 1, 1, 0, 0, 1, 1, 0], seed: 1, drift: 0, effect: 0.2 });

async function codeOf(values: Partial<GateValues>, format = "table"): Promise<number> {
  const { host } = fakeHost();
  const asked = { gate: undefined, margin: undefined, undecided: "fail", ...values } as const;
  const plan = planComparison(asked, { repeats: 4, format });
  return await compareTurns(SLOWER, plan, { host, folder: undefined });
}

Deno.test("the gate decides the exit code; without one a comparison is no verdict on the run", async () => {
  assertEquals(await codeOf({}), 0);
  assertEquals(await codeOf({ gate: "ttft:mean<+5%" }), 5);
  assertEquals(await codeOf({ gate: "ttft:mean<+50%" }), 0);
  const [a, b] = [0, 1].map((side) => ({ name: `${side}`, runs: [SLOWER], side }));
  const { figures } = compareRuns([a!, b!]).loads[0]!;
  const { ratio } = figures.find(({ name }) => name === "ttft:mean")!;
  const middle = `ttft:mean<+${((ratio!.value - 1) * 100).toFixed(2)}%`;
  assertEquals(await codeOf({ gate: middle }), 4);
  assertEquals(await codeOf({ gate: middle, undecided: "pass" }), 0);
});

Deno.test("a document on standard output is not followed by a table", async () => {
  const { host, printed, notes } = fakeHost();
  const asked = { gate: undefined, margin: "2%", undecided: "fail" } as const;
  const plan = planComparison(asked, { repeats: 4, format: "json" });
  await compareTurns(SLOWER, plan, { host, folder: undefined });
  assertEquals(printed, []);
  assertStringIncludes(notes.join("\n"), "TTFT");
});

Deno.test("a gate on a percentile has it summarized", () => {
  const plan = planComparison(
    { gate: "ttft:p97<+5%", margin: undefined, undecided: "fail" },
    { repeats: 6, format: "table" },
  );
  const report = { format: "table", percentiles: [50, 99], maxFailuresPercent: 0 };
  assertEquals(withComparedPercentiles(report, plan).percentiles, [50, 97, 99]);
  assertThrows(
    () =>
      planComparison(
        { gate: "ttft:p97<+5%", margin: undefined, undecided: "fail" },
        { repeats: 2, format: "table" },
      ),
    UserError,
    "give --repeat 3 or more",
  );
});
