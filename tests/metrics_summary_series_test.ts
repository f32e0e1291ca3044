import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import { series } from "../metrics/summary_series.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

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

Deno.test("series of an empty load is empty (T14)", () => {
  assertEquals(series([], 0).startMs, []);
});
