/**
 * A run as the record file keeps it: what was planned, on which machine, and when each load began
 * and ended. Together with the records it is everything a report is made of.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { RunCalibration } from "./check_calibration.ts";
import type { MergedClients } from "./merged_clients.ts";

/** Machine and programs of the client. Unknown values are absent (permission not granted). */
export interface Environment {
  /** As Deno names it: `linux`, `darwin`, `windows`. */
  readonly os: string;
  /** Version of the kernel. */
  readonly osRelease?: string;
  /** Instruction set, e.g. `x86_64` or `aarch64`. */
  readonly arch: string;
  /** Model name of the processor; Linux only. */
  readonly cpu?: string;
  /** Logical processors that the client may use. */
  readonly cores: number;
  /** Size of the main memory in MiB. */
  readonly memoryMiB?: number;
  /** Network name of the client's machine. */
  readonly hostname?: string;
  /** Version of the runtime, e.g. `2.9.6`. */
  readonly deno: string;
  /** Version of the runtime's JavaScript engine. */
  readonly v8: string;
}

/** One load as planned. */
export interface LoadPlan {
  /** `64 users`, `8 req/s poisson`. */
  readonly label: string;
  /** `closed`: users who wait for their answers; `open`: arrivals on a schedule. */
  readonly kind: "closed" | "open";
  /** Closed: number of users. */
  readonly users?: number;
  /** Closed: time over which users start, in ms. */
  readonly rampUpMs?: number;
  /** Open: distribution of the gaps between requests. */
  readonly arrival?: "constant" | "poisson" | "gamma";
  /** Open: offered rate. */
  readonly ratePerSec?: number;
  /** Open: limit of requests in flight; 0 = none. */
  readonly maxInFlight?: number;
  /** Open: what happens to a request that is due at that limit. */
  readonly overflow?: "wait" | "drop";
  /** Sending stops after so many; absent = no limit. */
  readonly stopRequests?: number;
  /** Sending stops after this time in ms; absent = no limit. */
  readonly stopDurationMs?: number;
}

/** First line of a record file. */
export interface RunHeader {
  /** Version of the file's shape; readers refuse any other. */
  readonly schema: "tokometer.record/1";
  /** Version of Tokometer. */
  readonly version: string;
  /** ISO 8601, the run's one wall-clock stamp. */
  readonly startedAt: string;
  /** Name of the command, e.g. `bench`. */
  readonly scenario: string;
  /** Command line without secrets. */
  readonly commandLine: readonly string[];
  /** Option values that repeat the run (`--config FILE` reads them back). */
  readonly options: Readonly<Record<string, unknown>>;
  /** Server under test, without a password. */
  readonly url: string;
  /** Name of the protocol spoken, e.g. `openai-chat`. */
  readonly protocol: string;
  /** Name of what carried the bytes, e.g. `fetch`. */
  readonly transport: string;
  /** Threads that send and read; 0 = the main one. */
  readonly workers: number;
  /** Served model name that was sent. */
  readonly model: string;
  /** `forced`: answers of an exact length; `cap`: at most that length. */
  readonly length: "forced" | "cap";
  /** Answers came token by token; without it there is no first token. */
  readonly stream: boolean;
  /** Prompts, their lengths, their order and arrivals follow from it. */
  readonly seed: number;
  /** Where prompts come from, how many there are, and what was left out for which reason. */
  readonly dataset: {
    readonly kind: string;
    readonly source: string;
    readonly sha256?: string;
    readonly prompts: number;
    readonly skipped: Readonly<Record<string, number>>;
    readonly duplicates: number;
  };
  /** What counted texts on our side, or how their length was estimated. */
  readonly tokenizer: { readonly source: "tokenizer" | "estimate"; readonly name: string };
  /** As planned, in the order of measuring. */
  readonly loads: readonly LoadPlan[];
  /** Machine and programs of the client. */
  readonly environment: Environment;
  /** The clients whose records were put together; absent in a record file, which has one. */
  readonly merged?: MergedClients;
  /** How exact this client was found to be; absent = not calibrated, or for another machine. */
  readonly calibration?: RunCalibration;
}

/** What the client saw of itself during one load. */
export interface ClientHealth {
  /** CPU time of the whole client process ÷ wall time; 1 = one core busy. */
  readonly cpuCores?: number;
  /** Median lateness of a timer on the thread that reads, sampled all run, in ms. */
  readonly loopLagP50Ms?: number;
  /** The same lateness at the 99th percentile, in ms. */
  readonly loopLagP99Ms?: number;
  /** Largest lateness of that timer, in ms. */
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
  /**
   * Share of reads that the kernel stamped when their bytes came in, so that it does not matter
   * when they were read; absent where none was (all transports but `epoll`).
   */
  readonly kernelStampedReads?: number;
  /** Pooled connections found closed by the server and replaced. */
  readonly replacedConnections?: number;
}

/** The GPUs of this machine during one load, sampled; times in ms from the start of the load. */
export interface GpuSamples {
  /** What told: NVML lists processes and counts energy, `nvidia-smi` does neither. */
  readonly source: "nvml" | "nvidia-smi";
  /** When each sample was taken; at most 600 of them. */
  readonly timeMs: readonly number[];
  /** One for each GPU that could be read, in the order of their numbers. */
  readonly devices: readonly GpuTrack[];
}

/** One GPU; lists have a value for each sample, `null` where it was not told. */
export interface GpuTrack {
  /** Number of the device as NVIDIA's tools count, from 0. */
  readonly index: number;
  /** Product name, e.g. `NVIDIA H200`. */
  readonly name: string;
  /** Size of its memory in MiB; absent where it was not told. */
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
  /** Power drawn by the board, in watts. */
  readonly powerW: readonly (number | null)[];
  /** Spent from the first to the last sample. */
  readonly energyJ?: number;
  /** `power`: no counter, but the power over time. */
  readonly energyFrom?: "counter" | "power";
}

/** How one load went, as a line of the record file. Times in ms from the start of the load. */
export interface LoadEnd {
  /** 0-based position in the header's `loads`. */
  readonly load: number;
  /** When the load began, in ms since the epoch by this client's clock; absent in older files. */
  readonly startedAtMs?: number;
  /** From the start to the end of the last request counted. */
  readonly durationMs: number;
  /** When the last user had started (0 without a ramp). */
  readonly rampEndMs: number;
  /** First moment when nothing was left to send. */
  readonly sendingEndMs: number;
  /** Stopped by Ctrl-C, or by the end of the client. */
  readonly interrupted: boolean;
  /** The run was stopped before this load began: its times are 0. */
  readonly skipped?: true;
  /** The client ended before it could tell: all of this is as far as its records show. */
  readonly inferred?: true;
  /** How busy the client was; absent = not observed. */
  readonly client?: ClientHealth;
  /** Absent when they were not sampled. */
  readonly gpu?: GpuSamples;
}

/** Input of every summary. */
export interface Run {
  /** What was run, where and how. */
  readonly header: RunHeader;
  /** In the order in which they came in, warm-up included. */
  readonly records: readonly RequestRecord[];
  /** One for each load that was measured or skipped; that of a killed client has fewer. */
  readonly ends: readonly LoadEnd[];
}
