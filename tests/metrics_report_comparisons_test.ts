import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { compareRuns } from "../metrics/compare.ts";
import { parseGate } from "../metrics/compare_gate.ts";
import type { CompareOptions, CompareSide, Comparison } from "../metrics/compare_result.ts";
import { COMPARE_STYLE, COMPARE_STYLE_SHA256 } from "../metrics/html_compare_style.ts";
import type { CompareRenderOptions } from "../metrics/report_compare.ts";
import { plain } from "../metrics/report_compare_markdown.ts";
import { compareSchema } from "../metrics/report_compare_schema.ts";
import { COMPARISON_REPORTS } from "../metrics/report_comparisons.ts";
import { createSide } from "./support/create_repeats.ts";
import { runApart } from "./support/run_apart.ts";

const HOSTILE = "x|<b>`a`\u001b[2J\n@you [l](http://h) & \"q\" 'p'";

const BEFORE = createSide("before", { ttftMs: 100 });
const AFTER = createSide("after", { ttftMs: 110, header: { tags: { commit: "abc" } } });
const OTHER_DATA = createSide("other", {
  ttftMs: 110,
  header: { dataset: { ...BEFORE.runs[0]!.header.dataset, kind: "jsonl", sha256: "ff" } },
});

interface Asked extends CompareOptions {
  readonly sides?: readonly CompareSide[];
  readonly render?: CompareRenderOptions;
}

function compared({ sides = [BEFORE, AFTER], render: _, ...options }: Asked = {}): Comparison {
  return compareRuns(sides, { singleRun: true, ...options });
}

/** What the report of that name says. */
function rendered(name: string, asked: Asked = {}): string {
  const report = COMPARISON_REPORTS.find((one) => one.name === name)!;
  return report.render(compared(asked), asked.sides ?? [BEFORE, AFTER], asked.render);
}

const GATE = { gate: parseGate("ttft:p50<+5%,e2e:mean<+20%,itl:mean<+3%") };

/** Every branch of the format. */
const ALL: Readonly<Record<string, Asked>> = {
  changed: {},
  gated: GATE,
  refused: { sides: [BEFORE, OTHER_DATA] },
  "three sides, single runs": {
    sides: [
      createSide("a", { ttftMs: 100, repeats: 1 }),
      createSide("b", { ttftMs: 101, repeats: 1 }),
      createSide("c", { ttftMs: 120, repeats: 1, loads: [{ label: "1 user" }, { label: "2" }] }),
    ],
    figures: ["ttft:p99", "attainment", "throughput"],
  },
  "names of others": {
    sides: [
      createSide(HOSTILE, { ttftMs: 100, loads: [{ label: HOSTILE }] }),
      createSide("b", { ttftMs: 101, loads: [{ label: HOSTILE }], header: { url: HOSTILE } }),
    ],
    ...GATE,
  },
};

Deno.test("the table tells what differs, then the answer, then the figures of each load", () => {
  const text = rendered("table");
  const lines = text.split("\n");
  assertEquals(lines[0], "after against before");
  assertMatch(lines[2]!, /^B {2}after: 4 runs, from 2026-01-02 12:00, .*, tiny, commit=abc$/);
  assert(
    text.indexOf("Nothing else differs") < text.indexOf("after is 7.1 % lower in Output"),
    text,
  );
  assertMatch(text, /^1 user, 4 repeats each$/m);
  assertMatch(text, /^Figure +A +B +difference +change +sampling 95 % +verdict$/m);
  assertMatch(
    text,
    /^TTFT p50 +\d+ ms +\d+ ms +\+\d+\.\d ms +\+10\.0 % +\+9\.\d to \+10\.\d % +worse$/m,
  );
  assertMatch(text, /^ITL mean +10\.0 ms +10\.0 ms .* same$/m);
  assert(lines.every((line) => line.length <= 100), text);
  for (const width of [50, 80]) {
    const narrow = rendered("table", { render: { width } }).split("\n");
    assertEquals(narrow.filter((line) => line.length > width), []);
  }
  assertStringIncludes(rendered("table", { render: { color: true } }), "\u001b[31mworse\u001b[0m");
});

