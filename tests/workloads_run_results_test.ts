import { assertEquals } from "@std/assert";
import { summarize } from "../metrics/summary.ts";
import { accumulateFor, exitCode, summarizeFor } from "../workloads/run_results.ts";
import { EXIT } from "../workloads/user_error.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

const completed = createRecord({});
const failed = createRecord({ outcome: { kind: "timeout", message: "too slow" } });
const dropped = createRecord({ outcome: { kind: "dropped", message: "full" } });

function codeOf(records: Parameters<typeof createRun>[0], maxFailuresPercent: number): number {
  const report = { format: "table", percentiles: [50], maxFailuresPercent };
  return exitCode(summarize(createRun(records)), report);
}

Deno.test("exitCode counts dropped requests as failures", () => {
  assertEquals(codeOf([completed, completed], 0), EXIT.ok);
  assertEquals(codeOf([completed, dropped], 0), EXIT.failures);
  assertEquals(codeOf([completed, failed], 0), EXIT.failures);
  // Two of four are 50 %: allowed is up to and with the limit.
  assertEquals(codeOf([completed, completed, failed, dropped], 50), EXIT.ok);
  assertEquals(codeOf([completed, completed, failed, dropped], 49), EXIT.failures);
});

Deno.test("exitCode: an interrupt wins over failures", () => {
  const run = createRun([dropped], { ends: [{ interrupted: true }] });
  const report = { format: "table", percentiles: [50], maxFailuresPercent: 0 };
  assertEquals(exitCode(summarize(run), report), EXIT.interrupted);
});

Deno.test("the tolerance of the verdict is a percentage of the report", () => {
  // A TTFT of 100 ms that may have been 80 ms.
  const record = {
    ...createRecord({ ticks: [[100, 1]] }),
    departedMs: 0,
    tickWidthUs: Uint32Array.of(20_000),
  };
  const run = createRun([record]);
  const kinds = (clientTolerancePercent?: number) => {
    const report = { format: "table", percentiles: [50], maxFailuresPercent: 0 };
    const asked = clientTolerancePercent === undefined
      ? report
      : { ...report, clientTolerancePercent };
    const accumulator = accumulateFor(run.header, asked, { note: () => {} });
    for (const one of run.records) accumulator.add(one);
    for (const end of run.ends) accumulator.end(end);
    return [summarizeFor(run, asked), accumulator.summary()]
      .map(({ loads }) => loads[0]!.verdict?.kind);
  };
  assertEquals(kinds(), ["client-bound", "client-bound"]);
  assertEquals(kinds(30), ["ok", "ok"]);
});
