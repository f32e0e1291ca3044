/**
 * The simulated server for a few streams of known timing: one protocol, times of its own for each
 * stream, a log of what left when, and nothing else, so that it starts at once and costs next to
 * nothing.
 *
 * @module
 */
import { admitRequest } from "./sim_answer.ts";
import type { SimCertificate } from "./sim_certificate.ts";
import { createSimEngine, type SimulatedEngine } from "./sim_engine.ts";
import { type HttpExchange, type SimPort, startHttpServer } from "./sim_http.ts";
import { answer, sendReply } from "./sim_http_answer.ts";
import type { SimLoop } from "./sim_loop.ts";
import { SIM_DEFAULTS, type SimOptions } from "./sim_options.ts";
import type { SimProtocol } from "./sim_protocol.ts";
import { TruthLog, type TruthRequest } from "./sim_truth.ts";

/** What is served. */
export interface SimWitnessOptions extends Pick<SimOptions, "ttft" | "itl"> {
  readonly protocol: SimProtocol;
  /** It is carried by gRPC; not on a loop around `epoll`. */
  readonly grpc: boolean;
  /** Plaintext without it; nor is TLS. */
  readonly tls?: SimCertificate;
  readonly loop: SimLoop;
}

/** A running server. */
export interface SimWitness {
  readonly url: string;
  /** Requests since the last call, ended ones only once. */
  take(): TruthRequest[];
  /** Drops all connections. */
  stop(): Promise<void>;
}

/** Starts it on a free port of this machine. @throws {Error} when there is none. */
export async function startSimWitness(
  { protocol, grpc, tls, loop, ...times }: SimWitnessOptions,
): Promise<SimWitness> {
  const options: SimOptions = {
    ...{ ...SIM_DEFAULTS, ...times, loop, clock: loop.clock },
    ...{ anyModel: true, maxBatch: 0, tls: tls !== undefined },
  };
  const engine = createSimEngine(options);
  const truth = new TruthLog(options.truthWrites, loop.name === "epoll" ? loop.clock : undefined);
  const start = grpc ? startGrpc : startHttp;
  const port = await start({ protocol, options, engine, truth, loop, ...(tls && { tls }) });
  return {
    url: `${grpc ? "grpc" : "http"}${tls ? "s" : ""}://${options.host}:${port.port}`,
    take: () => truth.take(),
    async stop() {
      await port.stop();
      await engine.stop();
    },
  };
}

interface Parts extends Pick<SimWitnessOptions, "protocol" | "tls" | "loop"> {
  readonly options: SimOptions;
  readonly engine: SimulatedEngine;
  readonly truth: TruthLog;
}

function startHttp({ protocol, options, engine, truth, loop, tls }: Parts): Promise<SimPort> {
  const onRequest = (exchange: HttpExchange) => {
    const accepted = protocol.accept(exchange.request, options.model);
    if ("status" in accepted) return sendReply(exchange, accepted);
    answer(admitRequest({ exchange, protocol, job: accepted, engine, options }, truth));
  };
  const { host, port } = options;
  return startHttpServer({
    ...{ host, port, loop, timeline: engine.timeline, onRequest },
    ...(tls && { tls }),
  });
}

async function startGrpc({ options, engine, truth, tls }: Parts): Promise<SimPort> {
  // HTTP needs no `node:http2`.
  const { startSimGrpc } = await import("./sim_grpc.ts");
  return await startSimGrpc(engine, { sim: options, truth, port: 0, ...(tls && { tls }) });
}
