/**
 * Servers that are started for a benchmark and ended after it: `--launch`.
 *
 * @module
 */
import { type Clock, systemClock } from "../backends/clock.ts";
import {
  describeEnd,
  type ServerProcess,
  startServer,
  type StartServerOptions,
} from "../backends/launch.ts";
import {
  type EngineCommand,
  engineCommand,
  engineUrl,
  findLaunchEngine,
  LAUNCH_ENGINES,
  type LaunchEngine,
  type LaunchSettings,
} from "../backends/launch_engines.ts";
import type { Target } from "../backends/protocol.ts";
import { findProtocol } from "../backends/protocols.ts";
import { readLogTail } from "./server_log_tail.ts";
import { askForOneToken, type Waited, waitUntilReady } from "./server_readiness.ts";
import type { Host, Option, OptionValue, Values } from "./command.ts";
import { dashed } from "./option_parse.ts";
import { splitShellWords } from "./shell_split.ts";
import { EXIT, UserError } from "./user_error.ts";

/** Folder of logs and state files, in the working directory. */
export const SERVERS_FOLDER = "tokometer-servers";
/** As long as the scripts wait: 90 times 10 s. */
export const READY_TIMEOUT_S = 900;

const GROUP = "Server to start";

/** What an engine is started with, whatever starts it. */
export const ENGINE_OPTIONS: readonly Option[] = [
  {
    name: "model-path",
    kind: "text",
    value: "PATH",
    help: "Model to serve: its folder or file, or its name on a hub, as the engine takes it.",
    group: GROUP,
  },
  {
    name: "tp",
    kind: "integer",
    value: "N",
    default: 1,
    min: 1,
    aliases: ["tensor-parallel-size"],
    help: "GPUs that share the model: a power of two.",
    group: GROUP,
  },
  {
    name: "mode",
    kind: "text",
    value: "NAME",
    default: "fp16",
    choices: [...new Set(LAUNCH_ENGINES.flatMap(({ modes }) => Object.keys(modes)))],
    help: "Number format; fp16 leaves it to the engine and its model, as the scripts do.",
    group: GROUP,
    advanced: true,
  },
  {
    name: "model-format",
    kind: "text",
    value: "NAME",
    choices: ["hf", "llama", "awq"],
    defaultText: "what the engine finds",
    help: "Format of the weights, for lmdeploy.",
    group: GROUP,
    advanced: true,
  },
  {
    name: "cache-max-entry-count",
    kind: "number",
    value: "SHARE",
    aliases: ["cache-count"],
    min: 0.001,
    defaultText: "the engine's",
    help: "Share of GPU memory for the key-value cache, as the engine defines it: lmdeploy " +
      "--cache-max-entry-count, vllm --gpu-memory-utilization, sglang --mem-fraction-static, " +
      "ppl --max-tokens-scale.",
    group: GROUP,
    advanced: true,
  },
  {
    name: "session-len",
    kind: "integer",
    value: "N",
    min: 1,
    defaultText: "the engine's",
    help: "Longest prompt and answer together, in tokens.",
    group: GROUP,
    advanced: true,
  },
  {
    name: "log-level",
    kind: "text",
    value: "LEVEL",
    choices: ["debug", "info", "warning", "error", "critical"],
    defaultText: "the engine's; warning for vllm",
    help: "How much the server writes to its log, for vllm, lmdeploy and sglang.",
    group: GROUP,
    advanced: true,
  },
];

