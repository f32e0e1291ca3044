/**
 * NVIDIA's management library (NVML), as far as a benchmark needs it: memory, utilization, power,
 * energy and processes of each GPU. Calls may block for milliseconds, so they belong on a thread that
 * measures nothing else.
 *
 * @module
 */
import { defined } from "./defined.ts";
import { messageOf } from "./error_message.ts";
import { libraryPermission, openSystemLibrary } from "./system_library.ts";
import type { GpuDevice, GpuProcess, GpuReading } from "./telemetry_gpu.ts";

/** The first is a pointer, passed as a number: Deno's own need `--allow-ffi` without a path. */
const ON_DEVICE = { parameters: ["usize", "buffer"], result: "i32" } as const;
const PROCESSES = { parameters: ["usize", "buffer", "buffer"], result: "i32" } as const;

/** Functions that older drivers lack are optional. */
const SYMBOLS = {
  nvmlInit_v2: { parameters: [], result: "i32" },
  nvmlShutdown: { parameters: [], result: "i32" },
  nvmlDeviceGetCount_v2: { parameters: ["buffer"], result: "i32" },
  nvmlDeviceGetHandleByIndex_v2: { parameters: ["u32", "buffer"], result: "i32" },
  nvmlDeviceGetName: { parameters: ["usize", "buffer", "u32"], result: "i32" },
  nvmlDeviceGetMemoryInfo: ON_DEVICE,
  nvmlDeviceGetUtilizationRates: ON_DEVICE,
  nvmlDeviceGetPowerUsage: ON_DEVICE,
  nvmlDeviceGetMemoryInfo_v2: { ...ON_DEVICE, optional: true },
  nvmlDeviceGetTotalEnergyConsumption: { ...ON_DEVICE, optional: true },
  nvmlDeviceGetComputeRunningProcesses_v3: { ...PROCESSES, optional: true },
  nvmlDeviceGetComputeRunningProcesses_v2: { ...PROCESSES, optional: true },
} as const;

const SUCCESS = 0;
const INSUFFICIENT_SIZE = 7;
const NAME_BYTES = 96;
/** Memory of a process, where the driver does not report it. */
const NOT_REPORTED = 2n ** 64n - 1n;
/** struct nvmlMemory_v2_t: version and padding, then total, reserved, free, used. */
const MEMORY_V2_BYTES = 40;
/** struct nvmlProcessInfo_t since `_v2`: pid and padding, bytes, two MIG ids. */
const PROCESS_BYTES = 24;
const FIRST_PROCESSES = 64;

/** Errors that a user can do something about. */
const REASONS: Readonly<Record<number, string>> = {
  4: "no permission to use the GPUs",
  9: "the NVIDIA driver is not loaded",
  15: "a GPU has fallen off the bus",
  17: "the operating system blocks the GPUs, e.g. by a container's limits",
  18: "library and driver are of different versions",
};

/** The opened library. */
export interface Nvml {
  readonly devices: readonly GpuDevice[];
  /** One reading for each of `devices`, in their order. */
  read(): GpuReading[];
  /** Closes the library; idempotent. */
  close(): void;
}

/** The library's name for the system's loader; `undefined` where there is none. */
export function nvmlLibrary(os: string = Deno.build.os): string | undefined {
  if (os === "linux") return "libnvidia-ml.so.1";
  return os === "windows" ? "nvml.dll" : undefined;
}

/**
 * Why the library cannot be opened. Does not start it and never asks for a permission.
 *
 * @returns `undefined` when it can be opened.
 */
export function nvmlAbsence(library = nvmlLibrary()): string | undefined {
  if (library === undefined) return `there is no NVML on ${Deno.build.os}`;
  if (libraryPermission(library) !== "granted") return "NVML needs --allow-ffi";
  try {
    openSystemLibrary(library, { nvmlInit_v2: SYMBOLS.nvmlInit_v2 }).close();
    return undefined;
  } catch {
    return `there is no ${library}`;
  }
}

/**
 * Opens the library and finds the GPUs.
 *
 * @param library name or path; default: the system's.
 * @throws {TypeError} when there is no such library, or it cannot start: no driver, no GPU.
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
 */
