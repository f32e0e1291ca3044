/**
 * The terminal's table of metrics: numbers, and below them what the client leaves open about them.
 *
 * @module
 */
import type { Bracket } from "./load_bracket.ts";
import { formatBracketed, formatCount, formatPercentile } from "./format.ts";
import type { MetricSummary } from "./load_figures.ts";
import { numberColumn, type TextColumn, textTable } from "./report_text_table.ts";

/** One line of the table. */
export interface MetricLine {
  /** The line. */
  readonly text: string;
  /** Whether it has the brackets of the line above. */
  readonly below: boolean;
}

/**
 * A row for each metric, and below the numbers of a latency their brackets: of all of them where
 * there is room beside every percentile, else of fewer, of the median and the tail at least.
 */
export function metricTableLines(
  heading: string,
  metrics: readonly MetricSummary[],
  width: number,
): readonly MetricLine[] {
  const percentiles = metrics[0]?.distribution.percentiles.map(({ p }) => p) ?? [];
  const tail = tailPercentile(percentiles);
  const rows = metrics.flatMap((metric): readonly MetricRow[] => [
    { metric, below: false },
    ...(metric.brackets === undefined ? [] : [{ metric, below: true }]),
  ]);
  const variants = bracketedPositions(percentiles, tail).map((positions) =>
    textTable(metricColumns(heading, rows, { percentiles, tail, positions }), width)
  );
  const wanted = [...percentiles.map(formatPercentile), "samples"];
  const shown = variants.map(([heading]) => {
    const names = heading!.split(" ");
    return wanted.filter((name) => names.includes(name)).length;
  });
  // No column gives way to a bracket.
  const [first, ...lines] = variants[shown.indexOf(Math.max(...shown))]!;
  return [
    { text: first!, below: false },
    // Brackets that found no room, or belong to numbers that do not exist, leave no empty line.
    ...lines.map((text, i) => ({ text, below: rows[i]!.below })).filter(({ text }) => text !== ""),
  ];
}

/** The numbers of a metric, or their brackets below them. */
interface MetricRow {
  readonly metric: MetricSummary;
  readonly below: boolean;
}

interface MetricColumns {
  readonly percentiles: readonly number[];
  /** Position of the percentile that is never left out. */
  readonly tail: number | undefined;
  /** Positions of the percentiles that have brackets below them. */
  readonly positions: ReadonlySet<number | typeof MEAN>;
}

/** Position of the mean. */
const MEAN = "mean";

/** Which numbers have brackets: all of them, then one fewer each time, the dearest last. */
function bracketedPositions(
  percentiles: readonly number[],
  tail: number | undefined,
): readonly ReadonlySet<number | typeof MEAN>[] {
  const dearest = (position: number) =>
    position === tail || percentiles[position] === 50 ? 2 : percentiles[position] === 90 ? 1 : 0;
  const all = [...percentiles.keys()].sort((a, b) => dearest(b) - dearest(a));
  const least = all.filter((position) => dearest(position) === 2).length;
  return [
    new Set([...all, MEAN]),
    ...all.slice(least - 1).map((_, i) => new Set(all.slice(0, all.length - i))),
  ];
}

function metricColumns(
  heading: string,
  rows: readonly MetricRow[],
  { percentiles, tail, positions }: MetricColumns,
): readonly TextColumn[] {
  // A unit in the title keeps the cells narrow; times have one that fits their size.
  const titleOf = ({ title, unit }: MetricSummary) =>
    unit === "ms" || unit === "1" ? title : `${title}, ${unit}`;
  const column = (
    name: string,
    numberOf: (metric: MetricSummary) => readonly [number | undefined, Bracket | undefined],
    dropOrder?: number,
  ): TextColumn => {
    const cells = rows.map(({ metric, below }) => {
      const [number, bracket] = numberOf(metric);
      const unit = metric.unit === "ms" ? "ms" : "1";
      const { value, ends } = formatBracketed(number, bracket, unit);
      return below ? inParentheses(ends) : value;
    });
    return numberColumn(name, cells, dropOrder);
  };
  return [
    {
      heading,
      cells: rows.map(({ metric, below }) => below ? "" : titleOf(metric)),
      align: "left",
    },
    column(
      "mean",
      ({ distribution, brackets }) => [
        distribution.mean,
        positions.has(MEAN) ? brackets?.mean : undefined,
      ],
    ),
    column("min", ({ distribution }) => [distribution.min, undefined], 3),
    ...percentiles.map((p, i) =>
      column(
        formatPercentile(p),
        ({ distribution, brackets }) => [
          distribution.percentiles[i]?.value,
          positions.has(i) ? brackets?.percentiles[i]?.bracket : undefined,
        ],
        i === tail || p === 50 ? undefined : p === 90 || p > 99 ? 1 : 2,
      )
    ),
    column("max", ({ distribution }) => [distribution.max, undefined]),
    numberColumn(
      "samples",
      rows.map(({ metric, below }) => below ? "" : formatCount(metric.distribution.count)),
      0,
    ),
  ];
}

/** `(49.9–50.3)`, or nothing where no bracket is known. */
export function inParentheses(ends: string | undefined): string {
  return ends === undefined ? "" : `(${ends})`;
}

/** Position of the tail percentile: 99, else the highest below it, else the highest. */
export function tailPercentile(percentiles: readonly number[]): number | undefined {
  const ordinary = percentiles.filter((p) => p <= 99);
  const tail = Math.max(...(ordinary.length > 0 ? ordinary : percentiles));
  const position = percentiles.indexOf(tail);
  return position < 0 ? undefined : position;
}
