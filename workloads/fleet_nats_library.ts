/**
 * The one file that loads the client of NATS. The specifiers are computed, so that no other command
 * downloads or embeds it, and no lock file lists it. An executable carries it and says so by
 * {@linkcode NATS_HELD}.
 *
 * @module
 */
import { messageOf } from "../backends/error_message.ts";
import { EXIT, UserError } from "./user_error.ts";

/** Of all its packages. */
const VERSION = "3.4.0";

/** The import specifiers; the last one is a file that the first one uses. */
export const NATS_SPECIFIERS: readonly string[] = [
  `npm:@nats-io/transport-node@${VERSION}`,
  `npm:@nats-io/jetstream@${VERSION}`,
  `npm:@nats-io/transport-node@${VERSION}/lib/node_transport.js`,
];

/** Under this name a bundle holds a function that returns the client. */
export const NATS_HELD: unique symbol = Symbol.for("tokometer.nats");

/** Headers of a message. */
export interface NatsHeaders {
  /** `""` = there is none of that name. */
  get(name: string): string;
  set(name: string, value: string): void;
}

/** A message that came. */
export interface NatsMessage {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Where its sender waits for an answer; absent or empty = nowhere. */
  readonly reply?: string;
  readonly headers?: NatsHeaders;
  respond(data: Uint8Array): boolean;
}

/** A message as a stream has stored it. */
export interface NatsStored {
  readonly subject: string;
  readonly data: Uint8Array;
  /** Its number in the stream. */
  readonly seq: number;
  readonly header?: NatsHeaders;
}

/** How a connection is, or what the server said. */
export interface NatsStatus {
  /** `disconnect`, `reconnect`, `error`, … */
  readonly type: string;
  readonly error?: Error;
}

/** Somebody who listens. */
export interface NatsSubscription {
  unsubscribe(): void;
}

/** The parts of a connection that we use. */
export interface NatsConnection {
  readonly info?: { readonly max_payload: number; readonly jetstream?: boolean };
  publish(subject: string, data: Uint8Array): void;
  subscribe(
    subject: string,
    options: { readonly callback: (error: Error | null, message: NatsMessage) => void },
  ): NatsSubscription;
  request(
    subject: string,
    data: Uint8Array,
    options: { readonly timeout: number },
  ): Promise<NatsMessage>;
  status(): AsyncIterable<NatsStatus>;
  flush(): Promise<void>;
  close(): Promise<void>;
  isClosed(): boolean;
}

/** The parts of JetStream that we use. */
export interface NatsJetStream {
  publish(
    subject: string,
    data: Uint8Array,
    options: {
      readonly msgID?: string;
      readonly timeout: number;
      readonly headers?: NatsHeaders;
      readonly expect?: { readonly lastSubjectSequence?: number };
    },
  ): Promise<{ readonly seq: number; readonly duplicate: boolean }>;
}

/** The parts of its administration that we use. */
export interface NatsStreams {
  readonly streams: {
    info(name: string): Promise<{ readonly created: string }>;
    add(config: Readonly<Record<string, unknown>>): Promise<{ readonly created: string }>;
    purge(name: string, options: { readonly filter: string }): Promise<unknown>;
  };
  readonly direct: {
    /** `null` = there is none. */
    getMessage(
      stream: string,
      query:
        | { readonly last_by_subj: string }
        | { readonly seq: number; readonly next_by_subj: string },
    ): Promise<NatsStored | null>;
  };
}

/** How to connect. */
export interface NatsOptions {
  readonly servers: readonly string[];
  readonly name: string;
  readonly inboxPrefix: string;
  readonly reconnect: boolean;
  /** -1 = for ever. */
  readonly maxReconnectAttempts: number;
  readonly reconnectTimeWait: number;
  readonly reconnectJitter: number;
  /** Of one attempt, ms. */
  readonly timeout: number;
  readonly pingInterval: number;
  readonly maxPingOut: number;
  readonly ignoreAuthErrorAbort: boolean;
  readonly noAsyncTraces: boolean;
  readonly authenticator?: unknown;
  readonly tls?: { readonly ca?: string };
}

/** The parts of the client that we use. */
export interface NatsLibrary {
  connect(options: NatsOptions): Promise<NatsConnection>;
  /** Over a web socket. */
  wsconnect(options: NatsOptions): Promise<NatsConnection>;
  headers(): NatsHeaders;
  /** Draws names. */
  readonly nuid: { next(): string };
  credsAuthenticator(creds: Uint8Array): unknown;
  nkeyAuthenticator(seed: Uint8Array): unknown;
  tokenAuthenticator(token: string): unknown;
  usernamePasswordAuthenticator(user: string, password?: string): unknown;
  jetstream(connection: NatsConnection): NatsJetStream;
  jetstreamManager(
    connection: NatsConnection,
    options: { readonly checkAPI: false },
  ): Promise<NatsStreams>;
}

/**
 * Imports the client, downloading it if necessary.
 *
 * @throws {UserError} when that fails: no registry, no permission.
 */
export async function loadNats(): Promise<NatsLibrary> {
  const held = (globalThis as { readonly [NATS_HELD]?: () => unknown })[NATS_HELD];
  try {
    const parts = held === undefined
      ? await Promise.all(NATS_SPECIFIERS.map((specifier) => import(specifier)))
      : [await held()];
    const library = Object.assign({}, ...parts);
    keepListening(library.NodeTransport.prototype);
    return library;
  } catch (error) {
    const reason = messageOf(error).split("\n")[0];
    throw new UserError(
      `Cannot load ${
        NATS_SPECIFIERS.join(" and ")
      }: ${reason}; it takes the npm registry once, or ` +
        "the executable, which carries it",
      EXIT.usage,
      { cause: error },
    );
  }
}

/** The part of a socket that the client uses in a way that ends programs. */
interface NodeSocket {
  on(event: "error", listener: () => void): unknown;
  removeAllListeners(): unknown;
}

type OpenSocket = (...args: readonly unknown[]) => Promise<NodeSocket>;

/** Functions of the client's transport that open a socket. */
const OPENING = ["dial", "tlsFirst", "startTLS"] as const;

const listening = Symbol("tokometer.listening");

/**
 * The client takes all listeners off a socket before it ends it. An error that is under way then, such as
 * a reset by a server that refuses the credentials, has no listener any more and ends the program. So
 * each socket keeps one that does nothing.
 */
function keepListening(
  transport: Record<typeof OPENING[number], OpenSocket> & { [listening]?: true },
): void {
  if (transport[listening]) return;
  transport[listening] = true;
  for (const name of OPENING) {
    const open = transport[name];
    transport[name] = async function (this: unknown, ...args) {
      const socket = await open.call(this, ...args);
      const remove = socket.removeAllListeners;
      socket.removeAllListeners = () => {
        remove.call(socket);
        socket.on("error", () => {});
        return socket;
      };
      socket.on("error", () => {});
      return socket;
    };
  }
}
