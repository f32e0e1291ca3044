/**
 * One client of `bench_client.ts`, in a process of its own: the product's own threads, runner,
 * transport and decoder under one load of the C server, with every body kept and every event
 * parsed. Prints one JSON line.
 *
 *     deno run -A tests/bench_client_load.ts '{"transport":"socket","workers":0,…}'
 *
 * @module
 */
import process from "node:process";
import { epochOriginMs, systemClock } from "../backends/clock.ts";
import { decodeExchange } from "../backends/decode.ts";
import { openaiCompletions } from "../backends/openai_completions.ts";
import type { GenerationRequest } from "../backends/protocol.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Exchange } from "../backends/transport.ts";
import { openThreads } from "../workloads/load_threads.ts";

/** What the client is told. */
export interface ClientOrders {
  readonly transport: string;
  /** 0 = send from the main thread. */
  readonly workers: number;
  readonly port: number;
  readonly streams: number;
  /** Requests of each stream. */
  readonly requests: number;
  readonly tokens: number;
  /** Of the C server: how it paces. */
  readonly query: string;
  readonly rampMs: number;
  /** Requests of 50 tokens before the measured part. */
  readonly warmup: number;
  /** Arrivals a second (Poisson) instead of users that wait for their answers. */
  readonly rate?: number;
  /** Keep the bodies, which the errors are read from; without, only what the product keeps. */
  readonly keepBodies: boolean;
}

/** Receipt minus departure, in ms; null where nothing was kept. */
export interface ErrorMs {
  readonly p50: number | null;
  readonly p99: number | null;
  readonly max: number | null;
}

/** What a client reports. */
export interface ClientResult {
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

/** An answer with what converts its stamps to this thread's clock. */
interface Kept {
  readonly exchange: Exchange;
  readonly index: number;
  /** The load's start on the clock of the thread that stamped. */
  readonly originMs: number;
}

/**
 * Keeps bodies and stamps, whose memory the threads use again, in memory that is there before the
 * clock starts: that a bench keeps them is no work of the client's.
 */
class Store {
  #memory: ArrayBuffer;
  #at = 0;

  constructor(bytes: number) {
    this.#memory = new ArrayBuffer(bytes);
    new Uint8Array(this.#memory).fill(1);
  }

  keep(exchange: Exchange): Exchange {
    const { body, readMs, readEnds } = exchange;
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
    return { ...exchange, ...kept };
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
export function peakMiB(): number {
  const status = Deno.readTextFileSync("/proc/self/status");
  return Number(/VmHWM:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024;
}

/** Receipt minus departure of each token of an answer, in ms; `startMs` on CLOCK_MONOTONIC. */
function tokenErrors({ exchange, originMs }: Kept, startMs: number): number[] {
  // One byte a character, so that positions are positions in the body.
  const text = new TextDecoder("latin1").decode(exchange.body);
  const result: number[] = [];
  let read = 0;
  for (const event of text.matchAll(/"t": *(\d+)\}\n\n/g)) {
    const end = event.index + event[0].length;
    while (exchange.readEnds[read]! < end) read++;
    result.push(exchange.readMs[read]! - originMs + startMs - Number(event[1]) / 1e6);
  }
  return result;
}

function errorsOf(kept: readonly Kept[], startMs: number): ErrorMs {
  return quantiles(kept.flatMap((one) => tokenErrors(one, startMs)));
}

/** Middle, tail and largest of any numbers; null of none. */
export function quantiles(values: readonly number[]): ErrorMs {
  const sorted = Float64Array.from(values).sort();
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? null;
  return { p50: at(0.5), p99: at(0.99), max: at(1) };
}

/** Runs the load and reports. */
async function runClient(orders: ClientOrders): Promise<ClientResult> {
  const { streams, tokens } = orders;
  const baseUrl = `http://127.0.0.1:${orders.port}`;
  const requestOf = (outputTokens: number): GenerationRequest => ({
    model: "meta-llama/Llama-3.1-8B-Instruct",
    messages: [{ role: "user", content: "The quick brown fox jumps over the lazy dog" }],
    outputTokens,
    length: "forced",
    stream: true,
    sampling: { temperature: 0 },
    requestId: 1n,
  });
  const warmRequest = requestOf(50);
  const request = requestOf(tokens);
  const wireOf = (query: string, wanted: GenerationRequest) =>
    openaiCompletions.buildRequest(wanted, {
      baseUrl,
      endpoint: `/v1/completions?${query}`,
      headers: {},
    });
  const threads = await openThreads({
    workers: orders.workers,
    transport: orders.transport,
    transportOptions: {},
    protocol: openaiCompletions.name,
    target: { baseUrl, headers: {} },
    wires: [wireOf("x=1", warmRequest), wireOf(orders.query, request)],
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
    exchange: Exchange,
    { request, index, originMs }: {
      readonly request: GenerationRequest;
      readonly index: number;
      readonly originMs: number;
    },
  ) =>
    decodeExchange(exchange, openaiCompletions, request, {
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
  if (orders.warmup > 0) {
    const onExchange = (departure: { index: number }, exchange: Exchange, originMs: number) => {
      decode(exchange, { request: warmRequest, index: departure.index, originMs });
    };
    await threads.run({ ...job(0, 1, orders.warmup, 0), onExchange });
  }

  const records: RequestRecord[] = [];
  const kept: Kept[] = [];
  const requestBytes = (tokens + 3) * TOKEN_BYTES;
  const store = new Store(orders.keepBodies ? streams * orders.requests * requestBytes : 0);
  const offsetMs = monotonicOffsetMs();
  const cpu = process.cpuUsage();
  const late: number[] = [];
  const { rate } = orders;
  const work = job(1, streams, streams * orders.requests, orders.rampMs);
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
      const record = decode(exchange, { request, index, originMs });
      records.push(record);
      if (rate !== undefined) late.push(record.sentMs! - intendedMs);
      if (!orders.keepBodies) return;
      kept.push({ exchange: store.keep(exchange), index, originMs });
    },
  });
  const used = process.cpuUsage(cpu);
  const startMs = startEpochMs - epochOriginMs();
  const wallMs = systemClock.now() - startMs;
  const peak = peakMiB();
  await threads.close();
  return {
    tokens: records.reduce((sum, one) => sum + (one.outputTokens?.tokens ?? 0), 0),
    requests: records.length,
    cpuMs: (used.user + used.system) / 1e3,
    wallMs,
    reads: records.reduce((sum, one) => sum + one.reads, 0),
    all: errorsOf(kept, startMs + offsetMs),
    warm: errorsOf(kept.filter(({ index }) => index >= streams), startMs + offsetMs),
    departures: quantiles(late),
    failures: records.filter(({ outcome }) => outcome.kind !== "ok").length,
    peakMiB: peak,
  };
}

if (import.meta.main) {
  const result = await runClient(JSON.parse(Deno.args[0]!));
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result) + "\n"));
}
