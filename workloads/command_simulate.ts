/**
 * `tokometer simulate`: an LLM server without a model, to try things on and to measure the
 * measuring with.
 *
 * @module
 */
import { aborted, systemClock } from "../backends/clock.ts";
import { DISTRIBUTION_FORMS } from "../backends/sim_distribution.ts";
import { SIM_FAULTS } from "../backends/sim_faults.ts";
import { SIM_DEFAULTS, type SimOptions } from "../backends/sim_options.ts";
import type { SimLoop } from "../backends/sim_loop.ts";
import { startEpollSimLoop } from "../backends/sim_loop_epoll.ts";
import { platformLoop } from "../backends/sim_loop_platform.ts";
import { SIM_ENGINES } from "../backends/sim_protocols.ts";
import { type SimServer, startSimServer } from "../backends/sim_server.ts";
import { warmUpSimServer } from "../backends/sim_warm_up.ts";
import { startTicker } from "../backends/ticker.ts";
import type { Command, Host, Option, Values } from "./command.ts";
import { EXIT, UserError } from "./user_error.ts";

/** A number among {@linkcode SimOptions}, as an option with the same name in kebab case. */
function cost(name: string, field: keyof SimOptions, help: string): Option {
  return {
    name,
    kind: "number",
    value: "MS",
    min: 0,
    default: SIM_DEFAULTS[field] as number,
    help,
    group: "Batching engine",
  };
}

