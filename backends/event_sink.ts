/**
 * What the framings produce: events, and where in the body each is complete.
 *
 * @module
 */

/**
 * Receives one event of a body.
 *
 * `endOffset` is the smallest number of body bytes at which the event is complete, so the event
 * arrived with the first read that reaches it. `terminated` is false for a last event that only
 * the end of the body closed: it may be incomplete. `name` is what a server-sent event calls itself;
 * absent where it does not.
 */
export type EventSink<Data = string> = (
  data: Data,
  endOffset: number,
  terminated: boolean,
  name?: string,
) => void;

/** How a framing treats the edges of its bytes. */
export interface CutOptions {
  /** The bytes are the beginning of the body (a byte order mark is skipped). Default true. */
  readonly start?: boolean;
  /** Nothing follows: the rest is the last event. Default true. */
  readonly final?: boolean;
}

/** Keeps a byte order mark as a character, so that no bytes vanish. */
const UTF_8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes a whole body: one call per body is several times cheaper than one per event. Line ends
 * can be counted in both views, since no byte below 0x80 is part of a longer sequence.
 */
export function bodyText(body: Uint8Array): string {
  return UTF_8.decode(body);
}
