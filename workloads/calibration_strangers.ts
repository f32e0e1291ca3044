/**
 * Whether other programs were busy while a client was calibrated: then its errors say little about
 * it.
 *
 * @module
 */
import type { CalibrationCell } from "../metrics/run_calibration.ts";
import { formatNumber, formatShare } from "../metrics/format.ts";
import type { Cores } from "./effective_cores.ts";

/** Reads a file; `undefined` where it does not exist or is hidden. */
export type ReadText = (path: string) => string | undefined;

/** Measures from its start to `finish()`. */
export interface StrangerWatch {
  /** Cores that programs besides ours kept busy; `undefined` where that is hidden. */
  finish(): number | undefined;
}

/**
 * Counts the CPU time of all programs but these. Never asks for a permission.
 *
 * @param pids ours, besides this process.
 */
export function watchStrangers(
  pids: readonly number[],
  readText: ReadText = readTextFile,
): StrangerWatch {
  const before = sample(pids, readText);
  return {
    finish() {
      const after = sample(pids, readText);
      if (before === undefined || after === undefined) return undefined;
      const passed = after.all - before.all;
      const used = (after.busy - before.busy) - (after.own - before.own);
      return passed <= 0 ? undefined : Math.max(0, used / passed * after.cpus);
    },
  };
}

/** Ticks since the start of the machine, of all processors together. */
interface Ticks {
  readonly cpus: number;
  readonly all: number;
  readonly busy: number;
  readonly own: number;
}

function sample(pids: readonly number[], readText: ReadText): Ticks | undefined {
  const stat = readText("/proc/stat");
  const line = /^cpu +(.+)$/m.exec(stat ?? "")?.[1];
  const own = ["self", ...pids].map((pid) => ticksOf(readText(`/proc/${pid}/stat`)));
  if (stat === undefined || line === undefined || own.includes(undefined)) return undefined;
  // Guests are part of user and nice. Interrupts are mostly our own packets, and nobody's time.
  const [user = 0, nice = 0, system = 0, idle = 0, wait = 0, irq = 0, soft = 0, steal = 0] = line
    .split(" ").map(Number);
  return {
    cpus: stat.match(/^cpu\d+ /gm)?.length ?? 1,
    all: user + nice + system + idle + wait + irq + soft + steal,
    busy: user + nice + system + steal,
    own: own.reduce<number>((sum, ticks) => sum + (ticks ?? 0), 0),
  };
}

/** User and system time of a process; its name in parentheses may hold anything. */
function ticksOf(stat: string | undefined): number | undefined {
  const [, rest] = /^\d+ \([^]*\) \S (.*)/.exec(stat ?? "") ?? [];
  const fields = rest?.split(" ").map(Number);
  return fields && fields[10]! + fields[11]!;
}

function readTextFile(path: string): string | undefined {
  try {
    return Deno.readTextFileSync(path);
  } catch {
    return undefined;
  }
}

/** Less than this is what any machine does by itself. */
const STRANGE_CORES = 0.25;
/** A client's thread and the engine need a core each. */
const OWN_CORES = 2;
/** Share of the time in which a client waited for a core; on an idle machine it is a tenth of this. */
const WAITING_SHARE = 0.15;

/**
 * Why the machine was too busy, as one clause; absent when it was not, or nothing is known. What
 * most of the loads saw counts, not a moment.
 *
 * @param strangers cores that others used, for each load.
 */
export function busyMachine(
  cells: readonly Pick<CalibrationCell, "client">[],
  strangers: readonly (number | undefined)[],
  { cores, effectiveCores }: Cores,
): string | undefined {
  const used = strangers.filter((one) => one !== undefined).sort((a, b) => a - b);
  const usual = used[Math.floor((used.length - 1) / 2)] ?? 0;
  // Where we may not use all cores, nobody knows on which ones the others ran.
  const needed = effectiveCores < cores ? effectiveCores + 1 : OWN_CORES;
  if (usual > STRANGE_CORES && cores - usual < needed) {
    return `other programs used ${formatNumber(usual)} of its ${cores} ${
      cores === 1 ? "core" : "cores"
    }`;
  }
  const waits = cells.flatMap(({ client }) => client.threadWait ?? []);
  const least = Math.min(...waits);
  // On fewer cores it is the engine that the client waits for.
  if (effectiveCores >= OWN_CORES && waits.length > 0 && least >= WAITING_SHARE) {
    return `even at its best the client waited for a core for ${formatShare(least)} of the time`;
  }
  return undefined;
}
