import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { summarize } from "../metrics/summary.ts";
import { series } from "../metrics/summary_series.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

Deno.test("series puts each event into its stretch", () => {
  // 12 s in stretches of 100 ms.
  const records = [
    createRecord({ sentMs: 0, ticks: [[50, 1], [150, 3]], endMs: 250 }),
    createFailure("timeout", { sentMs: 0, afterMs: 12_000 }),
    createFailure("cancelled", { sentMs: 0, afterMs: 300 }),
  ];
  const result = series(records, 12_000);
  assertEquals(result.bucketMs, 100);
  assertEquals(result.startMs.length, 120);
  assertEquals(result.outputTokensPerSec.slice(0, 3), [10, 20, 0]);
  assertEquals(result.completedPerSec.slice(0, 4), [0, 0, 10, 0]);
  assertEquals(result.inFlight.slice(0, 4), [3, 3, 2.5, 1]);
  // The last instant belongs to the last stretch.
  assertEquals([result.failed[119], result.failed[3]], [1, 0]);
});

Deno.test("series conserves requests and tokens, also in a short last stretch", () => {
  const records = Array.from({ length: 50 }, (_, i) => createRecord({ sentMs: i * 20 }));
  const durationMs = 49 * 20 + 140;
  const { bucketMs, startMs, outputTokensPerSec, completedPerSec } = series(records, durationMs);
  const total = (perSec: readonly number[]) =>
    perSec.reduce(
      (sum, rate, i) => sum + rate * Math.min(bucketMs, durationMs - startMs[i]!) / 1000,
      0,
    );
  assertAlmostEquals(total(outputTokensPerSec), 250);
  assertAlmostEquals(total(completedPerSec), 50);
  assert(startMs.length <= 120);
});

Deno.test("series of stages and recordings has what was due and what was sent", () => {
  const records = [
    createRecord({ intendedMs: 0, sentMs: 0 }),
    createRecord({ intendedMs: 50, sentMs: 250, ticks: [[300, 1]] }),
    createFailure("dropped", { intendedMs: 120 }),
  ];
  const { arrivals } = series(records, 12_000, { replay: "schedule" });
  assertEquals(arrivals!.duePerSec.slice(0, 3), [20, 10, 0]);
  assertEquals(arrivals!.sentPerSec.slice(0, 3), [10, 0, 10]);
  assertEquals(series(records, 12_000, { replay: "sessions" }).arrivals, undefined);
  const run = createRun(records, {
    loads: [{ kind: "open", replay: "schedule" }],
    ends: [{ durationMs: 8000 }],
  });
  const [binned] = summarize(run, { values: "histogram" }).loads;
  const sum = (perSec: readonly number[]) => perSec.reduce((sum, one) => sum + one, 0);
  const { bucketMs, arrivals: inBins } = binned!.series;
  assertAlmostEquals(sum(inBins!.duePerSec) * bucketMs / 1000, 3, 1e-9);
  assertAlmostEquals(sum(inBins!.sentPerSec) * bucketMs / 1000, 2, 1e-9);
});

Deno.test("series of an empty load is empty (T14)", () => {
  assertEquals(series([], 0).startMs, []);
});
