/**
 * A connection to a NATS server as the parts of the bus share it.
 *
 * @module
 */
import type { BusSubscription } from "./fleet_bus.ts";
import type { NatsConnection, NatsLibrary, NatsMessage } from "./fleet_nats_library.ts";
import { EXIT, UserError } from "./user_error.ts";

/** A connection, and what is known of it. */
export interface Link {
  readonly library: NatsLibrary;
  readonly connection: NatsConnection;
  readonly fleet: string;
  /** The server's address, without secrets. */
  readonly shown: string;
  /** Aborted when the connection ends for good. */
  readonly closed: AbortSignal;
  /** Largest data of a message, in bytes. */
  maxBytes(): number;
  connected(): boolean;
  /** Aborted when the connection is cut: what was asked before is not answered any more. */
  untilCut(): AbortSignal;
  onChange(listener: (connected: boolean) => void): void;
}

/** Whether an error, or what caused it, is of one of these kinds. */
export function isOf(error: unknown, ...names: readonly string[]): boolean {
  for (let one = error; one instanceof Error; one = one.cause) {
    if (names.includes(one.name)) return true;
  }
  return false;
}

/** Listens; an error of the listener is a fault of ours, and must not end the client's reading. */
export function listen(
  connection: NatsConnection,
  subject: string,
  onMessage: (message: NatsMessage) => void,
): BusSubscription {
  const subscription = connection.subscribe(subject, {
    callback: (error, message) => {
      if (error === null) guarded(() => onMessage(message));
    },
  });
  return { close: () => subscription.unsubscribe() };
}

/** Runs what must not throw into the client; what it throws ends the program as usual. */
export function guarded(action: () => void): void {
  try {
    action();
  } catch (error) {
    queueMicrotask(() => {
      throw error;
    });
  }
}

/** What is thrown where credentials are bound to another fleet. */
export function notPermitted({ shown, fleet }: Link, cause: unknown): UserError {
  return new UserError(
    `Cannot use fleet ${fleet} on the NATS server at ${shown}: the credentials do not permit it`,
    EXIT.unreachable,
    { cause },
  );
}
