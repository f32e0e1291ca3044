/**
 * How far a client's stamps are from the engine's own log of the same requests. Durations are
 * compared, so the two clocks need no common origin.
 *
 * @module
 */
import type { ClientError, ErrorSpread } from "./run_calibration.ts";
import type { RequestRecord } from "../backends/record.ts";
import { minimumSamples, quantile, sortValues } from "./stat_quantile.ts";

/** A request as the engine saw it; a line of the simulated engine's `GET /truth`. */
export interface EngineTimes {
  /** The client's `x-request-id`; requests without one are matched by their order. */
  readonly requestId?: string;
  /** When its first byte was read, in ms of the engine's clock. */
  readonly arrivalMs: number;
  /** Just before each write with tokens, in ms of the engine's clock. */
  readonly writeMs: readonly number[];
  /** Tokens so far after each of them. */
  readonly writeTokens: readonly number[];
}

/** A request as seen from both ends. */
export interface MatchedRequest {
  /** The client's observations. */
  readonly record: RequestRecord;
  /** The engine's. */
  readonly engine: EngineTimes;
}

/**
 * Finds each completed request in the engine's log: by its id, and within one id (or without ids)
 * by order, where the first sent is the first to arrive. Failed requests count in that order too.
 *
 * @param options `idOf`: the `x-request-id` that the client sent; absent = it sent none.
 */
export function matchRequests(
  records: readonly RequestRecord[],
  truth: readonly EngineTimes[],
  options: { readonly idOf?: (record: RequestRecord) => string | undefined } = {},
): readonly MatchedRequest[] {
  const { idOf = () => undefined } = options;
  const arrived = new Map<string, EngineTimes[]>();
  for (const engine of [...truth].sort((a, b) => a.arrivalMs - b.arrivalMs)) {
    const id = engine.requestId ?? "";
    const list = arrived.get(id);
    if (list === undefined) arrived.set(id, [engine]);
    else list.push(engine);
  }
  const taken = new Map<string, number>();
  const matched: MatchedRequest[] = [];
  const sent = records.filter(({ sentMs }) => sentMs !== undefined);
  for (const record of [...sent].sort((a, b) => a.sentMs! - b.sentMs!)) {
    const id = idOf(record) ?? "";
    const position = taken.get(id) ?? 0;
    taken.set(id, position + 1);
    const engine = arrived.get(id)?.[position];
    if (engine !== undefined && record.outcome.kind === "ok") matched.push({ record, engine });
  }
  return matched;
}

/**
 * Compares what the client measured with the engine's log.
 *
 * Every gap between two writes counts, also where the client got both in one read: its gap is then
 * 0, and all of the engine's gap is error.
 *
 * @example
 * ```ts
 * import { matchRequests, measureClientError } from "@tokometer/tokometer/metrics";
 *
 * const error = measureClientError(matchRequests([], []), 0);
 * if (error.ttft.p99Ms !== undefined) throw new Error("there was nothing to compare");
 * ```
 */
export function measureClientError(
  matches: readonly MatchedRequest[],
  completed: number,
): ClientError {
  const ttft: number[] = [];
  const itl: number[] = [];
  const tpot: number[] = [];
  const e2e: number[] = [];
  const delays: number[] = [];
  for (const { record, engine } of matches) {
    const { sentMs, firstTokenMs, lastTokenMs, tickMs, tickTokens } = record;
    const { arrivalMs, writeMs, writeTokens } = engine;
    const last = writeMs.length - 1;
    if (last < 0 || sentMs === undefined || firstTokenMs === undefined) continue;
    const first = writeMs[0]!;
    ttft.push(Math.abs(firstTokenMs - sentMs - (first - arrivalMs)));
    if (lastTokenMs !== undefined) {
      const span = lastTokenMs - firstTokenMs - (writeMs[last]! - first);
      const later = writeTokens[last]! - writeTokens[0]!;
      e2e.push(Math.abs(lastTokenMs - sentMs - (writeMs[last]! - arrivalMs)));
      if (later > 0) tpot.push(Math.abs(span) / later);
    }
    let tick = 0;
    let before: number | undefined;
    for (let i = 0; i <= last; i++) {
      while (tick < tickMs.length && tickTokens[tick]! < writeTokens[i]!) tick++;
      // An engine that reports fewer tokens than it writes ends the comparison.
      if (tick === tickMs.length) break;
      const receivedMs = tickMs[tick]!;
      delays.push(receivedMs - writeMs[i]!);
      if (before !== undefined) {
        itl.push(Math.abs(receivedMs - before - (writeMs[i]! - writeMs[i - 1]!)));
      }
      before = receivedMs;
    }
  }
  let fastest = Infinity;
  for (const delay of delays) fastest = Math.min(fastest, delay);
  return {
    matched: matches.length,
    unmatched: completed - matches.length,
    ttft: errorSpread(ttft),
    itl: errorSpread(itl),
    tpot: errorSpread(tpot),
    e2e: errorSpread(e2e),
    receipt: errorSpread(delays.map((delay) => delay - fastest)),
  };
}

/** Summarizes absolute differences; fewer than 100 have no p99. @throws {RangeError} when one of them is not finite. */
export function errorSpread(valuesMs: readonly number[]): ErrorSpread {
  const sorted = sortValues(valuesMs);
  const count = sorted.length;
  return {
    count,
    p50Ms: quantile(sorted, 50),
    p99Ms: count >= minimumSamples(99) ? quantile(sorted, 99) : undefined,
    maxMs: sorted[count - 1],
  };
}