Deno.test("bracket and sampling interval never stand under one sign", () => {
  for (const name of ["table", "markdown"]) {
    assertStringIncludes(rendered(name), "sampling 95 %");
    assert(
      !/\d \(\d/.test(rendered(name).split("\n").filter((line) => /p50/.test(line)).at(-1)!),
      name,
    );
  }
  const page = rendered("html");
  assertMatch(page, /<small>sampling [\d.]+–[\d.]+<\/small>/);
  assert(!page.includes("±5"), "a half width would be one sign for both");
});

Deno.test("a gate is in every report, with each limit and why it is undecided", () => {
  for (const { name } of COMPARISON_REPORTS) {
    const text = rendered(name, GATE).replaceAll("&#60;", "<").replaceAll("&lt;", "<");
    assertStringIncludes(text, "ttft:p50 < +5 %", name);
    assertStringIncludes(text, "missed", name);
    assertStringIncludes(text, "passed", name);
  }
  assertMatch(rendered("table", GATE), /^Gate missed$/m);
  assertMatch(rendered("markdown", GATE), /^### Gate missed: after against before$/m);
  assertMatch(rendered("markdown", GATE), /\| 🔴 missed \|/);
});

Deno.test("what makes a comparison meaningless is said in every report, without verdicts", () => {
  for (const { name } of COMPARISON_REPORTS) {
    const text = rendered(name, ALL.refused);
    assertStringIncludes(text, "jsonl", name);
    if (name === "json") assert(!/"verdict": "(worse|better|same)"/.test(text));
    else {assert(
        !/\b(worse|better|undecided)\b/.test(
          text.replace(/<style>[^]*?<\/style>|<dl class="rules">[^]*/g, ""),
        ),
        name,
      );}
  }
  assertMatch(rendered("table", ALL.refused), /^dataset +synthetic +jsonl +no verdict$/m);
  assertStringIncludes(rendered("junit", ALL.refused), '<error type="refused"');
  assertStringIncludes(rendered("html", ALL.refused), '<b class="bad">no verdict</b>');
});

Deno.test("JUnit: a limit is a test; what is undecided fails, or is skipped where it passes", () => {
  const count = (text: string, what: RegExp) => text.match(what)?.length ?? 0;
  const gated = rendered("junit", GATE);
  assertEquals(count(gated, /<testcase /g), 3);
  assertStringIncludes(gated, 'tests="3" failures="1" errors="0" skipped="0"');
  assertEquals(count(gated, /<failure type="missed"/g), 1);
  const single = [createSide("a", { ttftMs: 100, repeats: 1 }), BEFORE];
  const open = { sides: single, gate: parseGate("ttft:p99<1%") };
  assertStringIncludes(rendered("junit", open), '<failure type="undecided"');
  const passes = rendered("junit", { ...open, render: { undecidedPasses: true } });
  assertStringIncludes(passes, 'failures="0" errors="0" skipped="1"');
  const missed = rendered("junit", { ...GATE, render: { undecidedPasses: true } });
  assertStringIncludes(missed, 'failures="1" errors="0" skipped="0"');
  // Without a gate every figure is a test, none of which can fail.
  assertMatch(rendered("junit"), /<testsuites name="tokometer compare" tests="\d\d" failures="0"/);
});

Deno.test("names of others are text in every report", () => {
  const asked = ALL["names of others"]!;
  for (const { name } of COMPARISON_REPORTS) {
    const text = rendered(name, asked);
    assert(!text.includes("\u001b"), name);
    assert(name === "json" || name === "table" || !text.includes("<b>`"), name);
  }
  const markdown = rendered("markdown", asked);
  assert(!/[^\\]@you|\[l\]|http:\/\/h\b/.test(markdown), markdown);
  // One row is one line with as many cells as its heading.
  const rows = markdown.split("\n").filter((line) => line.startsWith("| "));
  assert(rows.length > 15);
  for (const row of rows) {
    assertEquals(
      row.split("|").length,
      [6, 5, 9].find((n) => n === row.split("|").length),
      row,
    );
  }
});

Deno.test("plain leaves no markup of GitHub's", () => {
  const rows: readonly [text: string, escaped: string][] = [
    ["a|b\nc", "a&#124;b c"],
    ["<!-- x -->&amp;", "&lt;!-- x --&gt;&amp;amp;"],
    ["[a](http://b) @c #1 www.d.e", "&#91;a&#93;(http&#58;//b) &#64;c &#35;1 www&#46;d.e"],
    ["`*_~$\\", "&#96;&#42;&#95;&#126;&#36;&#92;"],
    ["+4.2 % (95 %: 1.1–7.5)", "+4.2 % (95 %: 1.1–7.5)"],
  ];
  for (const [text, escaped] of rows) assertEquals(plain(text), escaped);
});

Deno.test("XML and pages close what they open", async () => {
  for (const [what, asked] of Object.entries(ALL)) {
    const xml = rendered("junit", asked);
    // The element that opened last closes first.
    const open: string[] = [];
    for (const [, close, name, self] of xml.matchAll(/<(\/?)([a-z-]+)[^<>]*?(\/?)>/g)) {
      if (close) assertEquals(open.pop(), name, what);
      else if (!self) open.push(name!);
    }
    assertEquals(open, [], what);
    assert(!/&(?!(amp|lt|gt|quot|apos);)|\]\]>/.test(xml), what);
    assert(what !== "names of others" || xml.includes("x|&lt;b&gt;`a`"), xml);
    const page = rendered("html", asked);
    for (const tag of ["section", "table", "svg", "figure", "div", "ul", "dl", "bdi"]) {
      const count = (text: RegExp) => page.match(text)?.length ?? 0;
      assertEquals(count(new RegExp(`<${tag}[ >]`, "g")), count(new RegExp(`</${tag}>`, "g")), tag);
    }
    const ids = [...page.matchAll(/ id="([^"]+)"/g)].map(([, id]) => id);
    assertEquals(new Set(ids).size, ids.length, what);
    assert(
      !/https?:\/\/(?!127|www\.w3\.org)/.test(page.replace(/<title>|&#.*?;/g, "")) ||
        what === "names of others",
      what,
    );
  }
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(COMPARE_STYLE));
  const hash = btoa(String.fromCharCode(...new Uint8Array(digest)));
  assertEquals(COMPARE_STYLE_SHA256, hash);
  assertStringIncludes(rendered("html"), `'sha256-${hash}'`);
});

Deno.test("the page shows changes against the margin, and the sides' distributions together", () => {
  const page = rendered("html", { margin: 0.05 });
  assertStringIncludes(page, "margin of ±5 %");
  const [, x, width] = /<rect class="margin" x="([\d.]+)" y="0" width="([\d.]+)"/.exec(page)!;
  assertEquals(Math.round(Number(x) + Number(width) / 2), 500);
  assertMatch(page, /<line class="span worse" x1="[\d.]+%" x2="[\d.]+%"/);
  for (const name of ["ttft", "tpot", "itl", "e2e"]) {
    assertMatch(page, new RegExp(`<title id="load-1-${name}-t">`));
  }
  assertEquals(page.match(/<path class="outline side[01]"/g)?.length, 8);
});

Deno.test("JSON fits compareSchema, and the schema is what the types generate", async () => {
  const reports = Object.values(ALL).map((asked) => JSON.parse(rendered("json", asked)));
  const spoiled = [{ ...reports[0], margin: "3%" }, { ...reports[0], extra: 1 }];
  const input = JSON.stringify({ schema: compareSchema, reports: [...reports, ...spoiled] });
  const errors = JSON.parse(await runApart("validate_reports.ts", { input }));
  assertEquals(errors.slice(0, reports.length), reports.map(() => null));
  assert(errors.slice(reports.length).every((one: unknown) => one !== null));
  const file = new URL("../metrics/compare.schema.json", import.meta.url);
  const generated = await runApart("schema.ts", { args: ["--print", "compare"] });
  assertEquals(await Deno.readTextFile(file), generated);
});
