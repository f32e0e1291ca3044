/**
 * What the line of a request in a record file has to be: one line for each field.
 *
 * @module
 */
import {
  OUTCOME_KINDS,
  type RequestRecord,
  type ServerTimings,
  type TokenCount,
  type TokenSource,
} from "../backends/record.ts";
import { MOST_LOADS } from "../metrics/run.ts";
import {
  countTo,
  flag,
  listOf,
  objectOf,
  oneOf,
  onlyTrue,
  optional,
  type Shape,
  textTo,
} from "./json_shape.ts";
import { amount, count, durationMs, MOST_32, MOST_TICKS, ms, text } from "./record_shape_values.ts";

const SOURCES = Object.keys(
  {
    counter: 0,
    ids: 0,
    usage: 0,
    tokenizer: 0,
    event: 0,
    requested: 0,
    estimate: 0,
  } satisfies Record<
    TokenSource,
    0
  >,
);
const tokenCount = objectOf<TokenCount>({ tokens: countTo(MOST_32), source: oneOf(SOURCES) });

const outcome: Shape = (value, at) => {
  const { kind, status } = (value ?? {}) as Record<string, unknown>;
  if (kind === "ok") return undefined;
  return OUTCOME(value, at) ??
    (kind === "http_error" ? countTo(MOST_32)(status, `${at}.status`) : undefined);
};
const OUTCOME = objectOf<{ kind: string; message: string }>({
  kind: oneOf(OUTCOME_KINDS),
  message: text,
});

/** A record as its line holds it: its numbers in plain lists. */
type RecordLine =
  & Omit<RequestRecord, "tickMs" | "tickTokens" | "tickWidthUs" | "tickEvents">
  & {
    readonly tickMs: readonly number[];
    readonly tickTokens: readonly number[];
    readonly tickWidthUs?: readonly number[];
    readonly tickEvents?: readonly number[];
  };

/** Of a request. A new field of a record is a line here; the compiler asks for it. */
const recordFields = objectOf<RecordLine>({
  load: countTo(MOST_LOADS - 1),
  phase: oneOf(["warmup", "measure"]),
  index: count,
  user: count,
  promptId: text,
  session: optional(text),
  turn: optional(count),
  chain: optional(count),
  depth: optional(count),
  class: optional(text),
  model: optional(text),
  server: optional(count),
  stage: optional(count),
  contentTokens: optional(countTo(MOST_32)),
  expectedCachedTokens: optional(countTo(MOST_32)),
  contextTooLong: optional(onlyTrue),
  intendedMs: ms,
  heldMs: optional(durationMs),
  sentMs: optional(ms),
  departedMs: optional(ms),
  firstByteMs: optional(ms),
  firstEventMs: optional(ms),
  firstTokenMs: optional(ms),
  firstAnswerMs: optional(ms),
  firstToolMs: optional(ms),
  lastTokenMs: optional(ms),
  endMs: optional(ms),
  tickMs: listOf(ms, MOST_TICKS),
  tickTokens: listOf(countTo(MOST_32), MOST_TICKS),
  tickWidthUs: optional(listOf(countTo(MOST_32), MOST_TICKS)),
  tickEvents: optional(listOf(countTo(MOST_32), MOST_TICKS)),
  tickSource: optional(oneOf(SOURCES)),
  reads: countTo(MOST_TICKS),
  events: countTo(MOST_TICKS),
  textEvents: optional(countTo(MOST_TICKS)),
  reasoningEvents: optional(countTo(MOST_TICKS)),
  toolEvents: optional(countTo(MOST_TICKS)),
  usageEvents: optional(countTo(MOST_TICKS)),
  unmarkedEnd: optional(onlyTrue),
  wholeBody: optional(onlyTrue),
  heldReads: optional(countTo(MOST_TICKS)),
  bytes: count,
  promptTokens: optional(tokenCount),
  outputTokens: optional(tokenCount),
  unseenTokens: optional(countTo(MOST_32)),
  rejectedCount: optional(tokenCount),
  firstTickTokens: optional(tokenCount),
  cachedTokens: optional(countTo(MOST_32)),
  reasoningTokens: optional(countTo(MOST_32)),
  requestedTokens: countTo(MOST_32),
  lengthForced: flag,
  serverTimings: optional(objectOf<ServerTimings>({
    queueMs: optional(amount),
    prefillMs: optional(amount),
    decodeMs: optional(amount),
    ttftMs: optional(amount),
    e2eMs: optional(amount),
    draftTokens: optional(countTo(MOST_32)),
    acceptedTokens: optional(countTo(MOST_32)),
  })),
  finishReason: optional(text),
  connection: oneOf(["new", "reused", "unknown"]),
  connectMs: optional(durationMs),
  outcome,
  text: optional(textTo(Infinity)),
});

/** What is wrong with the record of a line, if anything. */
export const recordShape: Shape = (value, at) => {
  const found = recordFields(value, at);
  if (found !== undefined) return found;
  const { tickMs, tickTokens, tickWidthUs, tickEvents } = value as RecordLine;
  for (const [name, list] of Object.entries({ tickTokens, tickWidthUs, tickEvents })) {
    if (list === undefined || list.length === tickMs.length) continue;
    return `${at}.${name} has ${list.length} entries, not ${tickMs.length} as ${at}.tickMs`;
  }
  return undefined;
};
