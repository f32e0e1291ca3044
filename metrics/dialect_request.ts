/**
 * The values of one request by given definitions: the building blocks of which every dialect is made.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Definitions, Quantity } from "./dialect.ts";
import { isStreamed, isWork, sentTokens } from "./record_streaming.ts";

/** Whether a request has values. */
export function isCounted(
  record: RequestRecord,
  { requests }: Pick<Definitions, "requests">,
  total: boolean = false,
): boolean {
  const { outcome: { kind }, tickMs } = record;
  switch (requests) {
    case "completed":
      return total ? isWork(record) : kind === "ok";
    case "answered":
      return kind === "ok" ||
        (kind === "wrong_length" || kind === "engine_error") && tickMs.length > 0;
    case "answered without error":
      return kind === "ok" || kind === "wrong_length" && tickMs.length > 0;
    case "good status without error":
      return kind === "ok" || kind === "wrong_length";
    case "good status":
      return kind === "ok" || kind === "wrong_length" || kind === "engine_error";
  }
}

/** The values of one request that counts. */
export function valuesOf(
  record: RequestRecord,
  quantity: Quantity,
  definitions: Definitions,
): readonly number[] {
  switch (quantity) {
    case "ttft":
      return one(between(startOf(record, definitions), firstOrSentMs(record, definitions)));
    case "tpot":
      return weighted(record, definitions);
    case "itl":
      return gapsOf(record, definitions);
    case "e2e":
      return one(latencyMs(record, definitions));
    case "output":
      return one(outputTokens(record, definitions));
    case "prompt":
      return one(promptTokens(record, definitions));
    case "total":
      return [(promptTokens(record, definitions) ?? 0) + (outputTokens(record, definitions) ?? 0)];
    case "requests":
      return [1];
    case "ttst":
      return gapsOf(record, definitions).slice(0, 1);
    case "decode":
      return one(decodeMs(record, definitions));
    case "decode rate":
      return one(perSec(1, timePerToken(record, definitions)));
    case "output rate":
      return one(
        perSec(outputTokens(record, definitions), latencyMs(record, definitions)),
      );
    case "prompt rate":
      return one(
        perSec(
          promptTokens(record, definitions),
          between(startOf(record, definitions), firstOrSentMs(record, definitions)),
        ),
      );
  }
}

function one(value: number | undefined): readonly number[] {
  return value === undefined ? [] : [value];
}

/** Absent where there is no time to divide by. */
function perSec(amount: number | undefined, ms: number | undefined): number | undefined {
  return amount === undefined || ms === undefined || ms <= 0 ? undefined : amount * 1000 / ms;
}

function between(from: number | undefined, to: number | undefined): number | undefined {
  return from === undefined || to === undefined ? undefined : to - from;
}

/** When the first token came; absent without proof of streaming, where that is asked for. */
export function firstMs(
  record: RequestRecord,
  { first, proof }: Pick<Definitions, "first" | "proof">,
): number | undefined {
  if (proof === "streamed" && !isStreamed(record)) return undefined;
  if (proof === "several tokens" && (record.outputTokens?.tokens ?? 0) < 2) return undefined;
  switch (first) {
    case "token":
      return record.firstTokenMs;
    case "event":
      return record.firstEventMs ?? record.firstTokenMs;
    case "answer": {
      const apart = (record.reasoningEvents ?? 0) + (record.toolEvents ?? 0) > 0;
      return apart ? record.firstAnswerMs : record.firstTokenMs;
    }
    case "answer or tool": {
      if (!record.reasoningEvents) return record.firstTokenMs;
      const ms = Math.min(record.firstAnswerMs ?? Infinity, record.firstToolMs ?? Infinity);
      return Number.isFinite(ms) ? ms : undefined;
    }
  }
}

/** When a request began; where the transport does not know how long it connected, as it was handed over. */
export function startOf(
  { sentMs, connectMs = 0, connection }: RequestRecord,
  { start }: Pick<Definitions, "start">,
): number | undefined {
  return sentMs === undefined || start === "handed over" || connection !== "new"
    ? sentMs
    : sentMs + connectMs;
}

function latencyMs(record: RequestRecord, definitions: Definitions): number | undefined {
  return between(startOf(record, definitions), endOf(record, definitions.end));
}

/** As {@linkcode firstMs}; of an empty answer that counts, when it was sent. */
function firstOrSentMs(record: RequestRecord, definitions: Definitions): number | undefined {
  const ms = firstMs(record, definitions);
  if (ms !== undefined || !countsEmpty(definitions)) return ms;
  // What came at once is not empty.
  const { first } = definitions;
  return firstMs(record, { first, proof: "any" }) === undefined
    ? startOf(record, definitions)
    : undefined;
}

/** Whether empty answers count, with a first token when they began. */
function countsEmpty({ requests, proof }: Definitions): boolean {
  return proof !== "several tokens" &&
    (requests === "good status" || requests === "good status without error");
}

/** When a request ended. */
export function endOf(record: RequestRecord, end: Definitions["end"]): number | undefined {
  return end === "last token" ? record.lastTokenMs : record.endMs;
}

/** Tokens of the prompt. */
export function promptTokens(
  { promptTokens, contentTokens }: RequestRecord,
  { prompt }: Pick<Definitions, "prompt">,
): number | undefined {
  return (prompt === "client" ? contentTokens : undefined) ?? promptTokens?.tokens;
}

