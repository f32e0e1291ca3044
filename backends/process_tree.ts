/**
 * Which processes belong to a server, and how to end all of them. Engines start workers that
 * outlive a parent that is killed, and then keep the GPU's memory.
 *
 * Linux shows everything in `/proc` (Deno requires `--allow-all` to read it). Elsewhere only the
 * process group is known.
 *
 * @module
 */
import { nodeModule } from "./node_module.ts";
import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";

/** Environment variable by which a started server and everything it starts are recognized. */
export const MARK_VARIABLE = "TOKOMETER_SERVER";

/** A process that leads its own group, and what distinguishes it from a later one of the same id. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Value of {@linkcode MARK_VARIABLE}, inherited by its children. */
  readonly mark: string;
  /** When it started, in the kernel's ticks since boot; absent where unknown. */
  readonly startTicks?: number;
}

/** A process in `/proc`. */
export interface ProcessStat {
  readonly pid: number;
  readonly parent: number;
  readonly group: number;
  readonly session: number;
  readonly startTicks: number;
  /** Ended, but its parent has not collected its status. */
  readonly zombie: boolean;
}

export interface EndOptions {
  /** How long they may take to end after SIGTERM. Default 10 s. */
  readonly graceMs?: number;
  /** Cuts the grace short. */
  readonly hurry?: AbortSignal;
  readonly clock?: Clock;
}

const POLL_MS = 50;
/** After SIGKILL only the kernel can delay the end, e.g. of a process inside a driver. */
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

/** Whether the process is still there, and still the same one. */
export function isRunning(identity: ProcessIdentity): boolean {
  const { pid, startTicks } = identity;
  const stat = readProcess(pid);
  if (stat === undefined) return !hasProc() && signal(pid, 0);
  return !stat.zombie && (startTicks === undefined || stat.startTicks === startTicks);
}

/**
 * Every living process of a server: itself, its group and session, their descendants, and all that
 * carry its mark, whoever has adopted them. Empty where there is no `/proc`.
 */
export function processTree(identity: ProcessIdentity): number[] {
  const all = listProcesses().filter(({ zombie }) => !zombie);
  const { pid: leader, startTicks } = identity;
  const now = all.find(({ pid }) => pid === leader);
  // The kernel keeps the number while the group has members: if reused, the old group is gone.
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
 * Ends a server and everything it has started: asks all of them, and kills those that have not ended
 * after the grace. Returns `gone` when there was nothing left to end.
 *
 * @throws {Error} when a process survives SIGKILL.
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
    // Repeatedly: in between, one of them may have started another.
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

const node = nodeModule<typeof import("node:process")>("node:process");

/** Sends a signal (0 = only check); false when there is no such process, or it is not ours. */
function signal(pid: number, name: "SIGTERM" | "SIGKILL" | 0): boolean {
  try {
    return node().kill(pid, name);
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

/** The environments of other users' processes cannot be read: those are not ours. */
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
