/**
 * Rates over a window of a load.
 *
 * @module
 */
import type { Throughput, Window } from "./load_series.ts";
import type { RequestRecord } from "../backends/record.ts";
import { sentTokens } from "./record_streaming.ts";
import type { BoundsOf } from "./record_bounds.ts";

/**
 * Rates over a window in the middle: requests by their end, output tokens by their ticks, prompt
 * tokens by the first token (when the prompt had been read). Requests that begin before or end after
 * the window count with the tokens that arrived in it, and so do those whose users left as planned.
 *
 * Absent when no request completed in the window: it then says nothing about the server.
 */
export function windowThroughput(
  records: readonly RequestRecord[],
  window: Window,
): Throughput | undefined {
  let completed = 0;
  let output: number | undefined;
  let prompt: number | undefined;
  for (const record of records) {
    if (record.outcome.kind === "ok" && isInside(window, record.endMs)) completed++;
    output = add(output, tokensInside(record, window));
    const read = record.promptTokens?.tokens;
    prompt = add(
      prompt,
      read === undefined ? read : isInside(window, record.firstTokenMs) ? read : 0,
    );
  }
  return completed === 0 ? undefined : rates(window, { completed, prompt, output });
}

/**
 * Output tokens per token of `tickTokens`. Where the stream shows only events, its ticks count fewer
 * tokens than the engine's total, and each event stands for its share of that total, tokens that were
 * counted and not sent left out.
 */
export function tokensPerTickToken(record: RequestRecord): number {
  const seen = record.tickTokens[record.tickTokens.length - 1];
  return seen ? (sentTokens(record) ?? 0) / seen : 0;
}

function tokensInside(record: RequestRecord, window: Window): number | undefined {
  if (record.outputTokens === undefined) return undefined;
  let tokens = 0;
  let before = 0;
  for (let i = 0; i < record.tickMs.length; i++) {
    if (isInside(window, record.tickMs[i])) tokens += record.tickTokens[i]! - before;
    before = record.tickTokens[i]!;
  }
  return tokens * tokensPerTickToken(record);
}

/**
 * What had been done before an instant, by the stamps or, with bounds, by the earliest that they can
 * have been. An answer can have ended as much earlier as its last token.
 */
export function workBefore(
  records: readonly RequestRecord[],
  ms: number,
  boundsOf?: BoundsOf,
): Work {
  let completed = 0;
  let output: number | undefined;
  let prompt: number | undefined;
  for (const record of records) {
    const bounds = boundsOf?.(record);
    const { endMs = Infinity, firstTokenMs = Infinity, tickMs, tickTokens } = record;
    const last = tickMs.length - 1;
    const widthMs = bounds === undefined || last < 0 ? 0 : tickMs[last]! - bounds.tickLowMs(last);
    if (record.outcome.kind === "ok" && endMs - widthMs < ms) completed++;
    const read = record.promptTokens?.tokens;
    const firstMs = bounds === undefined || last < 0 ? firstTokenMs : bounds.tickLowMs(0);
    prompt = add(prompt, read === undefined ? read : firstMs < ms ? read : 0);
    if (record.outputTokens === undefined) continue;
    let tick = last;
    while (tick >= 0 && !((bounds?.tickLowMs(tick) ?? tickMs[tick]!) < ms)) tick--;
    output = add(output, tick < 0 ? 0 : tickTokens[tick]! * tokensPerTickToken(record));
  }
  return { completed, prompt, output };
}

function isInside({ fromMs, toMs }: Window, ms: number | undefined): boolean {
  return ms !== undefined && ms >= fromMs && ms < toMs;
}

/** Work done in a window. */
export interface Work {
  /** Completed requests. */
  readonly completed: number;
  /** Prompt tokens; absent when they were not counted. */
  readonly prompt: number | undefined;
  /** Output tokens; absent when they were not counted. */
  readonly output: number | undefined;
}

/** Work ÷ time. */
export function rates(window: Window, { completed, prompt, output }: Work): Throughput {
  const seconds = (window.toMs - window.fromMs) / 1000;
  const perSec = (amount: number | undefined) =>
    amount === undefined || seconds <= 0 ? undefined : amount / seconds;
  const qps = perSec(completed);
  return {
    ...window,
    completed,
    qps,
    rpm: qps === undefined ? undefined : qps * 60,
    outputTokensPerSec: perSec(output),
    totalTokensPerSec: prompt === undefined || output === undefined
      ? undefined
      : perSec(prompt + output),
    brackets: undefined,
    intervals: undefined,
  };
}

function add(sum: number | undefined, amount: number | undefined): number | undefined {
  return amount === undefined ? sum : (sum ?? 0) + amount;
}
