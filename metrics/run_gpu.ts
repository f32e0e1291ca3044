/**
 * The GPUs of the client's machine during one load.
 *
 * @module
 */
import type { Count } from "./count.ts";

/** The GPUs of this machine during one load, sampled; times in ms from the start of the load. */
export interface GpuSamples {
  /** Where samples come from: NVML lists processes and counts energy, `nvidia-smi` does neither. */
  readonly source: "nvml" | "nvidia-smi";
  /** Time of each sample, at most 600, in ms from the start of the load. */
  readonly timeMs: readonly number[];
  /** GPUs that could be read, by their numbers. */
  readonly devices: readonly GpuTrack[];
}

/** One GPU; lists have a value per sample, `null` where it is unknown. */
export interface GpuTrack {
  /** Number of the GPU as in NVIDIA's tools, from 0. */
  readonly index: Count;
  /** Product name, e.g. `NVIDIA H200`. */
  readonly name: string;
  /** Size of its memory, in MiB. */
  readonly memoryTotalMiB?: number;
  /** Memory in use by all processes before the run's first request, in MiB. */
  readonly memoryStartMiB?: number;
  /** Memory in use by all processes, in MiB; the largest value where samples were merged. */
  readonly memoryMiB: readonly (number | null)[];
  /** Memory in use by this program and its children, in MiB; absent where it is unknown. */
  readonly ownMiB?: readonly (number | null)[];
  /** Memory in use by other processes, in MiB; absent where it is unknown. */
  readonly otherMiB?: readonly (number | null)[];
  /** Share of the time in which a GPU kernel ran, 0 to 1. */
  readonly utilization: readonly (number | null)[];
  /** Power of the board, in W. */
  readonly powerW: readonly (number | null)[];
  /** Energy from the first to the last sample, in J. */
  readonly energyJ?: number;
  /** `counter`: the GPU's energy counter; `power`: power integrated over time. */
  readonly energyFrom?: "counter" | "power";
}