const OPTIONS: readonly Option[] = [
  {
    name: "host",
    kind: "text",
    value: "ADDRESS",
    default: SIM_DEFAULTS.host,
    help: "Address to listen on. 0.0.0.0 lets other machines in.",
    group: "Server",
  },
  {
    name: "port",
    kind: "integer",
    value: "N",
    min: 0,
    max: 65_535,
    default: 8000,
    aliases: ["p"],
    help: "Port to listen on; 0 takes a free one, which the first line on stdout tells.",
    group: "Server",
  },
  {
    name: "grpc-port",
    kind: "integer",
    value: "N",
    min: 0,
    max: 65_535,
    defaultText: "no gRPC",
    help: "Serve PPL and Triton (TurboMind) over gRPC as well, on this port; 0 takes a free one.",
    group: "Server",
  },
  {
    name: "ppl-version",
    kind: "integer",
    value: "N",
    min: 1,
    max: 2,
    default: SIM_DEFAULTS.pplVersion,
    help: "Version of PPL's protocol; the two share a path and cannot be told apart.",
    group: "Server",
    advanced: true,
  },
  {
    name: "engine",
    kind: "text",
    value: "NAME",
    choices: SIM_ENGINES.map(({ name }) => name),
    default: SIM_DEFAULTS.engine,
    help: "Engine to play: selects the native calls. OpenAI's are always answered.",
    group: "Server",
  },
  {
    name: "model-name",
    kind: "text",
    value: "NAME",
    aliases: ["model"],
    default: SIM_DEFAULTS.model,
    help: "Name of the served model. Requests for another one get a 404.",
    group: "Server",
  },
  {
    name: "any-model",
    kind: "flag",
    help: "Serve requests for any model name.",
    group: "Server",
    advanced: true,
  },
  {
    name: "api-key",
    kind: "text",
    value: "KEY",
    secret: true,
    help: "Refuse requests without this key.",
    group: "Server",
    advanced: true,
  },
  {
    name: "max-model-len",
    kind: "integer",
    value: "N",
    min: 0,
    default: SIM_DEFAULTS.maxModelLen,
    help: "Refuse requests whose prompt and answer are longer together, in tokens; 0 = never.",
    group: "Server",
    advanced: true,
  },
  {
    name: "max-seconds",
    kind: "number",
    value: "S",
    min: 0,
    defaultText: "until Ctrl-C",
    help: "Stop by itself after this time.",
    group: "Server",
    advanced: true,
  },
  {
    name: "until-stdin-closes",
    kind: "flag",
    help: "Stop when standard input ends: whoever started the server has gone.",
    group: "Server",
    advanced: true,
  },
  {
    name: "loop",
    kind: "text",
    value: "NAME",
    choices: ["platform", "epoll"],
    default: "platform",
    help:
      "What it waits and writes with. epoll: exact to some 10 µs, and cheaper; needs Linux and " +
      "--allow-ffi, and cannot serve gRPC.",
    group: "Server",
    advanced: true,
  },
  {
    name: "seed",
    kind: "integer",
    value: "N",
    min: 0,
    default: SIM_DEFAULTS.seed,
    help: "The same seed and order of requests give the same tokens, planned times and faults.",
    group: "Server",
  },

  {
    name: "ttft",
    kind: "text",
    value: "MS",
    defaultText: "what the batching engine takes",
    help: `Time to first token: ${DISTRIBUTION_FORMS}. With it or --itl each stream keeps a ` +
      "schedule of its own, whatever the load.",
    group: "Chosen times",
  },
  {
    name: "itl",
    kind: "text",
    value: "MS",
    defaultText: "what the batching engine takes",
    help: "Time between two events of a stream, in the same forms; 0 = as fast as possible.",
    group: "Chosen times",
  },

  {
    name: "max-batch",
    kind: "integer",
    value: "N",
    min: 0,
    defaultText: "256; no limit with --ttft or --itl",
    help: "Requests that generate at once, the others queue; 0 = no limit.",
    group: "Batching engine",
  },
  cost("prefill-ms", "prefillMs", "Cost of a prompt token."),
  {
    name: "prefill-chunk",
    kind: "integer",
    value: "N",
    min: 1,
    default: SIM_DEFAULTS.prefillChunk,
    help: "Prompt tokens that one step computes at most.",
    group: "Batching engine",
    advanced: true,
  },
  cost("step-ms", "stepMs", "Fixed cost of a step, which gives every stream its next token."),
  cost("step-ms-per-request", "stepMsPerRequest", "Cost of each stream in a step."),
  cost("step-ms-per-kilotoken", "stepMsPerKilotoken", "Cost of 1000 tokens of context in a step."),
  {
    name: "prefix-cache",
    kind: "flag",
    help: "Take prompt tokens that begin a recent prompt from a cache, and report them as cached.",
    group: "Batching engine",
  },

  {
    name: "tokens-per-event",
    kind: "text",
    value: "N",
    default: SIM_DEFAULTS.tokensPerEvent,
    help: "Tokens that an event carries: a number or a distribution (speculative decoding).",
    group: "Answers",
  },
  {
    name: "events-per-write",
    kind: "integer",
    value: "N",
    min: 1,
    default: SIM_DEFAULTS.eventsPerWrite,
    help: "Events that go to the connection together.",
    group: "Answers",
    advanced: true,
  },
  {
    name: "early-stop",
    kind: "number",
    value: "P",
    min: 0,
    max: 1,
    default: SIM_DEFAULTS.earlyStop,
    help: "Probability that an answer whose length is not forced ends before its limit.",
    group: "Answers",
  },
  {
    name: "reasoning",
    kind: "integer",
    value: "N",
    min: 0,
    default: SIM_DEFAULTS.reasoning,
    help: "Tokens of thinking before each answer.",
    group: "Answers",
  },
  {
    name: "utf8",
    kind: "text",
    value: "HOW",
    choices: ["whole", "events", "joined"],
    default: SIM_DEFAULTS.utf8,
    help: "Characters that take several tokens: none, shown by events without text until they " +
      "are whole, or joined in one event.",
    group: "Answers",
    advanced: true,
  },
  {
    name: "usage",
    kind: "text",
    value: "WHERE",
    choices: ["asked", "own-chunk", "last-chunk", "every-chunk", "never"],
    default: SIM_DEFAULTS.usage,
    help: "Where token counts stand in an OpenAI stream.",
    group: "Answers",
    advanced: true,
  },
  {
    name: "role-chunk",
    kind: "text",
    value: "WHEN",
    choices: ["early", "with-first", "none"],
    default: SIM_DEFAULTS.roleChunk,
    help: "When a chat stream names the role: before generating, with the first token, never.",
    group: "Answers",
    advanced: true,
  },
  {
    name: "token-ids",
    kind: "flag",
    help: "Send token ids in every event, asked for or not.",
    group: "Answers",
    advanced: true,
  },
  {
    name: "crlf",
    kind: "flag",
    help: "End the lines of event streams in CR LF.",
    group: "Answers",
    advanced: true,
  },

  {
    name: "fault",
    kind: "texts",
    value: "NAME[:P[:X]]",
    repeat: true,
    default: [],
    help: "Something to go wrong, with its probability (1) and parameter: " +
      `${SIM_FAULTS.map(({ name }) => name).join(", ")}.`,
    group: "Faults",
  },
  {
    name: "list-faults",
    kind: "flag",
    help: "Say what each fault does and what its parameter means, and stop.",
    group: "Faults",
  },

  {
    name: "truth-file",
    kind: "text",
    value: "FILE",
    defaultText: "none",
    help: "When stopping, write what was really sent, one JSON line a request.",
    group: "Truth",
  },
  {
    name: "truth-writes",
    kind: "integer",
    value: "N",
    min: 0,
    default: SIM_DEFAULTS.truthWrites,
    help: "Writes that the truth keeps at most, 20 bytes each.",
    group: "Truth",
    advanced: true,
  },
];

