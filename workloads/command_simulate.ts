/**
 * `tokometer simulate`: an LLM server without a model, for trying things out and for measuring the
 * client itself.
 *
 * @module
 */
import { aborted, systemClock } from "../backends/clock.ts";
import { DISTRIBUTION_FORMS } from "../backends/sim_distribution.ts";
import { CONTEXT_WORDS } from "../backends/sim_context.ts";
import { SIM_FAULTS } from "../backends/sim_faults.ts";
import { SIM_DEFAULTS, type SimOptions } from "../backends/sim_options.ts";
import type { SimLoop } from "../backends/sim_loop.ts";
import { startEpollSimLoop } from "../backends/sim_loop_epoll.ts";
import { platformLoop } from "../backends/sim_loop_platform.ts";
import { SIM_ENGINES } from "../backends/sim_protocols.ts";
import { type SimServer, startSimServer } from "../backends/sim_server.ts";
import { warmUpSimServer } from "../backends/sim_warm_up.ts";
import { startTicker } from "../backends/ticker.ts";
import {
  type Command,
  defineCommand,
  type Host,
  type Need,
  type Option,
  type ValuesOf,
} from "./command.ts";
import { group, option, pick, withNeeds } from "./option_table.ts";
import { EXIT, fileError, UserError } from "./user_error.ts";

const OWN_TIMES = "with --ttft or --itl each stream has times of its own";
const STEP_NEEDS: readonly Need[] = [
  { key: "ttft", not: true, because: OWN_TIMES },
  { key: "itl", not: true, because: OWN_TIMES },
];

const cost = (field: CostField, help: string): Option<number> =>
  option.number({ value: "MS", min: 0, default: SIM_DEFAULTS[field], help });

const NEEDS_CACHE: Need = {
  key: "prefixCache",
  because: "without a cache it has no effect, add --prefix-cache",
};

type CostField = "prefillMs" | "stepMs" | "stepMsPerRequest" | "stepMsPerKilotoken";

/** Costs of a step of the batching engine. */
const STEP_OPTIONS = group("Batching engine", {
  prefillMs: cost("prefillMs", "Cost per prompt token."),
  prefillChunk: option.integer({
    min: 1,
    default: SIM_DEFAULTS.prefillChunk,
    help: "Most prompt tokens computed per step.",
    advanced: true,
  }),
  stepMs: cost("stepMs", "Fixed cost per step, which gives every stream its next token."),
  stepMsPerRequest: cost("stepMsPerRequest", "Cost per stream in a step."),
  stepMsPerKilotoken: cost("stepMsPerKilotoken", "Cost per 1000 tokens of context in a step."),
});

/** An option for every field of {@linkcode SimOptions} that a command line can give. */
type ServerTable = {
  readonly [K in keyof Omit<SimOptions, "clock" | "loop">]-?: Option<SimOptions[K]>;
};

