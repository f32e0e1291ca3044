/** Speed of one user, the busiest second of a load, and what its work cost. */
import { assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { renderTable } from "../metrics/report_table.ts";
import { reportHtml } from "../metrics/report_html.ts";
import { summarize, type SummaryOptions } from "../metrics/summary.ts";
import { shareEnds } from "../metrics/summary_text.ts";
import { peaksOf } from "../metrics/summary_peaks.ts";
import { serverScale } from "../metrics/summary_speed.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";
import { textOf } from "./support/html_text.ts";
import { withoutIntervals } from "./support/with_intervals.ts";

function loadOf(
  records: readonly RequestRecord[],
  options: SummaryOptions = {},
  fields: RunFields = {},
) {
  return summarize(createRun(records, fields), options).loads[0]!;
}

/** A short answer that is quick, and a long one that takes 20 ms a token. */
const MIXED = [
  createRecord({ index: 0, sentMs: 0, ticks: [[10, 1], [20, 2]], endMs: 20 }),
  createRecord({ index: 1, sentMs: 0, ticks: [[20, 1], [2000, 100]], endMs: 2000 }),
];

Deno.test("the speed over all weighs long answers more than the mean of requests does", () => {
  const { speed } = loadOf(MIXED);
  assertEquals(speed.overall, 102_000 / 2020);
  assertEquals(speed.interactivity.mean, 1000 / 15);
  assertEquals([speed.interactivity.count, speed.userTokens.count], [2, 2]);
});

Deno.test("tokens per user are shared by planned users, or by the requests in flight", () => {
  const closed = loadOf(MIXED, {}, { loads: [{ users: 4 }] });
  assertEquals(closed.speed.perUser.by, "users");
  assertEquals(closed.speed.perUser.run, closed.throughput.run.outputTokensPerSec! / 4);
  const open = loadOf(MIXED, {}, { loads: [{ kind: "open", ratePerSec: 1 }] });
  assertEquals(open.speed.perUser.by, "in flight");
  assertEquals(
    open.speed.perUser.run,
    open.throughput.run.outputTokensPerSec! / open.inFlight.mean!,
  );
});

Deno.test("peaks are those of whole seconds from the start, the rest at the end is none", () => {
  const records = [
    createRecord({ index: 0, ticks: [[100, 1], [999, 4], [1000, 9]], endMs: 1000 }),
    createRecord({ index: 1, ticks: [[1999, 2]], endMs: 1999 }),
    createRecord({ index: 2, ticks: [[2100, 50]], endMs: 2100 }),
    createFailure("timeout", { index: 3, endMs: 1500 }),
  ];
  const ends = [{ durationMs: 2900 }];
  const expected = {
    windowMs: 1000,
    // Five of the first answer, two of the second.
    outputTokensPerSec: 7,
    tokensFromMs: 1000,
    requestsPerSec: 2,
    requestsFromMs: 1000,
  };
  for (const values of ["raw", "histogram"] as const) {
    assertEquals(loadOf(records, { values }, { ends }).peaks, expected, values);
    assertEquals(loadOf(records, { values }, { ends: [{ durationMs: 900 }] }).peaks, undefined);
  }
});

Deno.test("peaks in histograms name their window where bins are no parts of a second", () => {
  const records = Array.from(
    { length: 200 },
    (_, i) =>
      createRecord({ index: i, sentMs: i * 1000, ticks: [[i * 1000 + 10, 1], [i * 1000 + 20, 2]] }),
  );
  const { peaks } = loadOf(records, { values: "histogram" });
  // Bins of 32 ms: 31 of them are 992 ms.
  assertEquals(peaks?.windowMs, 992);
  assertAlmostEquals(peaks!.outputTokensPerSec!, 2000 / 992);
});

Deno.test("peaks of tokens are absent where nobody counted them", () => {
  const { outputTokens: _, ...uncounted } = createRecord({ endMs: 1500 });
  for (const values of ["raw", "histogram"] as const) {
    const { peaks } = loadOf([uncounted], { values }, { ends: [{ durationMs: 2000 }] });
    assertEquals([peaks?.outputTokensPerSec, peaks?.requestsPerSec], [undefined, 1]);
  }
  assertEquals(peaksOf({ windowMs: 1000, requests: [], tokens: [] }), undefined);
});

Deno.test("work per GPU and its cost follow from what the user says of the server", () => {
  const records = [createRecord({ ticks: [[100, 1], [1000, 100]], endMs: 1000 })];
  const { economy } = loadOf(records, { gpus: 8, costPerHour: 36 });
  // 100 tokens/s: 360,000 an hour.
  assertEquals(economy?.run, { outputTokensPerSecPerGpu: 12.5, costPerMillionOutputTokens: 100 });
  const { gpus: _, ...price } = { gpus: 8, costPerHour: 36 };
  assertEquals(loadOf(records, price).economy?.run.outputTokensPerSecPerGpu, undefined);
  assertEquals(loadOf(records).economy, undefined);
  assertEquals(loadOf([], { costPerHour: 1 }).economy?.run.costPerMillionOutputTokens, undefined);
});

Deno.test("a report takes size and price from the options of its run, unless it is told others", () => {
  const header = (options: Record<string, unknown>) => ({ options });
  assertEquals(serverScale({}, header({ gpus: 2, costPerHour: 1.5 })), {
    gpus: 2,
    costPerHour: 1.5,
  });
  assertEquals(serverScale({ gpus: 4 }, header({ gpus: 2 }))?.gpus, 4);
  // What others wrote is no number of GPUs.
  assertEquals(serverScale({}, header({ gpus: "many", costPerHour: -1 })), undefined);
});

Deno.test("reports tell the speed of one user, the peaks and the cost", () => {
  const records = Array.from(
    { length: 100 },
    (_, index) => createRecord({ index, sentMs: index * 150, endMs: index * 150 + 150 }),
  );
  const summary = summarize(createRun(records), {
    gpus: 2,
    costPerHour: 12,
    percentiles: [50, 90],
  });
  const table = renderTable(summary).replaceAll(/\s+/g, " ");
  assertStringIncludes(table, "Output tokens/s per GPU 16.7 ");
  assertStringIncludes(table, "Cost of 1M output tokens 100 ");
  assertStringIncludes(
    table,
    "Speed one user p50 35.7, p90 35.7 tokens/s, once tokens flow 100, 100; busiest 1 s",
  );
  const page = textOf(reportHtml.render(withoutIntervals(summary)));
  assertStringIncludes(page, "Speed of one user, output tokens/s p50 p90, slow");
  assertStringIncludes(page, "Interactivity, 1 ÷ E2E per token 35.7 35.7");
  assertStringIncludes(page, "Peak requests/s in 1 s 7");
  assertStringIncludes(page, "Output tokens/s ÷ users 33.3");
});

Deno.test("the ends of a share are rounded outwards, so that they hold it", () => {
  assertEquals(shareEnds({ low: 0.98049, high: 0.99996 }), "98.0–100 %");
  assertEquals(shareEnds({ low: 0.961, high: 0.984 }), "96.1–98.4 %");
  assertEquals(shareEnds({ low: 0, high: 0.0001 }), "0–0.1 %");
});
