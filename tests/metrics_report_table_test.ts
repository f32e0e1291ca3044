import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { renderTable, reportTable } from "../metrics/report_table.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";

/** 100 requests in a row, 150 ms each. */
const ONE = summarize(createRun(
  Array.from(
    { length: 100 },
    (_, index) => createRecord({ index, sentMs: index * 150, endMs: index * 150 + 150 }),
  ),
  { ends: [{ client: { cpuCores: 0.25, loopLagP99Ms: 1.5, peakRssMiB: 80 } }] },
));

const LONG = "a very long message of a server that goes on and on, ".repeat(8);

const SEVERAL = summarize(
  createRun([
    createRecord({ load: 0 }),
    createRecord({ load: 1 }),
    createFailure("http_error", { load: 1, index: 1, message: LONG }),
    createFailure("dropped", { load: 2, index: 1 }),
  ], {
    loads: [
      { label: "1 user" },
      { label: "1,024 users", users: 1024 },
      { label: "12.5 req/s poisson", kind: "open", ratePerSec: 12.5 },
    ],
    header: { url: "http://a-rather-long-host-name.example.internal:8000/with/a/path/too" },
  }),
  { percentiles: [50, 75, 90, 95, 99, 99.9], slo: parseSlo("ttft:500,tpot:50") },
);

const EXPECTED = `\
Tokometer 0.1.0 · bench · openai-completions · http://127.0.0.1:8000 · tiny
fetch · synthetic, 100 prompts · forced lengths · seed 0 · 2026-01-02T03:04:05.678Z

1 user
Requests     100 of 100 completed, 0 failed, success 100 %, in 15.0 s

Throughput                whole run  steady 0 ms to 14.8 s
Requests/s                     6.67                   6.60
Requests/min                    400                    396
Output tokens/s                33.3                   33.3
Prompt + output tokens/s        100                    100
In flight, mean                   1                      1
In flight, max                    1

Latency            mean      min      p50      p90      p95      p99      max  samples    ± client
TTFT             100 ms   100 ms   100 ms   100 ms   100 ms   100 ms   100 ms      100   ~ 1.50 ms
TPOT            10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms      100  ~ 0.375 ms
ITL             10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms      400   ~ 1.50 ms
E2E              140 ms   140 ms   140 ms   140 ms   140 ms   140 ms   140 ms      100   ~ 1.50 ms
Schedule delay     0 ms     0 ms     0 ms     0 ms     0 ms     0 ms     0 ms      100

Tokens       prompt 1,000 (mean 10, max 10; usage), output 500 (mean 5, max 5; counter), 100 of 100
             answers as long as requested
Stream       1 token per tick, 1 read per token, 1 event per read
Connections  100 reused
Client       0.250 cores busy, timers late by 1.50 ms at p99, 80 MiB memory
Client error not calibrated: a rough estimate from the lateness of timers; tokens of many streams
             that arrive together are read later; to measure it: tokometer calibrate --concurrency 1
             --itl 10 --transport fetch --workers 0
Verdict      ok: The client had time: these numbers are the server's
`;

Deno.test("reportTable prints one load in detail", () => {
  // Metrics that were added since are further rows.
  const known = ["ttft", "tpot", "itl", "e2e", "schedule_delay"];
  const loads = ONE.loads.map((load) => ({
    ...load,
    metrics: load.metrics.filter(({ name }) => known.includes(name)),
  }));
  assertEquals(reportTable.render({ ...ONE, loads }), EXPECTED);
});

Deno.test("reportTable has room for any metric: other units in a table of their own", () => {
  const [load] = ONE.loads;
  const wide = {
    ...load!.metrics[0]!,
    name: "token_rate",
    title: "Output tokens per second of one request",
    unit: "tokens/s",
  } as const;
  const late = { ...wide, name: "late", title: "A latency with a long name", unit: "ms" } as const;
  const loads = [{ ...load!, metrics: [...load!.metrics, wide, late] }];
  for (const width of [60, 100]) {
    const lines = reportTable.render({ ...ONE, loads }, { width }).split("\n");
    const rows = lines.slice(lines.findIndex((line) => line.startsWith("Latency ")));
    for (const name of ["TTFT ", "A latency", "Other metrics", "Output token"]) {
      const row = rows.find((line) => line.startsWith(name))!;
      assert(row.length <= width, row);
    }
  }
});