/** Options of every command that can start the server it measures. */
export const LAUNCH_OPTIONS: readonly Option[] = [
  {
    name: "launch",
    kind: "text",
    value: "ENGINE",
    choices: LAUNCH_ENGINES.map(({ name }) => name),
    help: "Start this server, wait until it answers, measure it over the loopback address, and " +
      "end it with all its children.",
    group: GROUP,
  },
  ...ENGINE_OPTIONS,
  {
    name: "launch-args",
    kind: "text",
    value: "TEXT",
    help: `Further arguments of the server in one text: --launch-args="--max-num-seqs 64". They ` +
      "replace ours of the same name.",
    group: GROUP,
    advanced: true,
  },
  {
    name: "launch-port",
    kind: "integer",
    value: "N",
    min: 0,
    max: 65_535,
    defaultText: "the engine's",
    help: "Port that the server is told to listen on; 0 takes a free one.",
    group: GROUP,
    advanced: true,
  },
  {
    name: "launch-executable",
    kind: "text",
    value: "PATH",
    defaultText: "found on the PATH",
    help: "Program to run, e.g. the python of another environment.",
    group: GROUP,
    advanced: true,
  },
  {
    name: "launch-timeout",
    kind: "number",
    value: "SECONDS",
    default: READY_TIMEOUT_S,
    min: 0,
    help: "How long the server may take until it answers with a token.",
    group: GROUP,
    advanced: true,
  },
  {
    name: "launch-log",
    kind: "text",
    value: "FILE",
    defaultText: `a file in ${SERVERS_FOLDER}/`,
    help: "File that the server's output is appended to.",
    group: GROUP,
    advanced: true,
  },
];

/** {@linkcode LAUNCH_OPTIONS} for a command that has some of these names itself. */
export function launchOptions(own: readonly string[] = []): readonly Option[] {
  return LAUNCH_OPTIONS.filter(({ name }) => !own.includes(name));
}

/** A server to start, decided. */
export interface LaunchPlan {
  readonly engine: LaunchEngine;
  readonly settings: LaunchSettings;
  readonly command: EngineCommand;
  readonly url: string;
  readonly logPath: string;
  readonly timeoutMs: number;
  /** From one readiness request to the next. Default 0.25 s: small models are ready in no time. */
  readonly intervalMs?: number;
  /** Name of the protocol that it is asked in. Default: the engine's. */
  readonly protocol?: string;
  /** Model name to ask for. Default: the first one that the server lists. */
  readonly model?: string;
  /** How it is reached, keys and headers included. Default: its address alone. */
  readonly target?: Target;
  /** How long it may take to end by itself. Default 10 s. */
  readonly graceMs?: number;
}

/**
 * What `--launch` and its companions ask for; `undefined` without `--launch`.
 *
 * @param own names that mean something to the command without `--launch`, too.
 * @throws {UserError} for options that the engine cannot follow, or that need `--launch`.
 */
export function planLaunch(
  values: Values,
  own: readonly string[] = [],
): LaunchPlan | undefined {
  const name = text(values, "launch");
  if (name === undefined) {
    const stray = LAUNCH_OPTIONS.find((option) =>
      !own.includes(option.name) && values[option.name] !== undefined &&
      values[option.name] !== option.default
    );
    if (stray === undefined) return undefined;
    throw new UserError(
      `Cannot use ${dashed(stray.name)} without --launch: it says how to start a server, ` +
        "add --launch ENGINE",
    );
  }
  const extra = text(values, "launch-args");
  const given = values["launch-port"] as number | undefined;
  const port = given === 0 ? freePort() : given;
  const log = text(values, "launch-log");
  return planEngine(name, values, {
    timeoutMs: (values["launch-timeout"] as number | undefined ?? READY_TIMEOUT_S) * 1000,
    port,
    executable: text(values, "launch-executable"),
    extraArgs: extra === undefined ? [] : splitShellWords(extra),
    logPath: log,
  });
}

/** What {@linkcode planEngine} is told besides {@linkcode ENGINE_OPTIONS}. */
export interface EnginePlanOptions {
  readonly timeoutMs: number;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly executable?: string | undefined;
  readonly extraArgs?: readonly string[] | undefined;
  readonly paramsPath?: string | undefined;
  readonly tokenizerPath?: string | undefined;
  readonly logPath?: string | undefined;
  /** Folder of the log where `logPath` is absent. */
  readonly folder?: string | undefined;
}

/**
 * Checks the values of {@linkcode ENGINE_OPTIONS} against an engine.
 *
 * @throws {UserError} for what it cannot follow.
 */
