/**
 * One client of `bench_grpc.ts`, in a process of its own: the product's own threads, runner,
 * transport and decoder under one load of the C server, with every body kept and every message
 * decoded. Prints one JSON line.
 *
 *     deno run -A tests/bench_grpc_load.ts '{"transport":"grpc-socket","port":…}'
 *
 * @module
 */
import process from "node:process";
import { systemClock } from "../backends/clock.ts";
import { decodeExchange } from "../backends/decode.ts";
import { cutGrpcFrames } from "../backends/grpc_frames.ts";
import { ppl } from "../backends/ppl.ts";
import { pplBatchedResponse } from "../backends/ppl_messages.ts";
import type { GenerationRequest } from "../backends/protocol.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Exchange } from "../backends/transport.ts";
import { openThreads } from "../workloads/load_threads.ts";
import {
  type ClientResult,
  type ErrorMs,
  monotonicOffsetMs,
  peakMiB,
  quantiles,
} from "./bench_client_load.ts";

/** What the client is told. */
export interface GrpcOrders {
  readonly transport: string;
  readonly port: number;
  readonly streams: number;
  /** Requests of each stream. */
  readonly requests: number;
  readonly tokens: number;
  readonly rampMs: number;
  /** Requests of 50 tokens before the measured part. */
  readonly warmup: number;
}

/** What a gRPC client reports. */
export type GrpcResult = Omit<ClientResult, "departures">;

/** Of the threads: time from the call to the first departure. */
const START_LEAD_MS = 25;
/** Of the server: a request with this id is answered as fast as it goes. */
const WARMUP_ID = 2n;

/** Receipt minus departure of each token of an answer, in ms. */
function tokenErrors({ body, readEnds, readMs }: Exchange, offsetMs: number): number[] {
  const errors: number[] = [];
  let read = 0;
  cutGrpcFrames(body, (message, end) => {
    while (readEnds[read]! < end) read++;
    for (const { id } of pplBatchedResponse.decode(message).rsp) {
      errors.push(readMs[read]! + offsetMs - Number(id) / 1e6);
    }
  });
  return errors;
}

function errorsOf(kept: readonly Exchange[], offsetMs: number): ErrorMs {
  return quantiles(kept.flatMap((one) => tokenErrors(one, offsetMs)));
}

/** Runs the load and reports. */
async function runClient(orders: GrpcOrders): Promise<GrpcResult> {
  const { streams } = orders;
  const target = { baseUrl: `grpc://127.0.0.1:${orders.port}`, headers: {} };
  const requestOf = (outputTokens: number, requestId: bigint): GenerationRequest => ({
    model: "",
    messages: [{ role: "user", content: "The quick brown fox jumps over the lazy dog" }],
    outputTokens,
    length: "forced",
    stream: true,
    sampling: {},
    requestId,
  });
  const open = async (request: GenerationRequest) =>
    await openThreads({
      workers: 0,
      transport: orders.transport,
      transportOptions: {},
      protocol: ppl.name,
      target,
      wires: [ppl.buildRequest(request, target)],
    });
  const idle = new AbortController().signal;
  const job = (users: number, requests: number, rampUpMs: number) => ({
    load: { kind: "closed", users, rampUpMs, sequence: "disjoint" } as const,
    stop: { requests },
    seed: 1,
    loadNumber: 0,
    poolOffset: 0,
    poolSize: 1,
    timeoutMs: 120_000,
    graceMs: 0,
    stopSignal: idle,
    abortSignal: idle,
    onDropped: () => {},
  });
  const decode = (
    exchange: Exchange,
    request: GenerationRequest,
    { index, originMs }: { readonly index: number; readonly originMs: number },
  ) =>
    decodeExchange(exchange, ppl, request, {
      load: 0,
      phase: "measure",
      index,
      user: 0,
      promptId: "p",
      intendedMs: originMs,
      originMs,
    });

  // Compiles what the measured part runs, as `--warmup` does; the rival gets the same requests.
  if (orders.warmup > 0) {
    const request = requestOf(50, WARMUP_ID);
    const threads = await open(request);
    const onExchange = (departure: { index: number }, exchange: Exchange, originMs: number) => {
      decode(exchange, request, { index: departure.index, originMs });
    };
    await threads.run({ ...job(1, orders.warmup, 0), onExchange });
    await threads.close();
  }

  const request = requestOf(orders.tokens, 1n);
  const threads = await open(request);
  const records: RequestRecord[] = [];
  const kept: Exchange[] = [];
  const warm: Exchange[] = [];
  const offsetMs = monotonicOffsetMs();
  const startMs = systemClock.now() + START_LEAD_MS;
  const cpu = process.cpuUsage();
  await threads.run({
    ...job(streams, streams * orders.requests, orders.rampMs),
    onExchange({ index }, exchange, originMs) {
      records.push(decode(exchange, request, { index, originMs }));
      kept.push(exchange);
      if (index >= streams) warm.push(exchange);
    },
  });
  const used = process.cpuUsage(cpu);
  const wallMs = systemClock.now() - startMs;
  const peak = peakMiB();
  await threads.close();
  return {
    tokens: records.reduce((sum, one) => sum + (one.outputTokens?.tokens ?? 0), 0),
    requests: records.length,
    cpuMs: (used.user + used.system) / 1e3,
    wallMs,
    reads: records.reduce((sum, one) => sum + one.reads, 0),
    all: errorsOf(kept, offsetMs),
    warm: errorsOf(warm, offsetMs),
    failures: records.filter(({ outcome }) => outcome.kind !== "ok").length,
    peakMiB: peak,
  };
}

if (import.meta.main) {
  const result = await runClient(JSON.parse(Deno.args[0]!));
  await Deno.stdout.write(new TextEncoder().encode(JSON.stringify(result) + "\n"));
}
