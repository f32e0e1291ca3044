/**
 * A load, or the mean of its repeats, in a few words.
 *
 * @module
 */
import { formatByError, formatPercentile, formatValue, plural } from "./format.ts";
import {
  type Contender,
  type ContenderFigure,
  figureOf,
  type RateBasis,
  rateOf,
} from "./summary_contenders.ts";

/** Percentiles of the sentence: the farthest that a load has values for. */
const TAILS: readonly number[] = [99, 95, 90, 50];

/** `1,040 tokens/s, TTFT p99 412 ms, ITL p99 21 ms`. */
export function inShort(one: Contender, basis: RateBasis): string {
  const [load] = one.loads;
  const { sessions } = load!;
  return [
    rateText(one, basis),
    ...(sessions?.perHour === undefined
      ? []
      : [`${formatValue(sessions.perHour, "1")} sessions/h`]),
    ...tailTexts(one),
  ].join(", ");
}

export function rateText(one: Contender, basis: RateBasis): string {
  const rate = rateOf(one, basis);
  const { repeated } = one;
  if (rate === undefined) return "no tokens";
  // In as many digits as the line of the load has.
  const doubt = { client: rate.bracket, sampling: rate.interval };
  const name = basis.field === "qps"
    ? formatByError(rate.value, doubt, "req/s")
    : `${formatByError(rate.value, doubt, "1")} output tokens/s`;
  return repeated === undefined
    ? name
    : `${name} (mean of ${plural(repeated.loads.length, "run")})`;
}

/** Latencies that stand for a load: TTFT and ITL, and what else is limited. */
const SHOWN: readonly string[] = ["ttft", "itl"];
const LIMITED: readonly string[] = ["tpot", "e2e"];

/** A latency of a contender at one percentile. */
export interface Tail {
  /** Name of the metric. */
  readonly name: string;
  /** The percentile that a limit is about, else the farthest that there is. */
  readonly p: number;
  readonly figure: ContenderFigure;
}

/** TTFT, ITL and limited latencies; E2E where nothing was streamed. */
export function tailsOf(one: Contender): readonly Tail[] {
  const { limits } = one.loads[0]!;
  const limited = LIMITED.filter((name) =>
    limits.some((limit) => limit.name.startsWith(`${name}:`))
  );
  const tails = [...SHOWN, ...limited].flatMap((name) => tailOf(one, name) ?? []);
  return tails.length > 0 ? tails : [tailOf(one, "e2e") ?? []].flat();
}

/** One of them; absent where it has none. */
export function tailOf(one: Contender, name: string): Tail | undefined {
  const limited = one.loads[0]!.limits.flatMap(({ name: full }) => {
    const [metric, statistic = ""] = full.split(":");
    return metric === name && /^p[\d.]+$/.test(statistic) ? [Number(statistic.slice(1))] : [];
  });
  for (const p of [...limited, ...TAILS]) {
    const figure = figureOf(one, `${name}:p${p}`);
    if (figure !== undefined) return { name, p, figure };
  }
  return undefined;
}

/** `TTFT p99 412 ms`, one for each of its tails. */
export function tailTexts(one: Contender): readonly string[] {
  return tailsOf(one).map(({ name, p, figure }) =>
    `${name.toUpperCase()} ${formatPercentile(p)} ${formatValue(figure.value, "ms")}`
  );
}
