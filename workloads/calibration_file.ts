/**
 * Where calibrations are kept: one file a user, a section a machine.
 *
 * @module
 */
import { TRANSPORTS } from "../backends/transports.ts";
import type {
  CalibrationCell,
  CalibrationLimit,
  Environment,
  MemoryPerStream,
  RunCalibration,
} from "../metrics/run.ts";
import { fileError, UserError } from "./user_error.ts";
import { VERSION } from "./version.ts";

/** What a calibration is valid for. */
export interface CalibratedMachine
  extends Pick<Environment, "os" | "arch" | "cpu" | "cores" | "memoryMiB" | "deno"> {
  /** Version of Tokometer: another one may read faster. */
  readonly version: string;
}

/** What was found on one machine. */
export interface MachineCalibration {
  /** Where. */
  readonly machine: CalibratedMachine;
  /** ISO 8601. */
  readonly savedAt: string;
  /** One a load. */
  readonly cells: readonly CalibrationCell[];
  /** One a transport and bound. */
  readonly limits: readonly CalibrationLimit[];
  /** One a transport; absent = not tried. */
  readonly memory?: readonly MemoryPerStream[];
  /** Most tokens/s that the simulated engine was seen to write; absent = not tried. */
  readonly capacityPerSec?: number;
}

interface CalibrationFile {
  readonly schema: typeof SCHEMA;
  readonly machines: readonly MachineCalibration[];
}

const SCHEMA = "tokometer.calibration/1";

/** A virtual machine's memory may change a little from start to start. */
const MEMORY_TOLERANCE = 0.1;

/** The machine that this program runs on, as a calibration names it. */
export function machineOf(environment: Environment): CalibratedMachine {
  const { os, arch, cpu, cores, memoryMiB, deno } = environment;
  return {
    os,
    arch,
    cores,
    deno,
    version: VERSION,
    ...(cpu === undefined ? {} : { cpu }),
    ...(memoryMiB === undefined ? {} : { memoryMiB }),
  };
}

/** Whether a calibration of `a` speaks for `b`; what one of them does not know is not compared. */
export function sameMachine(a: CalibratedMachine, b: CalibratedMachine): boolean {
  const memories = [a.memoryMiB ?? b.memoryMiB ?? 1, b.memoryMiB ?? a.memoryMiB ?? 1];
  return a.os === b.os && a.arch === b.arch && a.cores === b.cores && a.deno === b.deno &&
    a.version === b.version && (a.cpu ?? b.cpu) === (b.cpu ?? a.cpu) &&
    Math.min(...memories) >= (1 - MEMORY_TOLERANCE) * Math.max(...memories);
}

/**
 * The user's own file: in `XDG_STATE_HOME`, else `~/.local/state`, else `LOCALAPPDATA`; absent when
 * the environment may not be read. Never asks for a permission.
 */
export function defaultCalibrationPath(): string | undefined {
  const read = (variable: string): string | undefined =>
    Deno.permissions.querySync({ name: "env", variable }).state === "granted"
      ? Deno.env.get(variable) || undefined
      : undefined;
  const home = read("HOME");
  const state = read("XDG_STATE_HOME") ?? (home && `${home}/.local/state`) ?? read("LOCALAPPDATA");
  return state && `${state}/tokometer/calibration.json`;
}

/**
 * Cells that can speak for runs on this machine over this transport with this many threads. The
 * default file is skipped silently when it is missing, unreadable or not permitted.
 *
 * @param client `file`: named by the user; absent = the default one.
 * @throws {UserError} when a named file cannot be read.
 */
export async function lookUpCalibration(
  environment: Environment,
  client: Pick<CalibrationCell, "transport" | "workers"> & { readonly file?: string },
): Promise<RunCalibration | undefined> {
  const found = await lookUpMachine(environment, client.file);
  const cells =
    found?.cells.filter(({ transport, workers }) =>
      transport === client.transport && workers === client.workers
    ) ?? [];
  if (found === undefined || cells.length === 0) return undefined;
  const carrierOf = (transport: string) =>
    TRANSPORTS.find(({ name }) => name === transport)?.carrier;
  const carrier = carrierOf(client.transport);
  const limits = found.limits.filter(({ transport }) => carrierOf(transport) === carrier);
  return { savedAt: found.savedAt, cells, limits };
}

