import { assertEquals } from "@std/assert";
import { summarize } from "../metrics/summary.ts";
import { exitCode } from "../workloads/run_results.ts";
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
