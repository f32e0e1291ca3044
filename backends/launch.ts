/**
 * Starts a server as a process of its own, with its output in a file.
 *
 * The server gets the file itself, not a pipe to us: nothing is lost, and nothing blocks, when we
 * end before it. It leads a session of its own, so that Ctrl-C in our terminal reaches us alone
 * and everything it starts can be found again.
 *
 * @module
 */
import { type ChildProcess, spawn } from "node:child_process";
import { closeSync, fstatSync, openSync } from "node:fs";
import { type Clock, wallClockMs } from "./clock.ts";
import type { EngineCommand } from "./launch_engines.ts";
import { type LaunchGuard, startGuard } from "./launch_guard.ts";
import {
  endProcessTree,
  MARK_VARIABLE,
  type ProcessIdentity,
  readProcess,
} from "./process_tree.ts";

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
  /** End it also when this process dies in any way. Default true; false = it outlives us. */
  readonly endWithUs?: boolean;
  /** How long it may take to end by itself before it is killed. Default 10 s. */
  readonly graceMs?: number;
  readonly clock?: Clock;
}

/** A server that was started. */
export interface ServerProcess {
  readonly pid: number;
  /** Enough to find it again from another process. */
  readonly identity: ProcessIdentity;
  readonly logPath: string;
  /** Size of the log when it started: what comes after is its own. */
  readonly logStart: number;
  /** Resolves when the process itself has ended, for whatever reason. */
  readonly ended: Promise<ServerEnd>;
  /** Ends it and all that it has started; may be called again. `hurry` cuts its grace short. */
  stop(hurry?: AbortSignal): Promise<void>;
  /** Lets our process end before it; only with `endWithUs: false`. */
  release(): void;
}

const GRACE_MS = 10_000;

/** Tells apart servers that are started within one millisecond. */
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
  const log = openSync(logPath, "a");
  let guard: LaunchGuard | undefined;
  let child: ChildProcess;
  let ended: Promise<ServerEnd>;
  let logStart: number;
  try {
    logStart = fstatSync(log).size;
    // Before the server: there is no moment in which nobody would end it.
    guard = endWithUs ? startGuard(mark, graceMs) : undefined;
    child = spawn(command, [...args], {
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
    closeSync(log);
  }
  const pid = child.pid!;
  await guard?.watch(pid);
  const startTicks = readProcess(pid)?.startTicks;
  const identity: ProcessIdentity = {
    pid,
    mark,
    ...(startTicks === undefined ? {} : { startTicks }),
  };
  let stopping: Promise<void> | undefined;

  async function end(hurry: AbortSignal | undefined): Promise<void> {
    try {
      await endProcessTree(identity, {
        graceMs,
        ...(hurry === undefined ? {} : { hurry }),
        ...(clock === undefined ? {} : { clock }),
      });
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

/** What `ended` says, for people: `ended with exit code 1`. */
export function describeEnd({ code, signal }: ServerEnd): string {
  if (signal !== undefined) return `was ended by ${signal}`;
  return code === undefined ? "ended" : `ended with exit code ${code}`;
}

/** Waits until the program runs, or says why it does not. */
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
      resolve({ ...(code === null ? {} : { code }), ...(signal === null ? {} : { signal }) });
    });
  });
}
