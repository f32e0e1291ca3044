/**
 * Texts that each end with one delimiter byte.
 *
 * @module
 */
import { bodyText, type CutOptions, type EventSink } from "./event_sink.ts";

export interface DelimitedOptions extends CutOptions {
  /** The delimiter as a character below U+0080. */
  readonly delimiter: string;
  /** Texts that are not events, e.g. comments. */
  readonly skip?: (text: string) => boolean;
}

/**
 * Cuts a body at its delimiters. White space around a text is removed; blank texts are left out.
 * A text is complete at its delimiter, or at the end of the body.
 *
 * @returns bytes consumed: the end of the last complete text, or of the body when `final`.
 */
export function cutDelimited(
  body: Uint8Array,
  onEvent: EventSink,
  { delimiter, skip, start = true, final = true }: DelimitedOptions,
): number {
  const text = bodyText(body);
  const plain = text.length === body.length;
  const byte = delimiter.charCodeAt(0);
  let at = start && text.charCodeAt(0) === 0xfeff ? 1 : 0;
  let byteAt = 0;
  let consumed = 0;
  while (at < text.length) {
    const end = text.indexOf(delimiter, at);
    if (end < 0 && !final) break;
    const data = text.slice(at, end < 0 ? undefined : end).trim();
    byteAt = end < 0 ? body.length : plain ? end + 1 : body.indexOf(byte, byteAt) + 1;
    consumed = byteAt;
    if (data !== "" && !skip?.(data)) onEvent(data, byteAt, end >= 0);
    if (end < 0) break;
    at = end + 1;
  }
  return final ? body.length : consumed;
}
