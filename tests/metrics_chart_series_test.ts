import { assertEquals, assertStringIncludes } from "@std/assert";
import { seriesChart } from "../metrics/chart_series.ts";
import { series } from "../metrics/summary_series.ts";
import { pathOf, tipsOf } from "./support/chart_parts.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

Deno.test("seriesChart draws a step for each stretch and shades the steady window", () => {
  const records = [0, 1, 2, 3].map((index) =>
    createRecord({ index, sentMs: index * 1000, ticks: [[index * 1000 + 1000, 10]] })
  );
  const data = series(records, 4000);
  const chart = seriesChart({
    id: "s",
    series: data,
    durationMs: 4000,
    steady: { fromMs: 1000, toMs: 3000 },
  });
  assertStringIncludes(chart.toString(), '<rect class="steady" x="250" width="500" height="76"/>');
  assertEquals(tipsOf(chart).length, data.startMs.length);
  assertEquals(chart.toString().includes("Failed requests"), false);
});

Deno.test("seriesChart counts failures in a panel of their own", () => {
  const records = [
    createRecord({ sentMs: 0 }),
    createFailure("timeout", { index: 1, afterMs: 100 }),
  ];
  const chart = seriesChart({
    id: "s",
    series: series(records, 140),
    durationMs: 140,
    steady: undefined,
  });
  assertStringIncludes(chart.toString(), "Failed requests (in each 2.00 ms)");
});

Deno.test("seriesChart shows what was due as a dashed line over what was sent", () => {
  const records = [0, 1, 2, 3].map((index) =>
    createRecord({ index, intendedMs: index * 500, sentMs: index * 1000 })
  );
  const chart = seriesChart({
    id: "s",
    series: series(records, 4000, { replay: "schedule" }),
    durationMs: 4000,
    steady: undefined,
  });
  assertStringIncludes(chart.toString(), "Requests sent/s (dashed: due)");
  assertEquals(pathOf(chart, "curve rank1").startsWith("M0 "), true);
  assertStringIncludes(tipsOf(chart)[0]!.join(), "requests/s due");
});

Deno.test("seriesChart makes no rate of a last stretch that is almost nothing", () => {
  // One request ends 1 ms into the last stretch of 100 ms: not 1000 requests a second.
  const data = {
    bucketMs: 100,
    startMs: [0, 100],
    completedPerSec: [10, 1000],
    outputTokensPerSec: [50, 1000],
    inFlight: [1, 1],
    failed: [0, 0],
    arrivals: undefined,
  };
  const chart = seriesChart({ id: "s", series: data, durationMs: 101, steady: undefined });
  assertStringIncludes(chart.toString(), "at most 50 output tokens/s, 10 completed requests/s");
  assertEquals(tipsOf(chart)[1]!.slice(1), [
    "n/a output tokens/s",
    "n/a completed requests/s",
    "1 in flight",
  ]);
  // The axis goes to 60 tokens/s.
  assertEquals(pathOf(chart, "line"), "M0 12.7H990.1");
  const whole = seriesChart({ id: "s", series: data, durationMs: 200, steady: undefined });
  assertStringIncludes(whole.toString(), "at most 1,000 output tokens/s");
});
