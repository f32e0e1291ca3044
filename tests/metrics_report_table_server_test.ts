import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { renderTable } from "../metrics/report_table.ts";
import type { Page } from "../metrics/report_table_page.ts";
import { serverLines, splitTableLines } from "../metrics/report_table_server.ts";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import {
  createEndpoint,
  createFigure,
  createPart,
  createServer,
  createServerSide,
  createSpeculation,
  createSplit,
  withServer,
} from "./support/create_server.ts";

const SHORT: Page = { paint: (_, text) => text, width: 100, tableWidth: 100 };
const PAGE: Page = { ...SHORT, details: true };
const PAINTED: Page = { ...PAGE, paint: (style, text) => `<${style}>${text}` };
const NOTHING = createServerSide({
  ...{ server: undefined, timeSplit: undefined, serverCounts: [], speculation: undefined },
});

Deno.test("a split is one line whose digits show the sum", () => {
  const line = (side = createServerSide()) =>
    serverLines({ ...side, server: undefined }, SHORT).join(" ");
  assertEquals(
    line(),
    "TTFT         120 ms = client 0.2 + network 0.8 + queue 80 + prefill 39",
  );
  const split = (ttftMs: number, ...parts: readonly number[]) => {
    const timeSplit = createSplit({ ttftMs, parts: parts.map((ms) => createPart("queue", ms)) });
    return line(createServerSide({ timeSplit })).replace("TTFT ", "").trim();
  };
  // A part too small for the digits of the others keeps its first one.
  assertEquals(split(12_345, 0.02, 12_345), "12.3 s = queue 0.02 + queue 12,345 ms");
  assertEquals(split(1.25, 0.0004, 1.25), "1.25 ms = queue 0 + queue 1.25");
  assertEquals(split(0.456, 0.02, 0.436), "456 µs = queue 20 + queue 436");
  // What is below zero is told, not clipped.
  assertEquals(split(10, 13.25, -3.25), "10.0 ms = queue 13.3 + queue −3.3");
  assertEquals(line(NOTHING), "");
});

Deno.test("without details the server takes two lines", () => {
  const side = createServerSide({
    serverCounts: [
      { what: "requests", server: 120, client: 120, others: false },
      { what: "output_tokens", server: 6010, client: 6000, others: false },
    ],
  });
  assertEquals(serverLines(side, { ...SHORT, width: 200 }), [
    "TTFT         120 ms = client 0.2 + network 0.8 + queue 80 + prefill 39",
    "Server       running 7.50 (max 8), waiting 2 (max 5), KV cache in use 42.0 % (max 61.0 %); " +
    "3 preemptions; requests as ours; output tokens not as ours; all of it with --details",
  ]);
});

Deno.test("details have a bar for each part, which begins where the one before it ended", () => {
  const lines = serverLines({ ...NOTHING, timeSplit: createSplit() }, PAGE);
  assertEquals(lines.slice(0, 5), [
    "Where TTFT goes    mean   client   share",
    "client           0.2 ms  0.1–0.3   0.2 %  ▏",
    "network          0.8 ms            0.7 %  ▏",
    "queue             80 ms           66.7 %  ████████████████████",
    "prefill           39 ms           32.5 %                      ██████████",
  ]);
  assertStringIncludes(
    lines.join(" ").replace(/\s+/g, " "),
    "means of both sides over the same time, 120 requests",
  );
});

Deno.test("a part below zero has a bar that goes back, and what is odd about it stands below", () => {
  const timeSplit = createSplit({
    basis: "requests",
    requests: 1,
    parts: [createPart("queue", 130), createPart("rest", -10)],
    remarks: ["the server's own times are longer than ours"],
  });
  const lines = serverLines({ ...NOTHING, timeSplit }, PAINTED);
  assertEquals(lines[2], `rest             −10 ms   −8.3 %  ${" ".repeat(28)}░░`);
  assertStringIncludes(lines.join("\n"), "of 1 answer that carried the server's times");
  assertEquals(
    lines.at(-1),
    "<yellow>             the server's own times are longer than ours",
  );
});

