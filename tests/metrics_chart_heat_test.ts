import { assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { heatChart, heatLegend, heatLevels } from "../metrics/chart_heat.ts";
import { heatFigures } from "../metrics/html_heat.ts";
import type { HeatMap } from "../metrics/load_heat.ts";
import { pathOf, tipsOf } from "./support/chart_parts.ts";

const MAP: HeatMap = {
  ...{ name: "ttft", title: "TTFT", unit: "ms", per: "request", columnMs: 100 },
  edges: [10, 20, 40],
  counts: [[1, 0], [1, 64], [0, 0], [0, 1]],
};

const draw = (map: HeatMap = MAP, durationMs = 400) => heatChart({ id: "h", map, durationMs });

Deno.test("heatLevels go from one to the most, by equal ratios", () => {
  assertEquals(heatLevels(MAP), [1, 3, 6, 11, 23, 64]);
  assertEquals(heatLevels({ counts: [[1]] }), [1]);
  assertEquals(heatLevels({ counts: [[0]] }), []);
});

Deno.test("heatChart draws cells beside each other as one, and none that is empty", () => {
  const chart = draw();
  // The lowest row is 55 of 110 pixels high.
  assertEquals(pathOf(chart, "heat heat0"), "M0 110V55H500V110M750 55V0H1000V55");
  assertEquals(pathOf(chart, "heat heat5"), "M250 55V0H500V55");
  assertEquals(pathOf(chart, "heat heat3"), "");
});

Deno.test("heatChart says in words what the colors show", () => {
  const chart = draw();
  assertStringIncludes(
    chart.toString(),
    "67 requests from 10.0 ms to 40.0 ms; most in one cell: 64 of 20.0 ms to 40.0 ms, " +
      "from 100 ms to 200 ms; first third mostly 10.0 ms to 20.0 ms",
  );
  assertEquals(tipsOf(chart)[1], [
    "100 ms to 200 ms",
    "65 requests",
    "most: 64 of 20.0 ms to 40.0 ms",
    "slowest: 20.0 ms to 40.0 ms",
  ]);
  assertEquals(tipsOf(chart)[2], ["200 ms to 300 ms", "0 requests"]);
});

Deno.test("heatChart ends with its load", () => {
  assertMatch(pathOf(draw(MAP, 350), "heat heat0"), /H1000V55$/);
  assertFalse(/NaN|Infinity/.test(draw({ ...MAP, counts: [[0, 0]] }, 0).toString()));
});

Deno.test("heatLegend names the counts of each color", () => {
  const legend = heatLegend(MAP).toString();
  assertEquals(
    [...legend.matchAll(/<\/svg> ([^<]+)</g)].map(([, text]) => text),
    ["1", "2–3", "4–6", "7–11", "12–23", "24–64"],
  );
  assertStringIncludes(legend, "requests in a cell");
});

Deno.test("heatFigures leaves out what has too few columns", () => {
  const short = { ...MAP, counts: MAP.counts.slice(0, 3) };
  assertEquals(heatFigures({ heatMaps: [short], durationMs: 300 }, "load-1").toString(), "");
  assertStringIncludes(
    heatFigures({ heatMaps: [MAP], durationMs: 400 }, "load-1").toString(),
    'id="load-1-heat-ttft-t"',
  );
});
