import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { serverSection, timeSplitSection } from "../metrics/html_server.ts";
import { reportHtml } from "../metrics/report_html.ts";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import {
  createEndpoint,
  createFigure,
  createPart,
  createServer,
  createServerSide,
  createSplit,
  type ServerSide,
  withServer,
} from "./support/create_server.ts";
import { textOf } from "./support/html_text.ts";

const NOTHING = createServerSide({
  ...{ server: undefined, timeSplit: undefined, serverCounts: [], speculation: undefined },
});

/** A run of so many loads. */
function summaryOf(loads: number) {
  const records = Array.from({ length: loads }, (_, load) => createRecord({ load }));
  const plans = records.map((_, i) => ({ label: `${2 ** i} users` }));
  return summarize(
    createRun(records, { loads: plans, ends: plans.map(() => ({ durationMs: 10_000 })) }),
  );
}

function sectionOf(side: ServerSide): string {
  const { loads: [load] } = withServer(summaryOf(1), side);
  return serverSection(load!, { id: "load-1" }).toString();
}

Deno.test("the page shows where the time goes, the server's metrics and its counts", () => {
  const text = textOf(sectionOf(createServerSide()));
  for (
    const part of [
      "Where the time to the first token goes Means of both sides over the same time, 120 requests",
      "client 0.2 ms 0.1–0.3 0.2 %",
      "queue 80 ms 66.7 %",
      "The server over time",
      "Requests running 7.50 8",
      "TTFT 119 ms 107 ms in 95.2–119 ms > 476 ms 120",
      "interpolated inside of a bucket",
      "Preemptions 3 0.300",
      "Requests 120 120 none",
      "Tokens of a step 2.40, by the server's counters",
      "Accepted at position 3 20.0 %",
      "Our estimate, tokens per tick 2.35",
      "Scraped http://127.0.0.1:8000/metrics (vllm): read 11 times",
      "2 metrics of the server whose meaning is not known",
    ]
  ) assertStringIncludes(text, part);
});

Deno.test("nothing is shown of a server that says nothing", () => {
  assertEquals(sectionOf(NOTHING), "");
  assertEquals(timeSplitSection(withServer(summaryOf(2), NOTHING)).toString(), "");
  const plain = summaryOf(2);
  assertEquals(reportHtml.render(withServer(plain, NOTHING)), reportHtml.render(plain));
});

Deno.test("each part of a server's side stands without the others", () => {
  const full = createServerSide();
  for (const name of ["server", "timeSplit", "serverCounts", "speculation"] as const) {
    const text = textOf(sectionOf({ ...NOTHING, [name]: full[name] }));
    assertEquals(text.includes("The server’s own side"), name !== "timeSplit", name);
    assertEquals(text.includes("Where the time"), name === "timeSplit");
    assertEquals(text.includes("Scraped"), name === "server");
    assertEquals(text.includes("Counts of both sides"), name === "serverCounts");
    assertEquals(text.includes("Speculative decoding"), name === "speculation");
  }
});

Deno.test("a missing endpoint, failed scrapes, resets and somebody else are told", () => {
  const server = createServer({
    figures: [],
    others: [],
    course: { timeMs: [], lines: [] },
    endpoints: [
      createEndpoint({ scrapes: 0, failed: 10, failure: "HTTP 404", window: undefined }),
      createEndpoint({ url: "http://b:8000/metrics", resets: 2, slowestMs: 30_000 }),
    ],
  });
  const page = sectionOf(createServerSide({
    server,
    serverCounts: [{ what: "requests", server: 150, client: 120, others: true }],
  }));
  const text = textOf(page);
  assertStringIncludes(
    text,
    "never read; the slowest answer took 4.20 ms; 10 scrapes failed, the last: HTTP 404",
  );
  assertStringIncludes(text, "the slowest answer took 30.0 s; 2 counters began anew");
  assertStringIncludes(text, "Someone else uses this server");
  assertStringIncludes(text, "Requests 150 120 +30");
  assertEquals([...page.matchAll(/class="note warn"/g)].length, 3);
  assertFalse(text.includes("Metrics of the server"));
});

Deno.test("a remainder below zero is drawn and told", () => {
  const page = sectionOf(createServerSide({
    timeSplit: createSplit({
      parts: [createPart("queue", 130), createPart("rest", -10)],
      remarks: ["the server's times are longer than ours"],
    }),
  }));
  assertStringIncludes(page, 'class="piece rest below"');
  assertStringIncludes(textOf(page), "rest −10 ms −8.3 %");
  assertStringIncludes(textOf(page), "The server's times are longer than ours.");
});

