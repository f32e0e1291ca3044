/**
 * The thread of the epoll transport: the HTTP/1.1 of the socket transport over a loop of its own.
 *
 * @module
 */
import { epochOriginMs, systemClock } from "./clock.ts";
import { defined } from "./defined.ts";
import { type EpollService, serveEpollThread, type ServiceTools } from "./epoll_thread.ts";
import type { WireRequest } from "./protocol.ts";
import { SocketTransport } from "./socket_transport.ts";
import type { Exchange } from "./transport.ts";
import { inWorker } from "./worker.ts";

export const EPOLL_WORKER: string = "backends/transport_epoll_worker.ts";

export interface EpollSetup {
  /** Origin of the sender's clock, in ms since the epoch. */
  readonly originMs: number;
  readonly counters: SharedArrayBuffer;
}

/** Signals are known by numbers. */
export type ToEpollThread =
  | {
    readonly kind: "send";
    readonly id: number;
    readonly request: Omit<WireRequest, "body">;
    /** Not a view: the thread's way of receiving looks at each byte of one. */
    readonly body: ArrayBuffer | undefined;
    readonly timeoutMs: number;
    readonly maxBytes: number | undefined;
    readonly signal: number | undefined;
    /** Report each read. */
    readonly reads: boolean;
    /** Report the first bytes of the body. */
    readonly first: boolean;
  }
  | { readonly kind: "abort"; readonly signal: number }
  | { readonly kind: "forget"; readonly signal: number }
  | { readonly kind: "close" };

export interface EndedExchange {
  readonly id: number;
  readonly exchange: Exchange;
}

export type FromEpollThread =
  | { readonly kind: "exchanges"; readonly ended: readonly EndedExchange[] }
  | {
    readonly kind: "read";
    readonly id: number;
    readonly atMs: number;
    readonly bytes: Uint8Array;
  }
  | { readonly kind: "first"; readonly id: number }
  | { readonly kind: "closed" };

function serve(
  setup: EpollSetup,
  { loop, post }: ServiceTools<FromEpollThread>,
): EpollService<ToEpollThread> {
  const signals = new Map<number, AbortController>();
  let ended: EndedExchange[] = [];
  const transport = new SocketTransport(
    { clock: loop, counters: new Uint32Array(setup.counters) },
    loop.openSocket,
  );
  const signalOf = (number: number): AbortController => {
    let controller = signals.get(number);
    if (controller === undefined) signals.set(number, controller = new AbortController());
    return controller;
  };
  const onMessage = (message: ToEpollThread): void => {
    switch (message.kind) {
      case "send": {
        const { id, body, timeoutMs, maxBytes, signal, reads, first } = message;
        const request = body === undefined
          ? message.request
          : { ...message.request, body: new Uint8Array(body) };
        transport.send(request, {
          timeoutMs,
          ...defined({ maxBytes }),
          ...(signal !== undefined && { signal: signalOf(signal).signal }),
          ...(first && { onFirst: () => post({ kind: "first", id }) }),
          ...(reads && { onRead: (atMs, bytes) => post({ kind: "read", id, atMs, bytes }) }),
        }).then((exchange) => ended.push({ id, exchange }));
        return;
      }
      case "abort":
        return signalOf(message.signal).abort();
      case "forget":
        signals.delete(message.signal);
        return;
      case "close":
        transport.close().then(() => loop.end());
    }
  };
  return {
    onMessage,
    onEnd: () => post({ kind: "closed" }),
    onSettled() {
      if (ended.length === 0) return;
      const transfer = ended.flatMap(({ exchange: { body, readMs, readEnds, readWidthMs } }) => [
        body.buffer,
        readMs.buffer,
        readEnds.buffer,
        ...(readWidthMs === undefined ? [] : [readWidthMs.buffer]),
      ]);
      post({ kind: "exchanges", ended }, transfer);
      ended = [];
    },
  };
}

/** Stamps are on the sender's clock. */
function nowOf({ originMs }: EpollSetup): () => number {
  const shiftMs = epochOriginMs() - originMs;
  return () => systemClock.now() + shiftMs;
}

if (inWorker(EPOLL_WORKER)) serveEpollThread(serve, nowOf);
