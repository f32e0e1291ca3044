/**
 * What the clients of the benchmarks have in common: the product's own threads, runner, transport
 * and decoder, warmed up in the threads that are measured, under one load of the C server.
 *
 * @module
 */
import process from "node:process";
import { epochOriginMs, systemClock } from "../backends/clock.ts";
import { decodeExchange } from "../backends/decode.ts";
import type { GenerationRequest, Protocol, Target, WireRequest } from "../backends/protocol.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Exchange } from "../backends/transport.ts";
import { openThreads } from "../workloads/load_threads.ts";

/** Receipt minus departure, in ms; null where nothing was kept. */
export interface ErrorMs {
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** What a client reports. */
export interface LoadResult {
  readonly tokens: number;
  readonly requests: number;
  /** User and system time of the whole process, all threads, over the measured part. */
  readonly cpuMs: number;
  readonly wallMs: number;
  /** Reads of bodies. */
  readonly reads: number;
  /** Of every token. */
  readonly all: ErrorMs;
  /** Of the tokens of each stream's second and later requests. */
  readonly warm: ErrorMs;
  /** Actual minus intended departure of every request of an open load. */
  readonly departures: ErrorMs;
  readonly failures: number;
  readonly peakMiB: number;
}

/** A request and its bytes. */
export interface BenchRequest {
  readonly request: GenerationRequest;
  readonly wire: WireRequest;
}

/** What is run. */
export interface BenchLoad {
  readonly protocol: Protocol;
  readonly transport: string;
  /** 0 = send from the main thread. */
  readonly workers: number;
  readonly target: Target;
  /** Sent `warmup` times before the measured part, one after the other. */
  readonly warm: BenchRequest;
  readonly warmup: number;
  readonly measured: BenchRequest;
  readonly streams: number;
  /** Requests of each stream. */
  readonly requests: number;
  readonly rampMs: number;
  /** Arrivals a second (Poisson) instead of users that wait for their answers. */
  readonly rate?: number;
  /** Keep the bodies, which the errors are read from; without, only what the product keeps. */
  readonly keepBodies: boolean;
  /** Receipt minus departure of each token of an answer: `toServerMs` is added to every stamp. */
  readonly tokenErrors: (answer: Answer, toServerMs: number) => number[];
}

/** What the errors of an answer are read from. */
export type Answer = Pick<Exchange, "body" | "readMs" | "readEnds">;

/** An answer with what converts its stamps to this thread's clock. */
interface Kept {
  readonly exchange: Answer;
  readonly index: number;
  /** The load's start on the clock of the thread that stamped. */
  readonly originMs: number;
}

/**
 * Keeps bodies and stamps in memory that is there before the clock starts: that a bench keeps them
 * is no work of the client's, whose threads may use the memory of an answer again.
 */
class Store {
  #memory: ArrayBuffer;
  #at = 0;

