/**
 * One sample of this machine's GPUs, whatever takes it.
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
  /** Absent = not reported by the driver. */
  readonly bytes?: number;
}

/** One GPU at one instant; absent = not reported. */
export interface GpuReading {
  /** Of all processes, without the driver's own reserve where that is reported separately. */
  readonly memoryUsedBytes?: number;
  /** Share of the last sampling period in which at least one kernel ran, 0 to 1. */
  readonly utilization?: number;
  readonly powerW?: number;
  /** A counter that starts when the driver is loaded: only differences are meaningful. */
  readonly energyJ?: number;
  /** Compute processes; absent = they cannot be listed. */
  readonly processes?: readonly GpuProcess[];
}
