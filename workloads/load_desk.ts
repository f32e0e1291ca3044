/**
 * The desk of a load of orders: on the thread that leads, between the source that gives them out and the
 * threads that send.
 *
 * @module
 */
import { onAbort, patientClock, systemClock } from "../backends/clock.ts";
import type { ToThread } from "./load_messages.ts";
import type { OrdersTold } from "./load_orders.ts";
import type { Order, OrderDesk, OrderSource } from "./order.ts";

/** What a desk works with. */
export interface DeskTools {
  /** Sends a message to a thread. */
  readonly send: (thread: number, message: ToThread, transfer?: Transferable[]) => void;
  readonly threads: number;
  /** Machines that send the load: users are dealt to them before they are to threads. */
  readonly agents: number;
  /** Start of the load on this thread's clock. */
  readonly originMs: number;
  /** Absent = no limit. */
  readonly durationMs: number | undefined;
  /** Nothing more may be given. */
  readonly stopSignal: AbortSignal;
}

/** Hands orders on, and tells their source what became of them. */
export class Desk implements OrderDesk {
  readonly #source: OrderSource;
  readonly #tools: DeskTools;
  readonly #over = new AbortController();
  #stopped = false;
  #finished = false;
  #ignoreStop = () => {};

  constructor(source: OrderSource, tools: DeskTools) {
    this.#source = source;
    this.#tools = tools;
  }

  /** Lets the source begin; the threads must have heard of the load. */
  open(): void {
    this.#source.start(this);
    this.#ignoreStop = onAbort(this.#tools.stopSignal, () => this.#stop());
    void this.#stopWhenOver();
  }

  now(): number {
    return systemClock.now() - this.#tools.originMs;
  }

  give(order: Order): void {
    const { departure } = order;
    if (this.#finished && !this.#stopped) {
      throw new RangeError(`Cannot give order ${departure.index}: the last one was given`);
    }
    if (this.#stopped) return this.#source.revoked(departure.index);
    const { body: view, ...head } = order.wire;
    const body = view && bufferOf(view);
    const { agents, threads } = this.#tools;
    const thread = Math.floor(departure.user / agents) % threads;
    const transfer = body === undefined ? [] : [body];
    this.#tools.send(thread, { kind: "order", departure, head, body }, transfer);
  }

  finish(): void {
    if (this.#finished) return;
    this.#finished = true;
    for (let thread = 0; thread < this.#tools.threads; thread++) {
      this.#tools.send(thread, { kind: "last-order" });
    }
  }

  /** Tells the source what a thread has told. */
  told({ sent, revoked }: OrdersTold): void {
    for (let i = 0; i < sent.length; i += 2) this.#source.sent(sent[i]!, sent[i + 1]!);
    // A thread may have seen the end of the duration first.
    if (revoked.length > 0) this.#stop();
    for (const index of revoked) this.#source.revoked(index);
  }

  /** The load is over. */
  close(): void {
    this.#over.abort();
    this.#ignoreStop();
  }

  #stop(): void {
    if (this.#stopped) return;
    this.#stopped = true;
    this.#source.stop();
    this.finish();
  }

  async #stopWhenOver(): Promise<void> {
    const { durationMs, originMs } = this.#tools;
    if (durationMs === undefined) return;
    await patientClock.sleepUntil(originMs + durationMs, this.#over.signal);
    if (!this.#over.signal.aborted) this.#stop();
  }
}

/** Memory that holds a body and nothing else: all of it is transferred. */
function bufferOf(body: Uint8Array<ArrayBuffer>): ArrayBuffer {
  return body.length === body.buffer.byteLength ? body.buffer : body.slice().buffer;
}
