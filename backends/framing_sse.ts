/**
 * Server-sent events: cuts a `text/event-stream` body into the data of its events.
 *
 * @module
 */
import { bodyText, type CutOptions, type EventSink } from "./event_sink.ts";

const LF = 10;
const CR = 13;
const SPACE = 32;
const COLON = 58;
const LOWER_D = 100;
const LOWER_E = 101;

/**
 * Cuts an SSE body. Line ends are LF, CRLF or CR; comments and fields other than `data` and `event` are
 * skipped; several `data` lines of one event are joined by a line feed; events without data are
 * left out. An event is complete at its blank line (with CRLF: at the CR, which
 * already ends the line), or at the end of the body.
 *
 * @returns bytes consumed: the end of the last complete event, or of the body when `final`.
 */
export function cutSse(
  body: Uint8Array,
  onEvent: EventSink,
  { start = true, final = true }: CutOptions = {},
): number {
  const text = bodyText(body);
  const length = text.length;
  // With as many characters as bytes an index into the text is a byte offset. Otherwise line ends
  // are searched in the text and in the bytes, side by side.
  const isAscii = length === body.length;
  const hasCr = body.indexOf(CR) >= 0;
  let at = start && text.charCodeAt(0) === 0xfeff ? 1 : 0;
  let byteAt = 0;
  let nextCr = hasCr ? -1 : length;
  let nextLf = -1;
  let data: string | undefined;
  let name: string | undefined;
  let consumed = 0;
  while (at < length) {
    // Each is looked for again only once it was passed: a body may hold the other kind alone.
    if (nextLf < at) nextLf = indexOrEnd(text, "\n", at);
    if (nextCr < at) nextCr = indexOrEnd(text, "\r", at);
    const end = Math.min(nextLf, nextCr);
    const ended = end < length;
    if (!ended && !final) break;
    if (text.charCodeAt(at) === LOWER_D && text.startsWith("data", at)) {
      const colon = at + 4;
      if (colon >= end) {
        data = data === undefined ? "" : data + "\n";
      } else if (text.charCodeAt(colon) === COLON) {
        const value = text.slice(text.charCodeAt(colon + 1) === SPACE ? colon + 2 : colon + 1, end);
        data = data === undefined ? value : data + "\n" + value;
      }
    } else if (text.charCodeAt(at) === LOWER_E && text.startsWith("event:", at)) {
      name = text.slice(at + 6, end).trim();
    }
    if (!ended) break;
    const blank = end === at;
    const isCr = text.charCodeAt(end) === CR;
    const byteAfter = isAscii ? end + 1 : body.indexOf(isCr ? CR : LF, byteAt) + 1;
    if (blank) {
      if (data) onEvent(data, byteAfter, true, name);
      data = name = undefined;
      consumed = byteAfter;
    }
    const pair = isCr && text.charCodeAt(end + 1) === LF ? 1 : 0;
    at = end + 1 + pair;
    byteAt = byteAfter + pair;
  }
  if (!final) return consumed;
  if (data) onEvent(data, body.length, false, name);
  return body.length;
}

function indexOrEnd(text: string, character: string, from: number): number {
  const at = text.indexOf(character, from);
  return at < 0 ? text.length : at;
}
