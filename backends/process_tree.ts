/**
 * Which processes belong to a server, and how to end all of them. Engines start workers that
 * outlive a parent that is killed, and then keep the GPU's memory.
 *
 * Linux tells everything in `/proc` (Deno asks for `--allow-all` to read it). Elsewhere only the
 * process group is known.
 *
 * @module
 */
import process from "node:process";
import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";

/** Environment variable that a started server and whatever it starts can be recognized by. */
export const MARK_VARIABLE = "TOKOMETER_SERVER";

/** A process that leads its own group, and what tells it from a later one of the same number. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Value of {@linkcode MARK_VARIABLE}, inherited by its children. */
  readonly mark: string;
  /** When it started, in the kernel's ticks since boot; absent where that is not told. */
  readonly startTicks?: number;
}

/** What `/proc` says of a process. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly startTicks: number;
  /** Ended, and its parent has not asked how. */
  readonly zombie: boolean;
}

/** Options of {@linkcode endProcessTree}. */
export interface EndOptions {
  /** How long they may take to end by themselves after SIGTERM. Default 10 s. */
  readonly graceMs?: number;
  /** Cuts the grace short. */
  readonly hurry?: AbortSignal;
  readonly clock?: Clock;
}

const POLL_MS = 50;
/** After SIGKILL only the kernel's own work can delay the end, e.g. of a process in a driver. */
const KILLED_MS = 5000;

/** Reads `/proc/PID/stat`; `undefined` when there is no such process, or no `/proc` to read. */
export function readProcess(pid: number): ProcessStat | undefined {
  const text = readText(`/proc/${pid}/stat`);
  return text === undefined ? undefined : parseStat(text);
}

/** Fields of a line of `/proc/PID/stat`. The name in parentheses may itself hold anything. */
export function parseStat(line: string): ProcessStat | undefined {
  const [, pid, state, rest = ""] = /^(\d+) \([^]*\) (\S) (.*)/.exec(line) ?? [];
  const fields = rest.split(" ").map(Number);
  const [parent, group, session] = fields;
  const startTicks = fields[18];
  if (parent === undefined || group === undefined || session === undefined) return undefined;
  if (startTicks === undefined) return undefined;
  const zombie = state === "Z" || state === "X";
  return { pid: Number(pid), parent, group, session, startTicks, zombie };
}

/** Is it still there, and still the same process? */
export function isRunning(identity: ProcessIdentity): boolean {
  const { pid, startTicks } = identity;
  const stat = readProcess(pid);
  if (stat === undefined) return !hasProc() && signal(pid, 0);
  return !stat.zombie && (startTicks === undefined || stat.startTicks === startTicks);
}

/**
 * Every living process of a server: itself, its group and session, their descendants, and all that
 * carry its mark, wherever they have been adopted. Empty where `/proc` is not told.
 */
export function processTree(identity: ProcessIdentity): number[] {
  const all = listProcesses().filter(({ zombie }) => !zombie);
  const { pid: leader, startTicks } = identity;
  const now = all.find(({ pid }) => pid === leader);
  // A number given to another process says that the old group is gone: it is kept while one is left.
  const reused = now !== undefined && startTicks !== undefined && now.startTicks !== startTicks;
  const found = new Set<number>();
  for (const { pid, group, session } of all) {
    const grouped = !reused && (pid === leader || group === leader || session === leader);
    if (grouped || isMarked(pid, identity.mark)) found.add(pid);
  }
  for (let size = -1; size !== found.size;) {
    size = found.size;
    for (const { pid, parent } of all) if (found.has(parent)) found.add(pid);
  }
  return [...found];
}

/**
 * Ends a server and whatever it has started: asks all of them, and kills what has not ended after
 * the grace. Returns how it went: `gone` = there was nothing left to end.
 *
 * @throws {Error} when something lives on after SIGKILL.
 */
export async function endProcessTree(
  identity: ProcessIdentity,
  options: EndOptions = {},
): Promise<"gone" | "ended" | "killed"> {
  const { graceMs = 10_000, hurry, clock = systemClock } = options;
  if (!anyLeft(identity)) return "gone";
  signalTree(identity, "SIGTERM");
  if (await waitUntilGone(identity, { clock, limitMs: graceMs, hurry })) return "ended";
  const killedMs = clock.now();
  do {
    // Again and again: between two looks one of them may have started another.
    signalTree(identity, "SIGKILL");
    if (await waitUntilGone(identity, { clock, limitMs: POLL_MS, hurry: undefined })) {
      return "killed";
    }
  } while (clock.now() - killedMs < KILLED_MS);
  const left = processTree(identity);
  throw new Error(
    `Cannot end process ${left.length === 0 ? identity.pid : left.join(", ")}: it ignores SIGKILL`,
  );
}

async function waitUntilGone(
  identity: ProcessIdentity,
  { clock, limitMs, hurry }: { clock: Clock; limitMs: number; hurry: AbortSignal | undefined },
): Promise<boolean> {
  const untilMs = clock.now() + limitMs;
  while (anyLeft(identity)) {
    if (hurry?.aborted || clock.now() >= untilMs) return false;
    await clock.sleepUntil(Math.min(untilMs, clock.now() + POLL_MS), hurry);
  }
  return true;
}

function anyLeft(identity: ProcessIdentity): boolean {
  if (hasProc()) return processTree(identity).length > 0;
  return signal(-identity.pid, 0) || signal(identity.pid, 0);
}

function signalTree(identity: ProcessIdentity, name: "SIGTERM" | "SIGKILL"): void {
  if (hasProc()) {
    for (const pid of processTree(identity)) signal(pid, name);
  } else if (!signal(-identity.pid, name)) {
    // Windows has no groups.
    signal(identity.pid, name);
  }
}

/** Sends a signal, 0 = only ask; false when there is nobody, or it is not ours. */
function signal(pid: number, name: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    return process.kill(pid, name);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    return false;
  }
}

function hasProc(): boolean {
  return readText("/proc/self/stat") !== undefined;
}

function listProcesses(): ProcessStat[] {
  try {
    return [...Deno.readDirSync("/proc")]
      .filter(({ name }) => /^\d+$/.test(name))
      .map(({ name }) => readProcess(Number(name)))
      .filter((stat) => stat !== undefined);
  } catch {
    return [];
  }
}

/** Environments of other people's processes cannot be read: those are not ours. */
function isMarked(pid: number, mark: string): boolean {
  const environment = readText(`/proc/${pid}/environ`);
  return environment?.split("\0").includes(`${MARK_VARIABLE}=${mark}`) ?? false;
}

function readText(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}
