/**
 * The simulated server: an LLM engine over HTTP that knows when every token left. Besides the
 * protocols of its engine it answers `GET /health`, `/metrics` (Prometheus), and for whoever
 * measures with it `/truth` (a JSON line a request), `/truth/reset`, `/stats` and `/clock`.
 *
 * @module
 */
import { admitRequest } from "./sim_answer.ts";
import { createSimEngine, type EngineLoad } from "./sim_engine.ts";
import type { SimGrpcServer } from "./sim_grpc.ts";
import { type HttpExchange, type SimConnections, startHttpServer } from "./sim_http.ts";
import { answer, sendReply } from "./sim_http_answer.ts";
import type { SimLoop, SimLoopName } from "./sim_loop.ts";
import { platformLoop } from "./sim_loop_platform.ts";
import { SIM_DEFAULTS, type SimOptions } from "./sim_options.ts";
import type { SimJob, SimReply } from "./sim_protocol.ts";
import { simProtocolsOf } from "./sim_protocols.ts";
import { type Lateness, openTruthLog, type TruthRequest } from "./sim_truth.ts";

/** What a server says of itself (`GET /stats`). */
export interface SimStats {
  /** Which engine it plays. */
  readonly engine: string;
  /** Served model name. */
  readonly model: string;
  /** What it listens and waits with. */
  readonly loop: SimLoopName;
  /** Requests and tokens, so far and at this moment. */
  readonly load: EngineLoad;
  /** How many clients connected, and how many at once. */
  readonly connections: SimConnections;
  /** Connections over gRPC, where it is served; `connections` are those over HTTP. */
  readonly grpcConnections?: SimConnections;
  /** Port that each of the latest 1024 HTTP requests came from: equal ports = a reused connection. */
  readonly clientPorts: readonly number[];
  /** How late tokens left, and how many a second: is the server itself the limit? */
  readonly lateness: Lateness;
  /** Writes that the truth log had no room for. */
  readonly truthDropped: number;
}

/** A running simulated server. */
export interface SimServer {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  /** Where HTTP is served; the port that was found when any free one was asked for. */
  readonly port: number;
  /** `grpc://127.0.0.1:PORT`, where gRPC is served. */
  readonly grpcUrl?: string;
  /** Drops all connections and ends everything that the server runs. */
  stop(): Promise<void>;
  /** What was really sent so far. */
  truth(): TruthRequest[];
  /** The same as the lines of `GET /truth`, one JSON text a request. */
  truthLines(): Iterable<string>;
  /** What `GET /stats` answers. */
  stats(): SimStats;
}

const PORTS_KEPT = 1024;