export function planEngine(
  name: string,
  values: Values,
  options: EnginePlanOptions,
): LaunchPlan {
  const { timeoutMs, folder = SERVERS_FOLDER, logPath, ...rest } = options;
  const modelPath = text(values, "model-path");
  if (modelPath === undefined) {
    throw new UserError(`Cannot start ${name} without a model: add --model-path PATH`);
  }
  const settings = withoutUndefined({
    modelPath,
    tensorParallel: values.tp as number | undefined,
    mode: text(values, "mode"),
    modelFormat: text(values, "model-format"),
    cacheMaxEntryCount: values["cache-max-entry-count"] as number | undefined,
    sessionLength: values["session-len"] as number | undefined,
    logLevel: text(values, "log-level"),
    ...rest,
  }) as unknown as LaunchSettings;
  return checkedByEngine(() => {
    const engine = findLaunchEngine(name);
    const url = engineUrl(engine, settings);
    const port = new URL(url.replace(/^grpc/, "http")).port || "80";
    return {
      engine,
      settings,
      command: engineCommand(engine, settings),
      url,
      logPath: logPath ?? `${folder}/${name}-${port}.log`,
      timeoutMs,
    };
  });
}

/** What an engine cannot follow is a mistake of the user. @throws {UserError} */
export function checkedByEngine<T>(check: () => T): T {
  try {
    return check();
  } catch (error) {
    if (error instanceof TypeError || error instanceof RangeError) {
      throw new UserError(error.message);
    }
    throw error;
  }
}

/**
 * Starts a server, waits until it answers, lends its address, and ends it with all its children:
 * after success, failure, an interrupt, and also when this process is killed.
 *
 * When the server ends by itself, nobody will ever answer at that address again: the host that
 * `use` is given is interrupted then, and what was measured until then is reported.
 *
 * @param use is given the URL, and the host to be used; returns the exit code.
 * @throws {UserError} (exit code 3) when it does not become ready; the end of its log has been
 * noted then.
 */
export async function withLaunched(
  plan: LaunchPlan,
  host: Host,
  use: (url: string, host: Host) => Promise<number>,
): Promise<number> {
  const { engine, url } = plan;
  await refuseTakenAddress(plan);
  const server = await startPlanned(plan, {});
  const gone = new AbortController();
  let using = true;
  try {
    host.note(`Started ${engine.name} as process ${server.pid}, log: ${plan.logPath}`);
    await awaitReady(plan, server, host);
    const news = server.ended.then(async (how) => {
      // Ended by us, or before it was ready.
      if (!using) return;
      gone.abort();
      host.note(
        `warning: ${engine.name} ${describeEnd(how)} during the measurement, nothing more is ` +
          `sent; ${await tail(server)}`,
      );
    });
    const code = await endedEarly(() => use(url, withSignal(host, gone.signal)));
    // One turn of the loop for news that came while the last results were worked on.
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (!gone.signal.aborted) return code;
    await news;
    return host.interrupted.aborted ? code : EXIT.unreachable;
  } finally {
    using = false;
    host.progress(`stopping ${engine.name}`);
    await server.stop(host.aborted);
    host.progress("");
  }

  /** The exit code; that the server has ended is no second mistake to be explained. */
  async function endedEarly(work: () => Promise<number>): Promise<number> {
    try {
      return await work();
    } catch (error) {
      await new Promise((resolve) => setTimeout(resolve, 0));
      if (!gone.signal.aborted || !(error instanceof UserError)) throw error;
      if (error.exitCode !== EXIT.interrupted) host.note(`error: ${error.message}`);
      return error.exitCode;
    }
  }
}

/** The same host, interrupted by one more signal; its getters stay getters. */
function withSignal(host: Host, signal: AbortSignal): Host {
  return Object.create(host, {
    interrupted: { value: AbortSignal.any([host.interrupted, signal]) },
  }) as Host;
}

/**
 * Starts the process of a plan, with its log's folder made.
 *
 * @throws {UserError} when the program cannot be run or the log cannot be written.
 */
