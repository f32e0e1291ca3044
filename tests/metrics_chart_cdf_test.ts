import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { type CdfChart, cdfChart, type CdfCurve } from "../metrics/chart_cdf.ts";
import { levelScale } from "../metrics/chart_levels.ts";
import { cdfSection, curveLoads, MOST_CURVES } from "../metrics/html_cdf.ts";
import { parseRequired } from "../metrics/check_limit.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { summarize, type Summary, type SummaryOptions } from "../metrics/summary.ts";
import { pathOf, tipsOf } from "./support/chart_parts.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

const CURVE: CdfCurve = {
  ...{ short: "8", label: "8 users", load: 0 },
  percentiles: [0, 1, 50, 90, 99],
  values: [10, 20, 40, 80, 100],
};

const CHART: CdfChart = { id: "c", title: "TTFT", unit: "ms", curves: [CURVE], limits: [] };

Deno.test("levelScale has room for the tail: each nine more is as far as the one before", () => {
  const { at, ticks } = levelScale(99.9);
  assertEquals([at(0), at(1), at(99.9), at(100)], [0, 0, 1, 1]);
  const [nine, nines, more] = [at(99) - at(90), at(99.9) - at(99), at(90) - at(50)];
  assert(Math.abs(nine - nines) < 0.02 && Math.abs(nine - more) < 0.02);
  assertEquals(ticks.map(({ label }) => label), [
    "p1",
    "p10",
    "p25",
    "p50",
    "p75",
    "p90",
    "p99",
    "p99.9",
  ]);
  assertEquals(levelScale(50).max, 90);
});

Deno.test("cdfChart draws from p1 to the last percentile, and tells the values of each", () => {
  const chart = cdfChart({ ...CHART, curves: [CURVE, { ...CURVE, load: 9, label: "9 users" }] });
  const drawn = pathOf(chart, "cdf hue0 of0");
  assertEquals(drawn.match(/[ML]/g)?.join(""), "MLLL");
  assertMatch(drawn, /^M\S+ 260L.*L\S+ 0$/);
  assertEquals(pathOf(chart, "cdf hue1 of9"), drawn);
  assertEquals(tipsOf(chart)[0], ["p99", "8 users: 100 ms", "9 users: 100 ms"]);
  assertEquals(tipsOf(chart).length, 7);
  assertStringIncludes(chart.toString(), "8 users p50 40.0 ms, p90 80.0 ms, p99 100 ms; 9 users");
});

Deno.test("cdfChart draws limits as lines, at their percentile with a corner", () => {
  const limits = [{ value: 90, p: 99, text: "p99 < 90 ms" }, {
    ...{ value: 500, p: undefined, text: "ttft ≤ 500 ms" },
  }];
  const chart = cdfChart({ ...CHART, limits }).toString();
  assertEquals(chart.match(/<line class="limit"/g)?.length, 2);
  assertEquals(chart.match(/<path class="limit"/g)?.length, 1);
  assertStringIncludes(chart, "limits: p99 &#60; 90 ms, ttft ≤ 500 ms");
  // The farthest limit is on the axis.
  assertFalse(/x1="1\d\d\./.test(chart));
});

Deno.test("cdfChart takes equal ratios where values differ much, and draws nothing of nothing", () => {
  const wide = cdfChart({ ...CHART, curves: [CURVE, { ...CURVE, values: [1, 2, 4, 8, 2000] }] });
  assertStringIncludes(wide.toString(), "log scale");
  assertFalse(cdfChart(CHART).toString().includes("log scale"));
  assertStringIncludes(cdfChart({ ...CHART, curves: [] }).toString(), "no values");
});

function several(loads: number, options: SummaryOptions = {}): Summary {
  const records = Array.from(
    { length: loads * 20 },
    (_, i) => createRecord({ load: i % loads, index: Math.floor(i / loads), sentMs: 200 * i }),
  );
  return summarize(
    createRun(records, {
      loads: Array.from({ length: loads }, (_, i) => ({ label: `${i + 1} users`, users: i + 1 })),
    }),
    options,
  );
}

Deno.test("cdfSection lets a reader choose metrics and loads without a script", () => {
  const section = cdfSection(several(3)).toString();
  assertEquals(section.match(/type="radio"/g)?.length, 5);
  assertEquals(section.match(/type="checkbox" class="pick\d" checked/g)?.length, 3);
  assertEquals(section.match(/<figure class="metric\d">/g)?.length, 4);
  assertEquals(cdfSection(several(1)).toString(), "");
});

Deno.test("cdfSection draws the limits of requests and of percentiles, each once", () => {
  const section = cdfSection(several(2, {
    slo: parseSlo("ttft:500"),
    require: parseRequired("itl:p99<20,throughput>1"),
  })).toString();
  assertEquals(section.match(/<line class="limit"/g)?.length, 2);
  assertStringIncludes(section, ">p99 &#60; 20 ms</text>");
  assertStringIncludes(section, ">ttft ≤ 500 ms</text>");
});

Deno.test("cdfSection says how many loads it leaves out", () => {
  const { loads } = several(2);
  const many = Array.from({ length: 40 }, (_, i) => ({ ...loads[0]!, label: `${i} users` }));
  const shown = curveLoads(many);
  assertEquals([shown.length, shown[0], shown.at(-1)], [MOST_CURVES, 0, 39]);
  assertEquals(new Set(shown).size, MOST_CURVES);
  const section = cdfSection({ ...several(1), loads: many }).toString();
  assertStringIncludes(section, "24 loads without a curve of its own");
});
