/**
 * One client, one simulated engine in a process of its own, and loads between them in which every
 * stamp of the client can be compared with what the engine logged.
 *
 * @module
 */
import { systemClock } from "../backends/clock.ts";
import { decodeExchange } from "../backends/decode.ts";
import { defined } from "../backends/defined.ts";
import { openaiCompletions } from "../backends/protocol_openai_completions.ts";
import { ppl } from "../backends/protocol_ppl.ts";
import type { GenerationRequest, Protocol, Target } from "../backends/protocol.ts";
import type { RequestRecord } from "../backends/record.ts";
import { type LaunchedSimulator, launchSimulator } from "../backends/sim_launch.ts";
import type { SimLoopName } from "../backends/sim_loop.ts";
import { epollIsPermitted } from "../backends/sim_loop_epoll.ts";
import type { Lateness } from "../backends/sim_truth.ts";
import { findTransport } from "../backends/transports.ts";
import type { CalibrationCell, EngineAccuracy } from "../metrics/run_calibration.ts";
import {
  type EngineTimes,
  errorSpread,
  matchRequests,
  measureClientError,
} from "../metrics/check_client_error.ts";
import { windowThroughput } from "../metrics/summary_throughput.ts";
import { watchClient } from "./load_client_health.ts";
import { openThreads } from "./load_threads.ts";
import { shareWires } from "./load_wires.ts";

/** A server that logs when each of its tokens left: the simulated engine, or one in C. */
export interface TruthfulServer {
  readonly url: string;
  /** Absent = it serves no gRPC. */
  readonly grpcUrl?: string;
  /** Path of the request with this id; default: the protocol's own. */
  readonly endpointOf?: (requestId: bigint) => string;
  /** What was actually sent. */
  truth(): Promise<readonly EngineTimes[]>;
  /** Empties the log. */
  resetTruth(): Promise<void>;
  /** How late its writes were. */
  stats(): Promise<{ readonly lateness: Lateness; readonly loop?: SimLoopName }>;
}

/** What stays the same over the cells of one client; the engine runs in another process. */
export interface BedOptions {
  readonly transport: string;
  readonly workers: number;
  readonly simulator: TruthfulServer;
  readonly engine: EnginePace;
  /** Second Ctrl-C. */
  readonly abortSignal: AbortSignal;
}

/** When the simulated engine sends. */
export interface EnginePace {
  /** Gap between the tokens of a stream; 0 = as fast as it can. */
  readonly itlMs: number;
  /** All streams at the same instants, or each at its own. */
  readonly pattern: "lockstep" | "spread";
  /** Per answer. */
  readonly outputTokens: number;
}

/** A load between client and engine. */
export interface CellLoad {
  readonly streams: number;
  /** The first of them is not counted: it connects, and the code is cold. */
  readonly requestsPerStream: number;
}

/** An opened client and its engine. */
export interface CalibrationBed {
  /** Runs one load and compares it with the engine's log. */
  run(load: CellLoad): Promise<CalibrationCell>;
  close(): Promise<void>;
}

/** Time to the first token in the `spread` pattern, ms. */
export const SPREAD_TTFT_MS = 20;

/** Requests with ids of their own; more streams than this share them and are matched by order. */
const POOL = 4096;

const TIMEOUT_MS = 60_000;

/** Writes this late, in gaps between tokens, make the engine's stamps of arrivals unreliable. */
const LIMITED_GAPS = 0.75;
/** Below this the stamps are exact enough however short the gap is. */
const LIMITED_FLOOR_MS = 5;
/** Share of the planned rate below which the engine did not keep up. */
const LIMITED_RATE = 0.8;

/**
 * The protocol over each carrier; for gRPC the leanest one. Each request carries an id as HTTP header
 * or gRPC metadata of the same name.
 */
export const PROTOCOL_OF: Readonly<Record<"http" | "grpc", Protocol>> = {
  http: openaiCompletions,
  grpc: ppl,
};

/**
 * V8 collects garbage when asked, which the engine does between two loads: its pauses would hold up
 * the engine, and its threads take a core from the client. Sizes in MiB; a load leaves behind about a
 * kilobyte per token, and no more of the young generation is touched.
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
 * Starts the engine that a calibration measures against: on the epoll loop, which is exact, where this
 * process may use it, else on the platform's, which alone serves gRPC.
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
    // Other clients that measure it (one in C) name a model of their own.
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

/** Planned duration of one answer. */
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
  const protocol = PROTOCOL_OF[carrier];
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
  const wires = shareWires(
    requests.values().map((request) => {
      const endpoint = simulator.endpointOf?.(request.requestId);
      const wire = protocol.buildRequest(request, { ...target, ...defined({ endpoint }) });
      return { ...wire, headers: { ...wire.headers, "x-request-id": `${request.requestId}` } };
    }),
  );
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
      load: { kind: "closed", users: streams, rampUpMs: answerMs(engine), sequence: "rounds" },
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
    const allCompleted = records.filter(({ outcome }) => outcome.kind === "ok");
    const steady = windowThroughput(allCompleted, window)?.outputTokensPerSec;
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
      failed: records.length - allCompleted.length,
      cpuUsPerToken: tokens === 0 ? 0 : (client.cpuCores ?? 0) * wallMs * 1000 / tokens,
      client,
      engine: {
        ...defined({ loop: stats.loop }),
        ...accuracyOf(stats.lateness, engine, tokensPerSec / streams),
      },
    };
  }

  return { run, close: () => threads.close() };
}

function accuracyOf(
  { p50Ms, p99Ms, tokensPerSec }: Lateness,
  pace: EnginePace,
  perStream: number,
): EngineAccuracy {
  const planned = pace.outputTokens / answerMs(pace) * 1000;
  return {
    lateP50Ms: p50Ms,
    lateP99Ms: p99Ms,
    tokensPerSec,
    limited: (p99Ms ?? 0) > Math.max(LIMITED_FLOOR_MS, LIMITED_GAPS * pace.itlMs) ||
      perStream < LIMITED_RATE * planned,
  };
}
