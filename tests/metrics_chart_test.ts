import { assert, assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import { curveChart, type CurvePoint } from "../metrics/chart_curve.ts";
import { histogramChart, labelRows } from "../metrics/chart_histogram.ts";
import { seriesChart } from "../metrics/chart_series.ts";
import { timelineChart } from "../metrics/chart_timeline.ts";
import { histogram } from "../metrics/stat_histogram.ts";
import type { TimelineEntry } from "../metrics/load_summary.ts";
import type { Markup } from "../metrics/markup.ts";
import { sortValues } from "../metrics/stat_quantile.ts";
import { series } from "../metrics/summary_series.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

/** Texts of the pointer, a list of lines for each place. */
function tipsOf(chart: Markup): readonly (readonly string[])[] {
  const tips = /data-tips="([^"]*)"/.exec(chart.toString())?.[1];
  return tips === undefined ? [] : tips.split("\n").map((tip) => tip.split("\t"));
}

function pathOf(chart: Markup, kind: string): string {
  return new RegExp(`<path class="${kind}" d="([^"]*)"`).exec(chart.toString())?.[1] ?? "";
}

const BARS = {
  id: "h",
  title: "TTFT",
  unit: "ms",
  counted: "requests",
  marks: [{ p: 50, value: 20 }, { p: 99, value: undefined }],
} as const;