Deno.test("reportTable says when arrivals were stamped by the kernel", () => {
  const text = (kernelStampedReads: number) => {
    const client = { loopLagP50Ms: 1, loopLagP99Ms: 200, loopLagMaxMs: 300, kernelStampedReads };
    const run = createRun([createRecord({})], { ends: [{ client }] });
    return renderTable(summarize(run), { width: 100 }).replaceAll(/\s+/g, " ");
  };
  assertStringIncludes(text(1), "100 % of reads stamped by the kernel");
  assertStringIncludes(text(1), "tokens are more exact, as the kernel stamped them");
  assertStringIncludes(text(1), "was stamped on time but read late");
  assertMatch(text(0.5), / 50(\.0)? % of reads stamped by the kernel/);
  assertStringIncludes(text(0.5), "tokens of many streams that arrive together are read later");
  assertStringIncludes(text(0.5), "what arrived then was stamped late");
});

Deno.test("reportTable puts one line per load before the details of several", () => {
  const text = reportTable.render(SEVERAL);
  const lines = text.split("\n");
  const heading = lines.findIndex((line) => line.startsWith("Load "));
  assertStringIncludes(lines[heading]!, "TTFT p50");
  for (const [i, label] of ["1 user", "1,024 users", "12.5 req/s poisson"].entries()) {
    assert(lines[heading + 1 + i]!.startsWith(label), lines[heading + 1 + i]);
    assertEquals(lines.filter((line) => line === label).length, 1, label);
  }
  assertFalse(reportTable.render(ONE).includes("Load "));
});

Deno.test("reportTable: a load's line has the client's error and the verdict beside the numbers", () => {
  const client = { loopLagP50Ms: 1, loopLagP99Ms: 2, loopLagMaxMs: 3 };
  const records = [0, 1].map((load) => createRecord({ load }));
  const summary = (ends: NonNullable<RunFields["ends"]>) =>
    summarize(
      createRun(records, { loads: [{ label: "1 user" }, { label: "2 users" }], ends }),
    );
  const lines = (ends: NonNullable<RunFields["ends"]>, width: number) =>
    renderTable(summary(ends), { width }).split("\n").filter((line) =>
      /^(Load|[12] users?) .*\S/.test(line)
    );
  const [heading, first, second] = lines([{ client }, {}], 100);
  assertMatch(heading!, /TTFT p50 +p99 +± client +ITL p50 +p99 .*verdict$/);
  assertMatch(first!, / ~ 2\.00 ms .* ok$/);
  assertFalse(/ms +ok$|~/.test(second!), second);
  assertMatch(lines([{ client }, {}], 80)[0]!, /TTFT p50 +p99 +± client/);
  assertFalse(/error|verdict/.test(lines([{}, {}], 100)[0]!));
});

Deno.test("reportTable stays within the width, at most 100 columns", () => {
  for (const width of [60, 80, 100, 200]) {
    for (const line of renderTable(SEVERAL, { width }).split("\n")) {
      // A word is never cut.
      assert(line.length <= Math.min(width, 100) || /^\S+$/.test(line.trim()), line);
    }
  }
});

Deno.test("reportTable prints n/a for what does not exist, never 0 (T13, T14)", () => {
  const text = reportTable.render(summarize(createRun([])));
  for (const name of ["TTFT", "TPOT", "ITL", "E2E"]) {
    const line = text.split("\n").find((one) => one.startsWith(`${name} `))!;
    assertEquals(line.split(/\s+/).slice(1, -1).filter((cell) => cell !== "n/a"), [], line);
  }
  assertStringIncludes(text, "success n/a");
});

Deno.test("reportTable shows failures and warnings with advice", () => {
  const text = reportTable.render(SEVERAL);
  assertStringIncludes(text, "Failed       http_error 1: 503: a very long message");
  assertStringIncludes(text, "Warning: ");
  assertStringIncludes(text, "  Advice: ");
  assertStringIncludes(text, "ttft ≤ 500 ms met by 50.0 %");
});

Deno.test("renderTable colors on request only, and the colors change no letter", () => {
  const plain = renderTable(SEVERAL);
  const colored = renderTable(SEVERAL, { color: true });
  assertFalse(plain.includes("\x1b"));
  assertStringIncludes(colored, "\x1b[1m");
  // deno-lint-ignore no-control-regex
  assertEquals(colored.replace(/\x1b\[\d+m/g, ""), plain);
});

Deno.test("renderTable lets no server text control the terminal", () => {
  const run = createRun([createFailure("engine_error", { message: "\x1b[2Jgone\nnext\u009b1m" })]);
  const summary: Summary = summarize({
    ...run,
    header: { ...run.header, model: "evil\x1b]0;title\x07" },
  });
  // deno-lint-ignore no-control-regex
  assertFalse(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(renderTable(summary)));
  assertStringIncludes(renderTable(summary), "?[2Jgone?next?1m");
});
