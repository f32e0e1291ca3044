/**
 * Prompt tokens that a prefix cache had: those that a perfect one would have, beside those of the
 * server.
 *
 * @module
 */
import type { MergeableFold } from "./fold.ts";
import type { ContextOverflow, PrefixShare } from "./load_sessions.ts";
import { mergeAll, sums } from "./state_read.ts";

/** Adds up completed records; absent where nothing is expected of any. */
export function prefixFold(): MergeableFold<PrefixShare | undefined> {
  const expected = { requests: 0, content: 0, cached: 0 };
  const measured = { requests: 0, prompt: 0, cached: 0 };
  return {
    ...mergeAll({ expected: sums(expected), measured: sums(measured) }),
    add({ contentTokens, expectedCachedTokens, cachedTokens, promptTokens }) {
      if (contentTokens === undefined || expectedCachedTokens === undefined) return;
      expected.requests++;
      expected.content += contentTokens;
      expected.cached += expectedCachedTokens;
      if (cachedTokens === undefined || promptTokens === undefined) return;
      measured.requests++;
      measured.prompt += promptTokens.tokens;
      measured.cached += cachedTokens;
    },
    result: () =>
      expected.requests === 0 ? undefined : {
        expected: {
          requests: expected.requests,
          contentTokens: expected.content,
          cachedTokens: expected.cached,
          newTokens: Math.max(0, expected.content - expected.cached),
          share: shareOf(expected.cached, expected.content),
        },
        measured: {
          requests: measured.requests,
          promptTokens: measured.requests === 0 ? undefined : measured.prompt,
          cachedTokens: measured.requests === 0 ? undefined : measured.cached,
          share: shareOf(measured.cached, measured.prompt),
        },
      },
  };
}

/** Requests that the context had no room for, among those that were sent. */
export function contextFold(): MergeableFold<ContextOverflow | undefined> {
  const counts = { requests: 0, sent: 0 };
  return {
    ...sums(counts),
    add({ contextTooLong, sentMs }) {
      if (sentMs !== undefined) counts.sent++;
      if (contextTooLong) counts.requests++;
    },
    result() {
      const { requests, sent } = counts;
      return requests === 0 ? undefined : { requests, share: shareOf(requests, sent) };
    },
  };
}

function shareOf(part: number, all: number): number | undefined {
  return all === 0 ? undefined : part / all;
}
