import { assertAlmostEquals, assertEquals, assertThrows } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { summarize } from "../metrics/summary.ts";
import { createSlices, MOST_SLICES } from "../metrics/summary_slices.ts";
import { reportSlices } from "../metrics/report_slices.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

function sliced(
  records: readonly RequestRecord[],
  { durationMs, askedMs = 1000, values = "raw" }: {
    durationMs: number;
    askedMs?: number;
    values?: "raw" | "histogram";
  },
) {
  const slices = createSlices({ askedMs, values });
  for (const record of records) slices.add(record);
  return slices.result(durationMs);
}

/** Sent every 10 ms for so many seconds: TTFT 40 ms, five tokens 10 ms apart. */
function steadyRequests(seconds: number): RequestRecord[] {
  return Array.from({ length: 100 * seconds }, (_, index) => {
    const sentMs = 10 * index;
    const ticks = Array.from({ length: 5 }, (_, i) => [sentMs + 40 + 10 * i, i + 1] as const);
    return createRecord({ index, sentMs, intendedMs: sentMs, ticks });
  });
}

for (const values of ["raw", "histogram"] as const) {
  Deno.test(`slices count what happened in them, ${values}`, () => {
    const records = [
      ...steadyRequests(3),
      createFailure("timeout", { index: 300, sentMs: 1500, afterMs: 100 }),
    ];
    const found = sliced(records, { durationMs: 3070, values });
    assertEquals(found.startMs, [0, 1000, 2000, 3000]);
    assertEquals(found.sent, [100, 101, 100, 0]);
    assertEquals(found.completed, [92, 100, 100, 8]);
    assertEquals(found.failed, [0, 1, 0, 0]);
    assertEquals(found.completedPerSec.slice(0, 3), [92, 100, 100]);
    // 70 ms are no second.
    assertAlmostEquals(found.completedPerSec[3]!, 8 / 0.07, 1e-9);
    assertEquals(found.outputTokensPerSec[1], 500);
    assertAlmostEquals(found.inFlight[1]!, 8.1, 1e-6);
    assertEquals(found.ttft.count, [100, 100, 100, 0]);
    assertEquals(found.ttft.p50.map((ms) => ms && Math.round(ms)), [40, 40, 40, undefined]);
    assertEquals(found.ttft.p99.map((ms) => ms && Math.round(ms)), [40, 40, 40, undefined]);
    assertEquals(found.itl.count, [374, 400, 400, 26]);
    // Too few for a p99.
    assertEquals(found.itl.p99.map((ms) => ms && Math.round(ms)), [10, 10, 10, undefined]);
  });

  Deno.test(`slices get longer where there would be too many, ${values}`, () => {
    const records = steadyRequests(20);
    const found = sliced(records, { durationMs: 20_070, askedMs: 10, values });
    assertEquals([found.askedMs, found.sliceMs], [10, 40]);
    assertEquals(found.startMs.length, Math.ceil(20_070 / 40));
    assertEquals(found.startMs.length <= MOST_SLICES, true);
    const total = (counts: readonly number[]) => counts.reduce((sum, count) => sum + count, 0);
    assertEquals([total(found.sent), total(found.completed)], [2000, 2000]);
    assertEquals([total(found.ttft.count), total(found.itl.count)], [2000, 8000]);
    // The order changes nothing.
    assertEquals(sliced(records.toReversed(), { durationMs: 20_070, askedMs: 10, values }), found);
  });
}

Deno.test("slices of a load without a request, of one at its very end", () => {
  assertEquals(sliced([], { durationMs: 0 }).startMs, []);
  const last = createRecord({ sentMs: 0, ticks: [[500, 1], [1000, 2]] });
  const found = sliced([last], { durationMs: 1000 });
  assertEquals([found.completed, found.itl.count], [[1], [1]]);
});

Deno.test("slices may be asked for twice, e.g. by a summary of what there is so far", () => {
  const slices = createSlices({ askedMs: 1000, values: "histogram" });
  for (const record of steadyRequests(2)) slices.add(record);
  assertEquals(slices.result(2070), slices.result(2070));
});

Deno.test("summarize cuts slices as long as asked, and refuses none at all", () => {
  const run = createRun(steadyRequests(2));
  const found = summarize(run, { sliceMs: 500 });
  assertEquals(found.loads[0]!.slices.startMs, [0, 500, 1000, 1500, 2000]);
  for (const sliceMs of [0, 9, NaN, Infinity]) {
    assertThrows(() => summarize(run, { sliceMs }), RangeError, "slices");
  }
  const [heading, first, ...rest] = reportSlices.render(found).trim().split("\r\n");
  assertEquals(heading!.split(",").slice(0, 4), ["load", "from_ms", "to_ms", "sent"]);
  assertEquals(first!.split(",").slice(0, 5), ["1 user", "0", "500", "50", "42"]);
  assertEquals(rest.at(-1)!.split(",").slice(0, 3), ["1 user", "2000", "2070"]);
  // Too few values are an empty cell, never 0.
  assertEquals(first!.split(",").slice(-3)[2], "10");
  assertEquals(rest.at(-1)!.split(",")[11], "");
});
