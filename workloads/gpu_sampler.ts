/**
 * Watches this machine's GPUs during a run, from a thread of its own, at a low rate.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { GpuDevice } from "../backends/telemetry_gpu.ts";
import { nvmlAbsence } from "../backends/telemetry_gpu_nvml.ts";
import { NO_ANSWER, smiAbsence } from "../backends/telemetry_gpu_smi.ts";
import { type StartedWorker, startWorker } from "../backends/worker.ts";
import type { GpuSamples } from "../metrics/run_gpu.ts";
import { type GpuKeeper, keepGpu } from "./gpu_track.ts";
import { type FromGpuThread, GPU_WORKER, type ToGpuThread } from "./gpu_worker.ts";

/** How to sample: `auto` = with whatever there is, silently without when there is nothing. */
export type GpuChoice = "auto" | "nvml" | "nvidia-smi" | "off";

export const GPU_CHOICES: readonly GpuChoice[] = ["auto", "nvml", "nvidia-smi", "off"];

/** The opened thread. */
export interface GpuSampler {
  readonly source: GpuSamples["source"];
  readonly devices: readonly GpuDevice[];
  begin(): Promise<void>;
  /** The load has ended. @param startEpochMs its start, in ms since the epoch. */
  finish(startEpochMs: number): Promise<GpuSamples | undefined>;
  /** Why it no longer samples; `undefined` = it does. */
  failure(): string | undefined;
  /** Ends the thread, and `nvidia-smi`. */
  close(): Promise<void>;
}

export interface GpuSamplerOptions {
  /** Default 500 ms: the driver's own figures are hardly newer. */
  readonly periodMs?: number;
  /** File of NVML. Default: the system's. */
  readonly library?: string;
  /** Default `nvidia-smi`. */
  readonly command?: string;
  /** Longest wait for an answer. Default 10 s: a driver that sleeps takes seconds to wake. */
  readonly timeoutMs?: number;
}

const PERIOD_MS = 500;
const TIMEOUT_MS = 10_000;
/** More than the thread gives `nvidia-smi` to end; one that hangs in a library never answers. */
const CLOSE_MS = 3000;

/**
 * Opens what was chosen. Permissions are used where they are granted and never asked for.
 *
 * @returns the sampler, or why there is none.
 */
export async function openGpuSampler(
  choice: GpuChoice,
  options: GpuSamplerOptions = {},
): Promise<GpuSampler | string> {
  const { library, command } = options;
  const reasons: string[] = [];
  if (choice === "auto" || choice === "nvml") {
    const absence = nvmlAbsence(library);
    const opened = absence ?? await openThread("nvml", options, library);
    if (typeof opened !== "string") return opened;
    reasons.push(opened);
  }
  if (choice === "auto" || choice === "nvidia-smi") {
    const { timeoutMs = TIMEOUT_MS } = options;
    const opened = await smiAbsence(command ?? "nvidia-smi", timeoutMs) ??
      await openThread("nvidia-smi", options, command);
    if (typeof opened !== "string") return opened;
    reasons.push(opened);
  }
  return reasons.length === 0 ? "--gpu off" : reasons.join("; ");
}

/** Whether a server at this address runs on this machine and so uses the GPUs that we see. */
export function isThisMachine(url: string): boolean {
  try {
    const { hostname } = new URL(url.replace(/^grpc/i, "http"));
    return /^(localhost|127(\.\d+){3}|\[::1\]|0\.0\.0\.0)$/.test(hostname);
  } catch {
    // A folder: the engine runs in this program.
    return true;
  }
}

/** Whether the reason is trouble that also those should hear of who did not ask for GPUs. */
export function isTrouble(reason: string): boolean {
  return reason.includes(NO_ANSWER);
}

async function openThread(
  source: GpuSamples["source"],
  { periodMs = PERIOD_MS, timeoutMs = TIMEOUT_MS }: GpuSamplerOptions,
  path: string | undefined,
): Promise<GpuSampler | string> {
  const waiting = new Map<FromGpuThread["kind"], (message: FromGpuThread) => void>();
  let keeper: GpuKeeper | undefined;
  let absent: string | undefined;
  const receive = (message: FromGpuThread): void => {
    if (message.kind === "sample") return keeper?.add(message.epochMs, message.looks);
    if (message.kind !== "absent") return waiting.get(message.kind)?.(message);
    absent = message.reason;
    for (const resolve of waiting.values()) resolve(message);
  };
  let worker: StartedWorker;
  try {
    worker = startWorker<FromGpuThread>(GPU_WORKER, {
      message: receive,
      failure: (reason) => receive({ kind: "absent", reason }),
    });
  } catch (error) {
    return (error as Error).message;
  }
  /** A driver that hangs must not hang the run. */
  const ask = async (
    message: ToGpuThread,
    kind: FromGpuThread["kind"],
    limitMs = timeoutMs,
  ) => {
    const answer = Promise.withResolvers<FromGpuThread>();
    const timer = setTimeout(() => {
      absent = `${source} ${NO_ANSWER}`;
      answer.resolve({ kind: "absent", reason: absent });
    }, limitMs);
    waiting.set(kind, answer.resolve);
    worker.postMessage(message);
    try {
      return await answer.promise;
    } finally {
      clearTimeout(timer);
      waiting.delete(kind);
    }
  };
  const close = async () => {
    const limitMs = source === "nvidia-smi" ? CLOSE_MS : Math.min(timeoutMs, CLOSE_MS);
    await ask({ kind: "close" }, "closed", limitMs);
    worker.terminate();
  };
  const look = async () => {
    if (absent === undefined) await ask({ kind: "look" }, "looked");
  };

  const opened = await ask({
    kind: "open",
    source,
    periodMs,
    pid: Deno.pid,
    ...defined({ path }),
  }, "opened");
  if (opened.kind !== "opened") {
    await close();
    return opened.kind === "absent" ? opened.reason : `${source} ${NO_ANSWER}`;
  }
  const { devices, looks: before } = opened;
  return {
    source,
    devices,
    async begin() {
      keeper = keepGpu(devices, { source, before });
      await look();
    },
    async finish(startEpochMs) {
      await look();
      const samples = keeper?.samples(startEpochMs);
      keeper = undefined;
      return samples === undefined || samples.timeMs.length === 0 ? undefined : samples;
    },
    failure: () => absent,
    close,
  };
}
