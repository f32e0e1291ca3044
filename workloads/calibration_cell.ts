/**
 * One client, one simulated engine in a process of its own, and loads between them whose every
 * stamp can be compared with the truth.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import { decodeExchange } from "../backends/decode.ts";
import { openaiCompletions } from "../backends/protocol_openai_completions.ts";
import { ppl } from "../backends/protocol_ppl.ts";
import type { GenerationRequest, Protocol, Target } from "../backends/protocol.ts";
import type { RequestRecord } from "../backends/record.ts";
import { type LaunchedSimulator, launchSimulator } from "../backends/sim_launch.ts";
import type { SimLoopName } from "../backends/sim_loop.ts";
import { epollIsPermitted } from "../backends/sim_loop_epoll.ts";
import type { Lateness } from "../backends/sim_truth.ts";
import { findTransport } from "../backends/transports.ts";
import type { CalibrationCell, EngineAccuracy } from "../metrics/run.ts";
import {
  type EngineTimes,
  errorSpread,
  matchRequests,
  measureClientError,
} from "../metrics/check_client_error.ts";
import { windowThroughput } from "../metrics/summary_throughput.ts";
import { watchClient } from "./load_client_health.ts";
import { openThreads } from "./load_threads.ts";

/** A server that knows when each of its tokens left: the simulated engine, or one in C. */
export interface TruthfulServer {
  /** Where it serves HTTP. */
  readonly url: string;
  /** Where it serves gRPC; absent = it does not. */
  readonly grpcUrl?: string;
  /** Path of the request with this id; default: the protocol's own. */
  readonly endpointOf?: (requestId: bigint) => string;
  /** What was really sent. */
  truth(): Promise<readonly EngineTimes[]>;
  /** Forgets what was sent so far. */
  resetTruth(): Promise<void>;
  /** How well it kept its own plan. */
  stats(): Promise<{ readonly lateness: Lateness; readonly loop?: SimLoopName }>;
}

/** What stays the same over the cells of one client. */
export interface BedOptions {
  /** Name of the client's transport, over HTTP or gRPC. */
  readonly transport: string;
  /** Its sending threads. */
  readonly workers: number;
  /** What it is measured against, in a process of its own. */
  readonly simulator: TruthfulServer;
  /** How the engine was told to send. */
  readonly engine: EnginePace;
  /** Second Ctrl-C. */
  readonly abortSignal: AbortSignal;
}

/** When the simulated engine sends. */
export interface EnginePace {
  /** Gap between the tokens of a stream, ms; 0 = as fast as it can. */
  readonly itlMs: number;
  /** All streams at the same instants, or each at its own. */
  readonly pattern: "lockstep" | "spread";
  /** Tokens of an answer. */
  readonly outputTokens: number;
}

/** A load between client and engine. */
export interface CellLoad {
  /** Streams at the same time. */
  readonly streams: number;
  /** Requests of each, the first of which is not judged: it connects, and the code is cold. */
  readonly requestsPerStream: number;
}

/** An opened client. */
export interface CalibrationBed {
  /** Runs one load and compares it with the truth. */
  run(load: CellLoad): Promise<CalibrationCell>;
  /** Closes connections and ends threads. */
  close(): Promise<void>;
}

/** Time to the first token in the `spread` pattern, ms. */
export const SPREAD_TTFT_MS = 20;

/** Requests that have ids of their own; more streams than this share them, told apart by order. */
const POOL = 4096;

const TIMEOUT_MS = 60_000;

/** Writes this late, in gaps between tokens, blur the engine's own stamps of arrivals. */
const LIMITED_GAPS = 0.75;
/** However short the gap: below this the arrivals are exact enough. */
const LIMITED_FLOOR_MS = 5;
/** Share of the ordered rate below which the engine did not keep up. */
const LIMITED_RATE = 0.8;

/**
 * What is spoken to the engine: over gRPC the leanest protocol there is. Each request carries an id
 * as HTTP header or gRPC metadata of the same name.
 */
export const SPOKEN: Readonly<Record<"http" | "grpc", Protocol>> = {
  http: openaiCompletions,
  grpc: ppl,
};

/**
 * V8 is told to collect garbage when asked, which the engine does between two loads: its pauses
 * would hold up the engine, and its threads take a core from the client. Sizes in MiB; of the young
 * generation as much is touched as a load leaves behind, a kilobyte a token.
 */
const ENGINE_V8_FLAGS: readonly string[] = [
  "--expose-gc",
  "--no-flush-bytecode",
  "--no-minor-gc-task",
  "--single-threaded-gc",
  "--min-semi-space-size=256",
  "--max-semi-space-size=256",
  "--initial-heap-size=1024",
];

/**
 * Starts the engine that a calibration measures against: on the loop that is exact where this
 * process may use one, else on the platform's, which alone serves gRPC.
 */
export function launchEngine(
  { itlMs, pattern }: EnginePace,
  { grpc = false, loop = !grpc && epollIsPermitted() ? "epoll" : "platform" }: {
    readonly grpc?: boolean;
    readonly loop?: SimLoopName;
  } = {},
): Promise<LaunchedSimulator> {
  return launchSimulator([
    "--port=0",
    `--loop=${loop}`,
    ...(grpc ? ["--grpc-port=0"] : []),
    // Others that measure it (a client in C) name a model of their own.
    "--any-model",
    "--max-batch=0",
    ...(pattern === "spread" ? [`--ttft=${SPREAD_TTFT_MS}`, `--itl=${itlMs}`] : [
      `--step-ms=${itlMs}`,
      "--step-ms-per-request=0",
      "--step-ms-per-kilotoken=0",
      "--prefill-ms=0",
    ]),
  ], { v8Flags: loop === "epoll" ? ENGINE_V8_FLAGS : [] });
}

