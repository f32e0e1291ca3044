/**
 * One client of `grpc.ts`, in a process of its own: the product's own threads, runner,
 * transport and decoder under one load of the C server, with every body kept and every message
 * decoded. Prints one JSON line.
 *
 *     deno run -A tests/bench/grpc_load.ts '{"transport":"grpc-socket","port":…}'
 *
 * @module
 */
import { cutGrpcFrames } from "../../backends/grpc_frames.ts";
import { ppl } from "../../backends/protocol_ppl.ts";
import { pplBatchedResponse } from "../../backends/protocol_ppl_messages.ts";
import type { GenerationRequest } from "../../backends/protocol.ts";
import {
  type Answer,
  type BenchRequest,
  type LoadResult,
  printResult,
  runBenchLoad,
} from "./load.ts";

/** The client's settings. */
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
export type GrpcResult = Omit<LoadResult, "departures">;

/** Of the server: a request with this id is answered as fast as it goes. */
const WARMUP_ID = 2n;

/** Receipt minus departure of each token of an answer, in ms. */
function tokenErrors({ body, readEnds, readMs }: Answer, toServerMs: number): number[] {
  const errors: number[] = [];
  let read = 0;
  cutGrpcFrames(body, (message, end) => {
    while (readEnds[read]! < end) read++;
    for (const { id } of pplBatchedResponse.decode(message).rsp) {
      errors.push(readMs[read]! + toServerMs - Number(id) / 1e6);
    }
  });
  return errors;
}

/** Runs the load and reports. */
async function runClient(orders: GrpcOrders): Promise<GrpcResult> {
  const target = { baseUrl: `grpc://127.0.0.1:${orders.port}`, headers: {} };
  const benchRequest = (requestId: bigint, outputTokens: number): BenchRequest => {
    const request: GenerationRequest = {
      model: "",
      messages: [{ role: "user", content: "The quick brown fox jumps over the lazy dog" }],
      outputTokens,
      length: "forced",
      stream: true,
      sampling: {},
      requestId,
    };
    return { request, wire: ppl.buildRequest(request, target) };
  };
  const { transport, streams, requests, rampMs, warmup } = orders;
  const { departures: _, ...result } = await runBenchLoad({
    protocol: ppl,
    transport,
    workers: 0,
    target,
    warm: benchRequest(WARMUP_ID, 50),
    warmup,
    measured: benchRequest(1n, orders.tokens),
    streams,
    requests,
    rampMs,
    keepBodies: true,
    tokenErrors,
  });
  return result;
}

if (import.meta.main) await printResult(await runClient(JSON.parse(Deno.args[0]!)));
