/**
 * The thread of the epoll transport: the HTTP/1.1 of the socket transport over a loop of its own.
 *
 * @module
 */
import { type MessagePort as NodePort, receiveMessageOnPort } from "node:worker_threads";
import { epochOriginMs, systemClock } from "./clock.ts";
import { openLibc } from "./epoll_libc.ts";
import { EpollLoop } from "./epoll_loop.ts";
import type { WireRequest } from "./protocol.ts";
import { SocketTransport } from "./socket.ts";
import type { Exchange } from "./transport.ts";
import { inWorker } from "./worker.ts";

/** This file, for `startWorker`. */
export const EPOLL_WORKER: string = "backends/epoll_worker.ts";

/** Starts the thread. */
export interface EpollStart {
  /** Where orders come from; the thread's own messages cannot be read while it waits. */
  readonly port: MessagePort;
  /** An eventfd that is written after each order. */
  readonly wakeFd: number;
  /** Origin of the clock of those who send, in ms since the epoch. */
  readonly originMs: number;
  readonly counters: SharedArrayBuffer;
}

/** What the thread is told; signals are known by numbers. */
export type EpollOrder =
  | {
    readonly kind: "send";
    readonly id: number;
    readonly request: Omit<WireRequest, "body">;
    /** Not a view: the thread's way of receiving looks at each byte of one. */
    readonly body: ArrayBuffer | undefined;
    readonly timeoutMs: number;
    readonly signal: number | undefined;
    /** Tell each read. */
    readonly reads: boolean;
  }
  | { readonly kind: "ready"; readonly request: WireRequest }
  | { readonly kind: "abort"; readonly signal: number }
  | { readonly kind: "forget"; readonly signal: number }
  | { readonly kind: "close" };

/** An exchange that is over. */
export interface EndedExchange {
  readonly id: number;
  readonly exchange: Exchange;
}

/** What it tells. */
export type EpollNews =
  | { readonly kind: "exchanges"; readonly ended: readonly EndedExchange[] }
  | {
    readonly kind: "read";
    readonly id: number;
    readonly atMs: number;
    readonly bytes: Uint8Array;
  }
  | { readonly kind: "ready" }
  | { readonly kind: "closed" };

/** The few members of a worker's global scope that are used here; Deno's types give a window's. */
interface WorkerScope {
  onmessage: ((event: MessageEvent<EpollStart>) => void) | null;
  postMessage(message: EpollNews, transfer?: Transferable[]): void;
  close(): void;
}

async function serve(start: EpollStart, scope: WorkerScope): Promise<void> {
  const libc = openLibc();
  // Stamps are told on the clock of those who asked.
  const shiftMs = epochOriginMs() - start.originMs;
  const port = start.port as unknown as NodePort;
  const signals = new Map<number, AbortController>();
  let ended: EndedExchange[] = [];
  const loop = new EpollLoop({
    libc,
    wakeFd: start.wakeFd,
    now: () => systemClock.now() + shiftMs,
    onWake() {
      for (;;) {
        const received: { message: EpollOrder } | undefined = receiveMessageOnPort(port);
        if (received === undefined) return;
        obey(received.message);
      }
    },
    onSettled() {
      if (ended.length === 0) return;
      const transfer = ended.flatMap(({ exchange: { body, readMs, readEnds } }) => [
        body.buffer,
        readMs.buffer,
        readEnds.buffer,
      ]);
      scope.postMessage({ kind: "exchanges", ended }, transfer);
      ended = [];
    },
  });
  const transport = new SocketTransport(
    { clock: loop, counters: new Uint32Array(start.counters) },
    loop.dial,
  );
  const signalOf = (number: number): AbortController => {
    let controller = signals.get(number);
    if (controller === undefined) signals.set(number, controller = new AbortController());
    return controller;
  };
  const obey = (order: EpollOrder): void => {
    switch (order.kind) {
      case "send": {
        const { id, body, timeoutMs, signal, reads } = order;
        const request = body === undefined
          ? order.request
          : { ...order.request, body: new Uint8Array(body) };
        transport.send(request, {
          timeoutMs,
          ...(signal === undefined ? {} : { signal: signalOf(signal).signal }),
          ...(reads
            ? { onRead: (atMs, bytes) => scope.postMessage({ kind: "read", id, atMs, bytes }) }
            : {}),
        }).then((exchange) => ended.push({ id, exchange }));
        return;
      }
      case "ready":
        loop.hold(
          transport.ready([order.request]).then(() => scope.postMessage({ kind: "ready" })),
        );
        return;
      case "abort":
        return signalOf(order.signal).abort();
      case "forget":
        signals.delete(order.signal);
        return;
      case "close":
        transport.close().then(() => loop.end());
    }
  };
  await loop.run();
  libc.close();
  port.close();
  scope.postMessage({ kind: "closed" });
  scope.close();
}

if (inWorker(EPOLL_WORKER)) {
  const scope = globalThis as unknown as WorkerScope;
  scope.onmessage = (event) => void serve(event.data, scope);
}
