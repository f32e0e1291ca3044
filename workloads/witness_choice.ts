/**
 * Whether a load gets witness streams, how many, and the engine that all loads of a run share.
 *
 * @module
 */
import { messageOf, oneLine } from "../backends/error_message.ts";
import { patientClock } from "../backends/clock.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Witness } from "../metrics/run_client.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { serversOf } from "./bench_servers.ts";
import type { Load, Stop } from "./load.ts";
import { answerMs, inFlight, meanThinkMs, paceOf } from "./load_pace.ts";
import {
  startWitnessEngine,
  witnessDenied,
  type WitnessEngine,
  type WitnessOptions,
  type WitnessPace,
} from "./witness_engine.ts";
import { type NoWitness, watchWitness, type WitnessWatch } from "./witness_watch.ts";

/** A load that may get one. */
export interface WatchedPart {
  /** Its position in the run. */
  readonly number: number;
  readonly load: Load;
  readonly stop: Stop;
}

/** The witness of a run. */
export interface RunWitness {
  /** Gets the witness of a load ready; `onTake` is told what it has shown so far. Never rejects. */
  watch(part: WatchedPart, onTake?: (witness: Witness) => void): Promise<WitnessWatch | NoWitness>;
  /** Ends its engine. */
  close(): Promise<void>;
}

/** What is known of a run before its first load. */
export interface WitnessNeed {
  /** The record of the request that checked the server. */
  readonly checked: RequestRecord;
  /** Mean length of the answers that will be asked for. */
  readonly outputTokens: number;
}

/** The engine's gap between tokens where the check request shows none. */
const DEFAULT_ITL_MS = 20;
/** Shorter ones would be a load of their own, longer ones too few. */
const LEAST_ITL_MS = 5;
const MOST_ITL_MS = 100;

/** Loads below either of these are too short to be judged. */
const LEAST_REQUESTS = 20;
const LEAST_MS = 1000;

/** A load waits no longer for its witness: it goes without, and a later one may have it. */
const LATE_MS = 3000;

const LEAST_STREAMS = 2;
const SHARE_OF_STREAMS = 0.005;

/** In a load: three times as many as a p99 needs, and as many as that. */
const ENOUGH_TICKS = 300;
const ENOUGH_DEPARTURES = 100;
/** Short answers: departures matter as well. */
const OUTPUT_TOKENS = 8;

/** Starts the engine if a load needs it, without waiting for it. */
export function openWitness(plan: BenchPlan, need: WitnessNeed): RunWitness {
  const pace = paceOf(need.checked);
  const meanAnswerMs = answerMs(pace, need.outputTokens);
  const reasonFor = (load: Load, stop: Stop) =>
    reasonAgainst(plan) ?? tooShort(load, stop, meanAnswerMs);
  const absent = plan.loads.map((load, i) => reasonFor(load, plan.stops[i] ?? {}));
  const starting = absent.some((reason) => reason === undefined)
    ? start({
      protocol: findProtocol(plan.protocol),
      pace: witnessPace({
        transport: plan.transport,
        itlMs: pace.itlMs || DEFAULT_ITL_MS,
        // Of the load where it has the least time.
        streamMs: Math.min(
          ...plan.loads.map((load, i) =>
            absent[i] === undefined
              ? sendingMs(load, plan.stops[i] ?? {}, meanAnswerMs) *
                streamsBeside(inFlight(load, meanAnswerMs))
              : Infinity
          ),
        ),
      }),
      stream: plan.stream,
      tls: serversOf(plan).some(({ url }) => /^(https|grpcs):/i.test(url)),
    })
    : undefined;
  return {
    async watch({ number, load, stop }, onTake) {
      const reason = reasonFor(load, stop);
      if (reason !== undefined) return { absent: reason };
      if (starting === undefined) {
        return { absent: "loads that were planned are too short for one" };
      }
      const engine = await orLate(starting, LATE_MS);
      if (engine === undefined) return { absent: "its engine was not ready in time" };
      if (typeof engine === "string") return { absent: engine };
      const streams = streamsBeside(inFlight(load, meanAnswerMs));
      try {
        return await watchWitness(engine, { loadNumber: number, streams, onTake });
      } catch (error) {
        return { absent: failed(error) };
      }
    },
    async close() {
      const engine = await starting;
      if (engine !== undefined && typeof engine !== "string") await engine.stop();
    },
  };
}