Deno.test("parts without percentiles stand beside those that have some", () => {
  const percentiles = [{ p: 50, valueMs: 70 }, { p: 99, valueMs: undefined }];
  const timeSplit = createSplit({
    basis: "requests",
    parts: [createPart("client", 0.5), createPart("queue", 119.5, { percentiles })],
  });
  const page = sectionOf({ ...NOTHING, timeSplit });
  const cells = [...page.matchAll(/<tr>([^]*?)<\/tr>/g)]
    .map(([, row]) => [...row!.matchAll(/<t[hd][ >]/g)].length);
  assertEquals(cells, [5, 5, 5]);
  assertStringIncludes(textOf(page), "queue 120 ms 99.6 % 70.0 ms n/a");
});

Deno.test("labels, names and messages of a server are text", () => {
  const nasty = `</details><script>alert(1)</script>"'<b onclick=x>\x1b[2J\u202e`;
  const server = createServer({
    endpoints: [createEndpoint({ url: nasty, engine: nasty, failed: 1, failure: nasty })],
    figures: [
      createFigure({ role: "running", title: nasty, kind: "gauge", names: [nasty], mean: 1 }),
    ],
    others: [{ name: nasty, type: nasty, first: 1, last: 2, difference: 1 }],
    course: {
      timeMs: [0, 10_000],
      lines: [{ role: "running", title: nasty, unit: nasty, values: [1, 2] }],
    },
  });
  const page = sectionOf(createServerSide({
    server,
    timeSplit: createSplit({ remarks: [nasty] }),
  }));
  // deno-lint-ignore no-control-regex
  assertFalse(/<script|<b onclick|\x1b|\u202e/.test(page));
  assertStringIncludes(page, "&#60;script&#62;");
});

Deno.test("many metrics of unknown meaning are counted, the first are listed", () => {
  const others = Array.from({ length: 500 }, (_, i) => ({
    ...{ name: `metric_${i}`, type: "gauge", first: i, last: undefined, difference: undefined },
  }));
  const page = sectionOf(createServerSide({ server: createServer({ figures: [], others }) }));
  assertEquals([...page.matchAll(/metric_\d+</g)].length, 200);
  assertStringIncludes(textOf(page), "300 more in report.json");
  assertStringIncludes(
    textOf(page),
    "500 metrics of the server whose meaning is not known: none of its names is known",
  );
});

Deno.test("across loads there is a bar for each that knows where its time went", () => {
  assertEquals(timeSplitSection(withServer(summaryOf(1))).toString(), "");
  const summary = withServer(
    summaryOf(3),
    createServerSide(),
    NOTHING,
    createServerSide({
      timeSplit: createSplit({
        ttftMs: 900,
        parts: [createPart("connect", 1), createPart("queue", 899)],
      }),
    }),
  );
  const page = timeSplitSection(summary).toString();
  const text = textOf(page);
  assertStringIncludes(text, "Load TTFT, mean client connect network queue prefill");
  assertStringIncludes(text, "4 users 900 ms 1 ms 899 ms");
  assertStringIncludes(text, "The server does not tell it of 1 load.");
  assertEquals([...page.matchAll(/class="label"/g)].length, 2);
  assertStringIncludes(textOf(reportHtml.render(summary)), "Where the time goes");
});

Deno.test("of very many loads the chart has some, the table all", () => {
  const page = timeSplitSection(withServer(summaryOf(30))).toString();
  assertEquals([...page.matchAll(/class="label"/g)].length, 24);
  assertEquals([...page.matchAll(/<th scope="row">/g)].length, 30);
  assertStringIncludes(textOf(page), "The chart has 24 of 30 loads.");
});

Deno.test("the page stays whole with a server's side", () => {
  const page = reportHtml.render(withServer(summaryOf(2)));
  const ids = [...page.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  assertEquals(ids.length, new Set(ids).size, "ids are unique");
  assert(ids.includes("load-2-split-t") && ids.includes("load-2-server-t"));
  const body = page.replace(/<(style|script)>[^]*?<\/\1>/g, "");
  assertFalse(/NaN|Infinity|\bundefined\b|\[object|>null</.test(body));
});
