/**
 * What a thread's share of a load is run with.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import type { WireRequest } from "../backends/protocol.ts";
import type { Exchange, Transport } from "../backends/transport.ts";
import type { Agenda } from "./load_agenda.ts";
import type { Portions } from "./load_portions.ts";
import type { TakeNext } from "./load_sequence.ts";
import type { Turns } from "./load_turns.ts";
import type { Departure } from "./order.ts";

/** What the runner works with. */
export interface RunnerTools {
  readonly clock: Clock;
  readonly transport: Transport;
  /** Resolves in a later event-loop turn. */
  readonly nextTurn: () => Promise<void>;
  /** Clock time of the load's start; may lie a little ahead. */
  readonly originMs: number;
  /** The encoded request of a pool item; `pass` counts how often the pool was used up before. */
  readonly requestOf: (item: number, index: number, pass: number) => WireRequest;
  /** Intended times of this load's arrivals, ms from the origin (open loads). */
  readonly arrivals?: Iterator<number>;
  /** What is given out one by one (loads of orders). */
  readonly orders?: Agenda;
  readonly takeNext: TakeNext;
  /** Where the numbers of requests come from, where several machines draw on one count; absent = `takeNext`. */
  readonly portions?: Portions;
  /** How long a user thinks before its request number `k`, in ms; absent = not at all. */
  readonly thinkMs?: (user: number, k: number) => number;
  /** Whether the user of a request will leave, where some do. */
  readonly leaves?: (departure: Departure) => boolean;
  readonly onExchange: (departure: Departure, exchange: Exchange) => void;
  /** So much waits to be decoded that nothing more should be asked for. */
  readonly crowded?: () => boolean;
  /** Never sent: limit in flight, or no slot before the end. */
  readonly onDropped: (departure: Departure, reason: string) => void;
  /** Stop sending and drain. */
  readonly stopSignal: AbortSignal;
  /** Cancel what is in flight, too. */
  readonly abortSignal: AbortSignal;
  /** Live numbers: sent, ended. */
  readonly onSent?: () => void;
  /** Gets streams ready that run beside the load and take their turns with it; absent = none. */
  readonly beside?: (turns: Turns) => StreamsBeside;
}

/** Streams that are no part of the load. */
export interface StreamsBeside {
  /** Starts those whose turn has come when this share of the users has started. */
  start(share: number): void;
  /** Cancels what is in flight; resolves when it was handed on. */
  end(): Promise<void>;
}
