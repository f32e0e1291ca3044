/**
 * The thread that samples the GPUs. NVML's calls block for milliseconds and listing processes is
 * work; neither may happen on a thread that reads answers.
 *
 * @module
 */
import { epochOriginMs, systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { GpuDevice, GpuProcess, GpuReading } from "../backends/telemetry_gpu.ts";
import { openNvml } from "../backends/telemetry_gpu_nvml.ts";
import { NO_ANSWER, startSmi } from "../backends/telemetry_gpu_smi.ts";
import { processTree, readProcess } from "../backends/process_tree.ts";
import { inWorker, workerScope } from "../backends/worker.ts";
import type { GpuSamples } from "../metrics/run_gpu.ts";
import type { GpuLook } from "./gpu_track.ts";

/** This file, for `startWorker`. */
export const GPU_WORKER: string = "workloads/gpu_worker.ts";

/** To the thread. */
export type ToGpuThread =
  | {
    readonly kind: "open";
    readonly source: GpuSamples["source"];
    readonly periodMs: number;
    /** Our own process; what it has started is ours, too. */
    readonly pid: number;
    /** Library or program; default: the system's. */
    readonly path?: string;
  }
  /** Look now, besides the period: at the start and at the end of a load. */
  | { readonly kind: "look" }
  | { readonly kind: "close" };

/** From the thread. */
export type FromGpuThread =
  /** With the first look. */
  | {
    readonly kind: "opened";
    readonly devices: readonly GpuDevice[];
    readonly looks: readonly GpuLook[];
  }
  /** It cannot sample, or no longer can. */
  | { readonly kind: "absent"; readonly reason: string }
  /** `epochMs`: ms since the epoch, comparable between threads. */
  | { readonly kind: "sample"; readonly epochMs: number; readonly looks: readonly GpuLook[] }
  | { readonly kind: "looked" }
  | { readonly kind: "closed" };

/** A busy driver is late by less. */
const HANGS_AFTER_MS = 3000;
/** More than a driver uses for itself. */
const HIDDEN_BYTES = 1024 ** 3;

export function createGpuThread(
  reply: (message: FromGpuThread) => void,
): (message: ToGpuThread) => Promise<void> {
  let look: () => void = () => {};
  let close: () => Promise<void> | void = () => {};

  const originMs = epochOriginMs();

  const sample = (looks: readonly GpuLook[], atMs = systemClock.now()) =>
    reply({ kind: "sample", epochMs: originMs + atMs, looks });

  const open = ({ source, periodMs, pid, path }: ToGpuThread & { kind: "open" }): void => {
    const tellApart = processSplitter(pid);
    if (source === "nvml") {
      const nvml = openNvml(path);
      const read = () => nvml.read().map(tellApart);
      reply({ kind: "opened", devices: nvml.devices, looks: read() });
      look = () => sample(read());
      const timer = setInterval(look, periodMs);
      close = () => {
        clearInterval(timer);
        nvml.close();
      };
      return;
    }
    let devices: readonly GpuDevice[] | undefined;
    let last: readonly GpuLook[] | undefined;
    let lastMs = -Infinity;
    let closing = false;
    const smi = startSmi({
      periodMs,
      ...defined({ command: path }),
      onSample({ atMs, devices: seen, readings }) {
        lastMs = atMs;
        if (devices === undefined) {
          devices = seen;
          last = readings;
          reply({ kind: "opened", devices, looks: readings });
          return;
        }
        // A lost GPU has no row any more; the others keep their places.
        last = devices.map(({ index }) =>
          readings[seen.findIndex((device) => device.index === index)] ?? {}
        );
        sample(last, atMs);
      },
    });
    // It cannot be asked in between; its last sample is no older than the period, unless it hangs.
    look = () => {
      if (systemClock.now() - lastMs > HANGS_AFTER_MS + 4 * periodMs) {
        throw new Error(`nvidia-smi ${NO_ANSWER} any more`);
      }
      if (last !== undefined) sample(last);
    };
    smi.ended.then((output) => {
      if (!closing) {
        reply({ kind: "absent", reason: `nvidia-smi ended: ${output || "without a message"}` });
      }
    });
    close = () => {
      closing = true;
      return smi.close();
    };
  };

  return async (message) => {
    try {
      switch (message.kind) {
        case "open":
          return open(message);
        case "look":
          look();
          return reply({ kind: "looked" });
        case "close":
          await close();
          return reply({ kind: "closed" });
      }
    } catch (error) {
      reply({ kind: "absent", reason: (error as Error).message });
    }
  };
}

/**
 * Tells own memory from that of others (T45 in docs/python-scripts.md). A process that cannot be
 * seen, e.g. one outside of our container, is neither ours nor known to be another's.
 */
function processSplitter(pid: number): (reading: GpuReading) => GpuLook {
  let known = "";
  const owners = new Map<number, "own" | "other" | undefined>();
  return ({ processes, ...reading }) => {
    if (processes === undefined) return reading;
    // Memory without a user: in a container the driver lists no processes, not even ours.
    if (processes.length === 0 && (reading.memoryUsedBytes ?? 0) > HIDDEN_BYTES) return reading;
    const pids = processes.map((one) => one.pid);
    // Reads all of /proc: only when there is a new process.
    if (pids.some((one) => !owners.has(one)) || known !== String(pids)) {
      known = String(pids);
      const ours = new Set(processTree({ pid, mark: "" }));
      for (const one of pids) {
        const seen = ours.has(one) || readProcess(one) !== undefined;
        owners.set(one, ours.has(one) ? "own" : seen ? "other" : undefined);
      }
    }
    const own = processes.filter((one) => owners.get(one.pid) === "own");
    const other = processes.filter((one) => owners.get(one.pid) === "other");
    if (own.length + other.length < processes.length) return reading;
    return { ...reading, ...sumUp("ownBytes", own), ...sumUp("otherBytes", other) };
  };
}

/** Nothing where the memory of one of them is unknown. */
function sumUp(
  name: "ownBytes" | "otherBytes",
  processes: readonly GpuProcess[],
): Partial<Record<typeof name, number>> {
  if (processes.some(({ bytes }) => bytes === undefined)) return {};
  return { [name]: processes.reduce((sum, { bytes = 0 }) => sum + bytes, 0) };
}

if (inWorker(GPU_WORKER)) {
  const scope = workerScope<ToGpuThread, FromGpuThread>();
  const handle = createGpuThread((message) => scope.postMessage(message));
  scope.onmessage = (event) => void handle(event.data);
}
