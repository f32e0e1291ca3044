/**
 * One client of `client.ts`, in a process of its own: the product's own threads, runner,
 * transport and decoder under one load of the C server, with every body kept and every event
 * parsed. Prints one JSON line.
 *
 *     deno run -A tests/bench/client_load.ts '{"transport":"socket","workers":0,…}'
 *
 * @module
 */
import { openaiCompletions } from "../../backends/protocol_openai_completions.ts";
import type { GenerationRequest } from "../../backends/protocol.ts";
import {
  type Answer,
  type BenchRequest,
  type ErrorMs,
  type LoadResult,
  monotonicOffsetMs,
  printResult,
  quantiles,
  runBenchLoad,
} from "./load.ts";

export { type ErrorMs, monotonicOffsetMs, quantiles };

/** The client's settings. */
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
  /** Arrivals per second (Poisson) instead of users that wait for their answers. */
  readonly rate?: number;
  /** Keep the bodies, which the errors are read from; without, only what the product keeps. */
  readonly keepBodies: boolean;
}

/** What a client reports. */
export type ClientResult = LoadResult;

/** Receipt minus departure of each token of an answer, in ms. */
function tokenErrors({ body, readEnds, readMs }: Answer, toServerMs: number): number[] {
  // One byte a character, so that positions are positions in the body.
  const text = new TextDecoder("latin1").decode(body);
  const result: number[] = [];
  let read = 0;
  for (const event of text.matchAll(/"t": *(\d+)\}\n\n/g)) {
    const end = event.index + event[0].length;
    while (readEnds[read]! < end) read++;
    result.push(readMs[read]! + toServerMs - Number(event[1]) / 1e6);
  }
  return result;
}

/** Runs the load and reports. */
async function runClient(orders: ClientOrders): Promise<ClientResult> {
  const target = { baseUrl: `http://127.0.0.1:${orders.port}`, headers: {} };
  const benchRequest = (query: string, outputTokens: number): BenchRequest => {
    const request: GenerationRequest = {
      model: "meta-llama/Llama-3.1-8B-Instruct",
      messages: [{ role: "user", content: "The quick brown fox jumps over the lazy dog" }],
      outputTokens,
      length: "forced",
      stream: true,
      sampling: { temperature: 0 },
      requestId: 1n,
    };
    const endpoint = `/v1/completions?${query}`;
    return { request, wire: openaiCompletions.buildRequest(request, { ...target, endpoint }) };
  };
  const { transport, workers, streams, requests, rampMs, warmup, keepBodies, rate } = orders;
  return await runBenchLoad({
    protocol: openaiCompletions,
    transport,
    workers,
    target,
    warm: benchRequest("x=1", 50),
    warmup,
    measured: benchRequest(orders.query, orders.tokens),
    streams,
    requests,
    rampMs,
    keepBodies,
    tokenErrors,
    ...(rate === undefined ? {} : { rate }),
  });
}

if (import.meta.main) await printResult(await runClient(JSON.parse(Deno.args[0]!)));
