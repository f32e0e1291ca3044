/**
 * What the cutters of bodies hand out: events with the place where they were complete.
 *
 * @module
 */

/**
 * Receives one event of a body.
 *
 * `endOffset` is the smallest number of body bytes at which the event is complete, so the event
 * arrived with the first read that reaches it. `terminated` is false for a last event that only
 * the end of the body closed: it may be half an event.
 */
export type EventSink<Data = string> = (
  data: Data,
  endOffset: number,
  terminated: boolean,
) => void;

/** How a cutter treats the edges of its bytes. */
export interface CutOptions {
  /** The bytes are the beginning of the body (a byte order mark is skipped). Default true. */
  readonly start?: boolean;
  /** Nothing follows: what is left over is the last event. Default true. */
  readonly final?: boolean;
}

/** Keeps a byte order mark as a character, so that no bytes vanish silently. */
const UTF_8 = new TextDecoder("utf-8", { ignoreBOM: true });

/**
 * Decodes a body once; one call a body is several times cheaper than one an event. Line ends stay
 * countable in both views, since no byte below 0x80 is ever part of a longer sequence.
 */
export function bodyText(body: Uint8Array): string {
  return UTF_8.decode(body);
}