/** Tokens of the answer. */
export function outputTokens(
  record: RequestRecord,
  { tokens }: Pick<Definitions, "tokens">,
): number | undefined {
  switch (tokens) {
    case "best":
      return record.outputTokens?.tokens;
    case "server":
      return record.rejectedCount?.source === "usage"
        ? record.rejectedCount.tokens
        : record.outputTokens?.tokens;
    case "server or requested":
      return isByServer(record)
        ? outputTokens(record, { tokens: "server" })
        : record.requestedTokens;
    case "chunks":
      return chunksOf(record);
    case "requested":
      return record.requestedTokens;
  }
}

function isByServer({ rejectedCount, outputTokens }: RequestRecord): boolean {
  const { source } = rejectedCount ?? outputTokens ?? {};
  return source === "usage" || source === "counter" || source === "ids";
}

/** Chunks that carried something generated; of records that do not say, reads. */
export function chunksOf({ textEvents, tickMs }: RequestRecord): number {
  return Math.max(textEvents ?? 0, tickMs.length);
}

function decodeMs(record: RequestRecord, definitions: Definitions): number | undefined {
  const { decodeFrom, decodeEnd } = definitions;
  const from = decodeFrom === "sent"
    ? startOf(record, definitions)
    : firstOrSentMs(record, definitions);
  return between(from, endOf(record, decodeEnd));
}

function timePerToken(record: RequestRecord, definitions: Definitions): number | undefined {
  const spanMs = decodeMs(record, definitions);
  const by = tokensDivided(record, definitions);
  if (spanMs === undefined || !(by > 0)) return undefined;
  return definitions.proof === "any time above 0" && spanMs <= 0 ? undefined : spanMs / by;
}

/** The time per token, as often as it counts. */
function weighted(record: RequestRecord, definitions: Definitions): readonly number[] {
  const value = timePerToken(record, definitions);
  if (value === undefined) return [];
  if (definitions.weight === "once") return [value];
  return Array.from({ length: tokensDivided(record, definitions) }, () => value);
}

/** Tokens by which the time per token is divided; 0 where there is no such time. */
function tokensDivided(record: RequestRecord, definitions: Definitions): number {
  const { divisor, proof } = definitions;
  const { tickTokens, firstTickTokens } = record;
  // Where one read holds the answer, there is no duration to divide.
  if (proof === "streamed" && !isStreamed(record)) return 0;
  if ((proof === "streamed" || proof === "several reads") && tickTokens.length < 2) return 0;
  const tokens = outputTokens(record, definitions) ?? 0;
  switch (divisor) {
    case "all":
      return tokens;
    case "all but one":
      return Math.max(0, tokens - 1);
    case "after the first read":
      return (definitions.tokens === "best" ? sentTokens(record) ?? tokens : tokens) -
        (firstTickTokens?.tokens ?? tickTokens[0] ?? 1);
  }
}

/** Gaps of one request, in the order in which they came. */
export function gapsOf(
  record: RequestRecord,
  { gaps, first }: Pick<Definitions, "gaps" | "first">,
): readonly number[] {
  const { tickMs, tickTokens } = record;
  const found: number[] = [];
  const start = firstMs(record, { first, proof: "any" });
  if (tickMs.length === 0 || start === undefined) return found;
  const together = gaps === "chunks" || gaps === "tokens";
  const total = gaps === "tokens" ? sentTokens(record) ?? chunksOf(record) : chunksOf(record);
  const perRead = together ? piecesPerRead(record, gaps, total) : undefined;
  let last = start;
  for (let i = 0; i < tickMs.length; i++) {
    const ms = tickMs[i]!;
    if (ms < start) continue;
    // The first counted event begins the gaps and ends none.
    if (ms !== start) {
      if (gaps === "spread") {
        const tokens = Math.max(1, tickTokens[i]! - (i === 0 ? 0 : tickTokens[i - 1]!));
        for (let n = 0; n < tokens; n++) found.push((ms - last) / tokens);
      } else if (together || i === 0 || tickTokens[i] !== tickTokens[i - 1]) {
        found.push(ms - last);
      } else continue;
    }
    if (perRead !== undefined) { for (let n = 1; n < perRead[i]!; n++) found.push(0); }
    last = ms;
  }
  // Where only the total is known, it is known how many came together, and not with which read.
  if (together && perRead === undefined) {
    for (let n = total - tickMs.length; n > 0; n--) found.push(0);
  }
  return found;
}

/** Chunks or tokens of each read; absent where a record holds their total only. */
function piecesPerRead(
  { tickEvents, tickTokens, tickSource, tickMs }: RequestRecord,
  pieces: "chunks" | "tokens",
  total: number,
): Uint32Array | undefined {
  const ofChunks = tickEvents ?? (tickSource === "event" ? tickTokens : undefined);
  const counts = pieces === "chunks" && ofChunks !== undefined
    ? ofChunks
    : tickTokens[tickTokens.length - 1] === total
    ? tickTokens
    : undefined;
  if (counts === undefined) return undefined;
  return Uint32Array.from(tickMs, (_, i) => counts[i]! - (i === 0 ? 0 : counts[i - 1]!));
}
