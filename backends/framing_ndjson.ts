/**
 * Newline-delimited JSON: one text per line.
 *
 * @module
 */
import { cutDelimited } from "./framing_delimited.ts";
import type { CutOptions, EventSink } from "./event_sink.ts";

/**
 * Cuts an NDJSON body. Blank lines and keep-alive comments (`:`), which proxies borrow from
 * server-sent events, are left out; a CR before the line feed is removed.
 *
 * @returns bytes consumed: the end of the last complete line, or of the body when `final`.
 */
export function cutNdjson(body: Uint8Array, onEvent: EventSink, options: CutOptions = {}): number {
  return cutDelimited(body, onEvent, {
    ...options,
    delimiter: "\n",
    skip: (text) => text.startsWith(":"),
  });
}