/** Duration of one answer as ordered, ms. */
export function answerMs({ itlMs, outputTokens, pattern }: EnginePace): number {
  return (pattern === "spread" ? SPREAD_TTFT_MS : itlMs) + itlMs * outputTokens;
}

/** Opens a client of the given transport. @throws {Error} when it cannot be calibrated. */
export async function openBed(options: BedOptions): Promise<CalibrationBed> {
  const { transport, workers, simulator, engine, abortSignal } = options;
  const { carrier } = findTransport(transport);
  if (carrier === "inprocess") {
    throw new RangeError(`Cannot calibrate ${transport}: it reads from no server`);
  }
  const baseUrl = carrier === "grpc" ? simulator.grpcUrl : simulator.url;
  if (baseUrl === undefined) throw new Error("the engine was started without gRPC");
  const protocol = SPOKEN[carrier];
  const target: Target = { baseUrl, headers: {} };
  const requests = Array.from({ length: POOL }, (_, i): GenerationRequest => ({
    model: "simulated",
    messages: [{ role: "user", content: "How late are you?" }],
    outputTokens: engine.outputTokens,
    length: "forced",
    stream: true,
    sampling: {},
    requestId: BigInt(i + 1),
  }));
  const wires = requests.map((request) => {
    const endpoint = simulator.endpointOf?.(request.requestId);
    const wire = protocol.buildRequest(
      request,
      endpoint === undefined ? target : { ...target, endpoint },
    );
    return { ...wire, headers: { ...wire.headers, "x-request-id": `${request.requestId}` } };
  });
  const threads = await openThreads({
    workers,
    transport,
    transportOptions: {},
    protocol: protocol.name,
    target,
    wires,
    scheduled: false,
  });
  let loadNumber = 0;

  async function run({ streams, requestsPerStream }: CellLoad): Promise<CalibrationCell> {
    await simulator.resetTruth();
    const records: RequestRecord[] = [];
    const before = threads.live();
    const health = watchClient(before);
    const startMs = systemClock.now();
    const end = await threads.run({
      // Users start over the length of an answer: their requests then come at all times.
      load: { kind: "closed", users: streams, rampUpMs: answerMs(engine), sequence: "disjoint" },
      stop: { requests: streams * requestsPerStream },
      seed: 0,
      loadNumber: loadNumber++,
      poolOffset: 0,
      poolSize: POOL,
      timeoutMs: TIMEOUT_MS,
      graceMs: 0,
      stopSignal: abortSignal,
      abortSignal,
      onExchange(departure, exchange, originMs) {
        const request = requests[departure.item]!;
        records.push(decodeExchange(exchange, protocol, request, {
          load: 0,
          phase: departure.index < streams ? "warmup" : "measure",
          index: departure.index,
          user: departure.user,
          promptId: `${request.requestId}`,
          intendedMs: originMs + departure.intendedMs,
          originMs,
        }));
      },
      onDropped() {},
    });
    const wallMs = systemClock.now() - startMs;
    const client = health.finish(end, threads.live());
    const [truth, stats] = [await simulator.truth(), await simulator.stats()];

    const measured = records.filter(({ phase }) => phase === "measure");
    const completed = measured.filter(({ outcome }) => outcome.kind === "ok");
    const matches = matchRequests(records, truth, { idOf: ({ promptId }) => promptId })
      .filter(({ record }) => record.phase === "measure");
    const tokens = records.reduce((sum, one) => sum + (one.outputTokens?.tokens ?? 0), 0);
    const window = { fromMs: end.rampEndMs, toMs: end.sendingEndMs };
    const everyone = records.filter(({ outcome }) => outcome.kind === "ok");
    const steady = windowThroughput(everyone, window)?.outputTokensPerSec;
    const tokensPerSec = steady ?? tokens / wallMs * 1000;
    return {
      transport,
      workers,
      streams,
      itlMs: engine.itlMs,
      pattern: engine.pattern,
      tokensPerSec,
      error: measureClientError(matches, completed.length),
      departure: errorSpread(
        measured.flatMap(({ sentMs, intendedMs }) =>
          sentMs === undefined ? [] : [Math.max(0, sentMs - intendedMs)]
        ),
      ),
      failed: records.length - everyone.length,
      cpuUsPerToken: tokens === 0 ? 0 : (client.cpuCores ?? 0) * wallMs * 1000 / tokens,
      client,
      engine: {
        ...(stats.loop === undefined ? {} : { loop: stats.loop }),
        ...accuracyOf(stats.lateness, engine, tokensPerSec / streams),
      },
    };
  }

  return { run, close: () => threads.close() };
}

function accuracyOf(
  lateness: {
    readonly p50Ms?: number;
    readonly p99Ms?: number;
    readonly tokensPerSec?: number;
  },
  pace: EnginePace,
  perStream: number,
): EngineAccuracy {
  const { p50Ms, p99Ms, tokensPerSec } = lateness;
  const ordered = pace.outputTokens / answerMs(pace) * 1000;
  return {
    lateP50Ms: p50Ms,
    lateP99Ms: p99Ms,
    tokensPerSec,
    limited: (p99Ms ?? 0) > Math.max(LIMITED_FLOOR_MS, LIMITED_GAPS * pace.itlMs) ||
      perStream < LIMITED_RATE * ordered,
  };
}
