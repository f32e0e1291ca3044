/**
 * The most work in one second of a load: in whole seconds from its start, as other clients count it.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Peaks } from "./load_speed.ts";
import { isWork } from "./record_streaming.ts";
import { tokensPerTickToken } from "./summary_throughput.ts";

/** Length of a stretch, in ms. */
export const PEAK_WINDOW_MS = 1000;

/** Peaks of kept records; absent where the load has no whole second. */
export function peaks(records: readonly RequestRecord[], durationMs: number): Peaks | undefined {
  const windows = Math.floor(durationMs / PEAK_WINDOW_MS);
  if (!(windows >= 1)) return undefined;
  const requests = new Float64Array(windows);
  const tokens = new Float64Array(windows);
  let counted = false;
  const add = (into: Float64Array, ms: number, amount: number) => {
    const window = Math.floor(ms / PEAK_WINDOW_MS);
    // What is left over at the end is no whole second.
    if (window >= 0 && window < windows) into[window]! += amount;
  };
  for (const record of records) {
    if (!isWork(record)) continue;
    const { outcome: { kind }, endMs, outputTokens, tickMs, tickTokens } = record;
    if (kind === "ok" && endMs !== undefined) add(requests, endMs, 1);
    if (outputTokens === undefined) continue;
    counted = true;
    const weight = tokensPerTickToken(record);
    let before = 0;
    for (let i = 0; i < tickMs.length; i++) {
      add(tokens, tickMs[i]!, (tickTokens[i]! - before) * weight);
      before = tickTokens[i]!;
    }
  }
  return peaksOf({ windowMs: PEAK_WINDOW_MS, requests, tokens: counted ? tokens : undefined });
}

/** Amounts of work in stretches of one length that follow each other from the start of a load. */
export interface PeakWindows {
  /** Length of each, in ms. */
  readonly windowMs: number;
  /** Completed requests in each. */
  readonly requests: ArrayLike<number>;
  /** Output tokens in each; absent where nobody counted them. */
  readonly tokens: ArrayLike<number> | undefined;
}

/** The largest of them, as rates; absent where there are none. */
export function peaksOf({ windowMs, requests, tokens }: PeakWindows): Peaks | undefined {
  if (requests.length === 0) return undefined;
  const [most, busiest] = [largest(requests), tokens && largest(tokens)];
  const perSec = (amount: number) => amount * 1000 / windowMs;
  return {
    windowMs,
    outputTokensPerSec: busiest && perSec(tokens![busiest.at]!),
    tokensFromMs: busiest && busiest.at * windowMs,
    requestsPerSec: perSec(requests[most.at]!),
    requestsFromMs: most.at * windowMs,
  };
}

function largest(amounts: ArrayLike<number>): { readonly at: number } {
  let at = 0;
  for (let i = 1; i < amounts.length; i++) if (amounts[i]! > amounts[at]!) at = i;
  return { at };
}
