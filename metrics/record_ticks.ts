/**
 * Whether it is known how many tokens each tick of a record had.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { sentTokens } from "./record_streaming.ts";

/**
 * Ticks that count tokens; and ticks that count events, where there were as many events as the server,
 * or the tokenizer, counted tokens: then each had one.
 */
export function knownTicks(record: RequestRecord): boolean {
  const { tickSource, tickTokens, outputTokens } = record;
  if (tickSource === "counter" || tickSource === "ids" || tickSource === "usage") return true;
  if (tickSource !== "event") return false;
  const { source } = outputTokens ?? {};
  if (source === undefined || source === "event" || source === "requested") return false;
  return tickTokens[tickTokens.length - 1] === sentTokens(record);
}
