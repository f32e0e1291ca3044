import {
  assert,
  assertEquals,
  assertFalse,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import type { LoadSummary } from "../metrics/load_summary.ts";
import { renderTable, reportTable } from "../metrics/report_table.ts";
import { reportHtml } from "../metrics/report_html.ts";
import { reportJson } from "../metrics/report_json.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { withBrackets, WITNESS } from "./support/with_brackets.ts";
import { withIntervals, withoutIntervals } from "./support/with_intervals.ts";

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
Users, planned                    1
In flight, mean                   1                      1
In flight, max                    1

Latency            mean      min      p50      p90      p95      p99      max  samples
TTFT             100 ms   100 ms   100 ms   100 ms   100 ms   100 ms   100 ms      100
TPOT            10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms      100
ITL             10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms  10.0 ms      400
E2E              140 ms   140 ms   140 ms   140 ms   140 ms   140 ms   140 ms      100
Schedule delay     0 ms     0 ms     0 ms     0 ms     0 ms     0 ms     0 ms      100

Brackets     none: nothing tells how late this client's stamps may be
Sampling     none: 12 blocks, 20 are needed
Speed        one user p50 35.7, p90 35.7, p99 35.7 tokens/s, once tokens flow 100, 100, 100; busiest
             1 s 35 output tokens/s, 7 req/s
Found steady none: it takes 200 requests to find one, and 99 with a TTFT were sent while the load
             was full
Stalls       no gap of more than 100 ms (10 × the median ITL)
Tokens       prompt 1,000 (mean 10, max 10; usage), output 500 (mean 5, max 5; counter), 100 of 100
             answers as long as requested
Stream       1 token per tick, 1 read per token, 1 event per read
Connections  100 reused
Client       0.250 cores busy, timers late by 1.50 ms at p99, 80 MiB memory
Verdict      unknown: The client seemed to have time, but its error is not known: nothing tells how
             late its stamps may be

Answer
  1 user: 33.3 output tokens/s, TTFT p99 100 ms, ITL p99 10.0 ms.
  Read with care: nothing shows how exact the client was.
`;

Deno.test("reportTable prints one load in detail", () => {
  assertEquals(reportTable.render(withoutIntervals(known(ONE))), EXPECTED);
});

/** Metrics that were added since are further rows. */
function known(summary: Summary): Summary {
  const names = ["ttft", "tpot", "itl", "e2e", "schedule_delay"];
  const loads = summary.loads.map((load) => ({
    ...load,
    metrics: load.metrics.filter(({ name }) => names.includes(name)),
  }));
  return { ...summary, loads };
}

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
    const run = createRun([createRecord({})], { ends: [{ client: { kernelStampedReads } }] });
    return renderTable(summarize(run), { width: 100 }).replaceAll(/\s+/g, " ");
  };
  assertStringIncludes(text(1), "100 % of reads stamped by the kernel");
  assertMatch(text(0.5), / 50(\.0)? % of reads stamped by the kernel/);
});

const DOUBTED = `\
Throughput                whole run       client  sampling  steady       client  sampling
Requests/s                     6.67    6.46–6.77   6.0–7.4    6.60    6.39–6.70   5.9–7.3
Requests/min                    400                            396
Output tokens/s               33.33  33.13–33.44     30–37   33.33  33.13–33.44     30–37
Prompt + output tokens/s      100.0   99.8–100.1    90–110   100.0   99.8–100.1    90–110
Users, planned                    1
In flight, mean                   1                              1
In flight, max                    1
the steady window is from 0 ms to 14.8 s

Latency                mean          p50          p90          p95          p99      max  samples
TTFT               100.0 ms     100.0 ms     100.0 ms     100.0 ms     100.0 ms   100 ms      100
  client         99.8–100.1   99.8–100.1   99.8–100.1   99.8–100.1   99.8–100.1
  sampling           90–110       90–110       90–110       90–110       90–110
TPOT               10.00 ms     10.00 ms     10.00 ms     10.00 ms     10.00 ms  10.0 ms      100
  client         9.80–10.10   9.80–10.10   9.80–10.10   9.80–10.10   9.80–10.10
  sampling         9.0–11.0     9.0–11.0     9.0–11.0     9.0–11.0     9.0–11.0
ITL                10.00 ms     10.00 ms     10.00 ms     10.00 ms     10.00 ms  10.0 ms      400
  client         9.80–10.10   9.80–10.10   9.80–10.10   9.80–10.10   9.80–10.10
  sampling         9.0–11.0     9.0–11.0     9.0–11.0     9.0–11.0     9.0–11.0
E2E                140.0 ms     140.0 ms     140.0 ms     140.0 ms     140.0 ms   140 ms      100
  client        139.8–140.1  139.8–140.1  139.8–140.1  139.8–140.1  139.8–140.1
  sampling          126–154      126–154      126–154      126–154      126–154
Schedule delay         0 ms         0 ms         0 ms         0 ms         0 ms     0 ms      100
  client             0–0.10       0–0.10       0–0.10       0–0.10       0–0.10
  sampling              0–0          0–0          0–0          0–0          0–0

Brackets     client: the true figure at the client's host lies between; from what each stamp leaves
             open
Sampling     95 of 100 such intervals hold the figure of an endless load, not what differs from run
             to run; from 42 blocks of 280 ms
Witness      2 streams, 1,204 ticks: 99.9 % inside; 40 departures: 100 % inside
Speed`;

Deno.test("reportTable prints what is open about a rate beside it, of a latency below it", () => {
  const summary = withIntervals(withBrackets(known(ONE)));
  assertStringIncludes(renderTable(summary, { width: 100 }), DOUBTED);
});

Deno.test("reportTable keeps names and steady window where there is less room", () => {
  const text = renderTable(withIntervals(withBrackets(known(ONE))), { width: 80 });
  assertStringIncludes(
    text,
    `
Throughput                whole run       client  sampling  steady  sampling
Requests/s                     6.67    6.46–6.77   6.0–7.4    6.60   5.9–7.3
`,
  );
  const alone = renderTable(withoutIntervals(withBrackets(known(ONE))), { width: 80 });
  assertStringIncludes(
    alone,
    `
Throughput                whole run       client  steady       client
`,
  );
});

Deno.test("reportTable: good requests have an interval, too", () => {
  const records = Array.from({ length: 4 }, (_, index) => createRecord({ index }));
  const good = withIntervals(summarize(createRun(records), { slo: parseSlo("ttft:500") }));
  const text = renderTable(good).replaceAll(/\s+/g, " ");
  assertStringIncludes(text, "SLO 100 %, sampling 50.0–75.0 %, of offered requests are good");
  assertMatch(text, / Goodput, req\/s 28\.6 25–32 /);
});

Deno.test("reportTable brackets every figure where there is room, the median and the tail always", () => {
  const bracketed = (width: number, percentiles: readonly number[]) => {
    const summary = summarize(
      createRun(
        Array.from({ length: 1000 }, (_, index) => createRecord({ index, sentMs: index * 150 })),
      ),
      { percentiles },
    );
    const lines = renderTable(withBrackets(summary), { width }).split("\n");
    const heading = lines.findIndex((line) => line.startsWith("Latency "));
    for (const line of lines) assertLessOrEqual(line.length, width, line);
    return [
      lines[heading]!.split(/ +/).slice(1).join(" "),
      lines[heading + 2]!.match(/\d–\d/g)?.length,
    ];
  };
  assertEquals(bracketed(100, [50, 90, 99]), ["mean min p50 p90 p99 max samples", 4]);
  assertEquals(bracketed(100, [50, 75, 90, 95, 99, 99.9]), [
    "mean p50 p75 p90 p99 p99.9 max samples",
    3,
  ]);
  assertEquals(bracketed(80, [50, 90, 95, 99]), ["mean p50 p90 p99 max samples", 3]);
  assertEquals(bracketed(100, []), ["mean min max samples", 1]);
});

Deno.test("reportTable leaves no empty line below figures that do not exist", () => {
  const { loads, ...rest } = summarize(createRun([]));
  const text = renderTable(withBrackets({ ...rest, loads }));
  assertMatch(text, /\nTTFT .*\nTPOT .*\nITL .*\nE2E /);
});

Deno.test("reportTable says where brackets come from and what the witness saw", () => {
  const lines = (fields: Partial<LoadSummary>) =>
    renderTable(withBrackets(ONE, undefined, fields)).replaceAll(/\n {13}/g, " ").split("\n")
      .filter((line) => /^(Brackets|Witness) /.test(line));
  const { ticksInside: _, departuresInside: __, ...late } = WITNESS;
  const [, witness] = lines({ bracketBasis: "witness", witness: late });
  assertEquals(
    witness,
    "Witness      2 streams, 1,204 ticks: read late by 50 µs at p50, 900 µs at p99; " +
      "40 departures: late by 20 µs at p50, 400 µs at p99",
  );
  assertMatch(lines({ bracketBasis: "witness" })[0]!, /from how late the witness streams were/);
  const few = { ...WITNESS, ticks: 60, ticksInside: 60 };
  assertMatch(lines({ witness: few })[1]!, /60 ticks: 100 % inside; .*; too few ticks for a p99$/);
  const none = { bracketBasis: undefined, witness: undefined };
  assertEquals(lines({ ...none, witnessAbsent: "switched off (--no-witness)" }), [
    "Brackets     none: nothing tells how late this client's stamps may be",
    "Witness      none: switched off (--no-witness)",
  ]);
});

Deno.test("reportTable ends with a line per load, behind the details where they are asked for", () => {
  const labels = ["1 user", "1,024 users", "12.5 req/s poisson"];
  const headingOf = (lines: readonly string[]) =>
    lines.findIndex((line) => line.startsWith("Load "));
  for (const details of [false, true]) {
    const lines = renderTable(SEVERAL, { details }).split("\n");
    const heading = headingOf(lines);
    assertStringIncludes(lines[heading]!, "TTFT p50");
    for (const [i, label] of labels.entries()) {
      assert(lines[heading + 1 + i]!.startsWith(label), lines[heading + 1 + i]);
      const own = lines.indexOf(label);
      assertEquals(own >= 0 && own < heading, details, label);
    }
    assert(heading < lines.indexOf("Answer"));
    assertLessOrEqual(lines.findLastIndex((line) => line.startsWith("Warning:")), heading);
  }
  assertEquals(headingOf(reportTable.render(ONE).split("\n")), -1);
});

Deno.test("reportTable: a load's line has the bracket of its tail and the verdict", () => {
  const client = { loopLagP50Ms: 1, loopLagP99Ms: 2, loopLagMaxMs: 3 };
  const records = [0, 1].flatMap((load) =>
    Array.from({ length: 100 }, (_, index) => createRecord({ load, index }))
  );
  const plain = withoutIntervals(summarize(
    createRun(records, { loads: [{ label: "1 user" }, { label: "2 users" }], ends: [{ client }] }),
  ));
  const { loads, ...rest } = withBrackets(plain);
  const lines = (summary: Summary, width: number) =>
    renderTable(summary, { width }).split("\n").filter((line) =>
      /^(Load|[12] users?) .*\S/.test(line)
    );
  const summary = { ...rest, loads: [loads[0]!, plain.loads[1]!] };
  const [heading, first, second] = lines(summary, 100);
  assertMatch(heading!, /out tok\/s +steady +TTFT p50 +p99 +client +ITL p50 +p99 +verdict$/);
  assertMatch(first!, / 100\.0 ms +99\.8–100\.1 +10\.00 ms/);
  // Nothing is known of the second load.
  assertFalse(second!.includes("–"), second);
  assertMatch(lines(plain, 100)[0]!, / verdict$/);
  assertFalse(lines(plain, 100)[0]!.includes("client"));
  // The wider one is named in the heading, or in each row where loads differ.
  const chance = withIntervals({ ...rest, loads });
  assertMatch(lines(chance, 100)[0]!, / p99 +sampling +ITL/);
  assertMatch(lines(chance, 100)[1]!, / 100 ms +90–110 /);
  const mixed = { ...rest, loads: [loads[0]!, chance.loads[1]!] };
  const [named, one, two] = lines(mixed, 100);
  assertMatch(named!, / p99 +client or sampling /);
  assertMatch(one!, / client 99\.8–100\.1 /);
  assertMatch(two!, / sampling 90–110( |$)/);
  const page = renderTable(mixed);
  for (const note of ["client: TTFT's tail at", "sampling: what chance leaves open"]) {
    assertStringIncludes(page, note);
  }
});

Deno.test("reportTable stays within the width, its text within 100 columns, a line per load in 160", () => {
  for (const details of [false, true]) {
    for (const width of [40, 60, 80, 100, 120, 200]) {
      const lines = renderTable(withBrackets(SEVERAL), { width, details }).split("\n");
      const heading = lines.findIndex((line) => line.startsWith("Load "));
      for (const [i, line] of lines.entries()) {
        const most = i >= heading && i < heading + 4 ? 160 : 100;
        // A word is never cut.
        const within = line.length <= Math.min(width, most) || /^\S+$/.test(line.trim());
        assert(within || width < 60, line);
      }
      if (width === 200) assertMatch(lines[heading]!, /ITL p50 +p99 +E2E p50 +p99/);
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

Deno.test("success is a share of all offered requests in every report", () => {
  const run = createRun([
    ...[0, 1, 2].map((index) => createRecord({ index })),
    createFailure("dropped", { index: 3 }),
  ], { loads: [{ kind: "open", ratePerSec: 10, maxInFlight: 1, overflow: "drop" }] });
  const one = summarize(run);
  assertStringIncludes(renderTable(one), "3 of 4 completed, 0 failed, 1 dropped, success 75.0 %");
  const page = reportHtml.render(one);
  assertStringIncludes(page, "completed; success 75.0 %");
  assertStringIncludes(page, "1 never sent");
  for (const report of [reportTable, reportHtml]) {
    assertFalse(/success\s+100/.test(report.render(one)), report.name);
  }
  assertEquals(JSON.parse(reportJson.render(one)).loads[0].counts.successRate, 0.75);
});

Deno.test("reportTable shows failures and warnings with advice", () => {
  const text = renderTable(SEVERAL, { details: true });
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
  assertStringIncludes(renderTable(summary), "�[2Jgone next�1m");
});
