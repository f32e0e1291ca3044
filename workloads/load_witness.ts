/**
 * Witness streams in a sending thread: a few requests to an engine whose log has the true times, one
 * after the other, beside those of the load. They take the same turns and go over a transport of the
 * same kind in the same event loop, so what delays the load's stamps delays theirs.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import type { WireRequest } from "../backends/protocol.ts";
import type { Exchange, SendOptions, Transport } from "../backends/transport.ts";
import type { StreamsBeside } from "./load_runner_tools.ts";
import type { Turns } from "./load_turns.ts";
import type { Departure } from "./order.ts";

/** The witness of a load. */
export interface WitnessTask {
  /** Streams over all threads. */
  readonly count: number;
  /** Sent again and again, each time with an id of its own. */
  readonly wire: WireRequest;
  /** Beginning of these ids; another one in each load. */
  readonly idPrefix: string;
  /** PEM text of the engine's certificate; absent = plaintext. */
  readonly caCert?: string;
}

/** One thread's share of it. */
export interface WitnessShare extends Omit<WitnessTask, "count"> {
  readonly streams: readonly WitnessStream[];
}

/** A stream, and when it starts. */
export interface WitnessStream {
  /** Unique in the load, from 0 on. */
  readonly number: number;
  /** Share of the users that have started before it, where all start at once. */
  readonly afterShare: number;
}

/** What a thread's streams work with. */
export interface WitnessTools {
  readonly share: WitnessShare;
  readonly transport: Transport;
  readonly clock: Clock;
  /** Clock time of the load's start. */
  readonly originMs: number;
  readonly onExchange: (departure: Departure, exchange: Exchange) => void;
}

const TIMEOUT_MS = 30_000;
/** An engine that does not answer is left alone. */
const MOST_FAILURES = 3;
const RETRY_MS = 1000;

/** Deals the streams over the threads. */
export function witnessShare(
  { count, wire, idPrefix, caCert }: WitnessTask,
  worker: number,
  workers: number,
): WitnessShare {
  const streams: WitnessStream[] = [];
  for (let number = worker; number < count; number += workers) {
    // In the middle of a burst of starts, …, and at its end.
    streams.push({ number, afterShare: (number + 1) / count });
  }
  return { streams, wire, idPrefix, ...(caCert !== undefined && { caCert }) };
}

/** Whether a request belongs to a witness, and not to the load. */
export function isWitness({ user }: Departure): boolean {
  return user < 0;
}

/** The `x-request-id` of a witness' request. */
export function witnessId(idPrefix: string, { user, index }: Departure): string {
  return `${idPrefix}.${-user}.${index}`;
}

/** Gets the streams ready. */
export function witnessStreams(tools: WitnessTools, turns: Turns): StreamsBeside {
  const { share: { streams, wire, idPrefix }, transport, clock, originMs, onExchange } = tools;
  const over = new AbortController();
  const options: SendOptions = { timeoutMs: TIMEOUT_MS, signal: over.signal };
  const running: Promise<void>[] = [];

  const run = async ({ number }: WitnessStream): Promise<void> => {
    for (let index = 0, failures = 0; !over.signal.aborted && failures < MOST_FAILURES; index++) {
      const intendedMs = clock.now() - originMs;
      const departure = { index, user: -1 - number, item: 0, intendedMs };
      const id = witnessId(idPrefix, departure);
      if (index === 0) await turns.depart();
      const exchange = await transport.send(
        { ...wire, headers: { ...wire.headers, "x-request-id": id } },
        options,
      );
      await turns.finish();
      onExchange(departure, exchange);
      if (exchange.end.kind === "complete") failures = 0;
      else {
        failures++;
        await clock.sleepUntil(clock.now() + RETRY_MS, over.signal);
      }
    }
  };

  return {
    start(share) {
      while (running.length < streams.length && streams[running.length]!.afterShare <= share) {
        running.push(run(streams[running.length]!));
      }
    },
    async end() {
      over.abort();
      await Promise.all(running);
    },
  };
}
