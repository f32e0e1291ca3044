/**
 * What one look at this machine's GPUs gives, whatever looked.
 *
 * @module
 */

/** A GPU of this machine. */
export interface GpuDevice {
  /** Position in the driver's own order, which `CUDA_VISIBLE_DEVICES` does not change. */
  readonly index: number;
  readonly name: string;
  readonly memoryTotalBytes?: number;
}

/** A process with memory on a GPU. */
export interface GpuProcess {
  readonly pid: number;
  /** Absent where the driver does not tell. */
  readonly bytes?: number;
}

/** One GPU at one instant; absent = it does not tell. */
export interface GpuReading {
  /** Of all processes; without what the driver reserves for itself, where it tells that apart. */
  readonly memoryUsedBytes?: number;
  /** Share of the last moments in which at least one kernel ran, 0 to 1. */
  readonly utilization?: number;
  readonly powerW?: number;
  /** A counter that begins when the driver is loaded: only differences mean anything. */
  readonly energyJ?: number;
  /** Compute processes; absent where nobody can list them. */
  readonly processes?: readonly GpuProcess[];
}
