/**
 * What the clients of the benchmarks have in common: the product's own threads, runner, transport
 * and decoder, warmed up in the threads that are measured, under one load of the C server.
 *
 * @module
 */
import process from "node:process";
import { epochOriginMs, systemClock } from "../../backends/clock.ts";
import { decodeExchange } from "../../backends/decode.ts";
import type { GenerationRequest, Protocol, Target, WireRequest } from "../../backends/protocol.ts";
import type { Exchange } from "../../backends/transport.ts";
import { openThreads } from "../../workloads/load_threads.ts";
import { shareWires } from "../../workloads/load_wires.ts";

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
  /** Arrivals per second (Poisson) instead of users that wait for their answers. */
  readonly rate?: number;
  /** Keep the bodies, which the errors are read from; without, only what the product keeps. */
  readonly keepBodies: boolean;
  /** Receipt minus departure of each token of an answer: `toServerMs` is added to every stamp. */
  readonly tokenErrors: (answer: Answer, toServerMs: number) => number[];
}

/** What the errors of an answer are read from. */
export type Answer = Pick<Exchange, "body" | "readMs" | "readEnds">;

/** Where a kept answer lies, and what converts its stamps to this thread's clock. */
const PLACE_FIELDS = 6;

/**
 * Keeps bodies and stamps in memory that is there before the clock starts, and no object of any
 * answer: that a bench keeps them is no work of the client's, which sums an answer up and drops it.
 */
class Store {
  readonly #blocks: ArrayBuffer[] = [];
  /** Bytes that the last block holds. */
  #at = 0;
  /** Block, place in it, reads, body bytes, index, and origin of each answer. */
  readonly #places: Float64Array;
  #count = 0;

  constructor(answers: number, bytes: number) {
    this.#places = new Float64Array(answers * PLACE_FIELDS).fill(1);
    this.#addBlock(bytes);
  }

  /** `originMs`: the load's start on the clock of the thread that stamped. */
  keep({ body, readMs, readEnds }: Exchange, index: number, originMs: number): void {
    const reads = readMs.length;
    const bytes = Math.ceil((reads * 12 + body.length) / 8) * 8;
    if (this.#at + bytes > this.#blocks.at(-1)!.byteLength) {
      this.#addBlock(Math.max(bytes, MORE_BYTES));
    }
    const block = this.#blocks.length - 1;
    const memory = this.#blocks[block]!;
    new Float64Array(memory, this.#at, reads).set(readMs);
    new Uint32Array(memory, this.#at + reads * 8, reads).set(readEnds);
    new Uint8Array(memory, this.#at + reads * 12, body.length).set(body);
    const place = [block, this.#at, reads, body.length, index, originMs];
    this.#places.set(place, this.#count++ * PLACE_FIELDS);
    this.#at += bytes;
  }

  /** Calls back with each answer. */
  forEach(use: (answer: Answer, index: number, originMs: number) => void): void {
    for (let i = 0; i < this.#count; i++) {
      const field = (number: number) => this.#places[i * PLACE_FIELDS + number]!;
      const [block, at, reads, bytes] = [field(0), field(1), field(2), field(3)];
      const memory = this.#blocks[block]!;
      const answer = {
        readMs: new Float64Array(memory, at, reads),
        readEnds: new Uint32Array(memory, at + reads * 8, reads),
        body: new Uint8Array(memory, at + reads * 12, bytes),
      };
      use(answer, field(4), field(5));
    }
  }

  #addBlock(bytes: number): void {
    const block = new ArrayBuffer(Math.ceil(bytes / 8) * 8);
    new Uint8Array(block).fill(1);
    this.#blocks.push(block);
    this.#at = 0;
  }
}

const MORE_BYTES: number = 16 * 1024 * 1024;
/** Approximate bytes of one token with its stamp. */
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
    wires: shareWires([warm.wire, measured.wire]),
    scheduled: rate !== undefined,
    streams,
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
    { index, originMs }: { readonly index: number; readonly originMs: number },
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

  const answers = streams * bench.requests;
  const requestBytes = (measured.request.outputTokens + 3) * TOKEN_BYTES;
  const store = bench.keepBodies ? new Store(answers, answers * requestBytes) : undefined;
  const late: number[] = [];
  let tokens = 0;
  let requests = 0;
  let reads = 0;
  let failures = 0;
  const offsetMs = monotonicOffsetMs();
  const cpu = process.cpuUsage();
  const work = job(1, streams, answers, bench.rampMs);
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
      tokens += record.outputTokens?.tokens ?? 0;
      requests++;
      reads += record.reads;
      if (record.outcome.kind !== "ok") failures++;
      if (rate !== undefined) late.push(record.sentMs! - intendedMs);
      store?.keep(exchange, index, originMs);
    },
  });
  const used = process.cpuUsage(cpu);
  const startMs = startEpochMs - epochOriginMs();
  const wallMs = systemClock.now() - startMs;
  const peak = peakMiB();
  await threads.close();
  const all: number[] = [];
  const warmed: number[] = [];
  store?.forEach((answer, index, originMs) => {
    for (const error of bench.tokenErrors(answer, startMs + offsetMs - originMs)) {
      all.push(error);
      if (index >= streams) warmed.push(error);
    }
  });
  return {
    tokens,
    requests,
    cpuMs: (used.user + used.system) / 1e3,
    wallMs,
    reads,
    all: quantiles(all),
    warm: quantiles(warmed),
    departures: quantiles(late),
    failures,
    peakMiB: peak,
  };
}

/** One JSON line on stdout. */
export async function printResult(result: unknown): Promise<void> {
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result) + "\n"));
}
