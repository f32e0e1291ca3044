/**
 * What carries the messages of a fleet, as its leader and its agents see it. There is one kind: a NATS
 * server. Whoever holds a bus knows nothing of NATS.
 *
 * @module
 */

/** A message that came. */
export interface BusMessage {
  /** Where it was sent to. */
  readonly subject: string;
  /** What it says. */
  readonly data: Uint8Array;
  /** Answers who asked; does nothing where nobody did. */
  respond(data: Uint8Array): void;
}

/** Somebody who listens. */
export interface BusSubscription {
  /** Listens no more. */
  close(): void;
}

/** A value that is kept until it is changed, and its number. */
export interface KeptValue {
  /** The value. */
  readonly data: Uint8Array;
  /** Grows with each change. */
  readonly revision: number;
}

/**
 * A connection to the server of a fleet. It comes back by itself when it was cut. Subjects, keys and names
 * are the fleet's own: `beat` of fleet `a` is another subject than that of fleet `b`.
 */
export interface FleetBus {
  /** The server's address, for people, without secrets. */
  readonly shown: string;
  /**
   * Sends to all who listen now; what is sent while the connection is cut may be lost.
   *
   * @throws {RangeError} for more than the server takes, usually 1 MiB; the same of `request` and `respond`.
   */
  publish(subject: string, data: Uint8Array): void;
  /** Listens; `*` stands for a part of a subject, `>` for all further ones. */
  subscribe(subject: string, onMessage: (message: BusMessage) => void): BusSubscription;
  /**
   * Asks whoever listens.
   *
   * @returns the first answer; `undefined` = nobody listens, or none came in time.
   */
  request(
    subject: string,
    data: Uint8Array,
    options: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<Uint8Array | undefined>;
  /**
   * Sends what must not be lost, of any size: tries until the server has stored it, also over a cut.
   * The same `id` is stored once.
   *
   * @throws {Error} when `signal` was aborted before.
   */
  deliver(
    subject: string,
    data: Uint8Array,
    options: { readonly id: string; readonly signal: AbortSignal },
  ): Promise<void>;
  /** Receives what was delivered, also before, each message once, in the order of storing. */
  receive(subject: string, onMessage: (message: BusMessage) => void): Promise<BusSubscription>;
  /** Forgets what was delivered to these subjects. */
  forget(subject: string): Promise<void>;
  /** A value that is kept; absent = there is none. */
  read(key: string): Promise<KeptValue | undefined>;
  /**
   * Keeps a value.
   *
   * @param revision number of the value that it replaces; 0 = there must be none; absent = whatever is
   * there.
   * @returns its number; `undefined` = another one was faster.
   */
  keep(key: string, data: Uint8Array, revision?: number): Promise<number | undefined>;
  /** Drops a kept value. */
  drop(key: string): Promise<void>;
  /** Stores a file under a name, unless it is there. */
  store(name: string, content: ReadableStream<Uint8Array>): Promise<void>;
  /** A stored file; absent = there is none of that name. */
  load(name: string): Promise<ReadableStream<Uint8Array> | undefined>;
  /** Deletes a stored file. */
  remove(name: string): Promise<void>;
  /** Whether the server can be reached right now. */
  connected(): boolean;
  /** Calls `listener` when the connection is cut, and when it is back. */
  onChange(listener: (connected: boolean) => void): void;
  /** Sends what waits, and ends the connection. */
  close(): Promise<void>;
}

/** How to connect. */
export interface BusOptions {
  /** `nats://host:4222`, `tls://…`, `ws://…`, several with commas between them. */
  readonly servers: string;
  /** File of credentials (`.creds`). */
  readonly credsFile?: string;
  /** File of an nkey seed. */
  readonly nkeyFile?: string;
  /** Token, or user and password. */
  readonly token?: string;
  readonly user?: string;
  readonly password?: string;
  /** Authority of the server's certificate, PEM. */
  readonly caCert?: string;
  /** Name of the fleet: a part of all subjects, so that credentials can be bound to it. */
  readonly fleet: string;
  /** What the server's list of clients shows. */
  readonly name: string;
  /** Tries for so long until the server is there, ms. Default 0: once. */
  readonly waitMs?: number;
  /** Waits no longer. */
  readonly signal?: AbortSignal;
  /** A server that does not answer within two or three times as long is cut off, ms. Default 5000. */
  readonly pingMs?: number;
}
