/**
 * Starts a server in its own process, with its output in a file.
 *
 * The server writes to the file itself, not to a pipe: nothing is lost, and nothing blocks, when this
 * program ends first. It leads its own session, so that Ctrl-C in the terminal reaches this program
 * only, and all processes of the server can be found.
 *
 * @module
 */
import type { ChildProcess } from "node:child_process";
import { type Clock, wallClockMs } from "./clock.ts";
import { defined } from "./defined.ts";
import { nodeModule } from "./node_module.ts";
import type { EngineCommand } from "./launch_engines.ts";
import { type LaunchGuard, startGuard } from "./launch_guard.ts";
import {
  endProcessTree,
  MARK_VARIABLE,
  type ProcessIdentity,
  readProcess,
} from "./process_tree.ts";

const files = nodeModule<typeof import("node:fs")>("node:fs");
const processes = nodeModule<typeof import("node:child_process")>("node:child_process");

/** How a server's process ended. */
export interface ServerEnd {
  /** Exit code; absent after a signal. */
  readonly code?: number;
  readonly signal?: string;
}

/** Options of {@linkcode startServer}. */
export interface StartServerOptions {
  /** File that its output is appended to. */
  readonly logPath: string;
  /** Ends it also when this process dies in any way. Default true; false = it outlives us. */
  readonly endWithUs?: boolean;
  /** Time to end by itself before it is killed. Default 10 s. */
  readonly graceMs?: number;
  readonly clock?: Clock;
}

/** A server that was started. */
export interface ServerProcess {
  readonly pid: number;
  /** Identifies it for another process. */
  readonly identity: ProcessIdentity;
  readonly logPath: string;
  /** Size of the log when it started; its own output follows. */
  readonly logStart: number;
  /** Resolves when the process itself has ended. */
  readonly ended: Promise<ServerEnd>;
  /** Ends it and everything it started; idempotent. `hurry` cuts the grace period short. */
  stop(hurry?: AbortSignal): Promise<void>;
  /** Lets this process end first; only with `endWithUs: false`. */
  release(): void;
}

const GRACE_MS = 10_000;

/** Distinguishes servers started within one millisecond. */
let started = 0;

/**
 * Starts a program.
 *
 * @throws {Deno.errors.NotFound} when there is no such program.
 * @throws {Deno.errors.PermissionDenied} when it may not be run.
 */
export async function startServer(
  { command, args }: EngineCommand,
  options: StartServerOptions,
): Promise<ServerProcess> {
  const { logPath, endWithUs = true, graceMs = GRACE_MS, clock } = options;
  const mark = `${Deno.pid}.${wallClockMs()}.${++started}`;
  const log = files().openSync(logPath, "a");
  let guard: LaunchGuard | undefined;
  let child: ChildProcess;
  let ended: Promise<ServerEnd>;
  let logStart: number;
  try {
    logStart = files().fstatSync(log).size;
    // Started before the server, so that there is always someone to end it.
    guard = endWithUs ? startGuard(mark, graceMs) : undefined;
    child = processes().spawn(command, [...args], {
      detached: true,
      stdio: ["ignore", log, log],
      env: { ...Deno.env.toObject(), [MARK_VARIABLE]: mark },
    });
    ended = endOf(child);
    await spawned(child, command);
  } catch (error) {
    await guard?.dismiss();
    throw error;
  } finally {
    files().closeSync(log);
  }
  const pid = child.pid!;
  await guard?.watch(pid);
  const startTicks = readProcess(pid)?.startTicks;
  const identity: ProcessIdentity = defined({ pid, mark, startTicks });
  let stopping: Promise<void> | undefined;

  async function end(hurry: AbortSignal | undefined): Promise<void> {
    try {
      await endProcessTree(identity, defined({ graceMs, hurry, clock }));
      await ended;
    } finally {
      await guard?.dismiss();
    }
  }

  return {
    pid,
    identity,
    logPath,
    logStart,
    ended,
    stop: (hurry) => stopping ??= end(hurry),
    release: () => child.unref(),
  };
}

/** The end in words: `ended with exit code 1`. */
export function describeEnd({ code, signal }: ServerEnd): string {
  if (signal !== undefined) return `was ended by ${signal}`;
  return code === undefined ? "ended" : `ended with exit code ${code}`;
}

/** Resolves when the program runs. @throws why it does not. */
function spawned(child: ChildProcess, command: string): Promise<void> {
  return new Promise((resolve, reject) => {
    child.once("spawn", resolve);
    child.once("error", (error: Error & { code?: string }) => {
      const denied = error.code === "EACCES";
      const why = denied ? "it may not be run" : `there is no such program (${error.code})`;
      const Failure = denied ? Deno.errors.PermissionDenied : Deno.errors.NotFound;
      reject(new Failure(`Cannot start ${command}: ${why}`));
    });
  });
}

function endOf(child: ChildProcess): Promise<ServerEnd> {
  return new Promise((resolve) => {
    child.once("exit", (code: number | null, signal: string | null) => {
      resolve(defined({ code: code ?? undefined, signal: signal ?? undefined }));
    });
  });
}
