/**
 * The connections to one server: which of them carries a stream. As many streams share a connection
 * as the server allows; for more, another connection is opened, so that none waits for an answer.
 *
 * @module
 */
import { messageOf } from "./error_message.ts";
import type { Clock } from "./clock.ts";
import { H2Connection, type H2Host, type H2Stream } from "./h2_connection.ts";
import type { OpenSocket, Origin } from "./socket_connection.ts";

/** What the pools of a transport have in common. */
export interface H2PoolOptions {
  readonly clock: Clock;
  readonly openSocket: OpenSocket;
  /** A connection is closed; its descriptor is free. */
  readonly onClosed: () => void;
}

/** Connections to one origin. */
export class H2Pool implements H2Host {
  /** See {@linkcode H2Host}. */
  readonly clock: Clock;
  /** See {@linkcode H2Host}. */
  readonly openSocket: OpenSocket;
  readonly #origin: Origin;
  readonly #onClosed: () => void;
  readonly #connections: H2Connection[] = [];
  /** Streams above what the server allows as far as it is known yet. */
  readonly #waiting: H2Stream[] = [];

  constructor(origin: Origin, { clock, openSocket, onClosed }: H2PoolOptions) {
    this.#origin = origin;
    this.clock = clock;
    this.openSocket = openSocket;
    this.#onClosed = onClosed;
  }

  /** Connections that are not closed yet. */
  get size(): number {
    return this.#connections.length;
  }

  /** Begins a stream, now or when a connection has said how many it can carry. */
  carry(stream: H2Stream): void {
    stream.connection = undefined;
    this.#waiting.push(stream);
    this.roomMade();
  }

  /** Ends a stream from our side. */
  cancel(stream: H2Stream): void {
    if (stream.connection !== undefined) return stream.connection.cancel(stream);
    const at = this.#waiting.indexOf(stream);
    if (at >= 0) this.#waiting.splice(at, 1);
  }

  /** Closes every connection at once. */
  destroy(): void {
    this.#waiting.length = 0;
    for (const connection of this.#connections) connection.destroy();
  }

  /** See {@linkcode H2Host}. */
  roomMade(): void {
    while (this.#waiting.length > 0) {
      let connection: H2Connection | undefined;
      try {
        connection = this.#free();
      } catch (error) {
        // An address or a certificate that the platform does not even try.
        return this.#failWaiting(messageOf(error));
      }
      if (connection === undefined) return;
      connection.open(this.#waiting.shift()!);
    }
  }

  /** See {@linkcode H2Host}. */
  closed(connection: H2Connection): void {
    const at = this.#connections.indexOf(connection);
    // A line that says twice that it is closed must not take another connection along.
    if (at < 0) return;
    this.#connections.splice(at, 1);
    // What waited for its first word would fail just so on the next one.
    if (!connection.settled) this.#failWaiting(connection.failure ?? "connection closed");
    this.#onClosed();
    this.roomMade();
  }

  #failWaiting(message: string): void {
    const atMs = this.clock.now();
    for (const stream of this.#waiting.splice(0)) {
      stream.onEnd(atMs, { kind: "unreachable", message });
    }
  }

  /** A connection with room; none if it is better to wait. */
  #free(): H2Connection | undefined {
    let unsettled = false;
    for (const connection of this.#connections) {
      if (connection.room > 0) return connection;
      // One that allows no stream at all says that the others will not either.
      if (connection.usable && (!connection.settled || connection.limit === 0)) unsettled = true;
    }
    if (unsettled) return undefined;
    const connection = new H2Connection(this.#origin, this);
    this.#connections.push(connection);
    return connection;
  }
}