Deno.test("histogramChart draws one bar a bin and says how many values it holds", () => {
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

Deno.test("labelRows gives each label a row with room", () => {
  assertEquals(labelRows([0.1, 0.5, 0.9]), [0, 0, 0]);
  assertEquals(labelRows([0.1, 0.12, 0.14]), [0, 1, 2]);
  assertEquals(labelRows([0.1, 0.12, 0.3]), [0, 1, 0]);
});

const POINT: CurvePoint = {
  short: "1",
  label: "1 user",
  throughput: 100,
  latencies: [10, 20],
  failed: false,
};

const curve = (points: readonly CurvePoint[]) =>
  curveChart({ id: "c", title: "TTFT", name: "Output tokens/s", percentiles: [50, 99], points });

Deno.test("curveChart joins the loads in the order given", () => {
  const chart = curve([POINT, { ...POINT, short: "2", throughput: 200, latencies: [20, 40] }]);
  // 200 tokens/s and 40 ms are the ends of the axes; 210 pixels high.
  assertEquals(pathOf(chart, "curve rank0"), "M500 157.5L1000 105");
  assertEquals(pathOf(chart, "curve rank1"), "M500 105L1000 0");
  assertEquals(tipsOf(chart)[0], ["1 user", "100 output tokens/s", "p50 10.0 ms", "p99 20.0 ms"]);
});

Deno.test("curveChart keeps the lines of a text apart from line feeds in a label", () => {
  const chart = curve([{ ...POINT, label: "one\nload\tor <two>\x00" }, POINT]);
  assertEquals(tipsOf(chart).map(([first]) => first), ["one load or &#60;two&#62;�", "1 user"]);
});

Deno.test("curveChart leaves out what does not exist and marks what failed", () => {
  const chart = curve([
    { ...POINT, latencies: [10, undefined] },
    { ...POINT, throughput: undefined },
    { ...POINT, throughput: 50, short: "9", failed: true },
  ]).toString();
  assertEquals(chart.match(/<circle/g)?.length, 3);
  assertEquals(chart.match(/<circle class="dot rank\d failed"/g)?.length, 2);
  assertStringIncludes(chart, ">9 ×</text>");
  assertStringIncludes(curve([]).toString(), "no load has enough completed requests");
});

Deno.test("curveChart puts no label upon another, however many loads there are", () => {
  for (const count of [1, 2, 12, 64]) {
    const points = Array.from({ length: count }, (_, i) => ({
      ...POINT,
      short: `${i * 16}`,
      // Saturation: throughput stops growing, latency goes on.
      throughput: 1000 * (1 - Math.exp(-i / 8)),
      latencies: [10 + i, 20 + 3 * i],
    }));
    const labels = [
      ...curve(points).toString().matchAll(
        /class="label" x="([\d.]+)%" dx="(-?\d+)" y="(-?[\d.]+)" text-anchor="(\w+)">([^<]*)</g,
      ),
    ].map(([, x, dx, y, anchor, text]) => {
      const width = text!.length * 6.2;
      const left = Number(x) * 3 + Number(dx) -
        { start: 0, middle: width / 2, end: width }[anchor!]!;
      return { left, right: left + width, y: Number(y), text: text! };
    });
    assertLessOrEqual(labels.length, 12);
    assertEquals(labels[0]!.text, "0");
    if (count > 1) assertEquals(labels[1]!.text, `${(count - 1) * 16}`);
    for (const [i, a] of labels.entries()) {
      for (const b of labels.slice(i + 1)) {
        const apart = a.right <= b.left || b.right <= a.left || Math.abs(a.y - b.y) >= 9;
        assert(apart, `${a.text} and ${b.text} of ${count}`);
      }
    }
  }
});

const ENTRY: TimelineEntry = {
  index: 0,
  user: 0,
  intendedMs: 0,
  sentMs: 100,
  firstTokenMs: 300,
  lastTokenMs: 900,
  endMs: 1000,
  outcome: "ok",
};

const timeline = (entries: readonly TimelineEntry[], offered = entries.length) =>
  timelineChart({ id: "t", entries, offered, durationMs: 1000 });

Deno.test("timelineChart draws waiting, prefill and tokens of each request", () => {
  const chart = timeline([ENTRY, { ...ENTRY, index: 1 }]);
  assertEquals(pathOf(chart, "waiting"), "M0 7H100M0 21H100");
  assertEquals(pathOf(chart, "prefill"), "M100 7H300M100 21H300");
  assertEquals(pathOf(chart, "decode"), "M300 7H900M300 21H900");
  assertEquals(tipsOf(chart)[0], [
    "Request 0, user 0: ok",
    "intended at 0 ms",
    "sent 100 ms later",
    "first token after 200 ms, end after 900 ms",
  ]);
});

Deno.test("timelineChart goes by the time of sending, whatever the numbers are", () => {
  // Two users with numbers of their own; the second is faster.
  const sent = [[0, 0], [1, 10], [2, 400], [3, 150], [5, 300]] as const;
  const chart = timeline(
    sent.map(([index, sentMs]) => ({ ...ENTRY, index, user: index % 2, intendedMs: 0, sentMs })),
  );
  const shown = tipsOf(chart).map(([first]) => Number(/\d+/.exec(first!)![0]));
  assertEquals(shown, [0, 1, 3, 5, 2]);
});

Deno.test("timelineChart marks what did not complete by a shape, not by color alone", () => {
  const chart = timeline([
    { ...ENTRY, outcome: "timeout" },
    { ...ENTRY, outcome: "cancelled", endMs: 500 },
    {
      ...ENTRY,
      outcome: "dropped",
      sentMs: undefined,
      firstTokenMs: undefined,
      lastTokenMs: undefined,
      endMs: undefined,
    },
  ]).toString();
  for (
    const [kind, mark, x] of [["failed", "×", 100], ["cancelled", "○", 50], ["dropped", "△", 0]]
  ) {
    assert(new RegExp(`<text class="${kind}" x="${x}%" [^>]*>${mark}<`).test(chart), `${kind}`);
  }
});

Deno.test("timelineChart thins out, but keeps the few that did not complete", () => {
  const entries = Array.from({ length: 400 }, (_, index): TimelineEntry => ({
    ...ENTRY,
    index,
    outcome: index === 77 || index === 301 ? "timeout" : "ok",
  }));
  const chart = timeline(entries, 5000);
  assertEquals(tipsOf(chart).length, 160);
  const shown = tipsOf(chart).map(([first]) => first!);
  assert(shown.includes("Request 77, user 0: timeout"));
  assert(shown.includes("Request 301, user 0: timeout"));
  const order = shown.map((line) => Number(/\d+/.exec(line)![0]));
  assertEquals(order, order.toSorted((a, b) => a - b));
  assertStringIncludes(chart.toString(), "160 of 5,000 requests, in the order of sending");
});

Deno.test("seriesChart draws a step for each stretch and shades the steady window", () => {
  const records = [0, 1, 2, 3].map((index) =>
    createRecord({ index, sentMs: index * 1000, ticks: [[index * 1000 + 1000, 10]] })
  );
  const data = series(records, 4000);
  const chart = seriesChart({
    id: "s",
    series: data,
    durationMs: 4000,
    steady: { fromMs: 1000, toMs: 3000 },
  });
  assertStringIncludes(chart.toString(), '<rect class="steady" x="250" width="500" height="76"/>');
  assertEquals(tipsOf(chart).length, data.startMs.length);
  assertEquals(chart.toString().includes("Failed requests"), false);
});

Deno.test("seriesChart counts failures in a panel of their own", () => {
  const records = [
    createRecord({ sentMs: 0 }),
    createFailure("timeout", { index: 1, afterMs: 100 }),
  ];
  const chart = seriesChart({
    id: "s",
    series: series(records, 140),
    durationMs: 140,
    steady: undefined,
  });
  assertStringIncludes(chart.toString(), "Failed requests (in each 2.00 ms)");
});

Deno.test("seriesChart makes no rate of a last stretch that is almost nothing", () => {
  // One request ends 1 ms into the last stretch of 100 ms: not 1000 requests a second.
  const data = {
    bucketMs: 100,
    startMs: [0, 100],
    completedPerSec: [10, 1000],
    outputTokensPerSec: [50, 1000],
    inFlight: [1, 1],
    failed: [0, 0],
  };
  const chart = seriesChart({ id: "s", series: data, durationMs: 101, steady: undefined });
  assertStringIncludes(chart.toString(), "at most 50 output tokens/s, 10 completed requests/s");
  assertEquals(tipsOf(chart)[1]!.slice(1), [
    "n/a output tokens/s",
    "n/a completed requests/s",
    "1 in flight",
  ]);
  // The axis goes to 60 tokens/s.
  assertEquals(pathOf(chart, "line"), "M0 12.7H990.1");
  const whole = seriesChart({ id: "s", series: data, durationMs: 200, steady: undefined });
  assertStringIncludes(whole.toString(), "at most 1,000 output tokens/s");
});
