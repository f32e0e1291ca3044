/**
 * The connections to one server. As many streams share a connection as the server allows; for more,
 * another connection is opened, so that no stream waits for the end of another.
 *
 * @module
 */
import { messageOf } from "./error_message.ts";
import type { Clock } from "./clock.ts";
import { H2Connection, type H2Host, type H2Stream } from "./h2_connection.ts";
import type { OpenSocket, Origin } from "./socket_events.ts";

export interface H2PoolOptions {
  readonly clock: Clock;
  readonly openSocket: OpenSocket;
  /** A connection is closed; its descriptor is free. */
  readonly onClosed: () => void;
}

export class H2Pool implements H2Host {
  readonly clock: Clock;
  readonly openSocket: OpenSocket;
  readonly #origin: Origin;
  readonly #onClosed: () => void;
  readonly #connections: H2Connection[] = [];
  /** Streams above what the server allows, as far as known. */
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

  destroy(): void {
    this.#waiting.length = 0;
    for (const connection of this.#connections) connection.destroy();
  }

  roomMade(): void {
    while (this.#waiting.length > 0) {
      let connection: H2Connection | undefined;
      try {
        connection = this.#free();
      } catch (error) {
        // The platform refuses the address or the certificate before it connects.
        return this.#failWaiting(messageOf(error));
      }
      if (connection === undefined) return;
      connection.open(this.#waiting.shift()!);
    }
  }

  closed(connection: H2Connection): void {
    const at = this.#connections.indexOf(connection);
    // A socket that reports its close twice must not remove another connection.
    if (at < 0) return;
    this.#connections.splice(at, 1);
    // Streams that waited for its settings would fail the same way on the next connection.
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

  /** A connection with room; `undefined` if it is better to wait. */
  #free(): H2Connection | undefined {
    let unsettled = false;
    for (const connection of this.#connections) {
      if (connection.room > 0) return connection;
      // A connection that allows no stream at all means that others will not either.
      if (connection.usable && (!connection.settled || connection.limit === 0)) unsettled = true;
    }
    if (unsettled) return undefined;
    const connection = new H2Connection(this.#origin, this);
    this.#connections.push(connection);
    return connection;
  }
}
