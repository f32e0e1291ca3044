/**
 * HTTP/1.1 over Linux' epoll, called through FFI in a thread that does nothing else: the least CPU
 * and the smallest timing error that Deno allows, and so the reference for the other transports.
 * Linux and `--allow-ffi` only; no TLS.
 *
 * @module
 */
import { type Clock, epochOriginMs } from "./clock.ts";
import { EpollThread } from "./epoll_thread.ts";
import {
  EPOLL_WORKER,
  type EpollSetup,
  type FromEpollThread,
  type ToEpollThread,
} from "./transport_epoll_worker.ts";
import { checkAuthority, neverSent } from "./exchange.ts";
import type { WireRequest } from "./protocol.ts";
import {
  type Exchange,
  type SendOptions,
  type Transport,
  TRANSPORT_COUNTERS,
  type TransportKind,
  type TransportOptions,
} from "./transport.ts";

export const epollTransport: TransportKind = {
  name: "epoll",
  open: (options) => new EpollTransport(options),
};

interface PendingExchange {
  readonly sentMs: number;
  readonly options: SendOptions;
  readonly resolve: (exchange: Exchange) => void;
}

/** A caller's signal: its number in the other thread, and how many exchanges use it. */
interface Signal {
  readonly number: number;
  readonly onAbort: () => void;
  uses: number;
}

class EpollTransport implements Transport {
  readonly #clock: Clock;
  readonly #thread: EpollThread<EpollSetup, ToEpollThread, FromEpollThread>;
  readonly #pending = new Map<number, PendingExchange>();
  readonly #signals = new Map<AbortSignal, Signal>();
  /** The caller's counters, where they are not shared memory: updated with every exchange. */
  readonly #counters: Uint32Array | undefined;
  readonly #shared: Uint32Array<SharedArrayBuffer>;
  #lastId = 0;
  #failure: string | undefined;
  #closed: Promise<void> | undefined;
  #onClosed: () => void = () => {};

  constructor({ clock, caCert, counters }: TransportOptions) {
    checkAuthority(caCert);
    this.#clock = clock;
    if (counters?.buffer instanceof SharedArrayBuffer && counters.byteOffset === 0) {
      this.#shared = counters as Uint32Array<SharedArrayBuffer>;
    } else {
      this.#counters = counters;
      this.#shared = new Uint32Array(new SharedArrayBuffer(TRANSPORT_COUNTERS * 4));
    }
    const setup = { originMs: epochOriginMs(), counters: this.#shared.buffer };
    this.#thread = new EpollThread(EPOLL_WORKER, setup, {
      message: (message) => this.#receive(message),
      failure: (message) => this.#fail(message),
    });
  }

  send(request: WireRequest, options: SendOptions): Promise<Exchange> {
    const sentMs = this.#clock.now();
    return new Promise((resolve) => {
      const id = ++this.#lastId;
      this.#pending.set(id, { sentMs, options, resolve });
      if (this.#failure !== undefined) return this.#fail(this.#failure);
      const { timeoutMs, maxBytes, signal, onRead, onFirst } = options;
      const reads = onRead !== undefined;
      const first = onFirst !== undefined;
      const number = signal === undefined ? undefined : this.#use(signal);
      const { body, ...head } = request;
      this.#thread.post({
        ...{ kind: "send", id, request: head, timeoutMs, maxBytes, signal: number, reads, first },
        body: body === undefined ? undefined : bufferOf(body),
      });
    });
  }

  close(): Promise<void> {
    return this.#closed ??= (async () => {
      if (this.#failure === undefined) {
        await new Promise<void>((resolve) => {
          this.#onClosed = resolve;
          this.#thread.post({ kind: "close" });
        });
      }
      this.#thread.close();
    })();
  }

  #receive(message: FromEpollThread): void {
    if (message.kind === "closed") return this.#onClosed();
    if (message.kind === "first") return this.#pending.get(message.id)?.options.onFirst?.();
    if (message.kind === "read") {
      return this.#pending.get(message.id)?.options.onRead?.(message.atMs, message.bytes);
    }
    this.#counters?.set(this.#shared.subarray(0, this.#counters.length));
    for (const { id, exchange } of message.ended) {
      const pending = this.#pending.get(id);
      if (pending === undefined) continue;
      // The request left the caller at our stamp; the other thread received it later.
      exchange.sentMs = pending.sentMs;
      this.#conclude(id, pending, exchange);
    }
  }

  #conclude(id: number, pending: PendingExchange, exchange: Exchange): void {
    this.#pending.delete(id);
    if (pending.options.signal !== undefined) this.#release(pending.options.signal);
    pending.resolve(exchange);
  }

  /** The thread broke: nothing will be answered any more. */
  #fail(message: string): void {
    this.#failure = message;
    this.#onClosed();
    for (const [id, pending] of this.#pending) {
      const exchange = neverSent(pending.sentMs, `the epoll thread failed: ${message}`);
      exchange.endMs = this.#clock.now();
      this.#conclude(id, pending, exchange);
    }
  }

  #use(signal: AbortSignal): number {
    let known = this.#signals.get(signal);
    if (known === undefined) {
      const number = ++this.#lastId;
      const onAbort = () => this.#thread.post({ kind: "abort", signal: number });
      this.#signals.set(signal, known = { number, onAbort, uses: 0 });
      if (signal.aborted) onAbort();
      else signal.addEventListener("abort", onAbort);
    }
    known.uses++;
    return known.number;
  }

  #release(signal: AbortSignal): void {
    const known = this.#signals.get(signal);
    if (known === undefined || --known.uses > 0) return;
    this.#signals.delete(signal);
    signal.removeEventListener("abort", known.onAbort);
    if (this.#failure === undefined) this.#thread.post({ kind: "forget", signal: known.number });
  }
}

/** The bytes alone, as a buffer that holds nothing else. */
function bufferOf(bytes: Uint8Array<ArrayBuffer>): ArrayBuffer {
  const { buffer } = bytes;
  return buffer.byteLength === bytes.length ? buffer : bytes.slice().buffer;
}
