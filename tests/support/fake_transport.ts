/**
 * A transport whose answers take as long as the test wants, on a fake clock.
 *
 * @module
 */
import type { Clock } from "../../backends/clock.ts";
import type { WireRequest } from "../../backends/protocol.ts";
import type { Exchange, Transport } from "../../backends/transport.ts";

/** What was sent, and when. */
export interface SentRequest {
  readonly url: string;
  readonly atMs: number;
}

/**
 * Answers each request after `serviceMs` of the clock; keeps what was sent.
 *
 * @param refusedFrom connections from this one on are refused, after 1 ms.
 * @param firstMs how long the first bytes of an answer take.
 */
export function fakeTransport(
  clock: Clock,
  serviceMs: (n: number) => number,
  refusedFrom = Infinity,
  firstMs: (n: number) => number = () => 0,
): Transport & { readonly sent: SentRequest[]; readonly mostInFlight: () => number } {
  const sent: SentRequest[] = [];
  let inFlight = 0;
  let most = 0;
  return {
    sent,
    mostInFlight: () => most,
    async send(request: WireRequest, { signal, onFirst }): Promise<Exchange> {
      const sentMs = clock.now();
      const n = sent.push({ url: request.url, atMs: sentMs }) - 1;
      most = Math.max(most, ++inFlight);
      const refused = n >= refusedFrom;
      if (onFirst !== undefined && !refused) {
        await clock.sleepUntil(sentMs + firstMs(n), signal);
        if (!signal?.aborted) onFirst();
      }
      await clock.sleepUntil(sentMs + (refused ? 1 : serviceMs(n)), signal);
      inFlight--;
      return {
        sentMs,
        endMs: clock.now(),
        status: 200,
        contentType: "text/event-stream",
        body: new Uint8Array(0),
        readMs: new Float64Array(0),
        readEnds: new Uint32Array(0),
        connection: "unknown",
        end: refused
          ? { kind: "connect_error", message: "connection refused" }
          : signal?.aborted === true
          ? { kind: "cancelled", message: "cancelled" }
          : { kind: "complete" },
      };
    },
    close: () => Promise.resolve(),
  };
}
