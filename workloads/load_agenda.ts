/**
 * What a load sends when: each of its requests waits for an instant, or for the end of another one. The
 * runner is the same for all.
 *
 * @module
 */
import type { WireRequest } from "../backends/protocol.ts";
import type { CancelSpec, Load, Stop } from "./load.ts";
import type { Departure } from "./order.ts";

/** One thread's share of a load. */
export interface LoadShare {
  readonly load: Load;
  readonly stop: Stop;
  /** This thread's number and how many there are: users and arrivals are dealt round-robin. */
  readonly worker: number;
  readonly workers: number;
  /** How many machines send the load: thread t of all is one of machine t % agents; default 1. */
  readonly agents?: number;
  readonly poolSize: number;
  readonly timeoutMs: number;
  /** Largest body of an answer; default 48 MiB. */
  readonly maxAnswerBytes?: number;
  /** How long requests in flight may go on after the sending has ended early. */
  readonly graceMs: number;
  /** Most requests of the whole load before the first bytes of their answers; absent = no limit. */
  readonly maxPrefill?: number;
  /** Users who leave before their answer has ended; absent = none. */
  readonly cancel?: CancelSpec;
}

/** How the share went; ms from the origin. */
export interface ShareEnd {
  /** When the last user's first request left; the end of the share, where not every user began. */
  readonly rampEndMs: number;
  /**
   * First moment when a free slot found nothing left to send; of arrivals and orders, when the last one
   * was due.
   */
  readonly sendingEndMs: number;
}

/** What is to be sent, and when. Instants are milliseconds from the load's origin. */
export interface Agenda {
  /** When the next request is due of those that wait for an instant; Infinity = none. */
  dueMs(): number;
  /** Takes that request; `undefined` = it must not be sent. */
  take(nowMs: number): Departure | undefined;
  /** Its request, which leaves now. */
  requestOf(departure: Departure): WireRequest;
  /**
   * A request's answer was handed on: what leaves at once because of it. What is to leave later waits for
   * its instant from now on.
   *
   * @param refused there was no connection.
   */
  follow?(departure: Departure, refused: boolean): Departure | undefined;
  /** Nothing may be taken any more. */
  stop(): void;
  /** No request waits, and none will. */
  over(): boolean;
  /** Share of the load's beginning that was taken: streams beside the load spread over it. */
  begun(): number;
  /** A request that was taken leaves at `atMs`. */
  onDeparture?(departure: Departure, atMs: number): void;
  /** It has left, at `sentMs`. */
  onSent?(departure: Departure, sentMs: number): void;
  /** Tells what has left; called when nothing else is to be done, and before an answer is handed on. */
  tell?(): void;
  /** The runner's: something waits, or nothing will, without an answer having ended. */
  onChange?: () => void;
  /** How it went; called once nothing is in flight. */
  end(): ShareEnd;
}

/** What agendas work with. */
export interface AgendaTools {
  /** Milliseconds from the load's origin. */
  readonly now: () => number;
  /** The encoded request of a pool item; `pass` counts how often the pool was used up before. */
  readonly requestOf: (item: number, index: number, pass: number) => WireRequest;
}
