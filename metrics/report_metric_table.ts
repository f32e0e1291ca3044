/**
 * The terminal's table of metrics: numbers, and below them what the client and what chance leave open
 * about them.
 *
 * @module
 */
import {
  type Doubt,
  type Doubted,
  DOUBTS,
  doubtTexts,
  formatCount,
  formatDoubted,
  formatPercentile,
} from "./format.ts";
import { type MetricSummary, percentileDoubt } from "./load_figures.ts";
import { numberColumn, type TextColumn, textTable } from "./report_text_table.ts";

/** One line of the table. */
export interface MetricLine {
  /** The line. */
  readonly text: string;
  /** Whether it belongs to the numbers of a line above. */
  readonly below: boolean;
}

/**
 * A row for each metric, and below the numbers of a latency a row with their brackets (`client`) and
 * one with their intervals (`sampling`): of all of them where there is room beside every percentile,
 * else of fewer, of the median and the tail at least.
 */
export function metricTableLines(
  heading: string,
  metrics: readonly MetricSummary[],
  width: number,
): readonly MetricLine[] {
  const percentiles = metrics[0]?.distribution.percentiles.map(({ p }) => p) ?? [];
  const tail = tailPercentile(percentiles);
  const rows = metrics.flatMap((metric): readonly MetricRow[] => [
    { metric, below: undefined },
    ...(metric.brackets === undefined ? [] : [{ metric, below: "client" } as const]),
    ...(metric.intervals === undefined ? [] : [{ metric, below: "sampling" } as const]),
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
    // What found no room, or belongs to numbers that do not exist, leaves no empty line.
    ...lines.map((text, i) => ({ text, below: rows[i]!.below !== undefined })).filter((
      { text, below },
    ) => !below || text.includes("–")),
  ];
}

/** The numbers of a metric, or what is open about them. */
interface MetricRow {
  readonly metric: MetricSummary;
  readonly below: keyof Doubt | undefined;
}

interface MetricColumns {
  readonly percentiles: readonly number[];
  /** Position of the percentile that is never left out. */
  readonly tail: number | undefined;
  /** Positions of the percentiles that have ends below them. */
  readonly positions: ReadonlySet<number | typeof MEAN>;
}

/** Position of the mean. */
const MEAN = "mean";

/** Which numbers have ends: all of them, then one fewer each time, the dearest last. */
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
    numberOf: (metric: MetricSummary) => readonly [number | undefined, Doubt],
    dropOrder?: number,
  ): TextColumn => {
    const cells = rows.map(({ metric, below }) => {
      const [number, doubt] = numberOf(metric);
      const doubted: Doubted = formatDoubted(number, doubt, metric.unit === "ms" ? "ms" : "1");
      return doubted[below ?? "value"] ?? "";
    });
    return numberColumn(name, cells, dropOrder);
  };
  return [
    {
      heading,
      cells: rows.map(({ metric, below }) => below === undefined ? titleOf(metric) : `  ${below}`),
      align: "left",
    },
    column(
      "mean",
      ({ distribution, brackets, intervals }) => [
        distribution.mean,
        positions.has(MEAN) ? { client: brackets?.mean, sampling: intervals?.mean } : {},
      ],
    ),
    column("min", ({ distribution }) => [distribution.min, {}], 3),
    ...percentiles.map((p, i) =>
      column(
        formatPercentile(p),
        (metric) => [
          metric.distribution.percentiles[i]?.value,
          positions.has(i) ? percentileDoubt(metric, i) : {},
        ],
        i === tail || p === 50 ? undefined : p === 90 || p > 99 ? 1 : 2,
      )
    ),
    column("max", ({ distribution }) => [distribution.max, {}]),
    numberColumn(
      "samples",
      rows.map(({ metric, below }) =>
        below === undefined ? formatCount(metric.distribution.count) : ""
      ),
      0,
    ),
  ];
}

/** Position of the tail percentile: 99, else the highest below it, else the highest. */
export function tailPercentile(percentiles: readonly number[]): number | undefined {
  const ordinary = percentiles.filter((p) => p <= 99);
  const tail = Math.max(...(ordinary.length > 0 ? ordinary : percentiles));
  const position = percentiles.indexOf(tail);
  return position < 0 ? undefined : position;
}

/** The wider of what is open about each figure; named in the heading, or in each cell where they differ. */
export function doubtColumns(
  figures: readonly Doubted[],
  dropOrder: number,
): readonly TextColumn[] {
  const named = DOUBTS.filter((name) => figures.some((figure) => figure[name] !== undefined));
  const [only, other] = named;
  if (only === undefined) return [];
  return [
    other === undefined
      ? numberColumn(only, figures.map((figure) => figure[only] ?? ""), dropOrder)
      : numberColumn("client or sampling", figures.map((one) => doubtTexts(one).join()), dropOrder),
  ];
}
