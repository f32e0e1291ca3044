/**
 * A run as the record file keeps it: what was planned, on which machine, and when each load began
 * and ended. Together with the records it is everything a report is made of.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { RunCalibration } from "./calibration.ts";

/** Machine and programs of the client. Unknown values are absent (permission not granted). */
export interface Environment {
  readonly os: string;
  readonly osRelease?: string;
  readonly arch: string;
  readonly cpu?: string;
  readonly cores: number;
  readonly memoryMiB?: number;
  readonly hostname?: string;
  readonly deno: string;
  readonly v8: string;
}

/** One load as planned. */
export interface LoadPlan {
  /** `64 users`, `8 req/s poisson`. */
  readonly label: string;
  readonly kind: "closed" | "open";
  /** Closed: number of users. */
  readonly users?: number;
  readonly rampUpMs?: number;
  readonly arrival?: "constant" | "poisson" | "gamma";
  /** Open: offered rate. */
  readonly ratePerSec?: number;
  readonly maxInFlight?: number;
  readonly overflow?: "wait" | "drop";
  readonly stopRequests?: number;
  readonly stopDurationMs?: number;
}

/** First line of a record file. */
export interface RunHeader {
  readonly schema: "tokometer.record/1";
  /** Version of Tokometer. */
  readonly version: string;
  /** ISO 8601, the run's one wall-clock stamp. */
  readonly startedAt: string;
  readonly scenario: string;
  /** Command line without secrets. */
  readonly commandLine: readonly string[];
  /** Option values that repeat the run (`--config FILE` reads them back). */
  readonly options: Readonly<Record<string, unknown>>;
  readonly url: string;
  readonly protocol: string;
  readonly transport: string;
  readonly workers: number;
  readonly model: string;
  readonly length: "forced" | "cap";
  readonly stream: boolean;
  readonly seed: number;
  readonly dataset: {
    readonly kind: string;
    readonly source: string;
    readonly sha256?: string;
    readonly prompts: number;
    readonly skipped: Readonly<Record<string, number>>;
    readonly duplicates: number;
  };
  readonly tokenizer: { readonly source: "tokenizer" | "estimate"; readonly name: string };
  readonly loads: readonly LoadPlan[];
  readonly environment: Environment;
  /** How exact this client was found to be; absent = not calibrated, or for another machine. */
  readonly calibration?: RunCalibration;
}

/** What the client saw of itself during one load. */
export interface ClientHealth {
  /** CPU time of the whole client process ÷ wall time; 1 = one core busy. */
  readonly cpuCores?: number;
  /** Lateness of a 10 ms timer on the thread that reads, in ms. */
  readonly loopLagP50Ms?: number;
  readonly loopLagP99Ms?: number;
  readonly loopLagMaxMs?: number;
  /** Largest resident memory seen, sampled. */
  readonly peakRssMiB?: number;
  /** CPU time of the busiest thread that reads ÷ wall time, helper threads left out. */
  readonly threadCpu?: number;
  /** Share of the time for which that thread could have run and no core was free for it. */
  readonly threadWait?: number;
  /** Open files and sockets of the process at the end of the load. */
  readonly descriptors?: number;
  /** Most that it may open (`ulimit -n`). */
  readonly descriptorLimit?: number;
  /** Pooled connections found closed by the server and replaced. */
  readonly replacedConnections?: number;
}

/** The GPUs of this machine during one load, sampled; times in ms from the start of the load. */
export interface GpuSamples {
  /** What told: NVML lists processes and counts energy, `nvidia-smi` does neither. */
  readonly source: "nvml" | "nvidia-smi";
  /** When each sample was taken; at most 600 of them. */
  readonly timeMs: readonly number[];
  readonly devices: readonly GpuTrack[];
}

/** One GPU; lists have a value for each sample, `null` where it was not told. */
export interface GpuTrack {
  readonly index: number;
  readonly name: string;
  readonly memoryTotalMiB?: number;
  /** In use before the run's first request, by whomever. */
  readonly memoryStartMiB?: number;
  /** In use by all processes. Where samples were merged, the largest. */
  readonly memoryMiB: readonly (number | null)[];
  /** Of it, by this program and what it has started. Absent where processes are not told apart. */
  readonly ownMiB?: readonly (number | null)[];
  /** Of it, by other processes. */
  readonly otherMiB?: readonly (number | null)[];
  /** Share of the time in which a kernel ran, 0 to 1. */
  readonly utilization: readonly (number | null)[];
  readonly powerW: readonly (number | null)[];
  /** Spent from the first to the last sample. */
  readonly energyJ?: number;
  /** `power`: no counter, but the power over time. */
  readonly energyFrom?: "counter" | "power";
}

/** How one load went, as a line of the record file. Times in ms from the start of the load. */
export interface LoadEnd {
  readonly load: number;
  /** From the start to the end of the last request counted. */
  readonly durationMs: number;
  /** When the last user had started (0 without a ramp). */
  readonly rampEndMs: number;
  /** First moment when nothing was left to send. */
  readonly sendingEndMs: number;
  /** Stopped by Ctrl-C. */
  readonly interrupted: boolean;
  readonly client?: ClientHealth;
  /** Absent when they were not sampled. */
  readonly gpu?: GpuSamples;
}

/** Input of every summary. */
export interface Run {
  readonly header: RunHeader;
  readonly records: readonly RequestRecord[];
  readonly ends: readonly LoadEnd[];
}
