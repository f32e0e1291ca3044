/**
 * The simulated server: an LLM engine over HTTP that knows when every token left. Besides the
 * protocols of its engine it answers `GET /health`, `/metrics` (Prometheus), the engine's call that
 * empties the prefix cache and, for the program that measures, `/truth` (one JSON line per request), `/truth/reset`, `/stats` and `/clock`, see
 * `sim_control.ts`.
 *
 * @module
 */
import { admitRequest } from "./sim_answer.ts";
import { simCacheReset } from "./sim_cache_reset.ts";
import { SIM_CERTIFICATE } from "./sim_certificate.ts";
import { contextWordsOf, roomFor } from "./sim_context.ts";
import { answerControl, hasKey } from "./sim_control.ts";
import { createSimEngine, type EngineLoad } from "./sim_engine.ts";
import type { HttpExchange, SimConnections, SimPort } from "./sim_http.ts";
import { startHttpServer } from "./sim_http.ts";
import { answer, sendReply } from "./sim_http_answer.ts";
import { simJsonReply } from "./sim_json.ts";
import type { SimLoopName } from "./sim_loop.ts";
import { platformLoop } from "./sim_loop_platform.ts";
import { SIM_DEFAULTS, type SimOptions } from "./sim_options.ts";
import { simPrometheusReply } from "./sim_prometheus.ts";
import type { SimJob, SimProtocol, SimReply, SimRequest } from "./sim_protocol.ts";
import { simEngineKind, simProtocolsOf } from "./sim_protocols.ts";
import { type Lateness, TruthLog, type TruthRequest } from "./sim_truth.ts";

/** State of a server (`GET /stats`). */
export interface SimStats {
  /** Which engine it plays. */
  readonly engine: string;
  /** Served model name. */
  readonly model: string;
  /** The event loop that it runs on. */
  readonly loop: SimLoopName;
  /** Requests and tokens, now and so far. */
  readonly load: EngineLoad;
  /** Client connections over HTTP. */
  readonly connections: SimConnections;
  /** Client connections over gRPC, where it is served. */
  readonly grpcConnections?: SimConnections;
  /** Client ports of the latest 1024 HTTP requests; equal ports = a reused connection. */
  readonly clientPorts: readonly number[];
  /** How late tokens left, and tokens per second: whether the server itself is the limit. */
  readonly lateness: Lateness;
  /** Writes that did not fit into the truth log. */
  readonly truthDropped: number;
}

/** A running simulated server. */
export interface SimServer {
  /** `http://127.0.0.1:PORT`, with `tls` `https://…`. */
  readonly url: string;
  /** Port of HTTP, also where any free one was requested. */
  readonly port: number;
  /** `grpc://127.0.0.1:PORT`, where gRPC is served; with `tls` `grpcs://…`. */
  readonly grpcUrl?: string;
  /** Drops all connections and ends the engine. */
  stop(): Promise<void>;
  /** What was actually sent so far. */
  truth(): TruthRequest[];
  /** The same as the lines of `GET /truth`, one JSON text per request. */
  truthLines(): Iterable<string>;
  /** What `GET /stats` answers. */
  stats(): SimStats;
}

const PORTS_KEPT = 1024;

/**
 * Starts a simulated server in this process. Missing options are those of
 * {@linkcode SIM_DEFAULTS}. Needs `--allow-net`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { startSimServer } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "20", itl: "normal:5:1", faults: ["cut:0.01"] });
 * const models = await fetch(`${server.url}/v1/models`);
 * assertEquals((await models.json()).data[0].id, "simulated");
 * await server.stop();
 * ```
 *
 * @throws {SyntaxError | RangeError} when a distribution, a fault or a number makes no sense.
 * @throws {Error} when the address cannot be used.
 */
