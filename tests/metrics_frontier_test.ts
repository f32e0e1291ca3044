/** Throughput against the speed of one user: which points count, and how they are shown. */
import { assert, assertAlmostEquals, assertEquals, assertStringIncludes } from "@std/assert";
import type { CompareSide } from "../metrics/compare_result.ts";
import { frontierChart } from "../metrics/chart_frontier.ts";
import type { Frontier } from "../metrics/frontier.ts";
import { findFrontier } from "../metrics/frontier_sides.ts";
import { FRONTIER_STYLE, FRONTIER_STYLE_SHA256 } from "../metrics/html_frontier_style.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import { FRONTIER_REPORTS } from "../metrics/report_frontiers.ts";
import { reportHtml } from "../metrics/report_html.ts";
import type { LoadPlan } from "../metrics/run.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import { pathOf } from "./support/chart_parts.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { textOf } from "./support/html_text.ts";
import { withIntervals, withoutIntervals } from "./support/with_intervals.ts";

interface LoadFields {
  readonly users: number;
  /** Time per token of every request, ms. */
  readonly perTokenMs: number;
  readonly plan?: Partial<LoadPlan>;
}

/** Loads of 12 answers of 10 tokens, which users ask for one after the other. */
function runOf(
  loads: readonly LoadFields[],
  options: { gpus?: number; costPerHour?: number } = {},
) {
  const records = loads.flatMap(({ users, perTokenMs }, load) =>
    Array.from({ length: 12 }, (_, index) => {
      const sentMs = Math.floor(index / users) * 10 * perTokenMs;
      const ticks = [[sentMs + perTokenMs, 1], [sentMs + 10 * perTokenMs, 10]] as [
        number,
        number,
      ][];
      return createRecord({ load, index, sentMs, ticks, endMs: sentMs + 10 * perTokenMs });
    })
  );
  const plans = loads.map(({ users, plan }) => ({ label: `${users} users`, users, ...plan }));
  return withoutIntervals(summarize(createRun(records, { loads: plans }), options));
}

/** 100, 200 and 150 tokens/s: the last load is slower for everybody. */
const THREE = runOf([
  { users: 1, perTokenMs: 10 },
  { users: 4, perTokenMs: 20 },
  { users: 12, perTokenMs: 80 },
]);

/** The same loads with other facts. */
function changed(summary: Summary, change: (load: LoadSummary, i: number) => Partial<LoadSummary>) {
  return {
    ...summary,
    loads: summary.loads.map((load, i) => ({ ...load, ...change(load, i) })),
  };
}

function sideOf(name: string, ...runs: Summary[]): CompareSide {
  return { name, runs };
}

const rolesOf = ({ points }: Frontier) => points.map(({ label, role }) => [label, role]);

function render(name: string, frontier: Frontier): string {
  const report = FRONTIER_REPORTS.find((one) => one.name === name)!;
  return report.render(frontier, { version: "1.2.3", width: 100 });
}

Deno.test("a point that has less of both than another of its server is dominated", () => {
  const frontier = findFrontier([sideOf("a", THREE)]);
  assertEquals(rolesOf(frontier), [
    ["12 users", "dominated"],
    ["4 users", "frontier"],
    ["1 users", "frontier"],
  ]);
  const [slow, middle, fast] = frontier.points;
  assertEquals(
    [slow, middle, fast].map((point) => point!.interactivity.value),
    [1000 / 80, 50, 100],
  );
  // All of the last load left at once: it has no steady window, and all are told by the whole run.
  assertEquals([frontier.window, frontier.perGpu, frontier.percentile], ["run", false, 90]);
  const others = { ...THREE, loads: THREE.loads.slice(0, 2) };
  assertEquals(findFrontier([sideOf("a", others)]).window, "steady");
});

