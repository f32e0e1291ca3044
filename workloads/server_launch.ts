/**
 * Servers that are started for a benchmark and ended after it: `--launch`.
 *
 * @module
 */
import { type Clock, systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import {
  describeEnd,
  type ServerProcess,
  startServer,
  type StartServerOptions,
} from "../backends/launch.ts";
import { findProtocol } from "../backends/protocols.ts";
import { installedCommand, missingProgram } from "./server_fit.ts";
import { maskSecretsInFile } from "./server_log_secrets.ts";
import { readLogTail } from "./server_log_tail.ts";
import { askForOneToken, type Waited, waitUntilReady } from "./server_readiness.ts";
import type { Host } from "./command.ts";
import { EXIT, fileError, UserError } from "./user_error.ts";
import type { LaunchPlan } from "./server_launch_plan.ts";

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
  const gone = new AbortController();
  const server = await startLaunched(plan, host, gone);
  try {
    const work = () => use(plan.url, withSignal(host, gone.signal));
    return await whileThere(work, { host, gone: gone.signal, told: () => server.told });
  } finally {
    await server.stop();
  }
}

/** A server of ours that answers. */
export interface Launched {
  /** Resolves when its end was told, where it ended by itself. */
  readonly told: Promise<void>;
  /** Ends it with all its children. */
  readonly stop: () => Promise<void>;
}

/**
 * Starts the server of a plan and waits until it answers.
 *
 * @param gone is aborted when the server ends by itself.
 * @throws {UserError} as {@linkcode withLaunched}; then it was stopped.
 */
export async function startLaunched(
  plan: LaunchPlan,
  host: Host,
  gone: AbortController,
): Promise<Launched> {
  const { engine } = plan;
  await refuseTakenAddress(plan);
  const server = await startPlanned(await installedPlan(plan, host), {});
  let using = true;
  const stop = async () => {
    using = false;
    host.progress(`stopping ${engine.name}`);
    await server.stop(host.aborted);
    await maskSecretsInFile(server.logPath, server.logStart);
    host.progress("");
  };
  try {
    host.note(`Started ${engine.name} as process ${server.pid}, log: ${plan.logPath}`);
    await awaitReady(plan, server, host);
  } catch (error) {
    await stop();
    throw error;
  }
  const told = server.ended.then(async (how) => {
    // Ended by us.
    if (!using) return;
    gone.abort();
    host.note(
      `warning: ${engine.name} ${describeEnd(how)} during the measurement, nothing more is ` +
        `sent; ${await tail(server)}`,
    );
  });
  return { told, stop };
}

/**
 * The exit code of what uses a server of ours: another one where the server has ended by itself. An error
 * that follows from its end needs no second explanation.
 */
export async function whileThere(
  work: () => Promise<number>,
  { host, gone, told }: {
    readonly host: Host;
    readonly gone: AbortSignal;
    readonly told: () => Promise<void>;
  },
): Promise<number> {
  let code: number;
  try {
    code = await work();
  } catch (error) {
    await new Promise((resolve) => setTimeout(resolve, 0));
    if (!gone.aborted || !(error instanceof UserError)) throw error;
    if (error.exitCode !== EXIT.interrupted) host.note(`error: ${error.message}`);
    code = error.exitCode;
  }
  // One event-loop turn for the end of the server, if it came while results were processed.
  await new Promise((resolve) => setTimeout(resolve, 0));
  if (!gone.aborted) return code;
  await told();
  return host.interrupted.aborted ? code : EXIT.unreachable;
}

/** The same host, interrupted by one more signal; its getters stay getters. */
export function withSignal(host: Host, signal: AbortSignal): Host {
  return Object.create(host, {
    interrupted: { value: AbortSignal.any([host.interrupted, signal]) },
  }) as Host;
}

/**
 * The plan for the version of the engine that is installed.
 *
 * @throws {UserError} as {@linkcode installedCommand}.
 */
export async function installedPlan(plan: LaunchPlan, host: Host): Promise<LaunchPlan> {
  return { ...plan, command: await installedCommand(plan, host) };
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
    throw fileError(`Cannot write the log ${logPath}`, error);
  }
  try {
    return await startServer(command, {
      logPath,
      ...defined({ graceMs }),
      ...options,
    });
  } catch (error) {
    throw missingProgram(engine, error as Error) ?? error;
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
        `Stopped waiting for ${engine.name}: interrupted`,
        EXIT.interrupted,
      );
    case "ended": {
      const end = await tail(server);
      host.note(end);
      const hint =
        /unrecognized argument|(unknown|invalid|unexpected) (argument|option|flag)/i.test(end)
          ? '; an option that it does not take is left out by --launch-args="--name=" (in serve: -- --name=)'
          : "";
      throw new UserError(
        `Cannot start ${engine.name}: it ${describeEnd(await server.ended)} after ${took}${hint}`,
        EXIT.unreachable,
      );
    }
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
        ...defined({ model }),
      }),
    options,
  );
}

/** @throws {UserError} when another program listens there: it would be measured instead. */
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