export async function startSimServer(given: Partial<SimOptions> = {}): Promise<SimServer> {
  const loop = given.loop ?? platformLoop(given.clock ?? SIM_DEFAULTS.clock);
  const { clock } = loop;
  const options = checked({ ...SIM_DEFAULTS, ...given, clock, loop });
  const protocols = simProtocolsOf(options.engine);
  const { contextWords = simEngineKind(options.engine).contextWords ?? "vllm" } = options;
  const words = contextWordsOf(contextWords);
  const engine = createSimEngine(options);
  const truth = new TruthLog(
    options.truthWrites,
    options.truthReturns && loop.name === "epoll" ? clock : undefined,
  );
  const clientPorts: number[] = [];
  const forget = () => void (clientPorts.length = 0);
  const controlled = { options, loop, truth, stats, forget };

  function onRequest(exchange: HttpExchange): void {
    const { method, path } = exchange.request;
    if (answerControl(exchange, controlled)) return;
    const protocol = protocols.find((each) => each.matches(method, path));
    if (protocol === undefined) {
      const known = builtIn(exchange.request);
      return sendReply(
        exchange,
        known ?? simJsonReply(404, { error: `Not found: ${method} ${path}` }),
      );
    }
    if (!hasKey(exchange.request.headers, options.apiKey)) {
      return sendReply(exchange, protocol.errorReply(401, "Invalid API key"));
    }
    const accepted = protocol.accept(exchange.request, options.model);
    if ("status" in accepted) return sendReply(exchange, accepted);
    const job = { ...accepted, model: accepted.model === "" ? options.model : accepted.model };
    const refusal = refusalOf(job);
    if (refusal !== undefined) {
      return sendReply(exchange, protocol.errorReply(refusal.status, refusal.message));
    }
    const fitting = fit(job, protocol, exchange);
    if (fitting === undefined) return;
    const context = admitRequest({ exchange, protocol, job: fitting, engine, options }, truth);
    clientPorts.push(exchange.arrival.clientPort);
    if (clientPorts.length > PORTS_KEPT) clientPorts.shift();
    answer(context);
  }

  function refusalOf(job: SimJob): { status: number; message: string } | undefined {
    if (!options.anyModel && job.model !== options.model) {
      return { status: 404, message: `The model \`${job.model}\` does not exist` };
    }
    return undefined;
  }

  /** The job as far as the context has room for it; `undefined` = it is refused, as its engine does. */
  function fit(job: SimJob, protocol: SimProtocol, exchange: HttpExchange): SimJob | undefined {
    const size = { ...job, limit: options.maxModelLen };
    const maxTokens = roomFor(size, words);
    if (maxTokens !== undefined) {
      const minTokens = Math.min(maxTokens, job.minTokens);
      return maxTokens === job.maxTokens ? job : { ...job, maxTokens, minTokens };
    }
    if (words.stream === "empty") return { ...job, noRoom: true };
    if (words.stream === "cut" && job.stream) {
      exchange.head(200, { headers: { "content-type": "text/event-stream" }, body: "chunked" });
      exchange.close();
    } else {
      const reply = protocol.tooLong?.(words, size) ??
        protocol.errorReply(words.status, words.message(size));
      sendReply(exchange, reply);
    }
    return undefined;
  }

  function stats(): SimStats {
    return {
      engine: options.engine,
      model: options.model,
      loop: loop.name,
      load: engine.load(),
      connections: http.connections(),
      ...(grpc !== undefined && { grpcConnections: grpc.connections() }),
      clientPorts: [...clientPorts],
      lateness: truth.lateness(),
      truthDropped: truth.dropped,
    };
  }

  /** Answers for paths that the engine's own protocols leave free. */
  function builtIn({ method, path }: SimRequest): SimReply | undefined {
    if (path === "/health") return { status: 200, contentType: "text/plain", body: "" };
    if (path === "/metrics") return simPrometheusReply(engine.metered(), options);
    return simCacheReset(options.engine, { method, path }, engine.resetCache);
  }

  const secure = options.tls ? { tls: SIM_CERTIFICATE } : {};
  const http = await startHttpServer({
    host: options.host,
    port: options.port,
    ...secure,
    loop,
    timeline: engine.timeline,
    onRequest,
  }).catch(async (error) => {
    await engine.stop();
    throw error;
  });
  const grpc = await startGrpc().catch(async (error) => {
    await http.stop();
    await engine.stop();
    throw error;
  });

  async function startGrpc(): Promise<SimPort | undefined> {
    if (options.grpcPort === undefined) return undefined;
    // Loaded only when it is used: HTTP needs no `node:http2`.
    const { startSimGrpc } = await import("./sim_grpc.ts");
    const { grpcPort: port, pplVersion } = options;
    return await startSimGrpc(engine, { sim: options, truth, port, pplVersion, ...secure });
  }

  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  const s = options.tls ? "s" : "";
  return {
    url: `http${s}://${host}:${http.port}`,
    port: http.port,
    ...(grpc !== undefined && { grpcUrl: `grpc${s}://${host}:${grpc.port}` }),
    async stop() {
      await grpc?.stop();
      await http.stop();
      await engine.stop();
    },
    truth: () => truth.requests(),
    truthLines: () => truth.lines(),
    stats,
  };
}

/** Least values with which the engine always finishes. */
const LEAST = {
  prefillChunk: 1,
  eventsPerWrite: 1,
  maxModelLen: 0,
  prefillMs: 0,
  stepMs: 0,
  stepMsPerRequest: 0,
  stepMsPerKilotoken: 0,
  reasoning: 0,
  cacheTokens: 0,
  cacheBlock: 1,
  replicas: 1,
  truthWrites: 0,
};

function checked(options: SimOptions): SimOptions {
  for (const [name, least] of Object.entries(LEAST)) {
    const value = options[name as keyof typeof LEAST];
    if (value >= least) continue;
    throw new RangeError(`Cannot use ${name} ${value}: give a number of at least ${least}`);
  }
  const { cacheTokens, cacheBlock } = options;
  if (cacheTokens > 0 && cacheTokens < cacheBlock) {
    throw new RangeError(
      `Cannot use cacheTokens ${cacheTokens}: a block alone has ${cacheBlock}, give more or a smaller ` +
        "cacheBlock",
    );
  }
  if (options.tls && options.loop?.name === "epoll") {
    throw new RangeError("Cannot serve TLS on a loop around epoll: it has none");
  }
  if (options.speculate !== undefined && options.tokensPerEvent !== SIM_DEFAULTS.tokensPerEvent) {
    throw new RangeError(
      `Cannot use tokensPerEvent ${options.tokensPerEvent} with speculation, which decides it`,
    );
  }
  if (!(options.earlyStop >= 0 && options.earlyStop <= 1)) {
    throw new RangeError(`Cannot use earlyStop ${options.earlyStop}: give a probability in 0…1`);
  }
  return options;
}
