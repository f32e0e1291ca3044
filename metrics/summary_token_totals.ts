/**
 * Tokens of a load and the sources of their counts.
 *
 * @module
 */
import type { Cache, Lengths, TokenTotals } from "./load_summary.ts";
import type { RequestRecord, TokenCount, TokenSource } from "../backends/record.ts";
import { createTally, type Fold } from "./fold.ts";

/** Totals of one count over completed records. */
export function tokenFold(
  countOf: (record: RequestRecord) => TokenCount | undefined,
): Fold<TokenTotals> {
  const sources = createTally<TokenSource>();
  let [total, max, counted, uncounted] = [0, 0, 0, 0];
  return {
    add(record) {
      const count = countOf(record);
      if (count === undefined) {
        uncounted++;
        return;
      }
      counted++;
      total += count.tokens;
      max = Math.max(max, count.tokens);
      sources.add(count.source, record.index);
    },
    result: () => ({
      total: counted === 0 ? undefined : total,
      mean: counted === 0 ? undefined : total / counted,
      max: counted === 0 ? undefined : max,
      sources: Object.fromEntries(sources.entries()),
      uncounted,
    }),
  };
}

/** Requested and delivered lengths of completed records (T2 and T3 in docs/python-scripts.md). */
export function lengthFold(): Fold<Lengths> {
  let [forced, requested, delivered] = [0, 0, 0];
  const ways = { exact: 0, shorter: 0, longer: 0 };
  return {
    add({ requestedTokens, outputTokens, lengthForced }) {
      if (lengthForced) forced++;
      if (outputTokens === undefined) return;
      requested += requestedTokens;
      delivered += outputTokens.tokens;
      const difference = outputTokens.tokens - requestedTokens;
      ways[difference === 0 ? "exact" : difference < 0 ? "shorter" : "longer"]++;
    },
    result() {
      const known = ways.exact + ways.shorter + ways.longer > 0;
      return {
        forced,
        requestedTokens: known ? requested : undefined,
        deliveredTokens: known ? delivered : undefined,
        ...ways,
      };
    },
  };
}

/** Totals of the engine's prefix cache. */
export function cacheFold(): Fold<Cache> {
  let [reported, cached, prompt] = [0, 0, 0];
  return {
    add({ cachedTokens, promptTokens }) {
      if (cachedTokens === undefined) return;
      reported++;
      cached += cachedTokens;
      prompt += promptTokens?.tokens ?? 0;
    },
    result: () => ({
      reported,
      cachedTokens: reported === 0 ? undefined : cached,
      share: prompt === 0 ? undefined : cached / prompt,
    }),
  };
}
