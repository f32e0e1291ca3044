/**
 * Tokens of a load and what their counts rest on.
 *
 * @module
 */
import type { Cache, Lengths, TokenTotals } from "./load_summary.ts";
import type { RequestRecord, TokenCount, TokenSource } from "../backends/record.ts";
import { createTally, type Fold } from "./fold.ts";

/** Adds up one count of completed records. */
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

/** Compares requested and delivered lengths of completed records (T2, T3). */
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

/** Adds up what the engine's prefix cache spared. */
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
