import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { arrivalsChart } from "../metrics/chart_arrivals.ts";
import { tracePage } from "../metrics/html_trace.ts";
import { traceTable } from "../metrics/report_trace_table.ts";
import { formatSpan } from "../metrics/summary_trace.ts";
import { describeTrace } from "../workloads/trace_description.ts";
import { exampleText } from "../workloads/trace_examples.ts";
import { readWritten } from "./support/trace_files.ts";

const row = (timestamp: number, hash_ids: readonly number[]) => ({
  timestamp,
  input_length: 512 * hash_ids.length,
  output_length: 20,
  hash_ids,
});

Deno.test("tracePage is one page that fetches nothing and escapes what others wrote", async () => {
  const trace = await readWritten([
    { ...row(0, [1]), session_id: "<b>a</b>" },
    { ...row(9000, [1, 2]), session_id: "<b>a</b>" },
  ]);
  const page = tracePage(describeTrace({ ...trace, source: "/x/<i>name" }));
  assert(page.startsWith("<!doctype html>"));
  assertStringIncludes(page, "default-src 'none'");
  assert(!page.includes("<b>a</b>") && !page.includes("<i>name"));
  assertStringIncludes(page, "&#60;b&#62;a");
  for (const heading of ["Key numbers", "Requests over time", "Distributions", "Details"]) {
    assertStringIncludes(page, `<h2>${heading}</h2>`);
  }
  assertEquals(page.match(/\bid="[^"]+"/g)?.length, new Set(page.match(/\bid="[^"]+"/g)).size);
});

Deno.test("tracePage and traceTable do without instants, lengths and sharing", async () => {
  const summary = describeTrace(
    await readWritten(exampleText("planner"), { format: "sessions" }),
  );
  const page = tracePage(summary);
  assertStringIncludes(page, "prompts, counted when they are sent");
  assert(!page.includes("Requests over time"));
  const table = traceTable(summary).replace(/\s+/g, " ");
  assertStringIncludes(table, "5 requests, without instants");
  assertStringIncludes(table, "2 helpers (1 reader, 1 tester); 1 turn waits for more than one");
  assertStringIncludes(table, "not known before the prompts are counted");
  assert(!table.includes("NaN") && !table.includes("undefined") && !page.includes("NaN"));
});

Deno.test("traceTable fits the terminal and draws the rate over time", async () => {
  const rows = Array.from({ length: 400 }, (_, i) => row(i < 200 ? i * 10 : i * 1000, [1, i + 2]));
  const summary = describeTrace(await readWritten(rows), { speedup: 4 });
  for (const width of [60, 100, 200]) {
    const lines = traceTable(summary, { width }).split("\n");
    assert(
      lines.every((line) =>
        line.length <= Math.min(width, 100) || /^(sha256 )?[0-9a-f]{64}$/.test(line)
      ),
      lines.join("\n"),
    );
    assert(lines.some((line) => /^█ +[▁-█]+$/.test(line)), lines.join("\n"));
  }
  const text = traceTable(summary, { width: 100 });
  assertStringIncludes(text, "400 requests over 6 min 39 s");
  assertStringIncludes(text, "as a schedule at --speedup 4: 99.8 s");
  assertStringIncludes(text, "a perfect cache has 49.9 % of the prompt tokens");
  assertStringIncludes(traceTable(summary, { color: true }), "\x1b[1m");
});

Deno.test("traceTable shows no control characters of others", async () => {
  const trace = await readWritten([row(0, [1])]);
  assert(!traceTable(describeTrace({ ...trace, source: "x\x1b[31m" })).includes("\x1b"));
});

Deno.test("arrivalsChart names rates and times in fitting units", () => {
  const rate = {
    stretchMs: 3_600_000,
    requests: [3600, 0, 7200, 1, 1],
    inputTokens: [0, 0, 0, 0, 0],
  };
  const chart = arrivalsChart({ rate, name: "Time" }).toString();
  assertStringIncludes(chart, "Time (h)");
  assertStringIncludes(chart, "at most 2 requests");
  assert(!chart.includes("Input tokens/s"));
  const days = arrivalsChart({ rate: { ...rate, stretchMs: 86_400_000 }, name: "Time" });
  assertStringIncludes(days.toString(), "Time (d)");
});

Deno.test("formatSpan has hours and days", () => {
  assertEquals(
    [0, 1500, 7_140_000, 7_200_000, 14_832_000, 5_270_400_000].map(formatSpan),
    ["0 ms", "1.50 s", "119 min 0 s", "2 h 0 min", "4 h 7 min", "61 d 0 h"],
  );
});
