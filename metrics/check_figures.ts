/**
 * The figures that a reader looks at first, and which of them hold: both of their ends lie near the
 * printed number.
 *
 * @module
 */
import type { Bracket } from "./load_bracket.ts";
import type { Throughput } from "./load_series.ts";
import {
  bracketedText,
  formatBracketed,
  formatMs,
  formatPercentile,
  formatShare,
} from "./format.ts";

/** Share of a figure by which its ends may differ from it, unless the options say otherwise. */
export const CLIENT_TOLERANCE = 0.05;

/** Percentiles of the headline figures, whichever ones a report shows. */
export const HEADLINE_PERCENTILES: readonly number[] = [50, 90, 99];

/** Metrics of the headline figures, and the difference that never matters, in ms. */
export const HEADLINE_FLOOR_MS: Readonly<Record<string, number>> = {
  ttft: 1,
  tpot: 0.1,
  itl: 0.1,
  e2e: 1,
};

/** A percentile of a headline metric, in ms. */
export interface HeadlineFigure {
  /** Name of the metric, a key of {@linkcode HEADLINE_FLOOR_MS}. */
  readonly metric: string;
  /** Title of the metric. */
  readonly title: string;
  /** One of {@linkcode HEADLINE_PERCENTILES}. */
  readonly p: number;
  /** What is printed. */
  readonly value: number;
  /** What the client leaves open about it. */
  readonly bracket: Bracket;
}

/** A figure that does not hold. */
export interface OpenFigure {
  /** Title of the metric; absent = the throughput. */
  readonly title?: string;
  /** Percentile; absent likewise. */
  readonly p?: number;
  /** How far its ends are from it, as a multiple of what is allowed; above 1. */
  readonly excess: number;
  /** The figure and its ends, in words. */
  readonly text: string;
  /** What is wrong is more than a tail. */
  readonly middle: boolean;
}

/** The figures that do not hold, in the order given, the throughput last. */
export function openFigures(
  figures: readonly HeadlineFigure[],
  run: Pick<Throughput, "qps" | "outputTokensPerSec" | "brackets">,
  tolerance: number,
): readonly OpenFigure[] {
  const open = figures.flatMap(({ metric, title, p, value, bracket }): readonly OpenFigure[] => {
    const floorMs = HEADLINE_FLOOR_MS[metric] ?? 0;
    const excess = apart(value, bracket) / Math.max(tolerance * value, floorMs);
    if (!(excess > 1)) return [];
    const text = `${formatPercentile(p)} of ${title} is ${
      bracketedText(formatBracketed(value, bracket, "ms"))
    }, open by more than ${
      tolerance * value > floorMs ? formatShare(tolerance) : formatMs(floorMs)
    }`;
    return [{ title, p, excess, text, middle: p <= 50 }];
  });
  const [value, bracket, unit] = run.brackets?.outputTokensPerSec === undefined
    ? [run.qps, run.brackets?.qps, "req/s"] as const
    : [run.outputTokensPerSec, run.brackets.outputTokensPerSec, "tokens/s"] as const;
  if (value === undefined || bracket === undefined) return open;
  const excess = apart(value, bracket) / (tolerance * value);
  if (!(excess > 1)) return open;
  const text = `the throughput is ${
    bracketedText(formatBracketed(value, bracket, unit))
  }: more with a client that loses no time`;
  return [...open, { excess, text, middle: true }];
}

function apart(value: number, { low, high }: Bracket): number {
  return Math.max(value - low, high - value);
}

/** `p99 of TTFT and ITL`, `p90 and p99 of TTFT and p99 of ITL`, `p50 of TTFT and the throughput`. */
export function nameFigures(figures: readonly OpenFigure[]): string {
  const byTitle = Map.groupBy(
    figures.filter(({ title }) => title !== undefined),
    ({ title }) => title!,
  );
  const byPercentiles = Map.groupBy(
    byTitle.keys(),
    (title) => listed(byTitle.get(title)!.map(({ p }) => formatPercentile(p!))),
  );
  return listed([
    ...[...byPercentiles].map(([percentiles, titles]) => `${percentiles} of ${listed(titles)}`),
    ...(figures.some(({ title }) => title === undefined) ? ["the throughput"] : []),
  ]);
}

function listed(parts: readonly string[]): string {
  const last = parts.at(-1) ?? "";
  return parts.length < 2 ? last : `${parts.slice(0, -1).join(", ")} and ${last}`;
}
