/**
 * The witness of one load: its requests, as the client and as the engine saw them, compared while the
 * load runs, so that a long one needs no more memory than a short one.
 *
 * @module
 */
import { epochOriginMs, patientClock } from "../backends/clock.ts";
import { decodeExchange } from "../backends/decode.ts";
import { messageOf } from "../backends/error_message.ts";
import type { RequestRecord } from "../backends/record.ts";
import { compareWitness } from "../metrics/check_witness.ts";
import type { Witness } from "../metrics/run_client.ts";
import type { WitnessJob } from "./load_threads.ts";
import { witnessId } from "./load_witness.ts";
import type { WitnessEngine } from "./witness_engine.ts";
import type { WitnessEntry } from "./witness_messages.ts";

/** The witness of a load that runs. */
export interface WitnessWatch {
  /** For the threads. */
  readonly job: WitnessJob;
  /** What it showed, or why it showed nothing. Never rejects. */
  finish(): Promise<Witness | NoWitness>;
  /** Asks the engine no more; idempotent. */
  stop(): void;
}

/** There is no witness. */
export interface NoWitness {
  /** Why, in a sentence without a period. */
  readonly absent: string;
}

/** What is asked for. */
export interface WatchOptions {
  readonly loadNumber: number;
  /** Concurrent streams. */
  readonly streams: number;
  /** Told what it has shown so far, whenever the log was emptied. */
  readonly onTake?: ((witness: Witness) => void) | undefined;
}

/** The engine's log is emptied this often. */
const TAKE_EVERY_MS = 5000;
/** In the end, until the engine has noticed that the last requests were cancelled. */
const LAST_TAKES = 5;
const LAST_TAKE_EVERY_MS = 10;

/** Gets a witness ready. @throws {Error} when the engine does not answer. */
export async function watchWitness(
  engine: WitnessEngine,
  { loadNumber, streams, onTake }: WatchOptions,
): Promise<WitnessWatch> {
  const { protocol, request, wire, exactArrivals, caCert, shiftMs } = engine;
  const comparison = compareWitness({ exactArrivals });
  const idPrefix = `${loadNumber}`;
  /** Requests that only one side has told of so far, by id. */
  const seen = new Map<string, RequestRecord>();
  const logged = new Map<string, WitnessEntry>();
  // What came before belongs to another load.
  const before = await engine.take();
  let cpuMs = before.cpuMs;
  let startMs = 0;
  let failure: string | undefined;

  const match = (id: string): void => {
    const record = seen.get(id);
    const entry = logged.get(id);
    if (record === undefined || entry?.ended !== true) return;
    seen.delete(id);
    logged.delete(id);
    comparison.add(record, entry, shiftMs - startMs);
  };
  const take = async (): Promise<void> => {
    if (failure !== undefined) return;
    try {
      const taken = await engine.take();
      cpuMs = taken.cpuMs;
      for (const entry of taken.entries) {
        logged.set(entry.requestId, entry);
        match(entry.requestId);
      }
    } catch (error) {
      failure = messageOf(error);
    }
  };
  let taking = Promise.resolve();
  const shownSoFar = () =>
    comparison.result({
      streams,
      cpuMs: cpuMs === undefined ? undefined : cpuMs - (before.cpuMs ?? 0),
    });
  const takeAndTell = async () => {
    await take();
    onTake?.(shownSoFar());
  };
  const timer = setInterval(() => void (taking = taking.then(takeAndTell)), TAKE_EVERY_MS);

  return {
    job: {
      count: streams,
      wire,
      idPrefix,
      ...(caCert !== undefined && { caCert }),
      onStart(startEpochMs) {
        startMs = startEpochMs - epochOriginMs();
      },
      onExchange(departure, exchange, originMs) {
        const id = witnessId(idPrefix, departure);
        seen.set(
          id,
          decodeExchange(exchange, protocol, request, {
            load: loadNumber,
            phase: "measure",
            index: departure.index,
            user: departure.user,
            promptId: id,
            intendedMs: originMs + departure.intendedMs,
            originMs,
          }),
        );
        match(id);
      },
    },
    stop: () => clearInterval(timer),
    async finish() {
      clearInterval(timer);
      await taking;
      for (let i = 0; i < LAST_TAKES && (i === 0 || seen.size > 0); i++) {
        if (i > 0) await patientClock.sleepUntil(patientClock.now() + LAST_TAKE_EVERY_MS);
        await take();
      }
      const witness = shownSoFar();
      if (witness.ticks > 0) return witness;
      const absent = failure === undefined
        ? "the load ended before the witness had a token"
        : `its engine failed: ${failure}`;
      return { absent };
    },
  };
}