/**
 * Everything that was found on this machine. The default file is skipped silently when it is
 * missing, unreadable or not permitted.
 *
 * @param file named by the user; absent = the default one.
 * @throws {UserError} when a named file cannot be read.
 */
export async function lookUpMachine(
  environment: Environment,
  file?: string,
): Promise<MachineCalibration | undefined> {
  const path = file ?? permittedDefault("read");
  if (path === undefined) return undefined;
  let machines: readonly MachineCalibration[];
  try {
    machines = await readMachines(path);
  } catch (error) {
    if (file === undefined) return undefined;
    throw error;
  }
  const here = machineOf(environment);
  return machines.find(({ machine }) => sameMachine(machine, here));
}

/**
 * Adds what was found to the file; equal loads are replaced, everything else is kept.
 *
 * @param file named by the user; absent = the default one.
 * @returns the path, or nothing when the default file is not permitted.
 * @throws {UserError} when the file cannot be written, or holds something else.
 */
export async function saveCalibration(
  found: MachineCalibration,
  file?: string,
): Promise<string | undefined> {
  const path = file ?? permittedDefault("write");
  if (path === undefined) return undefined;
  const machines = await readMachines(path).catch((error) => {
    if (error instanceof UserError && error.cause instanceof Deno.errors.NotFound) return [];
    throw error;
  });
  const old = machines.find(({ machine }) => sameMachine(machine, found.machine));
  const capacityPerSec = found.capacityPerSec ?? old?.capacityPerSec;
  const [memory, oldMemory] = [found.memory ?? [], old?.memory ?? []];
  const merged: MachineCalibration = {
    ...found,
    memory: [...oldMemory.filter(without(memory, clientKey)), ...memory],
    ...(capacityPerSec === undefined ? {} : { capacityPerSec }),
    cells: [...(old?.cells ?? []).filter(without(found.cells, cellKey)), ...found.cells],
    limits: [...(old?.limits ?? []).filter(without(found.limits, limitKey)), ...found.limits],
  };
  const content: CalibrationFile = {
    schema: SCHEMA,
    machines: [...machines.filter((one) => one !== old), merged],
  };
  try {
    const folder = /^(.+)[/\\][^/\\]+$/.exec(path)?.[1];
    if (folder !== undefined) await Deno.mkdir(folder, { recursive: true });
    // Another run may be reading it: it sees the old file or the new one, never half of it.
    await Deno.writeTextFile(`${path}.new`, `${JSON.stringify(content, null, 1)}\n`);
    await Deno.rename(`${path}.new`, path);
  } catch (error) {
    throw fileError(`Cannot write ${path}`, error, "; --calibration FILE names another");
  }
  return path;
}

async function readMachines(path: string): Promise<readonly MachineCalibration[]> {
  let text: string;
  try {
    text = await Deno.readTextFile(path);
  } catch (error) {
    throw fileError(`Cannot read the calibration ${path}`, error);
  }
  let content: Partial<CalibrationFile> | null;
  try {
    content = JSON.parse(text);
  } catch {
    content = null;
  }
  if (content?.schema !== SCHEMA || !Array.isArray(content.machines)) {
    throw new UserError(
      `Cannot use ${path} as a calibration: such files are written by "tokometer calibrate"`,
    );
  }
  return content.machines;
}

function permittedDefault(name: "read" | "write"): string | undefined {
  const path = defaultCalibrationPath();
  const names = name === "write" ? ["read", "write"] as const : ["read"] as const;
  const granted = path !== undefined &&
    names.every((name) => Deno.permissions.querySync({ name, path }).state === "granted");
  return granted ? path : undefined;
}

function without<T>(newer: readonly T[], keyOf: (one: T) => string): (one: T) => boolean {
  const keys = new Set(newer.map(keyOf));
  return (one) => !keys.has(keyOf(one));
}

function cellKey({ transport, workers, streams, itlMs, pattern }: CalibrationCell): string {
  return [transport, workers, streams, itlMs, pattern].join();
}

function clientKey({ transport, workers }: MemoryPerStream): string {
  return [transport, workers].join();
}

function limitKey({ transport, workers, itlMs, pattern, boundMs }: CalibrationLimit): string {
  return [transport, workers, itlMs, pattern, boundMs].join();
}
