/**
 * A latency over time, its values counted in cells: the darker, the more.
 *
 * @module
 */
import { across, chart, down, path, type Tip } from "./chart_frame.ts";
import { logScale, timeAxis, timeUnit } from "./chart_scale.ts";
import { formatCount, formatMs, formatValue, plural } from "./format.ts";
import type { HeatMap } from "./load_heat.ts";
import { type Markup, markup } from "./markup.ts";

/** Colors of cells with values. */
const LEVELS = 6;

/** A row is at least so high, in pixels. */
const LEAST_ROW = 5;
const LEAST_HEIGHT = 110;

interface HeatChart {
  readonly id: string;
  readonly map: HeatMap;
  readonly durationMs: number;
}

/** Names of what is counted: one, and many. */
const COUNTED = {
  request: ["request", "requests"],
  gap: ["gap", "gaps"],
  tick: ["tick", "ticks"],
} as const;

/**
 * The largest count of each color, from 1 to the largest of the map: by equal ratios, so that single
 * slow requests are seen beside cells of thousands.
 */
export function heatLevels({ counts }: Pick<HeatMap, "counts">): readonly number[] {
  const most = counts.reduce((max, column) => Math.max(max, ...column), 0);
  const levels = Array.from(
    { length: LEVELS },
    (_, i) => i + 1 === LEVELS ? most : Math.round(most ** ((i + 0.5) / LEVELS)),
  );
  return [...new Set(levels.filter((level) => level > 0))];
}

/** Number of the color of a level: few levels take the dark ones too. */
function shadeOf(level: number, levels: number): number {
  return levels === 1 ? LEVELS - 1 : Math.round(level * (LEVELS - 1) / (levels - 1));
}

/** Time from left to right, small values below. */
export function heatChart({ id, map, durationMs }: HeatChart): Markup {
  const { title, unit, per, columnMs, edges, counts } = map;
  const rows = edges.length - 1;
  const height = Math.max(LEAST_HEIGHT, rows * LEAST_ROW);
  const x = timeAxis(durationMs);
  const time = unit === "ms" ? timeUnit(edges.at(-1)!) : { name: unit, ms: 1 };
  const y = logScale(edges[0]! / time.ms, edges.at(-1)! / time.ms, { ticks: 6 });
  const levels = heatLevels(map);
  // Cells beside each other in one row and one color are one shape.
  const shapes = levels.map((_, level) => {
    const cells: string[] = [];
    for (let row = 0; row < rows; row++) {
      const [top, bottom] = [row + 1, row].map((edge) => down(edge / rows, height));
      for (let column = 0; column < counts.length; column++) {
        if (levelOf(counts[column]![row]!, levels) !== level) continue;
        const from = column;
        while (
          column + 1 < counts.length && levelOf(counts[column + 1]![row]!, levels) === level
        ) column++;
        const [left, right] = [from, column + 1].map((at) =>
          across(x.at(Math.min(at * columnMs, durationMs)))
        );
        if (right! > left!) cells.push(`M${left} ${bottom}V${top}H${right}V${bottom}`);
      }
    }
    return path(`heat heat${shadeOf(level, levels.length)}`, cells.join(""));
  });
  const [one, many] = COUNTED[per];
  const total = counts.flat().reduce((sum, count) => sum + count, 0);
  const most = levels.at(-1) ?? 0;
  const at = counts.findIndex((column) => column.includes(most));
  const row = counts[at]?.indexOf(most) ?? 0;
  const range = (row: number) =>
    `${formatValue(edges[row], unit)} to ${formatValue(edges[row + 1], unit)}`;
  const when = (column: number) =>
    `${formatMs(column * columnMs)} to ${formatMs(Math.min((column + 1) * columnMs, durationMs))}`;
  return chart({
    id,
    title: `${title} over time, counted`,
    description: `${plural(total, one, many)} from ${formatValue(edges[0], unit)} to ${
      formatValue(edges.at(-1), unit)
    }; most in one cell: ${formatCount(most)} of ${range(row)}, from ${when(at)}; ${
      usualText(map)
    }`,
    panels: [{
      height,
      name: `${title} (${time.name}, log scale)`,
      ticks: y.ticks,
      shapes,
    }],
    ticks: x.ticks,
    name: x.name,
    tips: {
      axis: "x",
      list: counts.map((column, i): Tip => {
        const sum = column.reduce((a, b) => a + b, 0);
        const filled = column.flatMap((count, row) => count > 0 ? [{ count, row }] : []);
        const usual = filled.toSorted((a, b) => b.count - a.count)[0];
        return {
          at: x.at(Math.min((i + 0.5) * columnMs, durationMs)),
          lines: [
            when(i),
            plural(sum, one, many),
            ...(usual === undefined ? [] : [
              `most: ${formatCount(usual.count)} of ${range(usual.row)}`,
              `slowest: ${range(filled.at(-1)!.row)}`,
            ]),
          ],
        };
      }),
    },
  });
}

/** Where most values were in each third of the load, for those who cannot see it. */
function usualText({ edges, counts, unit }: HeatMap): string {
  const parts = ["first", "second", "last"].flatMap((name, part) => {
    const [from, to] = [part, part + 1].map((third) => Math.floor(third * counts.length / 3));
    const own = counts.slice(from, to);
    const sums = edges.slice(1).map((_, row) => own.reduce((sum, column) => sum + column[row]!, 0));
    const most = Math.max(0, ...sums);
    if (most === 0) return [];
    const row = sums.indexOf(most);
    return `${name} third mostly ${formatValue(edges[row], unit)} to ${
      formatValue(edges[row + 1], unit)
    }`;
  });
  return parts.join(", ");
}

/** Position of a count among the levels; none for an empty cell. */
function levelOf(count: number, levels: readonly number[]): number {
  return count === 0 ? -1 : levels.findIndex((level) => count <= level);
}

/** What the colors mean. */
export function heatLegend(map: HeatMap): Markup {
  const levels = heatLevels(map);
  const [, many] = COUNTED[map.per];
  const entries = levels.map((level, i) => {
    const from = i === 0 ? 1 : levels[i - 1]! + 1;
    const text = from === level ? formatCount(level) : `${formatCount(from)}–${formatCount(level)}`;
    return markup`<span><svg width="14" height="10" aria-hidden="true"><path class="heat heat${
      shadeOf(i, levels.length)
    }" d="M0 0V10H14V0"/></svg> ${text}</span>`;
  });
  return markup`<p class="legend">${entries}<span>${many} in a cell</span></p>
`;
}