  constructor(bytes: number) {
    this.#memory = new ArrayBuffer(bytes);
    new Uint8Array(this.#memory).fill(1);
  }

  keep({ body, readMs, readEnds }: Exchange): Answer {
    const bytes = Math.ceil((readMs.length * 12 + body.length) / 8) * 8;
    if (this.#at + bytes > this.#memory.byteLength) {
      this.#memory = new ArrayBuffer(Math.max(bytes, MORE_BYTES));
      this.#at = 0;
    }
    const kept = {
      readMs: new Float64Array(this.#memory, this.#at, readMs.length),
      readEnds: new Uint32Array(this.#memory, this.#at + readMs.length * 8, readMs.length),
      body: new Uint8Array(this.#memory, this.#at + readMs.length * 12, body.length),
    };
    this.#at += bytes;
    kept.readMs.set(readMs);
    kept.readEnds.set(readEnds);
    kept.body.set(body);
    return kept;
  }
}

const MORE_BYTES: number = 16 * 1024 * 1024;
/** What a token takes with its stamp, about. */
const TOKEN_BYTES = 300;
const CLOCK_MONOTONIC = 1;

/** CLOCK_MONOTONIC in ms minus our clock, from the tightest of many brackets. */
export function monotonicOffsetMs(): number {
  const libc = Deno.dlopen("libc.so.6", {
    clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  });
  const time = new BigInt64Array(2);
  let best = Infinity;
  let offset = 0;
  for (let i = 0; i < 20_000; i++) {
    const before = systemClock.now();
    libc.symbols.clock_gettime(CLOCK_MONOTONIC, time);
    const after = systemClock.now();
    if (after - before >= best) continue;
    best = after - before;
    offset = Number(time[0]!) * 1e3 + Number(time[1]!) / 1e6 - (before + after) / 2;
  }
  libc.close();
  return offset;
}

/** Most memory that this process ever had. */
function peakMiB(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

/** Middle, tail and largest of any numbers; null of none. */
export function quantiles(values: readonly number[]): ErrorMs {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? null;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Runs the load and sums it up. */
export async function runBenchLoad(bench: BenchLoad): Promise<LoadResult> {
  const { protocol, streams, rate, warm, measured } = bench;
  const threads = await openThreads({
    workers: bench.workers,
    transport: bench.transport,
    transportOptions: {},
    protocol: protocol.name,
    target: bench.target,
    wires: [warm.wire, measured.wire],
    scheduled: rate !== undefined,
  });
  const idle = new AbortController().signal;
  const job = (poolOffset: number, users: number, requests: number, rampUpMs: number) => ({
    load: { kind: "closed", users, rampUpMs, sequence: "disjoint" } as const,
    stop: { requests },
    seed: 1,
    loadNumber: 0,
    poolOffset,
    poolSize: 1,
    timeoutMs: 120_000,
    graceMs: 0,
    stopSignal: idle,
    abortSignal: idle,
    onDropped: () => {},
  });
  const decode = (
    { request }: BenchRequest,
    exchange: Exchange,
    { index, originMs }: Pick<Kept, "index" | "originMs">,
  ) =>
    decodeExchange(exchange, protocol, request, {
      load: 0,
      phase: "measure",
      index,
      user: 0,
      promptId: "p",
      intendedMs: originMs,
      originMs,
    });

  // Compiles what the measured part runs, in the same threads, as `--warmup` does; the rival gets
  // the same requests.
  if (bench.warmup > 0) {
    await threads.run({
      ...job(0, 1, bench.warmup, 0),
      onExchange({ index }, exchange, originMs) {
        decode(warm, exchange, { index, originMs });
      },
    });
  }

  const records: RequestRecord[] = [];
  const kept: Kept[] = [];
  const requestBytes = (measured.request.outputTokens + 3) * TOKEN_BYTES;
  const store = new Store(bench.keepBodies ? streams * bench.requests * requestBytes : 0);
  const late: number[] = [];
  const offsetMs = monotonicOffsetMs();
  const cpu = process.cpuUsage();
  const work = job(1, streams, streams * bench.requests, bench.rampMs);
  const { startEpochMs } = await threads.run({
    ...work,
    load: rate === undefined ? work.load : {
      kind: "open",
      arrival: "poisson",
      ratePerSec: rate,
      shape: 1,
      maxInFlight: 0,
      overflow: "wait",
    },
    onExchange({ index, intendedMs }, exchange, originMs) {
      const record = decode(measured, exchange, { index, originMs });
      records.push(record);
      if (rate !== undefined) late.push(record.sentMs! - intendedMs);
      if (bench.keepBodies) kept.push({ exchange: store.keep(exchange), index, originMs });
    },
  });
  const used = process.cpuUsage(cpu);
  const startMs = startEpochMs - epochOriginMs();
  const wallMs = systemClock.now() - startMs;
  const peak = peakMiB();
  await threads.close();
  const errorsOf = (answers: readonly Kept[]) =>
    quantiles(
      answers.flatMap(({ exchange, originMs }) =>
        bench.tokenErrors(exchange, startMs + offsetMs - originMs)
      ),
    );
  return {
    tokens: records.reduce((sum, one) => sum + (one.outputTokens?.tokens ?? 0), 0),
    requests: records.length,
    cpuMs: (used.user + used.system) / 1e3,
    wallMs,
    reads: records.reduce((sum, one) => sum + one.reads, 0),
    all: errorsOf(kept),
    warm: errorsOf(kept.filter(({ index }) => index >= streams)),
    departures: quantiles(late),
    failures: records.filter(({ outcome }) => outcome.kind !== "ok").length,
    peakMiB: peak,
  };
}

/** One JSON line on stdout. */
export async function printResult(result: unknown): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result) + "\n"));
}