const SERVER_OPTIONS = {
  ...group("Server", {
    host: option.text({
      value: "ADDRESS",
      default: SIM_DEFAULTS.host,
      help: "Address to listen on. 0.0.0.0 lets other machines in.",
    }),
    port: option.integer({
      min: 0,
      max: 65_535,
      default: 8000,
      aliases: ["p"],
      help: "Port to listen on; 0 = a free one, which the first line on stdout names.",
    }),
    grpcPort: option.integer({
      min: 0,
      max: 65_535,
      defaultText: "no gRPC",
      help: "Also serve PPL and Triton (TurboMind) over gRPC, on this port; 0 = a free one.",
    }),
    tls: option.flag({
      default: SIM_DEFAULTS.tls,
      needs: [{
        key: "loop",
        is: ["platform"],
        because: "epoll has no TLS, leave out one of them",
      }],
      help: "Serve over TLS: https and grpcs, with a certificate signed by itself for 127.0.0.1 " +
        "and localhost. Its key is public.",
      advanced: true,
    }),
    pplVersion: option.integer<1 | 2>({
      needs: [{
        ...{ key: "grpcPort", zero: true },
        because: "PPL is served over gRPC, add --grpc-port N",
      }],
      value: "N",
      min: 1,
      max: 2,
      default: SIM_DEFAULTS.pplVersion,
      help: "Version of PPL's protocol; both use the same path.",
      advanced: true,
    }),
    engine: option.choice({
      choices: SIM_ENGINES.map(({ name }) => name),
      default: SIM_DEFAULTS.engine,
      help: "Engine to imitate: selects its native calls. OpenAI's are always answered.",
    }),
    model: option.text({
      name: "model-name",
      value: "NAME",
      aliases: ["model"],
      default: SIM_DEFAULTS.model,
      help: "Name of the served model. Requests for another one get a 404.",
    }),
    anyModel: option.flag({
      default: SIM_DEFAULTS.anyModel,
      help: "Serve requests for any model name.",
      advanced: true,
    }),
    apiKey: option.text({
      value: "KEY",
      secret: true,
      help: "Refuse requests without this key, also those for /truth, /stats and /clock.",
      advanced: true,
    }),
    allowedHosts: option.texts({
      name: "allowed-host",
      value: "NAME",
      repeat: true,
      default: SIM_DEFAULTS.allowedHosts,
      help:
        "Answer /truth, /stats and /clock under this name, too. Others than this machine's own " +
        "and --host are refused, since a web page of somebody else may be asking.",
      advanced: true,
    }),
    maxModelLen: option.integer({
      min: 0,
      default: SIM_DEFAULTS.maxModelLen,
      help: "Refuse requests whose prompt and answer together have more tokens; 0 = never.",
      advanced: true,
    }),
    contextWords: option.choice({
      value: "WHOSE",
      choices: CONTEXT_WORDS.map(({ name }) => name),
      defaultText: "those of the engine",
      needs: [{ key: "maxModelLen", because: "nothing is refused without --max-model-len N" }],
      help: "Whose words and status refuse a request that is too long, in OpenAI's calls.",
      advanced: true,
    }),
    seed: option.integer({
      min: 0,
      default: SIM_DEFAULTS.seed,
      help: "The same seed and order of requests give the same tokens, planned times and faults.",
    }),
  }),
  ...group("Chosen times", {
    ttft: option.text({
      value: "MS",
      defaultText: "from the batching engine",
      help: `Time to first token: ${DISTRIBUTION_FORMS}. With it or --itl each stream keeps a ` +
        "schedule of its own, whatever the load.",
    }),
    itl: option.text({
      value: "MS",
      defaultText: "from the batching engine",
      help: "Time between two events of a stream, in the same forms; 0 = as fast as possible.",
    }),
  }),
  maxBatch: option.integer({
    min: 0,
    defaultText: "256; no limit with --ttft or --itl",
    help: "Requests that generate at once; the others queue. 0 = no limit.",
    group: "Batching engine",
  }),
  ...withNeeds(STEP_OPTIONS, ...STEP_NEEDS),
  ...group("Prefix cache and replicas", {
    prefixCache: option.flag({
      default: SIM_DEFAULTS.prefixCache,
      help:
        "Cache the blocks that earlier prompts began with. Their tokens take no time with the " +
        "batching engine and are reported as cached.",
    }),
    cacheTokens: option.integer({
      min: 0,
      default: SIM_DEFAULTS.cacheTokens,
      needs: [NEEDS_CACHE],
      help:
        "Tokens that the cache holds, for each replica; the blocks used longest ago go first. " +
        "0 = endless.",
    }),
    cacheBlock: option.integer({
      min: 1,
      default: SIM_DEFAULTS.cacheBlock,
      needs: [NEEDS_CACHE],
      help: "Tokens of a cached block; a prompt shares whole blocks only.",
    }),
    replicas: option.integer({
      min: 1,
      max: 1024,
      default: SIM_DEFAULTS.replicas,
      help: "Engines behind the one address, each with a batch and a cache of its own. They take " +
        "requests by turns.",
    }),
    routeBy: option.text({
      value: "HEADER",
      defaultText: "by turns",
      help: "Send requests with the same value of this header to the same replica.",
    }),
  }),
  ...group("Answers", {
    tokensPerEvent: option.text({
      value: "N",
      default: SIM_DEFAULTS.tokensPerEvent,
      help: "Tokens per event: a number or a distribution (speculative decoding).",
    }),
    speculate: option.text({
      value: "N:P",
      defaultText: "off",
      needs: [{
        key: "tokensPerEvent",
        is: [SIM_DEFAULTS.tokensPerEvent],
        because: "speculation decides how many tokens an event has, leave out one of them",
      }],
      help: "Speculative decoding: guess N tokens for each step, each right with probability P " +
        "where those before it are. Those that are right come in one event.",
    }),
    requestMetrics: option.flag({
      default: SIM_DEFAULTS.requestMetrics,
      help: "Give a request's own queue and prefill time in its last event, in OpenAI's calls as " +
        "vLLM does with --enable-per-request-metrics, in SGLang's as with --enable-metrics. " +
        "llama.cpp's call always has its timings.",
    }),
    eventsPerWrite: option.integer({
      min: 1,
      default: SIM_DEFAULTS.eventsPerWrite,
      help: "Events per write to the connection.",
      advanced: true,
    }),
    earlyStop: option.number({
      value: "P",
      min: 0,
      max: 1,
      default: SIM_DEFAULTS.earlyStop,
      help: "Probability that an answer without a forced length ends before its limit.",
    }),
    reasoning: option.integer({
      min: 0,
      default: SIM_DEFAULTS.reasoning,
      help: "Reasoning tokens before each answer.",
    }),
    toolCalls: option.flag({
      default: SIM_DEFAULTS.toolCalls,
      help: "Answer a chat request that offers tools with a call of the first one.",
    }),
    utf8: option.choice({
      value: "HOW",
      choices: ["whole", "events", "joined"],
      default: SIM_DEFAULTS.utf8,
      help: "Characters that span several tokens: none, events without text until they are " +
        "complete, or one joined event.",
      advanced: true,
    }),
    usage: option.choice({
      value: "WHERE",
      choices: ["asked", "own-chunk", "last-chunk", "every-chunk", "never"],
      default: SIM_DEFAULTS.usage,
      help: "Where an OpenAI stream reports token counts.",
      advanced: true,
    }),
    roleChunk: option.choice({
      value: "WHEN",
      choices: ["early", "with-first", "none"],
      default: SIM_DEFAULTS.roleChunk,
      help: "When a chat stream sends the role: before generating, with the first token, never.",
      advanced: true,
    }),
    tokenIds: option.flag({
      default: SIM_DEFAULTS.tokenIds,
      help: "Send token ids in every event, requested or not.",
      advanced: true,
    }),
    crlf: option.flag({
      default: SIM_DEFAULTS.crlf,
      help: "End the lines of event streams with CR LF.",
      advanced: true,
    }),
  }),
  faults: option.texts({
    name: "fault",
    value: "NAME[:P[:X]]",
    repeat: true,
    default: [],
    help: "Fault to inject, with its probability (default 1) and parameter: " +
      `${SIM_FAULTS.map(({ name }) => name).join(", ")}.`,
    group: "Faults",
  }),
  truthWrites: option.integer({
    min: 0,
    default: SIM_DEFAULTS.truthWrites,
    help: "Most writes kept in the truth log, 28 bytes each.",
    group: "Truth",
    advanced: true,
  }),
  truthReturns: option.flag({
    default: SIM_DEFAULTS.truthReturns,
    needs: [{ key: "loop", is: ["epoll"], because: "other loops do not know, add --loop epoll" }],
    help: "Log also when each write had returned: a token left between the two.",
    group: "Truth",
    advanced: true,
  }),
} satisfies ServerTable;