Deno.test("percentiles of the parts are shown where the answers carry times", () => {
  const timeSplit = createSplit({
    basis: "requests",
    parts: [
      createPart("queue", 80, { percentiles: [{ p: 50, valueMs: 70 }, { p: 99, valueMs: 200 }] }),
      createPart("prefill", 40, {
        percentiles: [{ p: 50, valueMs: 39 }, { p: 99, valueMs: undefined }],
      }),
      createPart("client", 0.4),
    ],
  });
  const [heading, queue, prefill, client] = serverLines({ ...NOTHING, timeSplit }, PAGE);
  assertEquals(heading, "Where TTFT goes    mean   share      p50     p99");
  assertStringIncludes(queue!, "80 ms  66.7 %  70.0 ms  200 ms  ████");
  assertStringIncludes(prefill!, "40 ms  33.3 %  39.0 ms     n/a");
  assertStringIncludes(client!, "0.4 ms   0.3 %                    ");
});

Deno.test("metrics of the server have the edges of the bucket below a percentile", () => {
  const text = serverLines(createServerSide(), PAINTED).join("\n");
  for (
    const line of [
      "<bold>Server               mean     max           p50       p99  values",
      "Requests running     7.50       8",
      "KV cache in use    42.0 %  61.0 %",
      "TTFT               119 ms                107 ms  > 476 ms     120",
      "<dim>  bucket                            95.2–119 ms",
      "<bold>Server counted  total  per second",
      "Preemptions         3       0.300",
    ]
  ) assertStringIncludes(text, line);
});

Deno.test("a value of a large unit and a small one keep the unit of each edge", () => {
  const figure = createFigure({
    ...{ role: "ttft", title: "TTFT", kind: "histogram", unit: "ms", count: 200 },
    percentiles: [{ p: 50, value: 1200, bucket: { low: 500, high: 2500 } }],
  });
  const server = createServer({ figures: [figure], others: [] });
  assertStringIncludes(serverLines({ ...NOTHING, server }, PAGE).join("\n"), "500 ms–2.50 s");
});

Deno.test("a percentile of too few values has neither number nor bucket", () => {
  const figure = createFigure({
    ...{ role: "ttft", title: "TTFT", kind: "histogram", unit: "ms", count: 35, mean: 700 },
    percentiles: [
      { p: 50, value: 738, bucket: { low: 500, high: 750 } },
      { p: 99, value: undefined, bucket: { low: 2500, high: undefined } },
    ],
  });
  const server = createServer({ figures: [figure], others: [] });
  assertEquals(serverLines({ ...NOTHING, server }, PAGE).slice(1, 3), [
    "TTFT      700 ms           738 ms  n/a      35",
    "  bucket               500–750 ms",
  ]);
});

Deno.test("what stayed at zero is named in one line, and positions stand under speculation", () => {
  const counter = (role: string, title: string, difference: number) =>
    createFigure({ role, title, kind: "counter", difference, perSec: difference });
  const server = createServer({
    figures: [
      counter("preemptions", "Preemptions", 0),
      counter("requests_done", "Requests done", 7),
      counter("drafts", "Drafts", 0),
      counter("accepted_at_position", "Accepted at a position", 5),
      createFigure({
        ...{ role: "ttft", title: "TTFT", kind: "histogram", unit: "ms", count: 0 },
        percentiles: [{ p: 50, value: undefined, bucket: undefined }],
      }),
    ],
    others: [],
    endpoints: [],
  });
  assertEquals(serverLines({ ...NOTHING, server }, PAGE), [
    "Server counted  total  per second",
    "Requests done       7           7",
    "",
    "At zero      Preemptions, Drafts, TTFT",
  ]);
});

Deno.test("metrics whose meaning is not known are shown on request", () => {
  const summary = withServer(summarize(createRun([createRecord()])));
  const short = renderTable(summary, { details: true });
  assertStringIncludes(short, "2 other metrics of the server: --all-server-metrics");
  assertFalse(short.includes("http_requests_total"));
  const all = renderTable(summary, { allServerMetrics: true });
  assertStringIncludes(all, "http_requests_total: counter, 1 before, 122 after, 121 added");
  assertStringIncludes(all, 'process_open_fds{pid="1"}: gauge, 30 before, 31 after');
  assertFalse(all.includes("--all-server-metrics"));
  const long = createServer({
    figures: [],
    others: [{
      ...{ name: 'a_metric{engine="0",model_name="some model"}', type: "histogram" },
      ...{ first: undefined, last: undefined, difference: 0.25 },
    }],
  });
  const narrow = { ...PAGE, width: 32, allServerMetrics: true };
  assertEquals(serverLines({ ...NOTHING, server: long }, narrow).slice(-4), [
    "Other metrics of the server",
    'a_metric{engine="0",',
    '  model_name="some model"}:',
    "  histogram, 0.250 added",
  ]);
});

