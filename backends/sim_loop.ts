/**
 * What the simulated server stands on: a clock, turns of a loop, and a listener whose connections
 * are lines of bytes. The platform's own event loop is one, a loop around `epoll` the other.
 *
 * @module
 */
import type { Clock } from "./clock.ts";

/** An accepted connection. After its end, whatever ended it, writes do nothing. */
export interface SimLine {
  /** Port that the client connected from; 0 = unknown. */
  readonly clientPort: number;
  /** Neither direction is open any more. */
  readonly destroyed: boolean;
  /** Bytes that the system has not taken yet. */
  readonly writableLength: number;
  /** Writes; returns the instant just before the system is given the bytes, ms of the clock. */
  write(data: string | Uint8Array): number;
  /** Writes the first `length` of these bytes, which the caller may then overwrite. */
  send(bytes: Uint8Array<ArrayBuffer>, length: number): number;
  /** Ends the server's direction (FIN) after what was written. */
  end(): void;
  /** Resets the connection (RST). */
  reset(): void;
  /** Closes both directions now. */
  destroy(): void;
}

/** What a line tells. */
export interface SimLineEvents {
  /**
   * Bytes came. They are the receiver's to keep.
   *
   * @param atMs when they came, ms of the clock.
   */
  onBytes(bytes: Uint8Array, atMs: number): void;
  /** The line is closed; called once, never from within a call to the line. */
  onClose(): void;
}

/** Where to listen. */
export interface SimAddress {
  /** Name or number. */
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
}

/** A listening address. */
export interface SimListener {
  /** The port that was found when any free one was asked for. */
  readonly port: number;
  /** Stops listening; lines that are open stay so. */
  close(): Promise<void>;
}

/** Names of the loops. */
export type SimLoopName = "platform" | "epoll";

/** What is due at times of its own. */
export interface SimAgenda {
  /** When there is something to do, ms of the clock; Infinity = nothing. */
  dueMs(): number;
  /** Does what is due. */
  fire(): void;
}

/** The loop of a server. */
export interface SimLoop {
  /** As results name it. */
  readonly name: SimLoopName;
  /** Source of stamps and waits. */
  readonly clock: Clock;
  /** Resolves when what is ready now has been read. */
  nextTurn(): Promise<void>;
  /**
   * Fires an agenda whenever it is due, until the function that it returns is called; absent where
   * the clock's waits are as good.
   */
  follow?(agenda: SimAgenda): () => void;
  /**
   * Starts listening.
   *
   * @throws {Error} with the system's `code`, when the address cannot be used.
   */
  listen(address: SimAddress, onLine: (line: SimLine) => SimLineEvents): Promise<SimListener>;
}

/** Every client of a large test may connect at the same instant. */
export const BACKLOG = 4096;
