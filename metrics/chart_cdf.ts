/**
 * Distributions of all loads over each other: how large the values are up to each percentile. A curve
 * that lies to the left is faster; one that leans to the right in its upper part has a long tail.
 *
 * @module
 */
import { across, chart, down, path, percent, type Tip } from "./chart_frame.ts";
import { LABEL_HEIGHT, placeLabels } from "./chart_labels.ts";
import { levelScale, LOWEST_LEVEL } from "./chart_levels.ts";
import { linearScale, logScale, timeUnit } from "./chart_scale.ts";
import { SIDE_COLORS } from "./chart_side_colors.ts";
import { formatPercentile, formatValue } from "./format.ts";
import type { Quantiles } from "./load_quantiles.ts";
import { type Markup, markup } from "./markup.ts";
import type { Unit } from "./metric.ts";

/** One load. */
export interface CdfCurve extends Pick<Quantiles, "percentiles" | "values"> {
  /** At the end of the curve: as short as `64`. */
  readonly short: string;
  /** In texts: `64 users`. */
  readonly label: string;
  /** Position among all loads: its color, and what hides it. */
  readonly load: number;
}

/** A limit of the service level. */
export interface CdfLimit {
  /** In the unit of the metric. */
  readonly value: number;
  /** Percentile that has to keep it; absent = every value should. */
  readonly p: number | undefined;
  /** `ttft:p99 < 500 ms`. */
  readonly text: string;
}

/** One metric. */
export interface CdfChart {
  readonly id: string;
  readonly title: string;
  readonly unit: Unit;
  readonly curves: readonly CdfCurve[];
  readonly limits: readonly CdfLimit[];
}

const HEIGHT = 260;

/** Above this ratio of largest to smallest, the horizontal axis is logarithmic. */
const LOG_FROM_RATIO = 6;

/** Percentiles whose values stand at the pointer. */
const TOLD: readonly number[] = [10, 25, 50, 75, 90, 95, 99, 99.9, 99.99];

/** Percentiles of the description. */
const DESCRIBED: readonly number[] = [50, 90, 99];

/** Number of the color of a load; loads beyond the colors take them again. */
export function hueOf(load: number): number {
  return load % SIDE_COLORS.length;
}

/** A curve for each load, and the limits as lines. */
export function cdfChart({ id, title, unit, curves, limits }: CdfChart): Markup {
  const drawn = curves.filter(({ values }) => values.length > 0);
  const first = drawn.map((curve) => valueAt(curve, LOWEST_LEVEL) ?? curve.values[0]!);
  const last = drawn.map(({ values }) => values.at(-1)!);
  const ends = [...last, ...limits.map(({ value }) => value)];
  const [lowest, highest] = [Math.min(...first), Math.max(0, ...ends)];
  const time = unit === "ms" ? timeUnit(highest) : { name: unit, ms: 1 };
  const scaled = { ticks: 7 };
  const empty = drawn.length === 0;
  const isLog = !empty && lowest > 0 && highest / lowest > LOG_FROM_RATIO;
  const x = empty
    ? linearScale(0, 1)
    : isLog
    ? logScale(0.9 * lowest / time.ms, 1.1 * highest / time.ms, scaled)
    : linearScale(0, 1.05 * highest / time.ms, scaled);
  const y = levelScale(Math.max(...drawn.map(({ percentiles }) => percentiles.at(-1)!)));
  const xOf = (value: number) => x.at(value / time.ms);
  const yOf = (p: number) => down(y.at(p), HEIGHT);
  const shapes = drawn.map(({ percentiles, values, load }) =>
    path(
      `cdf hue${hueOf(load)} of${load}`,
      percentiles.flatMap((p, i) => p < LOWEST_LEVEL ? [] : `${across(xOf(values[i]!))} ${yOf(p)}`)
        .map((point, i) => `${i === 0 ? "M" : "L"}${point}`).join(""),
    )
  );
  const labels = placeLabels(
    drawn.map(({ short, percentiles, values }) => ({
      text: short,
      at: xOf(values.at(-1)!),
      dots: [yOf(percentiles.at(-1)!)],
    })),
    {
      lines: drawn.map(({ percentiles, values }) =>
        values.map((value, i) => ({ at: xOf(value), y: yOf(percentiles[i]!) }))
      ),
    },
  );
  const texts = drawn.map(({ label, ...curve }) =>
    `${label} ${
      DESCRIBED.flatMap((p) => {
        const value = valueAt(curve, p);
        return value === undefined ? [] : `${formatPercentile(p)} ${formatValue(value, unit)}`;
      }).join(", ") || "too few values"
    }`
  );
  const limited = limits.length === 0
    ? ""
    : `; limits: ${limits.map(({ text }) => text).join(", ")}`;
  return chart({
    id,
    title: `Distributions of ${title}, all loads`,
    description: empty ? "No values" : `${texts.join("; ")}${limited}`,
    panels: [{
      height: HEIGHT,
      above: LABEL_HEIGHT,
      name: "Percentile",
      ticks: empty ? [] : y.ticks,
      shapes,
      labels: markup`${
        limits.map((limit, row) => limitLine(limit, { at: xOf(limit.value), row, yOf }))
      }${labels}`,
      empty: empty ? "no values" : undefined,
    }],
    ticks: empty ? [] : x.ticks,
    name: `${title} (${time.name}${x.kind === "log" ? ", log scale" : ""})`,
    tips: {
      axis: "y",
      list: TOLD.filter((p) => p <= y.max).toReversed().map((p): Tip => ({
        at: 1 - y.at(p),
        lines: [
          formatPercentile(p),
          ...drawn.flatMap(({ label, ...curve }) => {
            const value = valueAt(curve, p);
            return value === undefined ? [] : `${label}: ${formatValue(value, unit)}`;
          }),
        ],
      })),
    },
  });
}

/** Up to the percentile that has to keep it, where a curve must be to the left of the corner. */
function limitLine(
  { p, text }: CdfLimit,
  { at, row, yOf }: {
    readonly at: number;
    readonly row: number;
    readonly yOf: (p: number) => number;
  },
): Markup {
  const x = percent(at);
  const corner = p === undefined ? 0 : yOf(p);
  const [anchor, dx] = at > 0.5 ? ["end", -5] : ["start", 5];
  return markup`<line class="limit" x1="${x}" x2="${x}" y1="${corner}" y2="${HEIGHT}"/>${
    p !== undefined &&
    markup`<svg x="${x}"><path class="limit" d="M-9 ${corner}H0"/></svg><line class="limit rest" x1="${x}" x2="${x}" y1="-4" y2="${corner}"/>`
  }<text class="label limit" x="${x}" dx="${dx}" y="${
    HEIGHT - 6 - row * LABEL_HEIGHT
  }" text-anchor="${anchor}">${text}</text>`;
}

function valueAt(
  { percentiles, values }: Pick<Quantiles, "percentiles" | "values">,
  p: number,
): number | undefined {
  const at = percentiles.indexOf(p);
  return at < 0 ? undefined : values[at];
}