export async function startPlanned(
  plan: LaunchPlan,
  options: Omit<StartServerOptions, "logPath">,
): Promise<ServerProcess> {
  const { command, logPath, engine, graceMs } = plan;
  const folder = logPath.replace(/\/*[^/]*$/, "");
  try {
    if (folder !== "") await Deno.mkdir(folder, { recursive: true });
    await (await Deno.open(logPath, { append: true, create: true })).close();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new UserError(`Cannot write the log ${logPath}: ${(error as Error).message}`);
  }
  try {
    return await startServer(command, {
      logPath,
      ...(graceMs === undefined ? {} : { graceMs }),
      ...options,
    });
  } catch (error) {
    if (
      error instanceof Deno.errors.NotFound || error instanceof Deno.errors.PermissionDenied
    ) {
      throw new UserError(
        `${error.message}; is ${engine.name} installed in this environment? Otherwise name its ` +
          "program by --launch-executable (in serve: --executable)",
      );
    }
    throw error;
  }
}

/**
 * Waits for a started server, with its progress.
 *
 * @throws {UserError} with exit code 3 when it ends or takes too long, 130 when interrupted.
 */
export async function awaitReady(
  plan: LaunchPlan,
  server: ServerProcess,
  host: Host,
): Promise<void> {
  const { engine, url, timeoutMs, intervalMs = 250 } = plan;
  const waited = await waitForPlanned(plan, {
    intervalMs,
    timeoutMs,
    ended: server.ended,
    signal: host.interrupted,
    onWait: (waitedMs, reason) =>
      host.progress(`waiting for ${engine.name}, ${(waitedMs / 1000).toFixed(0)} s: ${reason}`),
  });
  host.progress("");
  const took = `${(waited.waitedMs / 1000).toFixed(1)} s`;
  switch (waited.kind) {
    case "ready":
      host.note(`${engine.name} answers at ${url} after ${took}`);
      return;
    case "interrupted":
      throw new UserError(
        `Cannot wait for ${engine.name} any longer: interrupted`,
        EXIT.interrupted,
      );
    case "ended":
      host.note(await tail(server));
      throw new UserError(
        `Cannot start ${engine.name}: it ${describeEnd(await server.ended)} after ${took}`,
        EXIT.unreachable,
      );
    case "timeout":
      host.note(await tail(server));
      throw new UserError(
        `Cannot use ${engine.name} at ${url}: no token within ${took} (${waited.reason})`,
        EXIT.unreachable,
      );
  }
}

/** Waits for the server of a plan, started by us or not. */
export async function waitForPlanned(
  plan: Pick<LaunchPlan, "engine" | "url" | "protocol" | "model" | "target">,
  options: {
    readonly intervalMs: number;
    readonly timeoutMs: number;
    readonly ended?: Promise<unknown>;
    readonly signal?: AbortSignal;
    readonly clock?: Clock;
    readonly onWait?: (waitedMs: number, reason: string) => void;
  },
): Promise<Waited> {
  const { engine, url, model } = plan;
  const protocol = findProtocol(plan.protocol ?? engine.protocol);
  const target = plan.target ?? { baseUrl: url, headers: {} };
  const { clock = systemClock } = options;
  return await waitUntilReady(
    (timeoutMs, signal) =>
      askForOneToken(protocol, target, {
        timeoutMs,
        signal,
        clock,
        ...(model === undefined ? {} : { model }),
      }),
    options,
  );
}

/** @throws {UserError} when somebody listens there already: we would measure them. */
export async function refuseTakenAddress({ engine, url }: LaunchPlan): Promise<void> {
  const { hostname, port } = new URL(url.replace(/^grpc/, "http"));
  try {
    const connection = await Deno.connect({
      hostname: hostname.replace(/^\[|\]$/g, ""),
      port: Number(port || 80),
    });
    connection.close();
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return;
  }
  throw new UserError(
    `Cannot start ${engine.name} at ${url}: another program listens there, choose another port`,
  );
}

async function tail({ logPath, logStart }: ServerProcess): Promise<string> {
  const lines = await readLogTail(logPath, logStart);
  if (lines.length === 0) return `it wrote nothing to ${logPath}`;
  return [`the end of ${logPath}:`, ...lines.map((line) => `  ${line}`)].join("\n");
}

/** A port that nobody listens on now. */
function freePort(): number {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  return port;
}

function text(values: Values, name: string): string | undefined {
  return values[name] as string | undefined;
}

function withoutUndefined(
  values: Readonly<Record<string, OptionValue>>,
): Record<string, OptionValue> {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined));
}
