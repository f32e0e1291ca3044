/**
 * How much of an answer is kept before it counts as failed. A server that never stops, or says that
 * it sends a terabyte, must cost neither the memory of the client nor its time.
 *
 * @module
 */
import type { BodyLog } from "./buffers.ts";
import type { ExchangeEnd } from "./transport.ts";

/**
 * Largest body unless said otherwise. An answer of 100,000 tokens takes some 30 MB; two that never end,
 * each of them in flight or copied, leave the process below 300 MB.
 */
export const MAX_ANSWER_BYTES: number = 48 * 2 ** 20;

/** A single event, whose content is parsed in one piece, may take this part of the largest body. */
const EVENT_PART = 4;

/** A read, of which a stamp is kept, or an event should bring so many bytes on average. */
const PIECE_BYTES = 64;

/** All bodies that a transport holds may take this many of the largest one. */
export const MOST_LARGEST = 64;

/** Largest answer to a question before a run, such as the list of models. */
export const MAX_REPLY_BYTES: number = 4 * 2 ** 20;

/** The largest event of a body of at most so many bytes. */
export function maxEventBytes(maxAnswerBytes: number = MAX_ANSWER_BYTES): number {
  return Math.ceil(maxAnswerBytes / EVENT_PART);
}

/** Why an event, or a gRPC message, is not read. */
export function largeEventMessage(maxAnswerBytes: number = MAX_ANSWER_BYTES): string {
  return `an event is larger than ${showBytes(maxEventBytes(maxAnswerBytes))} ` +
    `(--max-answer ${showBytes(maxAnswerBytes)} / ${EVENT_PART})`;
}

/** The most events of a body of at most so many bytes. */
export function maxEvents(maxAnswerBytes: number = MAX_ANSWER_BYTES): number {
  return Math.floor(maxAnswerBytes / PIECE_BYTES);
}

/** Why a body with more events than that is not read to its end. */
export function manyEventsMessage(maxAnswerBytes: number = MAX_ANSWER_BYTES): string {
  return `the answer has ${manyPieces("events", maxAnswerBytes)}`;
}

function manyPieces(what: string, maxAnswerBytes: number): string {
  const most = Math.floor(maxAnswerBytes / PIECE_BYTES).toLocaleString("en-US");
  return `more than ${most} ${what} (--max-answer ${
    showBytes(maxAnswerBytes)
  } / ${PIECE_BYTES} bytes)`;
}

/**
 * The end of an exchange whose body is too large; `undefined` while it is not. What there was of the
 * body is dropped, so that it is not copied and decoded as well.
 */
export function largeEnd(log: BodyLog, maxAnswerBytes: number): ExchangeEnd | undefined {
  // What is done for almost every read.
  if (
    log.bytes <= maxAnswerBytes && log.reads <= maxAnswerBytes / PIECE_BYTES &&
    !log.crowds(maxAnswerBytes * MOST_LARGEST)
  ) return undefined;
  const one = showBytes(maxAnswerBytes);
  if (log.bytes > maxAnswerBytes) {
    return dropped(log, `the answer is larger than ${one} (--max-answer)`);
  }
  if (log.reads > maxAnswerBytes / PIECE_BYTES) {
    return dropped(log, `the answer came in ${manyPieces("reads", maxAnswerBytes)}`);
  }
  return dropped(
    log,
    `the answers in flight take more than ${showBytes(maxAnswerBytes * MOST_LARGEST)} ` +
      `(${MOST_LARGEST} × --max-answer ${one}), and this is one of the larger ones`,
  );
}

function dropped(log: BodyLog, message: string): ExchangeEnd {
  log.clear();
  return { kind: "malformed", message };
}

const UNITS = ["bytes", "KiB", "MiB", "GiB", "TiB"] as const;

/** A size as `--max-answer` takes it: `64 MiB`, or bytes where it is no whole number of a unit. */
export function showBytes(bytes: number): string {
  let unit = 0;
  while (unit < UNITS.length - 1 && bytes >= 1024 && bytes % 1024 === 0) {
    bytes /= 1024;
    unit++;
  }
  return `${bytes} ${UNITS[unit]}`;
}
