/**
 * Measures the client itself during one load: CPU, memory, connections.
 *
 * @module
 */
import { cpuUsage } from "../backends/cpu_usage.ts";
import { systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { ClientHealth } from "../metrics/run_client.ts";
import type { JobEnd, LiveCounters } from "./load_threads.ts";

/** Measures the client from its start to `finish()`. */
export interface HealthWatch {
  /** Samples the memory, which has no counter; call it a few times a second. */
  sample(): void;
  /** The figures of the load; `end` comes from its threads. */
  finish(end: Pick<JobEnd, "lag" | "usage">, live: LiveCounters): ClientHealth;
}

export function watchClient(live: LiveCounters): HealthWatch {
  const startMs = systemClock.now();
  const cpuBefore = cpuUsage();
  let peakRss = 0;
  const sample = () => {
    peakRss = Math.max(peakRss, Deno.memoryUsage().rss);
  };
  sample();
  return {
    sample,
    finish({ lag, usage }, after) {
      sample();
      const wallMs = systemClock.now() - startMs;
      const { user, system } = cpuUsage();
      const stamped = (after.stamped - live.stamped) >>> 0;
      return {
        cpuCores: (user + system - cpuBefore.user - cpuBefore.system) / 1000 / wallMs,
        loopLagP50Ms: lag.p50Ms,
        loopLagP99Ms: lag.p99Ms,
        loopLagMaxMs: lag.maxMs,
        peakRssMiB: peakRss / 1024 / 1024,
        // A counter of 32 bits wraps around.
        replacedConnections: (after.replaced - live.replaced) >>> 0,
        ...defined({
          kernelStampedReads: stamped === 0
            ? undefined
            : stamped / ((after.reads - live.reads) >>> 0),
          threadCpu: usage?.cpu,
          threadWait: usage?.wait,
        }),
        ...readDescriptors(),
      };
    },
  };
}

/**
 * Open files and sockets, and how many there may be. Empty where the system hides them: Deno opens
 * this part of `/proc` to `--allow-all` only, and never asks for it.
 */
export function readDescriptors(): Pick<ClientHealth, "descriptors" | "descriptorLimit"> {
  if (Deno.build.os !== "linux") return {};
  try {
    const limits = Deno.readTextFileSync("/proc/self/limits");
    const limit = Number(/^Max open files\s+(\d+)/m.exec(limits)?.[1]);
    let descriptors = 0;
    for (const _ of Deno.readDirSync("/proc/self/fd")) descriptors++;
    return Number.isInteger(limit) ? { descriptors, descriptorLimit: limit } : {};
  } catch {
    // Also when no descriptor is left to read with; then the failed requests say so.
    return {};
  }
}