Deno.test("a client-bound point is on no frontier and beats no other", () => {
  const bound = changed(
    THREE,
    (_, i) =>
      i === 1
        ? {
          verdict: { kind: "client-bound", message: "", reasons: [], advice: undefined } as never,
        }
        : {},
  );
  assertEquals(rolesOf(findFrontier([sideOf("a", bound)])), [
    ["12 users", "frontier"],
    ["4 users", "client-bound"],
    ["1 users", "frontier"],
  ]);
});

Deno.test("a point may be on its own frontier and beaten by another server", () => {
  const faster = runOf([{ users: 4, perTokenMs: 8 }]);
  const { points } = findFrontier([sideOf("old", THREE), sideOf("new", faster)]);
  assertEquals(points.map(({ side, role, best }) => [side, role, best]), [
    [0, "dominated", false],
    [0, "frontier", false],
    [0, "frontier", false],
    [1, "frontier", true],
  ]);
});

Deno.test("throughput is per GPU only where every server says how many it has", () => {
  const [one, other] = [runOf([{ users: 4, perTokenMs: 8 }], { gpus: 8 }), THREE];
  const both = findFrontier([sideOf("a", one), sideOf("b", other)], {
    scales: [{}, { gpus: 4, costPerHour: 7.2 }],
  });
  assert(both.perGpu);
  const whole = findFrontier([sideOf("a", one), sideOf("b", other)]);
  assertEquals(whole.perGpu, false);
  for (const [i, { throughput, side }] of whole.points.entries()) {
    const gpus = side === 0 ? 8 : 4;
    assertAlmostEquals(both.points[i]!.throughput.value * gpus, throughput.value);
  }
  // The price is that of the whole server, and so is the work.
  const slow = both.points.find(({ label }) => label === "1 users")!;
  assertAlmostEquals(slow.costPerMillionOutputTokens!, 7.2e6 / (slow.throughput.value * 4 * 3600));
  assertEquals(both.points[0]!.costPerMillionOutputTokens, undefined);
});

Deno.test("repeats are one point, with what differs from run to run", () => {
  const runs = [18, 20, 22].map((perTokenMs) => runOf([{ users: 4, perTokenMs }]));
  const within = runOf([1, 2].map((repeat) => ({
    ...{ users: 4, perTokenMs: 20 },
    plan: { label: `4 users, repeat ${repeat}`, repeat },
  })));
  const { points } = findFrontier([sideOf("a", ...runs), sideOf("b", within)]);
  assertEquals(points.map(({ label, repeats }) => [label, repeats]), [
    ["4 users", 3],
    ["4 users", 2],
  ]);
  const { value, interval } = points[0]!.interactivity;
  assertAlmostEquals(value, 1000 / Math.cbrt(18 * 20 * 22));
  assert(interval!.low < value && value < interval!.high);
});

Deno.test("loads without both figures are named, with the reason", () => {
  const few = [createRecord({ load: 0 })];
  const records = [...few, createFailure("timeout", { load: 1 })];
  const run = summarize(createRun(records, {
    loads: [{ label: "few" }, { label: "none" }, { label: "cut" }],
    ends: [{}, {}, { interrupted: true }],
  }));
  const { points, sides: [side] } = findFrontier([sideOf("a", run)]);
  assertEquals(points, []);
  assertEquals(side!.leftOut, [
    { label: "few", why: "too few completed requests for p90" },
    { label: "none", why: "no request completed" },
    { label: "cut", why: "it did not run to its end" },
  ]);
});

Deno.test("the chart goes in steps and joins only points of the frontier", () => {
  const chart = frontierChart(findFrontier([sideOf("a", THREE)]));
  const steps = pathOf(chart, "steps side0");
  assert(/^M0 [\d.]+(V[\d.]+H[\d.]+){2}V320$/.test(steps), steps);
  const text = chart.toString();
  assertEquals(text.match(/<circle class="point side0 hollow"/g)?.length, 2);
  assertEquals(text.match(/<circle class="point side0 dominated hollow"/g)?.length, 1);
  assertStringIncludes(text, "12 users, ");
  assertStringIncludes(frontierChart(findFrontier([])).toString(), "no load has both figures");
});