/**
 * Starts a simulated server in this process; options that are left out are those of
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
  const engine = createSimEngine(options);
  const truth = openTruthLog(options.truthWrites);
  const clientPorts: number[] = [];

  function onRequest(exchange: HttpExchange): void {
    const { method, path } = exchange.request;
    if (method === "GET" && control(exchange, path)) return;
    const protocol = protocols.find((each) => each.matches(method, path));
    if (protocol === undefined) {
      const known = builtIn(path);
      return sendReply(exchange, known ?? json(404, { error: `Not found: ${method} ${path}` }));
    }
    if (!isAuthorized(exchange)) {
      return sendReply(exchange, protocol.errorReply(401, "Invalid API key"));
    }
    const accepted = protocol.accept(exchange.request, options.model);
    if ("status" in accepted) return sendReply(exchange, accepted);
    const job = { ...accepted, model: accepted.model === "" ? options.model : accepted.model };
    const refusal = refusalOf(job);
    if (refusal !== undefined) {
      return sendReply(exchange, protocol.errorReply(refusal.status, refusal.message));
    }
    const context = admitRequest({ exchange, protocol, job, engine, options }, truth);
    clientPorts.push(exchange.clientPort);
    if (clientPorts.length > PORTS_KEPT) clientPorts.shift();
    answer(context);
  }

  function isAuthorized(exchange: HttpExchange): boolean {
    const { apiKey } = options;
    return apiKey === undefined || exchange.request.headers["authorization"] === `Bearer ${apiKey}`;
  }

  function refusalOf(job: SimJob): { status: number; message: string } | undefined {
    if (!options.anyModel && job.model !== options.model) {
      return { status: 404, message: `The model \`${job.model}\` does not exist` };
    }
    const total = job.promptTokens + job.maxTokens;
    if (options.maxModelLen > 0 && total > options.maxModelLen) {
      const message = `The context is ${options.maxModelLen} tokens, ${job.promptTokens} in the ` +
        `prompt and ${job.maxTokens} to generate make ${total}`;
      return { status: 400, message };
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
      ...(grpc === undefined ? {} : { grpcConnections: grpc.connections() }),
      clientPorts: [...clientPorts],
      lateness: truth.lateness(),
      truthDropped: truth.dropped,
    };
  }

  /** Answers what whoever measures asks; `true` when it was one of these. */
  function control(exchange: HttpExchange, path: string): boolean {
    if (path === "/clock") sendReply(exchange, json(200, { nowMs: clock.now() }));
    else if (path === "/stats") sendReply(exchange, json(200, stats()));
    else if (path === "/truth") void sendLines(exchange, truth.lines(), loop);
    else if (path === "/truth/reset") {
      truth.reset();
      clientPorts.length = 0;
      // Nothing is measured at this moment, and then not while something is.
      collectGarbage();
      sendReply(exchange, json(200, {}));
    } else return false;
    return true;
  }

  /** What an engine's own protocol may answer otherwise. */
  function builtIn(path: string): SimReply | undefined {
    if (path === "/health") return { status: 200, contentType: "text/plain", body: "" };
    if (path !== "/metrics") return undefined;
    return {
      status: 200,
      contentType: "text/plain; version=0.0.4; charset=utf-8",
      body: prometheus(engine.load(), options.model),
    };
  }

  const http = await startHttpServer({
    host: options.host,
    port: options.port,
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

  async function startGrpc(): Promise<SimGrpcServer | undefined> {
    if (options.grpcPort === undefined) return undefined;
    // Loaded only when it is used: the library takes 14 MB and permissions of its own.
    const { startSimGrpc } = await import("./sim_grpc.ts");
    const { grpcPort: port, pplVersion } = options;
    return await startSimGrpc(engine, { sim: options, truth, port, pplVersion });
  }

  const host = options.host.includes(":") ? `[${options.host}]` : options.host;
  return {
    url: `http://${host}:${http.port}`,
    port: http.port,
    ...(grpc === undefined ? {} : { grpcUrl: `grpc://${host}:${grpc.port}` }),
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

/**
 * Empties the young generation, where the process was started with V8's flag `--expose-gc`. The old
 * one is left alone: going through it throws away compiled code as well.
 */
function collectGarbage(): void {
  (globalThis as { gc?: (how: { type: "minor" }) => void }).gc?.({ type: "minor" });
}

function json(status: number, body: unknown): SimReply {
  return { status, contentType: "application/json", body: JSON.stringify(body) };
}

/** Refuses numbers with which the engine would never come to an end. */
function checked(options: SimOptions): SimOptions {
  const positive = ["prefillChunk", "eventsPerWrite"] as const;
  const notNegative = [
    "maxModelLen",
    "prefillMs",
    "stepMs",
    "stepMsPerRequest",
    "stepMsPerKilotoken",
    "reasoning",
    "truthWrites",
  ] as const;
  const wrong = positive.find((name) => !(options[name] >= 1)) ??
    notNegative.find((name) => !(options[name] >= 0));
  if (wrong !== undefined) {
    const least = positive.some((name) => name === wrong) ? 1 : 0;
    throw new RangeError(
      `Cannot use ${wrong} ${options[wrong]}: give a number of at least ${least}`,
    );
  }
  if (!(options.earlyStop >= 0 && options.earlyStop <= 1)) {
    throw new RangeError(`Cannot use earlyStop ${options.earlyStop}: give a probability in 0…1`);
  }
  return options;
}

/** Sends lines no faster than they are taken: the log may be larger than what memory allows twice. */
async function sendLines(
  exchange: HttpExchange,
  lines: Iterable<string>,
  { nextTurn }: SimLoop,
): Promise<void> {
  exchange.head(200, { headers: { "content-type": "application/x-ndjson" }, body: "chunked" });
  for (const line of lines) {
    exchange.body(line);
    while (exchange.buffered > 2 ** 20 && !exchange.closed) {
      await nextTurn();
    }
    if (exchange.closed) return;
  }
  exchange.finish();
}

/** Counters under the names that scrapers of vLLM look for. */
function prometheus(load: EngineLoad, model: string): string {
  const label = `{model_name=${JSON.stringify(model)}}`;
  const rows: readonly (readonly [string, "gauge" | "counter", number])[] = [
    ["vllm:num_requests_running", "gauge", load.running],
    ["vllm:num_requests_waiting", "gauge", load.waiting],
    ["vllm:prompt_tokens_total", "counter", load.promptTokens],
    ["vllm:generation_tokens_total", "counter", load.outputTokens],
  ];
  return rows.map(([name, type, value]) => `# TYPE ${name} ${type}\n${name}${label} ${value}\n`)
    .join("");
}
