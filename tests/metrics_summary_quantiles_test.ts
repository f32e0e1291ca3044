import { assert, assertEquals } from "@std/assert";
import { metricOf } from "../metrics/load_figures.ts";
import { exactValues, sortValues } from "../metrics/stat_quantile.ts";
import { createValueHistogram } from "../metrics/stat_value_histogram.ts";
import { quantilesOf } from "../metrics/summary_quantiles.ts";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

const METRIC = { name: "ttft", title: "TTFT", unit: "ms" } as const;

function curveOf(count: number) {
  const values = Array.from({ length: count }, (_, i) => i + 1);
  return quantilesOf(METRIC, exactValues(sortValues(values)))!;
}

Deno.test("quantilesOf goes as far into the tail as the values do", () => {
  assertEquals(curveOf(1).percentiles, [0]);
  assertEquals(curveOf(20).percentiles.at(-1), 95);
  assertEquals(curveOf(99).percentiles.at(-1), 98.5);
  assertEquals(curveOf(100).percentiles.at(-1), 99);
  assertEquals(curveOf(1000).percentiles.at(-1), 99.9);
  assertEquals(curveOf(2_000_000).percentiles.at(-1), 99.999);
  assert(curveOf(2_000_000).percentiles.length <= 200);
});

Deno.test("quantilesOf never falls and has the percentiles of the table", () => {
  const { percentiles, values } = curveOf(1001);
  assert(values.every((value, i) => i === 0 || value >= values[i - 1]!));
  assertEquals(values[percentiles.indexOf(50)], 501);
  assertEquals(values[percentiles.indexOf(99)], 991);
});

Deno.test("quantilesOf reads histograms, within their error", () => {
  const histogram = createValueHistogram();
  for (let i = 1; i <= 1001; i++) histogram.add(i);
  const { percentiles, values } = quantilesOf(METRIC, histogram)!;
  const p99 = values[percentiles.indexOf(99)]!;
  assert(Math.abs(p99 - 991) < 1, `${p99}`);
});

Deno.test("quantilesOf has nothing to say of nothing", () => {
  assertEquals(quantilesOf(METRIC, exactValues(sortValues([]))), undefined);
});

Deno.test("summarize gives the curves of the key metrics and two heat maps", () => {
  const records = Array.from({ length: 100 }, (_, index) => createRecord({ index }));
  const [load] = summarize(createRun(records)).loads;
  assertEquals(load!.quantiles.map(({ name }) => name), ["ttft", "tpot", "itl", "e2e"]);
  const ttft = load!.quantiles[0]!;
  const p99 = metricOf(load!, "ttft")!.distribution.percentiles.find(({ p }) => p === 99)!.value;
  assertEquals(ttft.values[ttft.percentiles.indexOf(99)], p99);
  assertEquals(load!.heatMaps.map(({ name, per }) => [name, per]), [["ttft", "request"], [
    "itl",
    "gap",
  ]]);
});