/** Options of the server as the command line gives them. */
export function simOptionsOf(values: Values): Partial<SimOptions> {
  const given = <T>(name: string): T | undefined => values[name] as T | undefined;
  const options: { [Field in keyof SimOptions]?: SimOptions[Field] | undefined } = {
    host: given("host"),
    port: given("port"),
    grpcPort: given("grpc-port"),
    pplVersion: given("ppl-version"),
    engine: given("engine"),
    model: given("model-name"),
    anyModel: given("any-model"),
    apiKey: given("api-key"),
    maxModelLen: given("max-model-len"),
    seed: given("seed"),
    ttft: given("ttft"),
    itl: given("itl"),
    maxBatch: given("max-batch"),
    prefillMs: given("prefill-ms"),
    prefillChunk: given("prefill-chunk"),
    stepMs: given("step-ms"),
    stepMsPerRequest: given("step-ms-per-request"),
    stepMsPerKilotoken: given("step-ms-per-kilotoken"),
    prefixCache: given("prefix-cache"),
    tokensPerEvent: given("tokens-per-event"),
    eventsPerWrite: given("events-per-write"),
    earlyStop: given("early-stop"),
    reasoning: given("reasoning"),
    utf8: given("utf8"),
    usage: given("usage"),
    roleChunk: given("role-chunk"),
    tokenIds: given("token-ids"),
    crlf: given("crlf"),
    faults: given("fault"),
    truthWrites: given("truth-writes"),
  };
  const present = Object.entries(options).filter(([, value]) => value !== undefined);
  return Object.fromEntries(present) as Partial<SimOptions>;
}

/** The command. */
export const simulate: Command = {
  name: "simulate",
  summary: "Serve an LLM without a model, with chosen times and faults",
  description: "Starts a server that speaks like an LLM engine and makes up its answers: for " +
    "demonstrations, for tests of clients, and to find out how exact a benchmark is on this " +
    "machine.\n\n" +
    "Without --ttft and --itl it computes steps for the whole batch, as engines with continuous " +
    "batching do: requests queue, prompts take time, and all streams slow down together as the " +
    "load grows. With them each stream follows the times you choose.\n\n" +
    "It knows just before which instant every token left: GET /truth tells it, a JSON line a " +
    "request. GET /stats says how late the server itself was and who connected, GET /clock its " +
    "time, GET /metrics what a Prometheus scraper expects. Prompt tokens are the ids given, else " +
    "the bytes of the text divided by four.",
  positionals: [],
  options: OPTIONS,
  examples: [
    {
      line: "tokometer simulate",
      does: "A batching engine on port 8000.",
    },
    {
      line: "tokometer simulate --ttft lognormal:200:0.4 --itl normal:20:2 --port 0",
      does: "Streams with chosen times, on a free port.",
    },
    {
      line: "tokometer simulate --fault cut:0.05 --fault http-429:0.1 --fault stall:0.01:5000",
      does: "A server that fails now and then.",
    },
  ],
  run,
};

/** A paragraph a fault: what it does, and what its parameter means. */
function faultList(): string {
  return SIM_FAULTS.map(({ name, help, parameter }) => {
    const lines = [name, `  ${help}`];
    if (parameter) lines.push(`  X: ${parameter.meaning} [default: ${parameter.default}]`);
    return lines.join("\n");
  }).join("\n");
}

async function run(values: Values, host: Host): Promise<number> {
  if (values["list-faults"] === true) {
    host.print(faultList());
    return EXIT.ok;
  }
  const { loop, warmUp, close } = await openLoop(values);
  let server: SimServer;
  try {
    const options = { ...simOptionsOf(values), loop };
    await warmUp(options);
    server = await startSimServer(options);
  } catch (error) {
    await close();
    throw startError(error, values);
  }
  // The HTTP line comes last: whoever waits for it has seen everything.
  if (server.grpcUrl !== undefined) host.print(`listening on ${server.grpcUrl}`);
  host.print(`listening on ${server.url}`);
  host.note(`Model ${server.stats().model}; stop with Ctrl-C`);
  try {
    await stopRequest(values, host);
    await saveTruth(values, server);
  } finally {
    const { load, lateness } = server.stats();
    await server.stop();
    await close();
    host.note(`Served ${load.requests} requests, ${load.outputTokens} tokens` + lateText(lateness));
  }
  return EXIT.ok;
}

