/**
 * What the scheduler gave this very thread: time on a core, and time spent waiting for one.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";

/** Shares of the time since the start; helper threads (the garbage collector's) are not in it. */
export interface ThreadUsage {
  /** Time on a core ÷ wall time. */
  readonly cpu: number;
  /** Time for which the thread could have run and no core was free ÷ wall time. */
  readonly wait: number;
}

/**
 * Starts counting on the calling thread; the returned function, called on the same thread, gives
 * the shares. `undefined` where the system does not tell: not Linux, or not all permissions (Deno
 * opens this part of `/proc` to `--allow-all` only).
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

function readSchedule(): { readonly cpuMs: number; readonly waitMs: number } | undefined {
  if (Deno.build.os !== "linux") return undefined;
  try {
    // Read in place: an asynchronous read would run on, and be about, another thread.
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
