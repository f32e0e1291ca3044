/**
 * Made-up streams for a thread that has not read one yet: what the compiler does in the first
 * second of a program would else be counted as the server's time.
 *
 * @module
 */
import type { WireRequest } from "./protocol.ts";
import type { Dial } from "./socket_connection.ts";
import type { Transport } from "./transport.ts";

/** Enough that the compiler has optimized what runs for every read; takes less than 0.1 s. */
const STREAMS = 200;
const EVENTS = 60;

const HEAD = "HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\nserver: none\r\n" +
  "transfer-encoding: chunked\r\n\r\n";
const EVENT = `data: {"choices":[{"index":0,"text":"${"a".repeat(180)}"}]}\n\n`;

/** Lines that lead nowhere: each request is answered at once, a read for each event. */
export const dialWarmUp: Dial = (_origin, events) => {
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

/** Sends `request` so often over `transport`, whose lines are {@linkcode dialWarmUp}'s. */
export async function warmUp(transport: Transport, request: WireRequest): Promise<void> {
  const atOnce = 8;
  for (let sent = 0; sent < STREAMS; sent += atOnce) {
    await Promise.all(
      Array.from({ length: atOnce }, () => transport.send(request, { timeoutMs: 0 })),
    );
  }
  await transport.close();
}