Deno.test("the chart draws what is open about both figures", () => {
  const open = frontierChart(findFrontier([sideOf("a", withIntervals(THREE))])).toString();
  // Upwards one path; sideways a line and its two ends.
  assertEquals(open.match(/class="chance point side0"/g)?.length, 3 * 4);
});

Deno.test("every report of a frontier has every point, and lets no name in", () => {
  const frontier = findFrontier([
    sideOf("<script>&\x1b[2J", withIntervals(THREE)),
    sideOf("b", runOf([{ users: 4, perTokenMs: 8 }], { gpus: 8, costPerHour: 3 })),
  ]);
  for (const { name } of FRONTIER_REPORTS) {
    const text = render(name, frontier);
    for (const users of [1, 4, 12]) {
      assert(text.includes(name === "svg" ? `>${users}</text>` : `${users} users`), name);
    }
    assert(!text.includes("\x1b"), name);
    assert(!["html", "svg"].includes(name) || !text.includes("<script>&"), name);
  }
  const table = render("table", frontier);
  assertStringIncludes(table, "b: 8 GPUs, 3 an hour");
  assertStringIncludes(table, "on its own frontier");
  assertStringIncludes(table, "on the frontier of all");
  const [header, first] = render("csv", frontier).split("\r\n");
  assertStringIncludes(header!, "interactivity_p90_per_sec_sampling_low");
  assertEquals(header!.split(",").length, first!.split(",").length);
  const json = JSON.parse(render("json", frontier));
  assertEquals([json.schema, json.points.length], ["tokometer.frontier/1", 4]);
  assertEquals(json.sides[0].scale, null);
  const svg = render("svg", frontier);
  assert(svg.startsWith("<svg xmlns") && !/var\(|<bdi>|data-tips/.test(svg));
  assertStringIncludes(svg, "open by sampling");
});

Deno.test("the style of the page is let in by its hash", async () => {
  const bytes = new TextEncoder().encode(FRONTIER_STYLE);
  const digest = await crypto.subtle.digest("SHA-256", bytes);
  assertEquals(new Uint8Array(digest).toBase64(), FRONTIER_STYLE_SHA256);
});

Deno.test("the page of a run has its frontier from three loads on", () => {
  const title = "Throughput against the speed of one user";
  assertStringIncludes(textOf(reportHtml.render(THREE)), title);
  const two = { ...THREE, loads: THREE.loads.slice(0, 2) };
  assert(!textOf(reportHtml.render(two)).includes(title));
  const repeated = { ...THREE, header: { ...THREE.header, repeats: 3 } };
  assert(!textOf(reportHtml.render(repeated)).includes(title));
});

Deno.test("points that are not certain are hollow and say why; repeats are certain by themselves", () => {
  const verdict = { kind: "ok", message: "", reasons: [] } as const;
  const long = changed(withIntervals(THREE), (_, i) => ({
    verdict,
    ...(i === 1 &&
      { checks: [], interrupted: false, verdict: { ...verdict, kind: "suspect" as const } }),
  }));
  const frontier = findFrontier([sideOf("a", long)]);
  assertEquals(frontier.points.map(({ doubts }) => doubts), [
    [],
    ["some figures, mostly the tails, may be the client's"],
    [],
  ]);
  const chart = frontierChart(frontier, [{ of: "interactivity", value: 30, text: "> 30" }])
    .toString();
  assertEquals(chart.match(/<circle class="point side0 hollow"/g)?.length, 1);
  assertEquals(chart.match(/<circle class="point side0"/g)?.length, 1);
  assertStringIncludes(
    chart,
    "not certain: some figures, mostly the tails, may be the client&#39;s",
  );
  assertStringIncludes(chart, "limit of interactivity &#62; 30");
  assertEquals(chart.match(/class="limit rest"/g)?.length, 1);
  const repeated = findFrontier([sideOf("a", THREE, THREE)]);
  assertEquals(repeated.points.flatMap(({ doubts }) => doubts), []);
});