Deno.test("failed scrapes, slow ones and counters that began anew are told", () => {
  const server = createServer({
    figures: [],
    others: [],
    endpoints: [
      createEndpoint({ failed: 2, failure: "HTTP 500", slowestMs: 30_000 }),
      createEndpoint({ url: "http://b/metrics", resets: 1, engine: undefined }),
      createEndpoint({
        ...{ url: "http://c/metrics", scrapes: 0, failed: 12, failure: "connection refused" },
        ...{ slowestMs: undefined, window: undefined, engine: undefined },
      }),
    ],
  });
  const lines = serverLines({ ...NOTHING, server }, PAINTED);
  assert(lines.every((line) => line.startsWith("<yellow>")));
  const text = lines.join(" ").replace(/<yellow>/g, "").replace(/\s+/g, " ");
  assertEquals(
    text,
    "Scraped http://127.0.0.1:8000/metrics (vllm): read 11 times from −3.00 ms to 10.0 s; the slowest " +
      "answer took 30.0 s; 2 scrapes failed, the last: HTTP 500 " +
      "Scraped http://b/metrics: read 11 times from −3.00 ms to 10.0 s; the slowest answer took 4.20 ms; " +
      "1 counter began anew: the server, or a part of it, started again " +
      "Scraped http://c/metrics: never read; 12 scrapes failed, the last: connection refused",
  );
});

Deno.test("counts that differ are beside ours, and somebody else is named", () => {
  const side = createServerSide({
    serverCounts: [
      { what: "requests", server: 150, client: 120, others: true },
      { what: "cached_tokens", server: 64, client: 64, others: false },
    ],
  });
  const text = serverLines({ ...side, server: undefined }, PAGE).join(" ").replace(/\s+/g, " ");
  assertStringIncludes(
    text,
    "Counts requests 150 (ours 120), cached prompt tokens 64 on both sides; someone else uses this server",
  );
});

Deno.test("an estimate of our own is named so", () => {
  const text = (fields: Parameters<typeof createSpeculation>[0]) =>
    serverLines({ ...NOTHING, speculation: createSpeculation(fields) }, PAGE).join(" ")
      .replace(/\s+/g, " ");
  assertEquals(
    text({}),
    "Speculation 2.40 tokens a step by the server's counters, 46.7 % of guessed tokens accepted, by " +
      "position 80.0 %, 40.0 %, 20.0 %, our estimate beside it: 2.35 tokens per tick, 70.0 % of ticks " +
      "with more than one token",
  );
  assertEquals(
    text({
      ...{ basis: "ticks", acceptance: undefined, byPosition: [], joinedTicks: undefined },
    }),
    "Speculation 2.40 tokens a step our estimate, tokens per tick",
  );
});

Deno.test("several loads have a row each, with the parts that any of them has", () => {
  const summary = withServer(
    summarize(createRun([createRecord(), createRecord({ load: 1 }), createRecord({ load: 2 })], {
      loads: [{ label: "1 user" }, { label: "8 users" }, { label: "16 users" }],
    })),
    createServerSide(),
    createServerSide({
      timeSplit: createSplit({
        ttftMs: 900,
        parts: [createPart("connect", 1), createPart("queue", 899)],
      }),
    }),
    NOTHING,
  );
  assertEquals(splitTableLines(summary.loads, PAGE), [
    "Where TTFT goes  TTFT mean  client  connect  network   queue  prefill",
    "1 user              120 ms  0.2 ms            0.8 ms   80 ms    39 ms",
    "8 users             900 ms             1 ms           899 ms",
  ]);
  assertEquals(splitTableLines([], PAGE), []);
});

Deno.test("nothing is said of a server that says nothing", () => {
  assertEquals(serverLines(NOTHING, PAGE), []);
  const plain = summarize(createRun([createRecord()]));
  assertEquals(renderTable(withServer(plain, NOTHING)), renderTable(plain));
});

Deno.test("labels and messages of the server do not control the terminal", () => {
  const name = 'evil\x1b[2J\n{a="b"}';
  const server = createServer({
    endpoints: [createEndpoint({ failed: 1, failure: `refused\x1b]0;x\x07` })],
    others: [{ name, type: "gauge\x9b", first: 1, last: 1, difference: undefined }],
  });
  const summary = withServer(summarize(createRun([createRecord()])), createServerSide({ server }));
  const text = renderTable(summary, { allServerMetrics: true });
  // deno-lint-ignore no-control-regex
  assertFalse(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/.test(text));
  assertStringIncludes(text, 'evil�[2J {a="b"}');
});
