/**
 * Requests that are given out one by one: what the thread that leads a run gives to those that send.
 *
 * @module
 */
import type { WireRequest } from "../backends/protocol.ts";

/** One request that left, or would have. */
export interface Departure {
  /** Unique in its load. */
  readonly index: number;
  readonly user: number;
  /** Position in the pool of prompts; 0 for orders. */
  readonly item: number;
  /** Milliseconds from the load's origin. */
  readonly intendedMs: number;
  /**
   * Of an order: what is drawn for the request follows from it; default its index, `null` = nothing is
   * drawn.
   */
  readonly key?: string | null;
  /** Of a request that is over: how long a limit of the plan kept it from leaving, ms; absent = none did. */
  readonly heldMs?: number;
}

/** A request that a thread is to send, of a load that the leading thread gives out. */
export interface Order {
  /**
   * With the instant at which it is to leave, ms from the load's origin; late ones leave at once.
   * `user` picks the thread: `user % threads`.
   */
  readonly departure: Departure;
  /** Its body is transferred where another thread sends it: it is empty after it was given. */
  readonly wire: WireRequest;
}

/** Gives out the requests of a load of orders. All calls happen on the thread that leads. */
export interface OrderSource {
  /** The load's origin is known, and orders are taken from now on; the origin may lie ahead. */
  start(desk: OrderDesk): void;
  /**
   * An order's request was handed to its transport at `sentMs`, ms from the load's origin. Calls for
   * one thread's orders come in the order in which they left.
   */
  sent(index: number, sentMs: number): void;
  /**
   * Nothing more may be given: the load was stopped, or its duration is over. What was given before and
   * was not due comes back by {@linkcode revoked}, and so does what is given in spite of it. What was due
   * and waited for a slot is dropped, as of other loads.
   */
  stop(): void;
  /** An order was given, and will not be sent: it has no record. */
  revoked(index: number): void;
}

/** Where a source hands in its orders. */
export interface OrderDesk {
  /** Milliseconds from the load's origin, by the clock of the thread that leads; negative before it. */
  now(): number;
  /** Hands in an order. Of those for one instant, the first given leaves first. */
  give(order: Order): void;
  /** There are no more: the load ends with its last answer. Not needed after `stop`. */
  finish(): void;
}
