/**
 * Tokens of a load and what their counts rest on.
 *
 * @module
 */
import type { RequestRecord, TokenCount, TokenSource } from "../backends/record.ts";

/** Totals over completed requests whose count is known. */
export interface TokenTotals {
  /** Sum. */
  readonly total: number | undefined;
  /** Sum ÷ counted requests. */
  readonly mean: number | undefined;
  /** Largest count. */
  readonly max: number | undefined;
  /** Requests by source of the count; more than one source = a mixture. */
  readonly sources: Readonly<Partial<Record<TokenSource, number>>>;
  /** Requests without any count. */
  readonly uncounted: number;
}

/** What was asked for and what came. */
export interface Lengths {
  /** Requests whose length the engine was told to deliver exactly. */
  readonly forced: number;
  /** Sum asked for. */
  readonly requestedTokens: number | undefined;
  /** Sum that came. */
  readonly deliveredTokens: number | undefined;
  /** Requests that delivered exactly what was asked, fewer, and more. */
  readonly exact: number;
  /** Answers shorter than asked. */
  readonly shorter: number;
  /** Answers longer than asked. */
  readonly longer: number;
}

/** Prompt tokens that the engine had already. */
export interface Cache {
  /** Requests for which the engine reported it. */
  readonly reported: number;
  /** Sum over requests that reported. */
  readonly cachedTokens: number | undefined;
  /** cached ÷ prompt tokens of these requests. */
  readonly share: number | undefined;
}

/** Adds up one count of completed records. */
export function tokenTotals(
  records: readonly RequestRecord[],
  countOf: (record: RequestRecord) => TokenCount | undefined,
): TokenTotals {
  const sources: Partial<Record<TokenSource, number>> = {};
  let total = 0;
  let max = 0;
  let counted = 0;
  for (const record of records) {
    const count = countOf(record);
    if (count === undefined) continue;
    counted++;
    total += count.tokens;
    max = Math.max(max, count.tokens);
    sources[count.source] = (sources[count.source] ?? 0) + 1;
  }
  return {
    total: counted === 0 ? undefined : total,
    mean: counted === 0 ? undefined : total / counted,
    max: counted === 0 ? undefined : max,
    sources,
    uncounted: records.length - counted,
  };
}

/** Compares requested and delivered lengths of completed records (T2, T3). */
export function lengths(records: readonly RequestRecord[]): Lengths {
  let requested = 0;
  let delivered = 0;
  const ways = { exact: 0, shorter: 0, longer: 0 };
  for (const { requestedTokens, outputTokens } of records) {
    if (outputTokens === undefined) continue;
    requested += requestedTokens;
    delivered += outputTokens.tokens;
    const difference = outputTokens.tokens - requestedTokens;
    ways[difference === 0 ? "exact" : difference < 0 ? "shorter" : "longer"]++;
  }
  const known = ways.exact + ways.shorter + ways.longer > 0;
  return {
    forced: records.filter(({ lengthForced }) => lengthForced).length,
    requestedTokens: known ? requested : undefined,
    deliveredTokens: known ? delivered : undefined,
    ...ways,
  };
}

/** Adds up what the engine's prefix cache spared. */
export function cache(records: readonly RequestRecord[]): Cache {
  let reported = 0;
  let cached = 0;
  let prompt = 0;
  for (const { cachedTokens, promptTokens } of records) {
    if (cachedTokens === undefined) continue;
    reported++;
    cached += cachedTokens;
    prompt += promptTokens?.tokens ?? 0;
  }
  return {
    reported,
    cachedTokens: reported === 0 ? undefined : cached,
    share: prompt === 0 ? undefined : cached / prompt,
  };
}
