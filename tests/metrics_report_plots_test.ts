import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { CHART_STYLE } from "../metrics/chart_style.ts";
import { reportHtml } from "../metrics/report_html.ts";
import { lightRules } from "../metrics/report_plot_file.ts";
import { plotsOf } from "../metrics/report_plots.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { createSessionsRun } from "./support/create_sessions.ts";
import { textOf } from "./support/html_text.ts";

function several(labels: readonly string[], model: string = "tiny"): Summary {
  const loads = labels.length;
  const records = Array.from(
    { length: loads * 120 },
    (_, i) => createRecord({ load: i % loads, index: Math.floor(i / loads), sentMs: 20 * i }),
  );
  return summarize(createRun(records, {
    header: { model },
    loads: labels.map((label, i) => ({ label, users: i + 1 })),
  }));
}

/** What any XML parser accepts: one root, elements closed in order, attributes once and in quotes. */
function assertXml(svg: string): void {
  const open: string[] = [];
  let roots = 0;
  const [, style = ""] = /<style>([^]*?)<\/style>/.exec(svg) ?? [];
  assertFalse(/[<&]/.test(style));
  const rest = svg.replace(style, "").replace(
    /<(\/?)([a-z]+)((?:\s+[a-zA-Z][a-zA-Z0-9:-]*="[^"<>]*")*)\s*(\/?)>/g,
    (_, close, name, attributes, self) => {
      if (open.length === 0) roots++;
      if (close === "/") assertEquals(open.pop(), name);
      else if (self === "") open.push(name);
      const names = [...attributes.matchAll(/([a-zA-Z:-]+)="/g)].map(([, one]) => one);
      assertEquals(new Set(names).size, names.length, attributes);
      return "";
    },
  );
  assertEquals([open, roots], [[], 1]);
  const stray = rest.search(/[<>]/);
  assert(stray < 0, `a stray tag: ${rest.slice(Math.max(0, stray - 90), stray + 90)}`);
  // XML knows five names of characters; we use numbers alone.
  assertFalse(/&(?!#\d+;)/.test(svg));
  const ids = [...svg.matchAll(/ id="([^"]*)"/g)].map(([, id]) => id);
  assertEquals(new Set(ids).size, ids.length);
}

const THREE = several(["1 user", "8 users", "64 users"]);

Deno.test("plotsOf makes a file of every chart of the page, each with a clear name", () => {
  const plots = plotsOf(THREE);
  const drawn = reportHtml.render(THREE).match(/<svg [^>]*role="img"/g)!.length;
  assertEquals(plots.length, drawn);
  const names = plots.map(({ name }) => name);
  for (
    const name of [
      "throughput-ttft.svg",
      "frontier.svg",
      "ttft-cdf.svg",
      "8-users-ttft-distribution.svg",
      "64-users-itl-heat-map.svg",
      "1-user-timeline.svg",
      "1-user-over-time.svg",
    ]
  ) assert(names.includes(name), `${name} in ${names.join()}`);
  assertEquals(new Set(names).size, names.length);
  assert(names.every((name) => /^[a-z0-9][a-z0-9.-]*\.svg$/.test(name)), names.join());
});

Deno.test("plotsOf writes documents that stand by themselves", () => {
  for (const summary of [THREE, summarize(createSessionsRun()), several(["one"])]) {
    for (const { svg } of plotsOf(summary)) {
      assertXml(svg);
      assertMatch(
        svg,
        /^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg" width="960" height="[\d.]+"/,
      );
      assertFalse(/var\(|@media|url\(|data-tips|NaN|Infinity|undefined/.test(svg));
    }
  }
});

Deno.test("plotsOf tells in each file what it shows: title, legend, description", () => {
  const { svg } = plotsOf(THREE).find(({ name }) => name === "ttft-cdf.svg")!;
  const text = textOf(svg.replace(/<style>[^]*?<\/style>/, ""));
  assertStringIncludes(svg, "Distributions of TTFT, all loads</title>");
  assertMatch(svg, /<desc id="cdf-ttft-d">1 user p50 100 ms, /);
  for (const word of ["tiny · ", "1 user", "8 users", "64 users"]) assertStringIncludes(text, word);
  assertEquals(svg.match(/<g class="legend"/g)?.length, 3);
  const { svg: heat } = plotsOf(THREE).find(({ name }) => name === "8-users-ttft-heat-map.svg")!;
  assertStringIncludes(heat, "tiny · 8 users · ");
  assertStringIncludes(heat, "requests in a cell");
});

Deno.test("plotsOf lets no name of a load or a model out of its file", () => {
  const plots = plotsOf(several(["../../<b>", "../../<b>", "\u202e"], '<img src="x">'));
  for (const { svg, name } of plots) {
    assertXml(svg);
    assertFalse(name.includes("/"), name);
    assertFalse(/<img|<b>/.test(svg));
  }
  const names = plots.map(({ name }) => name);
  assert(names.includes("b-timeline.svg") && names.includes("b-timeline-2.svg"), names.join());
  assert(names.includes("load-timeline.svg"));
});

Deno.test("lightRules leave plain colors", () => {
  assertFalse(/var\(|@media|:root/.test(lightRules(CHART_STYLE)));
  assertEquals(
    lightRules(":root{--bg:#000}\n@media print{:root{--bg:#fff}.a{b:c}}\n.d{fill:var(--text)}"),
    ".d{fill:#1b1e23}",
  );
  assertEquals(lightRules(".e{stroke:var(--side,var(--accent))}"), ".e{stroke:#1f5fbf}");
});
