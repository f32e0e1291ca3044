/**
 * Time per output token: mean time per token after the first event, whose tokens are already there
 * when the time begins and so do not count. With one token per event this is the usual (latency −
 * TTFT) ÷ (tokens − 1), a time and not a rate (T1 in docs/python-scripts.md).
 *
 * The total is the best count known (`outputTokens`) without tokens that were counted and not sent.
 * Where ticks count events that hold several tokens, those of the first are counted by the tokenizer, or
 * else estimated from its characters. An answer in one tick has no value: there is no duration to
 * divide.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Metric } from "./metric.ts";
import { isStreamed, sentTokens } from "./record_streaming.ts";
import { hiddenAtMost, joinedEvents, stampEnds } from "./record_bounds.ts";

export const tpot: Metric = {
  name: "tpot",
  title: "TPOT",
  unit: "ms",
  better: "lower",
  per: "request",
  rank: "key",
  formula:
    "(lastTokenMs − firstTokenMs) ÷ (outputTokens − unseenTokens − tokens of the first tick), 2 ticks or more, of streamed answers",
  values: (record) => {
    const { firstTokenMs, lastTokenMs } = record;
    if (firstTokenMs === undefined || lastTokenMs === undefined) return [];
    const later = laterTokens(record);
    return later > 0 ? [(lastTokenMs - firstTokenMs) / later] : [];
  },
  ends: (record, bounds) => {
    const first = stampEnds(record, bounds, "firstTokenMs");
    const last = stampEnds(record, bounds, "lastTokenMs");
    const later = laterTokens(record);
    if (first === undefined || last === undefined || !(later > 0)) return { low: [], high: [] };
    // Where the client may have joined the first events, more of the tokens came later.
    const joined = Math.min(joinedEvents(record), hiddenAtMost(record, bounds, 0));
    return {
      low: [Math.max(0, last.low - first.high) / (later + joined)],
      high: [(last.high - first.low) / later],
    };
  },
};

/** Tokens that came after the first event; 0 where there is no duration to divide. */
function laterTokens(record: RequestRecord): number {
  const { tickTokens, firstTickTokens } = record;
  if (tickTokens.length < 2 || !isStreamed(record)) return 0;
  const total = sentTokens(record) ?? tickTokens[tickTokens.length - 1]!;
  return total - (firstTickTokens?.tokens ?? tickTokens[0]!);
}