/** The loop of a server, with what it needs before and after. */
interface OpenedLoop {
  readonly loop: SimLoop;
  readonly warmUp: (options: Partial<SimOptions>) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** @throws {UserError} when the loop that was asked for cannot be had. */
async function openLoop(values: Values): Promise<OpenedLoop> {
  if (values["loop"] === "epoll") {
    if (values["grpc-port"] !== undefined) {
      throw new UserError("Cannot serve gRPC with --loop epoll: leave out one of them");
    }
    if (Deno.build.os !== "linux") {
      throw new UserError(`Cannot use --loop epoll on ${Deno.build.os}: it needs Linux`);
    }
    const loop = startEpollSimLoop();
    return {
      loop,
      warmUp: (options) => warmUpSimServer(options, loop),
      close: () => loop.close(),
    };
  }
  // Turning the event loop until a token is due takes a whole core, and a process that never sleeps
  // is made to wait as soon as the client beside it wants that core.
  const ticker = await startTicker();
  return {
    loop: platformLoop(ticker),
    warmUp: () => Promise.resolve(),
    // deno-lint-ignore require-await
    close: async () => ticker.close(),
  };
}

function lateText(lateness: { readonly p50Ms?: number; readonly p99Ms?: number }): string {
  if (lateness.p50Ms === undefined || lateness.p99Ms === undefined) return "";
  return `; tokens left ${lateness.p50Ms.toFixed(2)} ms late at the median, ` +
    `${lateness.p99Ms.toFixed(2)} ms at p99`;
}

/** Mistakes of the user come from reading the options or from the address. */
function startError(error: unknown, values: Values): unknown {
  if (error instanceof Deno.errors.NotCapable || !(error instanceof Error)) return error;
  if (error instanceof SyntaxError || error instanceof RangeError) {
    return new UserError(error.message);
  }
  const code = (error as Error & { code?: string }).code;
  if (code === undefined) return error;
  const why = code === "EADDRINUSE" ? "another program listens there" : error.message;
  return new UserError(
    `Cannot listen on ${values["host"]} port ${values["port"]}: ${why}; --port 0 takes a free port`,
  );
}

/**
 * Resolves on Ctrl-C, after `--max-seconds`, or when the starter's pipe closes. A terminal sends
 * Ctrl-C to the starter and to this process alike; the starter then still wants its requests in
 * flight answered, so with a starter only the pipe counts.
 */
async function stopRequest(values: Values, host: Host): Promise<void> {
  const done = new AbortController();
  const stop = () => done.abort();
  const started = values["until-stdin-closes"] === true;
  if (started) {
    stdinEnd().then(stop, stop);
    adoption(done.signal).then(stop, stop);
  } else {
    host.interrupted.addEventListener("abort", stop, { once: true });
    if (host.interrupted.aborted) stop();
  }
  const seconds = values["max-seconds"];
  const stopMs = typeof seconds === "number" ? systemClock.now() + seconds * 1000 : Infinity;
  if (stopMs === Infinity) await aborted(done.signal);
  else await systemClock.sleepUntil(stopMs, done.signal);
  host.interrupted.removeEventListener("abort", stop);
}

async function stdinEnd(): Promise<void> {
  const buffer = new Uint8Array(1024);
  while (await Deno.stdin.read(buffer) !== null);
}

/**
 * Resolves when another process has become the parent. The pipe alone is not enough: a process
 * that the starter started later may hold its other end open.
 */
async function adoption(signal: AbortSignal): Promise<void> {
  const starter = Deno.ppid;
  while (Deno.ppid === starter && !signal.aborted) {
    await systemClock.sleepUntil(systemClock.now() + 1000, signal);
  }
}

async function saveTruth(values: Values, server: SimServer): Promise<void> {
  const path = values["truth-file"];
  if (typeof path !== "string") return;
  const encoder = new TextEncoder();
  try {
    using file = await Deno.open(path, { write: true, create: true, truncate: true });
    for (const line of server.truthLines()) {
      let bytes = encoder.encode(line);
      while (bytes.length > 0) bytes = bytes.subarray(await file.write(bytes));
    }
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new UserError(`Cannot write --truth-file ${path}: ${(error as Error).message}`);
  }
}
