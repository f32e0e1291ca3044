import { assert, assertEquals, assertLessOrEqual, assertStringIncludes } from "@std/assert";
import { curveChart, type CurvePoint } from "../metrics/chart_curve.ts";
import { placeLabels } from "../metrics/chart_labels.ts";
import { pathOf, tipsOf } from "./support/chart_parts.ts";

const POINT: CurvePoint = {
  short: "1",
  label: "1 user",
  throughput: 100,
  latencies: [10, 20],
  doubts: [{}, {}],
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

Deno.test("curveChart lets no labels overlap, however many loads there are", () => {
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

Deno.test("curveChart draws brackets as whiskers, all of them inside the plot", () => {
  const chart = curve([
    { ...POINT, doubts: [{ client: { low: 5, high: 12 } }, { client: { low: 18, high: 40 } }] },
    { ...POINT, throughput: 200 },
  ]);
  // The axis goes to the highest end, 40 ms, over 210 pixels.
  assertStringIncludes(
    chart.toString(),
    'class="whisker rank0" x1="50%" x2="50%" y1="147" y2="183.8"',
  );
  assertStringIncludes(
    chart.toString(),
    'class="whisker rank1" x1="50%" x2="50%" y1="0" y2="115.5"',
  );
  assertEquals(chart.toString().match(/class="whisker/g)?.length, 2);
  assertEquals(tipsOf(chart)[0]?.slice(2), [
    "p50 10.0 ms, client 5–12",
    "p99 20.0 ms, client 18–40",
  ]);
  // On a logarithmic axis there is no 0.
  const log = curve([
    {
      ...POINT,
      latencies: [1, 1000],
      doubts: [{ client: { low: 0, high: 2 } }, { client: { low: 900, high: 1100 } }],
    },
  ]);
  for (const [, y1, y2] of log.toString().matchAll(/class="whisker.* y1="([^"]*)" y2="([^"]*)"/g)) {
    for (const y of [Number(y1), Number(y2)]) assert(y >= 0 && y <= 210, `${y}`);
  }
});

Deno.test("curveChart draws what chance leaves open with another sign, and names both", () => {
  const doubt = { client: { low: 9, high: 11 }, sampling: { low: 5, high: 40 } };
  const chart = curve([{ ...POINT, doubts: [doubt, {}] }, { ...POINT, throughput: 200 }]);
  const text = chart.toString();
  // 40 ms is the top of 210 pixels.
  assertStringIncludes(
    text,
    '<svg x="50%"><path class="chance rank0" d="M-4 0H4M0 0V183.8M-4 183.8H4"/></svg>',
  );
  assertEquals([text.match(/"whisker/g)?.length, text.match(/"chance/g)?.length], [1, 1]);
  assertEquals(tipsOf(chart)[0]?.[2], "p50 10.0 ms, client 9.0–11.0, sampling 5–40");
});

Deno.test("curveChart draws limits as lines, and points that are not certain hollow", () => {
  const chart = curveChart({
    ...{ id: "c", title: "TTFT", name: "Output tokens/s", percentiles: [50, 99] },
    points: [{ ...POINT, flaws: ["the load was too short"] }, { ...POINT, throughput: 200 }],
    limits: [{ value: 40, text: "p99 < 40 ms" }],
  }).toString();
  assertEquals(chart.match(/<circle class="dot rank\d hollow"/g)?.length, 2);
  assertStringIncludes(chart, "not certain: the load was too short");
  // The limit is the end of the axis.
  assertStringIncludes(chart, '<line class="limit rest" x1="0" x2="100%" y1="0" y2="0"/>');
  assertStringIncludes(chart, "limits: p99 &#60; 40 ms");
});

Deno.test("placeLabels keeps labels off lines where there is room beside them", () => {
  const label = { text: "64", at: 0.5, dots: [50] };
  const [plain] = placeLabels([label]);
  assertStringIncludes(plain!.toString(), 'text-anchor="middle"');
  const upright = [[{ at: 0.5, y: 200 }, { at: 0.5, y: 0 }]];
  assertStringIncludes(placeLabels([label], { lines: upright })[0]!.toString(), 'dx="7"');
});