/** What is ready in that time; `undefined` = it is not. */
export async function orLate<T>(starting: Promise<T>, limitMs: number): Promise<T | undefined> {
  const over = new AbortController();
  const late = patientClock.sleepUntil(patientClock.now() + limitMs, over.signal);
  try {
    return await Promise.race([starting, late.then(() => undefined)]);
  } finally {
    over.abort();
  }
}

/** Streams beside so many of the load: two, from 512 on half a percent. */
export function streamsBeside(inFlight: number): number {
  const share = Number.isFinite(inFlight) ? inFlight * SHARE_OF_STREAMS : 0;
  return Math.max(LEAST_STREAMS, Math.ceil(share));
}

/** Why a load is too short for one, in a sentence without a period. */
export function tooShort(load: Load, stop: Stop, answerMs: number): string | undefined {
  const { requests = Infinity } = stop;
  if (requests >= LEAST_REQUESTS && sendingMs(load, stop, answerMs) >= LEAST_MS) return undefined;
  return `the load is too short for one: fewer than ${LEAST_REQUESTS} requests, or than ` +
    `${LEAST_MS / 1000} s`;
}

/** About how long a load takes. */
function sendingMs(
  load: Load,
  { requests = Infinity, durationMs = Infinity }: Stop,
  answerMs: number,
): number {
  // How long sessions take is not known here; they have an end of their own.
  if (load.kind === "replay") return Math.min(durationMs, load.lastMs ?? Infinity);
  const allMs = load.kind === "closed"
    ? Math.ceil(requests / load.users) * (answerMs + meanThinkMs(load))
    : requests / load.ratePerSec * 1000 + answerMs;
  return Math.min(allMs, durationMs);
}

/**
 * How the streams go beside a load with this gap between tokens. Where the client's stamps tell what
 * they leave open, the streams check that, and need no more ticks and departures than say how often it
 * holds; where they give it, they go as the load does.
 *
 * @param need.streamMs time of all streams together.
 */
export function witnessPace(
  { transport, itlMs, streamMs }: {
    readonly transport: string;
    readonly itlMs: number;
    readonly streamMs: number;
  },
): WitnessPace {
  const checks = /^(socket|epoll|grpc-socket)$/.test(transport);
  const gapMs = checks ? Math.max(itlMs, streamMs / ENOUGH_TICKS) : itlMs;
  return {
    itlMs: roundTenth(clamp(gapMs, LEAST_ITL_MS, MOST_ITL_MS)),
    outputTokens: checks ? ENOUGH_TICKS / ENOUGH_DEPARTURES : OUTPUT_TOKENS,
  };
}

function reasonAgainst({ protocol, witness }: BenchPlan): string | undefined {
  if (witness === undefined) return "this command runs none";
  if (!witness) return "it was switched off";
  if (findProtocol(protocol).carrier === "inprocess") return "the model runs in this program";
  return undefined;
}

async function start(options: WitnessOptions): Promise<WitnessEngine | string> {
  try {
    return await witnessDenied() ?? await startWitnessEngine(options);
  } catch (error) {
    return failed(error);
  }
}

function failed(error: unknown): string {
  return `its engine cannot be used: ${oneLine(messageOf(error))}`;
}

function clamp(value: number, least: number, most: number): number {
  return Math.min(most, Math.max(least, value));
}

function roundTenth(value: number): number {
  return Math.round(value * 10) / 10;
}
