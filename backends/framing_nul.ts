/**
 * JSON texts separated by a NUL byte, as the oldest LMDeploy servers stream them.
 *
 * @module
 */
import { cutDelimited } from "./framing_delimited.ts";
import type { CutOptions, EventSink } from "./event_sink.ts";

/**
 * Cuts a body at its NUL bytes. JSON cannot contain one: inside strings it is escaped.
 *
 * @returns bytes consumed: the end of the last complete text, or of the body when `final`.
 */
export function cutNul(body: Uint8Array, onEvent: EventSink, options: CutOptions = {}): number {
  return cutDelimited(body, onEvent, { ...options, delimiter: "\0" });
}