type SimulateValues = ValuesOf<typeof OPTIONS>;

const SERVER_KEYS = Object.keys(SERVER_OPTIONS) as (keyof typeof SERVER_OPTIONS)[];

const OPTIONS = {
  ...SERVER_OPTIONS,
  ...group("Server", {
    maxSeconds: option.number({
      value: "S",
      min: 0,
      defaultText: "until Ctrl-C",
      help: "Stop after this time.",
      advanced: true,
    }),
    untilStdinCloses: option.flag({
      help: "Stop when standard input ends, that is with the program that started the server.",
      advanced: true,
    }),
    loop: option.choice({
      choices: ["platform", "epoll"],
      default: "platform",
      help:
        "Event loop. epoll: exact to about 10 µs and cheaper; needs Linux and --allow-ffi, and " +
        "cannot serve gRPC.",
      advanced: true,
    }),
  }),
  listFaults: option.flag({
    help: "Explain each fault and its parameter, and exit.",
    group: "Faults",
  }),
  truthFile: option.file({
    defaultText: "none",
    help: "On exit, write what was actually sent: one JSON line per request.",
    group: "Truth",
  }),
};

/** Options of the server among those of the command. */
export function simOptionsOf(values: SimulateValues): Partial<SimOptions> {
  return pick(values, SERVER_KEYS);
}