export function openNvml(library: string | undefined = nvmlLibrary()): Nvml {
  if (library === undefined) throw new TypeError(`Cannot use NVML on ${Deno.build.os}`);
  let opened;
  try {
    opened = openSystemLibrary(library, SYMBOLS);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw new TypeError(`Cannot open ${library}: ${messageOf(error).split("\n")[0]}`);
  }
  const { symbols } = opened;
  const started = symbols.nvmlInit_v2();
  if (started !== SUCCESS) {
    opened.close();
    throw new TypeError(`Cannot start NVML: ${REASONS[started] ?? `error ${started}`}`);
  }
  let closed = false;
  const close = () => {
    if (closed) return;
    closed = true;
    symbols.nvmlShutdown();
    opened.close();
  };

  const numbers = new Uint32Array(2);
  const longs = new BigUint64Array(3);
  const handle = new BigUint64Array(1);
  const memoryV2 = new DataView(new ArrayBuffer(MEMORY_V2_BYTES));
  let table = new DataView(new ArrayBuffer(FIRST_PROCESSES * PROCESS_BYTES));
  // Both fill the same struct, except that drivers 535.43 to 535.86 have a longer one in `_v3`.
  const listProcesses = symbols.nvmlDeviceGetComputeRunningProcesses_v2 ??
    symbols.nvmlDeviceGetComputeRunningProcesses_v3;

  const readMemory = (gpu: bigint) => {
    // The older call counts memory reserved by the driver as used.
    memoryV2.setUint32(0, MEMORY_V2_BYTES | 2 << 24, true);
    if (symbols.nvmlDeviceGetMemoryInfo_v2?.(gpu, memoryV2) === SUCCESS) {
      return {
        total: Number(memoryV2.getBigUint64(8, true)),
        used: Number(memoryV2.getBigUint64(32, true)),
      };
    }
    if (symbols.nvmlDeviceGetMemoryInfo(gpu, longs) !== SUCCESS) return undefined;
    return { total: Number(longs[0]), used: Number(longs[2]) };
  };

  const readProcesses = (gpu: bigint): readonly GpuProcess[] | undefined => {
    // Processes may start between the answer "too small" and the next call.
    for (let attempt = 0; listProcesses && attempt < 3; attempt++) {
      numbers[0] = table.byteLength / PROCESS_BYTES;
      const code = listProcesses(gpu, numbers, table);
      const count = numbers[0];
      if (code === INSUFFICIENT_SIZE) {
        table = new DataView(new ArrayBuffer(2 * (count + 1) * PROCESS_BYTES));
        continue;
      }
      if (code !== SUCCESS) return undefined;
      return Array.from({ length: count }, (_, i) => {
        const pid = table.getUint32(i * PROCESS_BYTES, true);
        const bytes = table.getBigUint64(i * PROCESS_BYTES + 8, true);
        return bytes === NOT_REPORTED ? { pid } : { pid, bytes: Number(bytes) };
      });
    }
    return undefined;
  };

  const read = (gpu: bigint): GpuReading => {
    const memory = readMemory(gpu);
    const utilization = symbols.nvmlDeviceGetUtilizationRates(gpu, numbers) === SUCCESS
      ? numbers[0]! / 100
      : undefined;
    const powerW = symbols.nvmlDeviceGetPowerUsage(gpu, numbers) === SUCCESS
      ? numbers[0]! / 1000
      : undefined;
    const energyJ = symbols.nvmlDeviceGetTotalEnergyConsumption?.(gpu, longs) === SUCCESS
      ? Number(longs[0]) / 1000
      : undefined;
    const processes = readProcesses(gpu);
    return defined({ memoryUsedBytes: memory?.used, utilization, powerW, energyJ, processes });
  };

  const found: { readonly gpu: bigint; readonly device: GpuDevice }[] = [];
  const count = symbols.nvmlDeviceGetCount_v2(numbers) === SUCCESS ? numbers[0]! : 0;
  for (let index = 0; index < count; index++) {
    // GPUs that this user may not use are left out; the others can be measured.
    if (symbols.nvmlDeviceGetHandleByIndex_v2(index, handle) !== SUCCESS) continue;
    const gpu = handle[0]!;
    const bytes = new Uint8Array(NAME_BYTES);
    const named = symbols.nvmlDeviceGetName(gpu, bytes, NAME_BYTES) === SUCCESS;
    const name = named ? new TextDecoder().decode(bytes).split("\0")[0]! : `GPU ${index}`;
    const device = defined({ index, name, memoryTotalBytes: readMemory(gpu)?.total });
    found.push({ gpu, device });
  }
  if (found.length === 0) {
    close();
    throw new TypeError("Cannot use NVML: it finds no GPU");
  }
  return {
    devices: found.map(({ device }) => device),
    read: () => found.map(({ gpu }) => read(gpu)),
    close,
  };
}
