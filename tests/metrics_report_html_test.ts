import {
  assert,
  assertEquals,
  assertFalse,
  assertLess,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { escapeHtml, markup } from "../metrics/markup.ts";
import { PAGE_SCRIPT, PAGE_SCRIPT_SHA256 } from "../metrics/html_script.ts";
import { CHART_STYLE, CHART_STYLE_SHA256 } from "../metrics/chart_style.ts";
import { PAGE_STYLE, PAGE_STYLE_SHA256 } from "../metrics/html_style.ts";
import { METRICS } from "../metrics/metrics.ts";
import { reportHtml } from "../metrics/report_html.ts";
import type { LoadPlan, Run } from "../metrics/run.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { summarize, type SummaryOptions } from "../metrics/summary.ts";
import { createFailure, createRecord, type RecordFields } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";
import { createSessionsRun } from "./support/create_sessions.ts";
import { textOf } from "./support/html_text.ts";
import { withBrackets } from "./support/with_brackets.ts";
import { withIntervals, withoutIntervals } from "./support/with_intervals.ts";

function render(run: Run, options: SummaryOptions = {}): string {
  return reportHtml.render(withoutIntervals(summarize(run, options)));
}

/** `count` requests in a row, 150 ms each, TTFT 100 ms, four gaps of 10 ms. */
function requests(count: number, fields: RecordFields = {}) {
  return Array.from(
    { length: count },
    (_, index) => createRecord({ index, sentMs: index * 150, endMs: index * 150 + 150, ...fields }),
  );
}

const HEALTHY = createRun(requests(120));

/** A page that a strict reader accepts: every tag closed in order, every attribute quoted. */
function assertWellFormed(page: string): void {
  const empty = new Set(["meta", "line", "path", "circle", "rect"]);
  const markup = page.replace(/^<!doctype html>/, "")
    .replace(/<(style|script)>[^]*?<\/\1>/g, "");
  const open: string[] = [];
  const rest = markup.replace(
    /<(\/?)([a-z][a-z0-9]*)((?: [a-zA-Z][a-zA-Z0-9-]*(?:="[^"<>]*")?)*)(\/?)>/g,
    (_, slash, name, _attributes, self) => {
      if (slash === "/") assertEquals(open.pop(), name);
      else if (self === "" && !empty.has(name)) open.push(name);
      return "";
    },
  );
  assertEquals(open, []);
  const stray = rest.search(/[<>]/);
  assert(stray < 0, `a stray tag: ${rest.slice(Math.max(0, stray - 80), stray + 80)}`);
  const ids = [...markup.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  assertEquals(ids.length, new Set(ids).size, "ids are unique");
  for (const [, list] of markup.matchAll(/(?:href="#|aria-labelledby=")([^"]*)"/g)) {
    for (const id of list!.split(" ")) assert(ids.includes(id), `#${id} is nowhere`);
  }
}

/** No number that does not exist, in text or drawing. */
function assertNumbers(page: string): void {
  const body = page.replace(/<(style|script)>[^]*?<\/\1>/g, "");
  assertFalse(/NaN|Infinity|\bundefined\b|\[object|>null</.test(body));
}

const PAGES: Readonly<Record<string, () => string>> = {
  "one load": () => render(HEALTHY),
  "several loads": () => render(several(4, 40)),
  "no load": () => render(createRun([], { loads: [] })),
  "no request": () => render(createRun([])),
  "one request": () => render(createRun([createRecord()])),
  "one token": () => render(createRun([createRecord({ ticks: [[100, 1]] })])),
  "only failures": () =>
    render(createRun([
      createFailure("connect_error", { message: "refused" }),
      createFailure("dropped", { index: 1, intendedMs: 5 }),
      createFailure("cancelled", { index: 2, sentMs: 5 }),
    ])),
  "failures that take no time": () => render(createRun([createFailure("timeout", { afterMs: 0 })])),
  "stamps that are zero": () =>
    render(createRun([createRecord({ ticks: [[0, 1], [0, 2]] })], { ends: [{ durationMs: 0 }] })),
  "a day": () => render(createRun([createRecord({ ticks: [[60_000, 1], [86_500_000, 2]] })])),
  "a microsecond": () => render(createRun([createRecord({ ticks: [[0.0004, 1], [0.001, 2]] })])),
  "no percentile": () => render(HEALTHY, { percentiles: [] }),
  "one percentile, several loads": () => render(several(3, 20), { percentiles: [99.9] }),
  "a load without an end": () => render({ ...HEALTHY, ends: [] }),
  "an open loop": () => render(open()),
  "sessions": () => render(createSessionsRun()),
  "sessions without a request": () => render({ ...createSessionsRun(), records: [] }),
  "sessions whose ends are unknown": () => render({ ...createSessionsRun(), sessions: [] }),
  "a recorded schedule": () =>
    render(open({ loads: [{ kind: "open", replay: "schedule", speedup: 20, arrival: "trace" }] })),
  "stages and classes": () => render(staged()),
  "unequal loads": () =>
    render(createRun([...requests(30), createFailure("timeout", { load: 1 })], {
      loads: [{}, { label: "8 req/s poisson", kind: "open", ratePerSec: 8 }, {}],
    })),
};

for (const [name, page] of Object.entries(PAGES)) {
  Deno.test(`reportHtml writes a whole page with ${name} (T13, T14)`, () => {
    assertWellFormed(page());
    assertNumbers(page());
  });
}

function several(loads: number, count: number): Run {
  const plans: Partial<LoadPlan>[] = Array.from(
    { length: loads },
    (_, i) => ({ label: `${2 ** i} users`, users: 2 ** i }),
  );
  const records = plans.flatMap((_, load) =>
    Array.from({ length: count }, (_, index) => {
      const sentMs = index * 20;
      const gap = 5 + load + index % 7;
      const ticks = Array.from({ length: 20 }, (_, i) => [sentMs + 50 + i * gap, i + 1] as const);
      return index % 10 === 9
        ? createFailure("http_error", { load, index, sentMs, message: `overloaded ${index}` })
        : createRecord({ load, index, sentMs, ticks });
    })
  );
  return createRun(records, { loads: plans });
}

/** Two stages of 9 s, and requests of two classes. */
function staged(): Run {
  const stage = { fromPerSec: 6, toPerSec: 7, durationMs: 9000 };
  const records = requests(120).map((record, i) => ({
    ...record,
    stage: record.sentMs! < 9000 ? 0 : 1,
    class: i % 3 === 0 ? "<code>" : "chat",
  }));
  return createRun(records, {
    header: { classes: [{ name: "chat", weight: 2 }, { name: "<code>", weight: 1 }] },
    loads: [{ label: "2 stages", kind: "open", arrival: "poisson", stages: [stage, stage] }],
  });
}

Deno.test("reportHtml shows what was due beside what was sent, by stage and over time", () => {
  const page = render(staged());
  assertStringIncludes(page, "Requests sent/s (dashed: due)");
  assertStringIncludes(page, "Requests per second, due, sent and completed, by stage");
  const text = textOf(page);
  assertStringIncludes(text, "1: 6–7/s, 9.00 s 60 0");
  assertStringIncludes(text, "stages 6–7/s, 9.00 s, 6–7/s, 9.00 s");
  assertStringIncludes(text, "By class");
  assertFalse(textOf(render(HEALTHY)).includes("dashed: due"));
});

Deno.test("reportHtml tells how sessions went, and what they were to be", () => {
  const text = textOf(render(createSessionsRun()));
  for (
    const part of [
      ...["Sessions in their slots", "By turn", "By prompt tokens", "Sessions/h"],
      ...["Ended by a failed request 1", "Ended by a context too long 1", "Turns not sent"],
      ...["Cached share, perfect cache", "Cached share in the file's order 93.0 %"],
      ...["Format weka", "Longest pause 60.0 s", "History in prompts the recorded answers"],
      "Salt a new one per session",
      "Sessions 5 of 8 done; ",
      "2 ended early",
      "1 cut by the end of the load",
      "Prompt tokens cached",
    ]
  ) assertStringIncludes(text, part);
  for (const part of ["Sessions in", "By turn", "Sessions/h", "Salt", "Recording"]) {
    assertFalse(textOf(render(HEALTHY)).includes(part), part);
  }
});

function open(fields: RunFields = {}): Run {
  return createRun(requests(120).map((record) => ({ ...record, intendedMs: record.sentMs! - 0 })), {
    loads: [{ label: "6.67 req/s constant", kind: "open", ratePerSec: 6.67, arrival: "constant" }],
    ...fields,
  });
}

Deno.test("reportHtml fetches nothing and allows nothing but its own style and script", async () => {
  const page = render(several(2, 120));
  const body = page.replace(/http:\/\/www\.w3\.org\/2000\/svg/g, "");
  assertFalse(/<(img|link|iframe|object|embed|base|form|audio|video|use|image)\b/.test(body));
  assertFalse(/\b(src|srcset|action|poster|xlink:href)=/.test(body));
  assertFalse(/url\(|@import|@font-face|image-set/.test(body));
  assertFalse(/\bfetch\(|XMLHttpRequest|WebSocket|sendBeacon|\bimport\b/.test(PAGE_SCRIPT));
  for (const [, target] of body.matchAll(/href="([^"]*)"/g)) assertEquals(target![0], "#");
  assertFalse(/ on[a-z]+="| style="/.test(body), "the policy would block it");
  const policy = /Content-Security-Policy" content="([^"]*)"/.exec(page)![1]!;
  assertStringIncludes(policy, "default-src 'none';");
  for (const kind of ["style", "script"]) {
    const blocks = [...page.matchAll(new RegExp(`<${kind}>([^]*?)</${kind}>`, "g"))];
    const hashes = await Promise.all(blocks.map(([, text]) => sha256(text!)));
    assertStringIncludes(
      policy,
      `${kind}-src ${hashes.map((hash) => `'sha256-${hash}'`).join(" ")};`,
    );
  }
});

Deno.test("PAGE_STYLE and PAGE_SCRIPT have the hashes that are written beside them", async () => {
  assertEquals(await sha256(CHART_STYLE), CHART_STYLE_SHA256);
  assertEquals(await sha256(PAGE_STYLE), PAGE_STYLE_SHA256);
  assertEquals(await sha256(PAGE_SCRIPT), PAGE_SCRIPT_SHA256);
});

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return new Uint8Array(digest).toBase64();
}

const NASTY =
  `</title></style></script><script>alert(1)</script>"'\`&<b onclick=x>\x00\x1b[2J\u202e`;

Deno.test("reportHtml escapes every text that comes from a server or a file", () => {
  const { header } = HEALTHY;
  const run = createRun([
    ...requests(30, { user: 3 }),
    createFailure("engine_error", { index: 30, message: NASTY }),
    createFailure("http_error", { index: 31, message: NASTY }),
    createRecord({ load: 1 }),
  ], {
    loads: [{ label: NASTY }, { label: `${NASTY} 2` }],
    header: {
      version: NASTY,
      startedAt: NASTY,
      scenario: NASTY,
      commandLine: ["bench", NASTY],
      options: { [NASTY]: NASTY, other: { markup: NASTY, list: [NASTY] } },
      url: NASTY,
      protocol: NASTY,
      transport: NASTY,
      model: NASTY,
      dataset: {
        ...header.dataset,
        kind: NASTY,
        source: NASTY,
        sha256: NASTY,
        skipped: { [NASTY]: 2 },
      },
      tokenizer: { source: "tokenizer", name: NASTY },
      environment: { ...header.environment, cpu: NASTY, hostname: NASTY, osRelease: NASTY },
    },
  });
  const page = render(run);
  assertWellFormed(page);
  assertEquals(page.match(/<script>/g)?.length, render(HEALTHY).match(/<script>/g)?.length);
  assertFalse(page.includes("<b onclick"));
  // deno-lint-ignore no-control-regex
  assertFalse(/[\x00-\x08\x0b-\x1f\x7f-\x9f\u202e]/.test(page));
  assertStringIncludes(textOf(page), "</script><script>alert(1)</script>\"'`&<b onclick=x>��[2J�");
});

Deno.test("markup escapes text, numbers and lists, and knows its own", () => {
  const inner = markup`<i>${"a < b"}</i>`;
  assertEquals(
    markup`<p title="${'"x"'}">${[inner, "&", 5]}${undefined}${false}</p>`.toString(),
    '<p title="&#34;x&#34;"><i>a &#60; b</i>&#38;5</p>',
  );
  assertEquals(markup`${NaN} ${Infinity}`.toString(), "n/a n/a");
  // A record file can hold any object; none of them is markup.
  const forged = { toString: () => "<script>", markup: "<script>" } as unknown as string;
  assertFalse(markup`${forged}`.toString().includes("<"));
});

Deno.test("escapeHtml escapes what has a meaning, and shows control characters", () => {
  assertEquals(escapeHtml(`<a href='x'>\x1b`), "&#60;a href=&#39;x&#39;&#62;�");
});

Deno.test("reportHtml says in its first lines what was measured", () => {
  const text = textOf(render(HEALTHY));
  for (
    const part of [
      "tiny",
      "http://127.0.0.1:8000",
      "openai-completions",
      "2026-01-02 03:04:05 UTC",
      "synthetic, 100 prompts",
      "forced lengths",
    ]
  ) assertLess(text.indexOf(part), 300, part);
});

Deno.test("reportHtml gives key numbers in cards for one load, in a table for several", () => {
  const one = textOf(render(HEALTHY, { slo: parseSlo("ttft:100") }));
  assertStringIncludes(one, "TTFT p50 100 ms p90 100 ms · p99 100 ms");
  assertStringIncludes(one, "Goodput 6.67 req/s 100 % of offered requests met every limit");
  const two = createRun([...requests(120), ...requests(120, { load: 1 })], {
    loads: [{ label: "1 user" }, { label: "2 users", users: 2 }],
  });
  const page = render(two);
  assertStringIncludes(page, '<th scope="col" class="right first">p50</th>');
  assertStringIncludes(page, '<th scope="colgroup" colspan="3" class="group">TTFT (ms)</th>');
  assertStringIncludes(
    textOf(page),
    "1 user 120 0 100 % 6.67 33.3 6.61 33.3 100 100 100 10 10 10 10 10 10 140 140 140",
  );
  assertFalse(render(HEALTHY).includes("Throughput against latency"));
  assertStringIncludes(page, "Throughput against latency");
});

Deno.test("reportHtml gives open loops from sent and from the intended time", () => {
  const run = open();
  const late = {
    ...run,
    records: run.records.map((one) => ({ ...one, intendedMs: one.sentMs! - 7 })),
  };
  assertStringIncludes(textOf(render(late)), "from the intended time: p50 107 ms");
});

Deno.test("reportHtml prints n/a for what does not exist, never 0 (T13, T14)", () => {
  const text = textOf(render(createRun([])));
  assertStringIncludes(text, "TTFT p50 n/a p90 n/a · p99 n/a");
  assertStringIncludes(text, "success n/a");
  // p99 needs 100 values; nine say nothing about it.
  assertStringIncludes(textOf(render(createRun(requests(20)))), "p90 100 ms · p99 n/a");
});

Deno.test("reportHtml leads with what is wrong, and says so when nothing is", () => {
  assertMatch(textOf(render(HEALTHY)), /All \d+ checks passed/);
  const bad = summarize(createRun([...requests(120), createFailure("timeout", { index: 120 })]));
  // The contents name all parts.
  const text = textOf(reportHtml.render(bad).replace(/<nav[^]*<\/nav>/, ""));
  for (const { message, advice } of bad.loads[0]!.checks.filter(({ ok }) => !ok)) {
    assertStringIncludes(text, message);
    assertStringIncludes(text.toLowerCase(), advice!.toLowerCase());
  }
  assertLess(text.indexOf("Read before using the numbers"), text.indexOf("Key numbers"));
});

Deno.test("reportHtml puts brackets, witness and verdict beside the results", () => {
  const client = { cpuCores: 0.1, loopLagP50Ms: 1, loopLagP99Ms: 2, loopLagMaxMs: 3 };
  const records = requests(120);
  const summary = withBrackets(
    withoutIntervals(summarize(createRun(records, { ends: [{ client }] }))),
  );
  const page = reportHtml.render(summary);
  assertWellFormed(page);
  assertNumbers(page);
  const text = textOf(page);
  assertStringIncludes(
    text,
    "TTFT p50 100.0 ms client 99.8–100.1 p90 100.0 ms client 99.8–100.1 p99 100.0 ms client 99.8–100.1 TPOT",
  );
  assertStringIncludes(
    text,
    "Requests/s 6.67 client 6.46–6.77 whole run; steady window 6.61 client 6.41–6.72",
  );
  assertStringIncludes(text, "client: the true figure at the client's host lies between.");
  assertStringIncludes(text, "from what each stamp leaves open.");
  assertStringIncludes(text, "Witness: 2 streams, 1,204 ticks: 99.9 % inside;");
  assertStringIncludes(
    text,
    "Ticks compared 1,204, 99.9 % inside Departures compared 40, 100 % inside",
  );
  assertStringIncludes(text, "Requests sent late, p50 · p99 · max 20 µs · 400 µs · 400 µs");
  assertFalse(page.includes("±"));
  const twice = withBrackets(
    withoutIntervals(summarize(createRun([...records, ...requests(120, { load: 1 })], {
      loads: [{}, { label: "again" }],
      ends: [{ client }, {}],
    }))),
  );
  const plain = withoutIntervals(summarize(createRun(requests(120))));
  const loads = [twice.loads[0]!, plain.loads[0]!];
  const several = reportHtml.render({ ...twice, loads });
  assertWellFormed(several);
  assertStringIncludes(several, '<td class="right first"><b class="warn">unknown</b></td>');
  assertStringIncludes(several, 'colspan="3" class="group">TTFT (ms)</th>');
  assertStringIncludes(
    textOf(several),
    "p50 p99 open for the client not certain numbers beside points: users",
  );
  // Of the second load nothing is known.
  assertStringIncludes(textOf(several), "n/a 100 100 100 10 10 10");
  assertStringIncludes(textOf(several), " 100.0 (99.8–100.1) 100.0 (99.8–100.1) 100.0 ");
  assertFalse(render(createRun(records)).includes("The client's part"));
});

Deno.test("reportHtml puts each bracket beside its own percentile, in cards and in charts", () => {
  const records = Array.from({ length: 100 }, (_, i) => {
    const sentMs = 200 * i;
    return createRecord({ index: i, sentMs, ticks: [[sentMs + i + 1, 1], [sentMs + i + 11, 2]] });
  });
  const width = { below: 0.4, above: 0.2 };
  const summary = withBrackets(withoutIntervals(summarize(createRun(records))), width);
  const page = reportHtml.render(summary);
  const expected =
    "p50 50.5 ms client 50.1–50.7 p90 90.1 ms client 89.7–90.3 p99 99.0 ms client 98.6–99.3";
  assertEquals(textOf(page).split(`TTFT ${expected}`).length, 3, "a card and a chart");
  assertStringIncludes(
    page,
    `100 values from 1.00 ms to 100 ms: ${
      expected.replaceAll(" client", ", client").replaceAll(/ p(9\d)/g, "; p$1")
    }`,
  );
  const empty = textOf(reportHtml.render(withBrackets(summarize(createRun([])))));
  assertFalse(empty.includes("Brackets:"));
});

Deno.test("reportHtml tells what chance leaves open under a name of its own, in cards and charts", () => {
  const run = createRun([...requests(120), ...requests(120, { load: 1 })], {
    loads: [{}, { label: "again" }],
  });
  const both = withIntervals(withBrackets(summarize(run, { slo: parseSlo("ttft:500") })));
  const page = reportHtml.render(both);
  assertWellFormed(page);
  assertNumbers(page);
  const text = textOf(page);
  // The wider one in the overview, both in the table of metrics.
  assertStringIncludes(text, "TTFT p50 100 ms sampling 90–110 p90 100 ms sampling 90–110");
  assertStringIncludes(text, " 100 % [50.0–75.0 %] 100 [90–110] 100 [90–110]");
  assertStringIncludes(
    text,
    "[low–high] sampling: what chance leaves open; differences from run to run are not in it. " +
      "The wider of the two is shown.",
  );
  assertStringIncludes(text, "TTFT 100.0 ms client 99.8–100.1 sampling 90–110");
  assertStringIncludes(text, "Goodput, req/s 6.67 sampling 6.0–7.4");
  assertStringIncludes(text, "differences from run to run are not in it");
  assertStringIncludes(text, "open for the client open by sampling");
  assertStringIncludes(text, "not what differs from run to run; from 42 blocks of 280 ms");
  assert(page.includes('class="chance rank0"') && page.includes('class="whisker rank0"'));
  const none = textOf(reportHtml.render(withoutIntervals(both)));
  assertStringIncludes(none, "Sampling: none: 12 blocks, 20 are needed.");
  assertFalse(/sampling \d|\[\d+[–.]/.test(none));
});

Deno.test("reportHtml says why there was no witness", () => {
  const fields = { bracketBasis: undefined, witness: undefined, witnessAbsent: "no free port" };
  const text = textOf(reportHtml.render(withBrackets(summarize(HEALTHY), undefined, fields)));
  assertStringIncludes(text, "Brackets: none: nothing tells how late this client's stamps may be.");
  assertStringIncludes(text, "Witness: none: no free port.");
});

Deno.test("reportHtml tells a warning once, with links to its loads", () => {
  const page = render(several(4, 20));
  const block = /<section class="verdict doubt"[^]*?<\/section>/.exec(page)![0];
  assertEquals(block.match(/2 of 20 requests failed/g)?.length, 1);
  assertStringIncludes(textOf(block), "All 4 loads: 2 of 20 requests failed");
  const some = createRun([
    ...requests(20),
    ...requests(30, { load: 1 }),
    ...requests(2000, { load: 2 }),
  ], {
    loads: [{ label: "1 user" }, { label: "2 users" }, { label: "4 users" }],
  });
  const text = render(some);
  assertStringIncludes(
    text,
    '<a href="#load-1">1 user</a> and <a href="#load-2">2 users</a>: 20 to 30 completed requests',
  );
  // Loads say no more than which warnings are theirs.
  assertEquals(text.match(/20 to 30 completed/g)?.length, 1);
});

Deno.test("reportHtml folds the names of many loads that share a warning", () => {
  const failing = Array.from({ length: 10 }, (_, load) => createFailure("timeout", { load }));
  const run = createRun([...failing, ...requests(200, { load: 10 })], {
    loads: Array.from({ length: 11 }, (_, i) => ({ label: `load ${i}` })),
  });
  const page = render(run);
  assertWellFormed(page);
  assertStringIncludes(page, '<a href="#load-6">load 5</a> and 4 more: 1 of 1 request failed');
  assertStringIncludes(
    page,
    '<a href="#load-9">load 8</a> and <a href="#load-10">load 9</a></details>',
  );
});

Deno.test("reportHtml marks interrupted and incomplete loads", () => {
  assertFalse(render(HEALTHY).includes('<span class="badge warn">interrupted'));
  const stopped = { ...HEALTHY, ends: HEALTHY.ends.map((end) => ({ ...end, interrupted: true })) };
  assertEquals(render(stopped).match(/<span class="badge warn">interrupted/g)?.length, 2);
  assertStringIncludes(render({ ...HEALTHY, ends: [] }), '<span class="badge warn">incomplete');
});

Deno.test("reportHtml lists failures with their messages", () => {
  const text = textOf(render(several(1, 40)));
  assertStringIncludes(
    text,
    "Cause requests most frequent messages http_error 4 503: overloaded 9 (1)",
  );
});

Deno.test("reportHtml defines every metric that it prints", () => {
  const text = textOf(render(open()));
  const definitions = text.slice(text.indexOf("Definitions"));
  for (const { title, formula } of METRICS) {
    assertStringIncludes(definitions, title);
    assertStringIncludes(definitions, formula);
  }
  assertStringIncludes(definitions, "Steady window From the end of the ramp-up");
});

Deno.test("reportHtml shows how to repeat the run", () => {
  const run = createRun(requests(5), {
    header: { commandLine: ["bench", "--model", "it's mine", "--seed", "7"], seed: 7 },
  });
  const text = textOf(render(run));
  assertStringIncludes(text, "tokometer bench --model 'it'\\''s mine' --seed 7");
  assertStringIncludes(text, "Seed 7");
  assertStringIncludes(text, "Deno, V8 2.9.6, 14.0");
});

Deno.test("reportHtml gives every chart a title and a description, every table a caption", () => {
  const page = render(several(2, 120));
  const charts = page.match(/<svg [^>]*role="img"[^>]*>\n<title id="[^"]+">[^<]+<\/title><desc/g);
  // Three curves and four distributions of both; four distributions, a timeline, two courses and two
  // heat maps for each load.
  assertEquals(charts?.length, 3 + 4 + 2 * 9);
  assertEquals(page.match(/<svg [^>]*role="img"/g)?.length, charts!.length);
  assertEquals(page.match(/<caption/g)?.length, page.match(/<table/g)?.length);
});

Deno.test("reportHtml stays below 600 kB for four loads with 2,400 requests", () => {
  assertLess(new TextEncoder().encode(render(several(4, 600))).length, 600_000);
});

Deno.test("reportHtml opens few loads and folds many", () => {
  assertEquals(render(several(4, 5)).match(/<details class="load" id="load-\d" open>/g)?.length, 4);
  const many = render(several(20, 5));
  assertEquals(many.match(/<details class="load" id="load-\d+">/g)?.length, 20);
  assertWellFormed(many);
});

Deno.test("reportHtml leaves out what would keep a page with many loads from opening", () => {
  const drawn = (page: string) => page.match(/<div class="distributions">/g)?.length ?? 0;
  const listed = (page: string) => page.match(/<h3>All metrics<\/h3>/g)?.length ?? 0;
  const [some, more, most] = [40, 41, 201].map((loads) => {
    const page = render(several(loads, 3));
    assertWellFormed(page);
    assertEquals(page.match(/<details class="load"/g)?.length, loads);
    return page;
  });
  assertEquals([drawn(some!), listed(some!)], [40, 40]);
  assertEquals([drawn(more!), listed(more!)], [0, 41]);
  assertEquals([drawn(most!), listed(most!)], [0, 0]);
  assertStringIncludes(
    textOf(more!),
    "Charts of each load are left out, since a page with 41 loads",
  );
  assertStringIncludes(textOf(most!), "Charts and tables of each load are left out");
  assertLess(most!.length / 201, 4000);
});

Deno.test("reportHtml has a table for long names, right-to-left names and many rows", () => {
  const labels = ["نموذج".repeat(9), "x".repeat(80)];
  const run = createRun([createRecord(), createRecord({ load: 1 })], {
    loads: labels.map((label) => ({ label })),
    header: { model: "نموذج/".repeat(20) },
  });
  const page = render(run);
  assertWellFormed(page);
  assertStringIncludes(page, '<h1 class="long"><bdi>');
  assertEquals(page.match(/<th scope="row" class="long"><a href="#load-/g)?.length, 2);
  assertStringIncludes(render(several(40, 2)), '<div class="scroll tall"');
});

Deno.test("reportHtml is pure: the same summary gives the same page", () => {
  assertEquals(render(HEALTHY), render(HEALTHY));
});
