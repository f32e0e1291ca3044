import { assertEquals } from "@std/assert";
import { summarize } from "../metrics/summary.ts";
import { parseRequired } from "../metrics/check_limit.ts";
import type { LoadEnd } from "../metrics/run.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import {
  accumulateFor,
  exitCode,
  missedLimits,
  summarizeFor,
  unreachableLimits,
} from "../workloads/run_results.ts";
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

Deno.test("exitCode: a required limit that was not kept, and what wins over it", () => {
  const requiring = (text: string, records = [completed], end: Partial<LoadEnd> = {}) => {
    const require = parseRequired(text);
    const run = createRun(records, { ends: [end] });
    const report = { format: "table", percentiles: [50], maxFailuresPercent: 0, require };
    const summary = summarizeFor(run, report);
    return [exitCode(summary, report), ...missedLimits(summary)];
  };
  assertEquals(requiring("ttft:max<=100"), [EXIT.ok]);
  assertEquals(requiring("ttft:max<100"), [EXIT.missed, "ttft:max < 100 ms missed: 100 ms"]);
  assertEquals(requiring("ttft:p99<500"), [
    EXIT.missed,
    "ttft:p99 < 500 ms not kept: not measured, p99 needs 100 values, there are 1",
  ]);
  assertEquals(requiring("ttft:max<1", [completed, failed])[0], EXIT.missed);
  const serverLost = { atMs: 1, failures: 20, message: "refused" };
  assertEquals(requiring("ttft:max<1", [completed], { serverLost })[0], EXIT.failures);
  assertEquals(requiring("ttft:max<1", [completed], { interrupted: true })[0], EXIT.interrupted);
  // What --slo says of the load is only reported.
  const slo = parseSlo("ttft:max<1");
  const report = { format: "table", percentiles: [50], maxFailuresPercent: 0, slo };
  assertEquals(exitCode(summarizeFor(createRun([completed]), report), report), EXIT.ok);
});

Deno.test("unreachableLimits says before the run what it cannot measure", () => {
  const report = { format: "table", percentiles: [], maxFailuresPercent: 0 };
  const require = parseRequired("goodput>3req/s,failures<1%");
  assertEquals(unreachableLimits({ ...report, require }).length, 1);
  assertEquals(unreachableLimits({ ...report, require, slo: parseSlo("ttft:5") }), []);
  assertEquals(unreachableLimits({ ...report, require, slo: parseSlo("ttft:p99<5") }).length, 1);
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
