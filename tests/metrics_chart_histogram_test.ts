import { assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import { histogram } from "../metrics/stat_histogram.ts";
import { histogramChart, labelRows } from "../metrics/chart_histogram.ts";
import { sortValues } from "../metrics/stat_quantile.ts";
import { pathOf, tipsOf } from "./support/chart_parts.ts";

const BARS = {
  id: "h",
  title: "TTFT",
  unit: "ms",
  counted: "requests",
  marks: [{ p: 50, value: 20 }, { p: 99, value: undefined }],
} as const;

Deno.test("histogramChart draws one bar per bin and says how many values it holds", () => {
  const bins = {
    scale: "linear",
    edges: [0, 10, 20, 30, 40, 50, 60, 70, 80],
    counts: [0, 5, 0, 10, 0, 0, 0, 5],
  } as const;
  const chart = histogramChart({ ...BARS, ...bins });
  // Eight bars over 1000 units; the axis goes to 10 values in 120 pixels.
  assertEquals(pathOf(chart, "bar"), "M125 120V60H250V120M375 120V0H500V120M875 120V60H1000V120");
  assertEquals(tipsOf(chart)[3], ["30.0 ms to 40.0 ms", "10 of 20 requests"]);
  assertStringIncludes(chart.toString(), 'x1="25%"');
  assertStringIncludes(chart.toString(), "TTFT (ms)");
});

Deno.test("histogramChart shows a value among thousands", () => {
  const chart = histogramChart({
    ...BARS,
    scale: "linear",
    edges: [0, 1, 2, 3, 4, 5, 6, 7, 8],
    counts: [9999, 1, 0, 0, 0, 0, 0, 0],
  });
  assertStringIncludes(pathOf(chart, "bar"), "M125 120V119H250V120");
});

Deno.test("histogramChart names the log scale and has room for a single value", () => {
  const log = histogramChart({ ...BARS, ...histogram(sortValues([1, 10, 100, 1000])) });
  assertStringIncludes(log.toString(), "TTFT (ms, log scale)");
  const single = histogramChart({ ...BARS, ...histogram(sortValues([100])) });
  const [, from, to] = /^M([\d.]+) 120V0H([\d.]+)V120$/.exec(pathOf(single, "bar"))!;
  assertLessOrEqual(Number(to) - Number(from), 250);
  const none = histogramChart({ ...BARS, ...histogram(sortValues([])) });
  assertStringIncludes(none.toString(), "no values");
});

Deno.test("histogramChart gives equal percentiles one label", () => {
  const marks = [50, 90, 99].map((p) => ({ p, value: 100 }));
  const chart = histogramChart({ ...BARS, ...histogram(sortValues([100])), marks }).toString();
  assertStringIncludes(chart, ">p50 p90 p99</text>");
  assertEquals(chart.match(/class="mark"/g)?.length, 1);
});

Deno.test("histogramChart draws each bracket below the name of its percentile, inside the plot", () => {
  const marks = [
    { p: 50, value: 20, doubt: { client: { low: 10, high: 30 } } },
    { p: 90, value: 70, doubt: { client: { low: 65, high: 200 } } },
    { p: 99, value: 70.1, doubt: { client: { low: 65, high: 210 } } },
  ];
  const chart = histogramChart({
    ...BARS,
    scale: "linear",
    edges: [0, 10, 20, 30, 40, 50, 60, 70, 80],
    counts: [0, 5, 0, 10, 0, 0, 0, 5],
    marks,
  }).toString();
  assertStringIncludes(chart, 'class="whisker mark" x1="12.5%" x2="37.5%"');
  assertStringIncludes(chart, 'class="whisker mark" x1="81.25%" x2="100%"');
  assertEquals(chart.match(/class="whisker mark"/g)?.length, 2);
  assertStringIncludes(chart, "p50 20.0 ms, client 10–30; p90 70.0 ms, client 65–200");
});

Deno.test("histogramChart draws what chance leaves open as a line with ends, inside the plot", () => {
  const chart = histogramChart({
    ...BARS,
    scale: "linear",
    edges: [0, 10, 20, 30, 40, 50, 60, 70, 80],
    counts: [0, 5, 0, 10, 0, 0, 0, 5],
    marks: [{ p: 50, value: 20, doubt: { sampling: { low: 10, high: 100 } } }],
  }).toString();
  assertStringIncludes(chart, 'class="chance mark" x1="12.5%" x2="100%"');
  assertEquals(chart.match(/class="chance mark"/g)?.length, 3);
  assertEquals(chart.match(/class="whisker/g), null);
  assertStringIncludes(chart, "p50 20.0 ms, sampling 10–100");
});

Deno.test("labelRows gives each label a row with room", () => {
  const rows = (...places: number[]) => labelRows(places.map((at) => ({ at })));
  assertEquals(rows(0.1, 0.5, 0.9), [0, 0, 0]);
  assertEquals(rows(0.1, 0.12, 0.14), [0, 1, 2]);
  assertEquals(rows(0.1, 0.12, 0.3), [0, 1, 0]);
});

Deno.test("labelRows lets no band lie on another", () => {
  assertEquals(labelRows([{ at: 0.2, from: 0.1, to: 0.5 }, { at: 0.6, from: 0.4, to: 0.7 }]), [
    0,
    1,
  ]);
  assertEquals(labelRows([{ at: 0.2, from: 0.1, to: 0.3 }, { at: 0.6, from: 0.4, to: 0.7 }]), [
    0,
    0,
  ]);
});
