/**
 * Tokens of a load and the sources of their counts.
 *
 * @module
 */
import type { Cache, Lengths, TokenTotals } from "./load_summary.ts";
import type { RequestRecord, TokenCount, TokenSource } from "../backends/record.ts";
import { createTally, type MergeableFold } from "./fold.ts";
import { mergeAll, most, sums } from "./state_read.ts";

/** All that counts can come from. */
const SOURCES: readonly TokenSource[] = [
  ...["counter", "ids", "usage", "tokenizer", "event", "requested", "estimate"] as const,
];

/** A source in a state. @throws {TypeError} for anything else. */
export function readSource(value: unknown): TokenSource {
  const found = SOURCES.find((source) => source === value);
  if (found === undefined) throw new TypeError("a source of tokens is unknown");
  return found;
}

/** Totals of one count over completed records. */
export function tokenFold(
  countOf: (record: RequestRecord) => TokenCount | undefined,
): MergeableFold<TokenTotals> {
  const sources = createTally<TokenSource>({ known: SOURCES });
  const counts = { total: 0, counted: 0, uncounted: 0 };
  const largest = { tokens: 0 };
  return {
    ...mergeAll({ sources, counts: sums(counts), largest: most(largest) }),
    add(record) {
      const count = countOf(record);
      if (count === undefined) {
        counts.uncounted++;
        return;
      }
      counts.counted++;
      counts.total += count.tokens;
      largest.tokens = Math.max(largest.tokens, count.tokens);
      sources.add(count.source, record.index);
    },
    result() {
      const { total, counted, uncounted } = counts;
      return {
        total: counted === 0 ? undefined : total,
        mean: counted === 0 ? undefined : total / counted,
        max: counted === 0 ? undefined : largest.tokens,
        sources: Object.fromEntries(sources.entries()),
        uncounted,
      };
    },
  };
}

/** Requested and delivered lengths of completed records (T2 and T3 in docs/python-scripts.md). */
export function lengthFold(): MergeableFold<Lengths> {
  const counts = { forced: 0, requested: 0, delivered: 0 };
  const ways = { exact: 0, shorter: 0, longer: 0 };
  return {
    ...mergeAll({ counts: sums(counts), ways: sums(ways) }),
    add({ requestedTokens, outputTokens, lengthForced }) {
      if (lengthForced) counts.forced++;
      if (outputTokens === undefined) return;
      counts.requested += requestedTokens;
      counts.delivered += outputTokens.tokens;
      const difference = outputTokens.tokens - requestedTokens;
      ways[difference === 0 ? "exact" : difference < 0 ? "shorter" : "longer"]++;
    },
    result() {
      const known = ways.exact + ways.shorter + ways.longer > 0;
      return {
        forced: counts.forced,
        requestedTokens: known ? counts.requested : undefined,
        deliveredTokens: known ? counts.delivered : undefined,
        ...ways,
      };
    },
  };
}

/** Totals of the engine's prefix cache. */
export function cacheFold(): MergeableFold<Cache> {
  const counts = { reported: 0, cached: 0, prompt: 0 };
  return {
    ...sums(counts),
    add({ cachedTokens, promptTokens }) {
      if (cachedTokens === undefined) return;
      counts.reported++;
      counts.cached += cachedTokens;
      counts.prompt += promptTokens?.tokens ?? 0;
    },
    result() {
      const { reported, cached, prompt } = counts;
      return {
        reported,
        cachedTokens: reported === 0 ? undefined : cached,
        share: prompt === 0 ? undefined : cached / prompt,
      };
    },
  };
}
