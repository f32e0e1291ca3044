/**
 * The event loop under the simulated server: a clock, turns, and a listener for TCP connections.
 * There are two: the platform's own, and one around `epoll`.
 *
 * @module
 */
import type { Clock, TimerQueue } from "./clock.ts";
import type { SimCertificate } from "./sim_certificate.ts";

/** An accepted TCP connection. Once it has ended, writes do nothing. */
export interface SimSocket {
  /** Port that the client connected from; 0 = unknown. */
  readonly clientPort: number;
  /** Neither direction is open any more. */
  readonly destroyed: boolean;
  /** Bytes that the system has not taken yet. */
  readonly writableLength: number;
  /** Writes; returns the instant just before the system call, ms of the clock. */
  write(data: string | Uint8Array): number;
  /** Writes the first `length` of these bytes, which the caller may then overwrite. */
  send(bytes: Uint8Array<ArrayBuffer>, length: number): number;
  /** Ends the server's direction (FIN) after what was written. */
  end(): void;
  /** Resets the connection (RST; over TLS it may just end, without the notice that it will). */
  reset(): void;
  /** Closes both directions now. */
  destroy(): void;
}

/** What a connection reports. */
export interface SimSocketEvents {
  /**
   * Called with bytes that arrived; the receiver may keep them.
   *
   * @param atMs when they arrived, ms of the clock.
   */
  onBytes(bytes: Uint8Array, atMs: number): void;
  /** Called once when the connection is closed, never from within a call to it. */
  onClose(): void;
}

/** Where to listen. */
export interface SimAddress {
  /** Name or number. */
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Plaintext without it. Only the platform's loop has TLS. */
  readonly tls?: SimCertificate;
}

/** A listening address. */
export interface SimListener {
  /** The port that was found when any free one was asked for. */
  readonly port: number;
  /** Stops listening; open connections stay open. */
  close(): Promise<void>;
}

/** Names of the loops. */
export type SimLoopName = "platform" | "epoll";

/** The loop of a server. */
export interface SimLoop {
  /** Name in the results. */
  readonly name: SimLoopName;
  /** Source of stamps and waits. */
  readonly clock: Clock;
  /** Resolves in the next turn, after everything that is ready now has been read. */
  nextTurn(): Promise<void>;
  /**
   * Fires a timer queue whenever it is due; returns a function that removes it. Absent where the
   * clock's waits are as good.
   */
  addTimers?(timers: TimerQueue): () => void;
  /**
   * Starts listening.
   *
   * @throws {Error} with the system's `code`, when the address cannot be used.
   */
  listen(
    address: SimAddress,
    onSocket: (socket: SimSocket) => SimSocketEvents,
  ): Promise<SimListener>;
}

/** All clients of a large test may connect at the same instant. */
export const BACKLOG = 4096;
