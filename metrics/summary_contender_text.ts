/**
 * A load, or the mean of its repeats, in a few words.
 *
 * @module
 */
import { formatValue, plural } from "./format.ts";
import { type Contender, figureOf, type RateBasis, rateOf } from "./summary_contenders.ts";

/** Percentiles of the sentence: the farthest that a load has values for. */
export const TAILS: readonly number[] = [99, 95, 90, 50];

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
  const name = basis.field === "qps"
    ? formatValue(rate.value, "req/s")
    : `${formatValue(rate.value, "1")} output tokens/s`;
  return repeated === undefined
    ? name
    : `${name} (mean of ${plural(repeated.loads.length, "run")})`;
}

/** TTFT and ITL at the farthest percentile that they have; E2E where nothing was streamed. */
export function tailTexts(one: Contender): readonly string[] {
  const texts = ["ttft", "itl"].flatMap((name) => tailText(one, name) ?? []);
  return texts.length > 0 ? texts : [tailText(one, "e2e") ?? []].flat();
}

function tailText(one: Contender, name: string): string | undefined {
  for (const p of TAILS) {
    const found = figureOf(one, `${name}:p${p}`);
    if (found !== undefined) return `${name.toUpperCase()} p${p} ${formatValue(found.value, "ms")}`;
  }
  return undefined;
}
