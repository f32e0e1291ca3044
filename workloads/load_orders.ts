/**
 * Orders in a sending thread: requests that the leading thread gives out one by one, each with the
 * instant at which it is to leave. What is told back, an order that left or was revoked, waits until
 * no other request leaves.
 *
 * @module
 */
import type { WireRequest } from "../backends/protocol.ts";
import type { Agenda, ShareEnd } from "./load_agenda.ts";
import { DueQueue } from "./due_queue.ts";
import type { Departure, Order } from "./order.ts";

/** What is told back of orders; ms from the load's origin. */
export interface OrdersTold {
  /** Those that left, in the order in which they did: index and time by turns. */
  readonly sent: number[];
  /** Those that will not be sent. */
  readonly revoked: number[];
}

/** This thread's orders. */
export class Orders implements Agenda {
  readonly #tell: (told: OrdersTold) => void;
  readonly #waiting = new DueQueue<Order>();
  /** Requests of orders that were taken and have not left. */
  readonly #wires = new WeakMap<Departure, WireRequest>();
  #stopped = false;
  #finished = false;
  #lastMs = 0;
  #sent: number[] = [];
  #revoked: number[] = [];
  onChange?: () => void;

  constructor(tell: (told: OrdersTold) => void) {
    this.#tell = tell;
  }

  /** One more. */
  give(order: Order): void {
    if (this.#stopped) {
      this.#revoked.push(order.departure.index);
      return this.tell();
    }
    this.#waiting.add(order.departure.intendedMs, order);
    this.onChange?.();
  }

  /** There are no more. */
  finish(): void {
    this.#finished = true;
    this.onChange?.();
  }

  dueMs(): number {
    return this.#waiting.dueMs;
  }

  take(nowMs: number): Departure | undefined {
    const order = this.#waiting.take();
    if (order === undefined) return undefined;
    this.#lastMs = nowMs;
    this.#wires.set(order.departure, order.wire);
    return order.departure;
  }

  requestOf(departure: Departure): WireRequest {
    const wire = this.#wires.get(departure);
    if (wire === undefined) {
      throw new RangeError(`Cannot send order ${departure.index}: it was not given`);
    }
    this.#wires.delete(departure);
    return wire;
  }

  stop(): void {
    this.#stopped = true;
    for (const { departure } of this.#waiting.clear()) this.#revoked.push(departure.index);
    this.tell();
  }

  over(): boolean {
    return this.#finished && this.#waiting.size === 0;
  }

  begun(): number {
    return 1;
  }

  onSent({ index }: Departure, sentMs: number): void {
    this.#sent.push(index, sentMs);
  }

  tell(): void {
    if (this.#sent.length + this.#revoked.length === 0) return;
    this.#tell({ sent: this.#sent, revoked: this.#revoked });
    this.#sent = [];
    this.#revoked = [];
  }

  end(): ShareEnd {
    this.tell();
    return { rampEndMs: 0, sendingEndMs: this.#lastMs };
  }
}
