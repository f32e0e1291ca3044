/**
 * Simulated streams over HTTP/1.1, for a rehearsal.
 *
 * @module
 */
import type { OpenSocket } from "./socket_events.ts";

/** Per stream: reads are rehearsed more often than requests. */
const EVENTS = 12;

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nserver: none\r\n" +
  "transfer-encoding: chunked\r\n\r\n";
const EVENT = `data: {"choices":[{"index":0,"text":"${"a".repeat(180)}"}]}\n\n`;

/** Sockets without a network: each request is answered at once, with one read per event. */
export const openRehearsalSocket: OpenSocket = (_origin, events) => {
  const bytes = (text: string) => new TextEncoder().encode(text);
  const chunk = bytes(`${EVENT.length.toString(16)}\r\n${EVENT}\r\n`);
  const reads = [bytes(HEAD), ...Array<Uint8Array>(EVENTS).fill(chunk), bytes("0\r\n\r\n")];
  queueMicrotask(() => events.onConnected());
  return {
    writableLength: 0,
    write: () =>
      queueMicrotask(() => {
        for (const read of reads) events.onBytes(read, read.length);
      }),
    destroy: () => queueMicrotask(() => events.onClose()),
  };
};
