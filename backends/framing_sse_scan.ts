/**
 * Reads server-sent events without cutting them out first: the ordinary event, `data: {…}` on one
 * line followed by an empty line, is scanned in place. Everything else (comments, several lines,
 * other fields, other line ends, text that is not a JSON object) goes through `cutSse`, block by
 * block, so that both give the same events.
 *
 * @module
 */
import type { EventSink } from "./event_sink.ts";
import type { JsonScanner } from "./json_scan.ts";
import { cutEvents } from "./framing.ts";
import { cutSse } from "./framing_sse.ts";

/** Bytes of comments and the like that are looked at together. */
const MOST_TOGETHER: number = 2 ** 18;

const LF = 10;
const CR = 13;
const SPACE = 32;
const BOM_START = 0xef;
const OPEN_OBJECT = 0x7b;
const DONE = new TextEncoder().encode("data: [DONE]\n\n");
const DATA = new TextEncoder().encode("data:");

/**
 * Receives the object of an event that is complete with the first `endOffset` bytes of the body.
 * Returns false when the event is not an ordinary one and must go to the other sink.
 */
export type ObjectSink = (
  value: Readonly<Record<string, unknown>>,
  endOffset: number,
) => boolean;

/** Reads the events of a whole body, in order: each goes to one of the two sinks. */
export function scanSse(
  body: Uint8Array,
  scanner: JsonScanner,
  onObject: ObjectSink,
  onEvent: EventSink,
): void {
  if (body[0] === BOM_START || body.indexOf(CR) >= 0) {
    cutEvents("sse", body, onEvent as EventSink<string | Uint8Array>);
    return;
  }
  scanner.open(body);
  for (let at = 0; at < body.length;) {
    const end = objectEnd(body, at, scanner, onObject);
    if (end > 0) {
      at = end;
      continue;
    }
    if (begins(body, at, DONE)) {
      at += DONE.length;
      onEvent("[DONE]", at, true);
      continue;
    }
    // Comments and the like one by one would cost a view and a decoding each.
    const start = at;
    do at = blockEnd(body, at); while (
      at < body.length && at - start < MOST_TOGETHER && !beginsObject(body, at)
    );
    cutSse(
      body.subarray(start, at),
      (data, endOffset, terminated, name) => onEvent(data, start + endOffset, terminated, name),
      { start: start === 0 },
    );
  }
}

/** Passes on the ordinary event that begins at `at`; returns its end, or 0 when it is not one. */
function objectEnd(
  body: Uint8Array,
  at: number,
  scanner: JsonScanner,
  onObject: ObjectSink,
): number {
  if (!begins(body, at, DATA)) return 0;
  const from = at + DATA.length;
  const value = scanner.scan(body[from] === SPACE ? from + 1 : from);
  if (value === undefined) return 0;
  const { end } = scanner;
  if (body[end] !== LF || body[end + 1] !== LF) return 0;
  return onObject(value, end + 2) ? end + 2 : 0;
}

/** Whether the event that begins at `at` may be an ordinary one. */
function beginsObject(body: Uint8Array, at: number): boolean {
  if (!begins(body, at, DATA)) return false;
  const from = at + DATA.length;
  return body[body[from] === SPACE ? from + 1 : from] === OPEN_OBJECT;
}

function begins(body: Uint8Array, at: number, bytes: Uint8Array): boolean {
  for (let i = 0; i < bytes.length; i++) if (body[at + i] !== bytes[i]) return false;
  return true;
}

/** The end of the first empty line after `from`, or of the body. */
function blockEnd(body: Uint8Array, from: number): number {
  for (let at = body.indexOf(LF, from); at >= 0; at = body.indexOf(LF, at + 1)) {
    if (body[at + 1] === LF) return at + 2;
  }
  return body.length;
}
