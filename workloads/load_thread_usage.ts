/**
 * The CPU time of this very thread, and the time it spent waiting for a core.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";

/** Shares of the wall time; helper threads such as the garbage collector's are left out. */
export interface ThreadUsage {
  readonly cpu: number;
  /** The thread could have run, and no core was free. */
  readonly wait: number;
}

/**
 * Starts counting on the calling thread; the returned function, called on the same thread, returns
 * the shares. `undefined` except on Linux with `--allow-all`, which alone opens this part of `/proc`.
 */
export function countThreadUsage(clock: Clock): () => ThreadUsage | undefined {
  const startMs = clock.now();
  const start = readSchedule();
  return () => {
    const end = start && readSchedule();
    const wallMs = clock.now() - startMs;
    if (start === undefined || end === undefined || wallMs <= 0) return undefined;
    return { cpu: (end.cpuMs - start.cpuMs) / wallMs, wait: (end.waitMs - start.waitMs) / wallMs };
  };
}

/** What this thread used since it began; `undefined` likewise. */
export function readSchedule(): { readonly cpuMs: number; readonly waitMs: number } | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    // Synchronous: an asynchronous read would run on another thread, and report that one.
    const text = Deno.readTextFileSync("/proc/thread-self/schedstat");
    const [cpuNs, waitNs] = text.split(" ").map(Number);
    if (cpuNs === undefined || waitNs === undefined) return undefined;
    return { cpuMs: cpuNs / 1e6, waitMs: waitNs / 1e6 };
  } catch {
    return undefined;
  }
}

/** The largest shares of several threads: the thread with the least room is the one that counts. */
export function busiestUsage(all: readonly ThreadUsage[]): ThreadUsage | undefined {
  if (all.length === 0) return undefined;
  return {
    cpu: Math.max(...all.map(({ cpu }) => cpu)),
    wait: Math.max(...all.map(({ wait }) => wait)),
  };
}