export const command: Command = defineCommand({
  name: "simulate",
  description:
    "Starts a server that speaks like an LLM engine and generates its answers without a " +
    "model: for demonstrations, for tests of clients, and to find out how exact a benchmark is on " +
    "this machine.\n\n" +
    "Without --ttft and --itl it computes steps for the whole batch, as engines with continuous " +
    "batching do: requests queue, prompts take time, and all streams slow down together as the " +
    "load grows. With them each stream follows the times you choose.\n\n" +
    "It records when every token left: GET /truth returns that as one JSON line per request, and " +
    "POST /truth/reset forgets it. GET /stats shows how late the server itself was and who " +
    "connected, GET /clock its time, GET /metrics what a Prometheus scraper expects. Prompt tokens " +
    "are the ids given, else the bytes of all messages divided by four.",
  options: OPTIONS,
  examples: {
    "tokometer simulate": "A batching engine on port 8000",
    "tokometer simulate --ttft lognormal:200:0.4 --itl normal:20:2 --port 0":
      "streams with chosen times, on a free port",
    "tokometer simulate --prefix-cache --cache-tokens 500000 --replicas 4 --route-by X-Session-ID":
      "four engines with prefix caches, each session on one of them",
    "tokometer simulate --fault cut:0.05 --fault http-429:0.1 --fault stall:0.01:5000":
      "A server that fails now and then",
  },
  run,
});

/** One paragraph per fault: what it does, and what its parameter means. */
function faultList(): string {
  return SIM_FAULTS.map(({ name, help, parameter }) => {
    const lines = [name, `  ${help}`];
    if (parameter) lines.push(`  X: ${parameter.meaning} [default: ${parameter.default}]`);
    return lines.join("\n");
  }).join("\n");
}

async function run(values: SimulateValues, host: Host): Promise<number> {
  if (values.listFaults) {
    host.print(faultList());
    return EXIT.ok;
  }
  checkCache(values);
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
  // The HTTP line comes last: a program that waits for it has seen everything.
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

/** @throws {UserError} for what would have no effect. */
function checkCache({ cacheTokens, cacheBlock, replicas, routeBy }: SimulateValues): void {
  if (cacheTokens > 0 && cacheTokens < cacheBlock) {
    throw new UserError(
      `Cannot use --cache-tokens ${cacheTokens}: a block alone has ${cacheBlock} tokens, give more or a ` +
        "smaller --cache-block",
    );
  }
  if (routeBy !== undefined && replicas === 1) {
    throw new UserError(
      `Cannot use --route-by ${routeBy} with one replica: there is no choice, add --replicas N`,
    );
  }
}

/** The loop of a server, with what it needs before and after. */
interface OpenedLoop {
  readonly loop: SimLoop;
  readonly warmUp: (options: Partial<SimOptions>) => Promise<void>;
  readonly close: () => Promise<void>;
}

/** @throws {UserError} when the requested loop is not available. */
async function openLoop(values: SimulateValues): Promise<OpenedLoop> {
  if (values.loop === "epoll") {
    if (values.grpcPort !== undefined) {
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
function startError(error: unknown, values: SimulateValues): unknown {
  if (error instanceof Deno.errors.NotCapable || !(error instanceof Error)) return error;
  if (error instanceof SyntaxError || error instanceof RangeError) {
    return new UserError(error.message);
  }
  const code = (error as Error & { code?: string }).code;
  if (code === undefined) return error;
  const why = code === "EADDRINUSE" ? "another program listens there" : error.message;
  return new UserError(
    `Cannot listen on ${values.host} port ${values.port}: ${why}; --port 0 takes a free port`,
  );
}

/**
 * Resolves on Ctrl-C, after `--max-seconds`, or when the starter's pipe closes. A terminal sends
 * Ctrl-C to the starter and to this process alike; the starter then still wants its requests in
 * flight answered, so with a starter only the pipe counts.
 */
async function stopRequest(values: SimulateValues, host: Host): Promise<void> {
  const done = new AbortController();
  const stop = () => done.abort();
  let { signal } = done;
  if (values.untilStdinCloses) {
    stdinEnd().then(stop, stop);
    adoption(signal).then(stop, stop);
  } else {
    signal = host.interrupted;
  }
  const { maxSeconds } = values;
  if (maxSeconds === undefined) await aborted(signal);
  else await systemClock.sleepUntil(systemClock.now() + maxSeconds * 1000, signal);
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

async function saveTruth(values: SimulateValues, server: SimServer): Promise<void> {
  const path = values.truthFile;
  if (path === undefined) return;
  const encoder = new TextEncoder();
  try {
    using file = await Deno.open(path, { write: true, create: true, truncate: true });
    for (const line of server.truthLines()) {
      let bytes = encoder.encode(line);
      while (bytes.length > 0) bytes = bytes.subarray(await file.write(bytes));
    }
  } catch (error) {
    throw fileError(`Cannot write --truth-file ${path}`, error);
  }
}
