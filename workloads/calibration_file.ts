/**
 * Where calibrations are kept: one file per user, one section per machine.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { Environment } from "../metrics/run.ts";
import type {
  CalibrationCell,
  CalibrationLimit,
  MemoryPerStream,
} from "../metrics/run_calibration.ts";
import { formatMib } from "../metrics/format.ts";
import {
  countTo,
  listOf,
  numberFrom,
  objectOf,
  oneOf,
  optional,
  readSmallFile,
  textTo,
} from "./json_shape.ts";
import { calibrationCell, calibrationLimit, memoryPerStream } from "./record_shape_calibration.ts";
import { fileError, UserError } from "./user_error.ts";
import { VERSION } from "./version.ts";

/** The machine and programs that a calibration is valid for. */
export interface CalibratedMachine extends
  Pick<
    Environment,
    "os" | "arch" | "cpu" | "cores" | "effectiveCores" | "memoryMiB" | "deno"
  > {
  /** Version of Tokometer: another one may read faster. */
  readonly version: string;
}

export interface MachineCalibration {
  readonly machine: CalibratedMachine;
  /** ISO 8601. */
  readonly savedAt: string;
  /** One per load. */
  readonly cells: readonly CalibrationCell[];
  /** One per transport and bound. */
  readonly limits: readonly CalibrationLimit[];
  /** One per transport; absent = not tried. */
  readonly memory?: readonly MemoryPerStream[];
  /** Most tokens/s that the simulated engine wrote; absent = not tried. */
  readonly capacityPerSec?: number;
}

interface CalibrationFile {
  readonly schema: typeof SCHEMA;
  readonly machines: readonly MachineCalibration[];
}

const SCHEMA = "tokometer.calibration/1";
const CLIENT_KEY = ["transport", "workers"] as const;

/** A virtual machine's memory may change a little from start to start. */
const MEMORY_TOLERANCE = 0.1;

/** This machine, as a calibration names it. */
export function machineOf(environment: Environment): CalibratedMachine {
  const { os, arch, cpu, cores, effectiveCores, memoryMiB, deno } = environment;
  return {
    os,
    arch,
    cores,
    deno,
    version: VERSION,
    ...defined({ cpu, effectiveCores, memoryMiB }),
  };
}

/** Whether a calibration of `a` is valid on `b`; what is unknown of one of them is not compared. */
export function sameMachine(a: CalibratedMachine, b: CalibratedMachine): boolean {
  return differences(a, b).length === 0;
}

/** What a calibration of `then` does not know of `now`: one clause each, the weightiest first. */
function differences(then: CalibratedMachine, now: CalibratedMachine): readonly string[] {
  const differ = (...fields: readonly ("os" | "arch" | "cpu" | "deno" | "version")[]) =>
    fields.some((field) => (then[field] ?? now[field]) !== (now[field] ?? then[field]));
  const { memoryMiB: memoryThen = now.memoryMiB ?? 1 } = then;
  const { memoryMiB: memoryNow = memoryThen } = now;
  const smaller = Math.min(memoryThen, memoryNow);
  const coresOf = ({ cores, effectiveCores = cores }: CalibratedMachine) => effectiveCores;
  return [
    ...(differ("os", "arch", "cpu")
      ? [`calibrated on another machine (${then.cpu ?? `${then.os}, ${then.arch}`})`]
      : []),
    ...(coresOf(then) !== coresOf(now)
      ? [`calibrated with ${coreText(coresOf(then))}, this run may use ${coresOf(now)}`]
      : then.cores !== now.cores
      ? [`calibrated on ${coreText(then.cores)}, this machine has ${now.cores}`]
      : []),
    ...(smaller < (1 - MEMORY_TOLERANCE) * Math.max(memoryThen, memoryNow)
      ? [
        `calibrated with ${formatMib(memoryThen)} of memory, this machine has ${
          formatMib(memoryNow)
        }`,
      ]
      : []),
    ...(differ("version")
      ? [`calibrated with version ${then.version} of Tokometer, this is ${now.version}`]
      : []),
    ...(differ("deno") ? [`calibrated with Deno ${then.deno}, this is ${now.deno}`] : []),
  ];
}

function coreText(cores: number): string {
  return `${cores} ${cores === 1 ? "core" : "cores"}`;
}

/**
 * The user's own file: in `XDG_STATE_HOME`, else `~/.local/state`, else `LOCALAPPDATA`; absent when
 * the environment may not be read. Never asks for a permission.
 */
function defaultCalibrationPath(): string | undefined {
  const read = (variable: string): string | undefined =>
    Deno.permissions.querySync({ name: "env", variable }).state === "granted"
      ? Deno.env.get(variable) || undefined
      : undefined;
  const home = read("HOME");
  const state = read("XDG_STATE_HOME") ?? (home && `${home}/.local/state`) ?? read("LOCALAPPDATA");
  return state && `${state}/tokometer/calibration.json`;
}

/** The calibration of this machine, or why there is none. */
export interface MachineLookup {
  readonly found?: MachineCalibration;
  /** One clause: in what the nearest calibration differs. Absent when there is none at all. */
  readonly why?: string;
}

/**
 * Looks for a calibration of this machine. The default file is skipped silently when it is missing,
 * unreadable or not permitted.
 *
 * @param file named by the user; absent = the default one.
 * @throws {UserError} when a named file cannot be read.
 */
export async function lookUpMachine(
  environment: Environment,
  file?: string,
): Promise<MachineLookup> {
  const path = file ?? permittedDefault("read");
  if (path === undefined) return {};
  let machines: readonly MachineCalibration[];
  try {
    machines = await readMachines(path);
  } catch (error) {
    if (file === undefined) return {};
    throw error;
  }
  const here = machineOf(environment);
  const nearest = machines
    .map((one) => ({ one, differing: differences(one.machine, here) }))
    .sort((a, b) => a.differing.length - b.differing.length)[0];
  if (nearest === undefined) return {};
  const [why] = nearest.differing;
  return why === undefined ? { found: nearest.one } : { why };
}

/**
 * Adds a calibration to the file; equal loads are replaced, everything else is kept.
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
  const memory = found.memory ?? [];
  const merged: MachineCalibration = {
    ...found,
    ...defined({ capacityPerSec: found.capacityPerSec ?? old?.capacityPerSec }),
    memory: replaceEqual(old?.memory, memory, CLIENT_KEY),
    cells: replaceEqual(old?.cells, found.cells, [...CLIENT_KEY, "streams", "itlMs", "pattern"]),
    limits: replaceEqual(old?.limits, found.limits, [...CLIENT_KEY, "itlMs", "pattern", "boundMs"]),
  };
  const content: CalibrationFile = {
    schema: SCHEMA,
    machines: [...machines.filter((one) => one !== old), merged],
  };
  try {
    const folder = /^(.+)[/\\][^/\\]+$/.exec(path)?.[1];
    if (folder !== undefined) await Deno.mkdir(folder, { recursive: true });
    // Another run may be reading it, and should see the old file or the new one, never half of it.
    await Deno.writeTextFile(`${path}.new`, `${JSON.stringify(content, null, 1)}\n`);
    await Deno.rename(`${path}.new`, path);
  } catch (error) {
    throw fileError(`Cannot write ${path}`, error, "; --calibration FILE names another");
  }
  return path;
}

/** Of all machines of a user, with thousands of cells each. */
const MOST_BYTES = 64 * 2 ** 20;
const MOST_ENTRIES = 1e5;

const machineShape = objectOf<MachineCalibration>({
  machine: objectOf<CalibratedMachine>({
    os: textTo(1000),
    arch: textTo(1000),
    cpu: optional(textTo(1000)),
    cores: countTo(1e6),
    effectiveCores: optional(numberFrom(0, 1e6)),
    memoryMiB: optional(numberFrom(0, 1e12)),
    deno: textTo(1000),
    version: textTo(1000),
  }),
  savedAt: textTo(1000),
  cells: listOf(calibrationCell, MOST_ENTRIES),
  limits: listOf(calibrationLimit, MOST_ENTRIES),
  memory: optional(listOf(memoryPerStream, MOST_ENTRIES)),
  capacityPerSec: optional(numberFrom(0, 1e15)),
});
const fileShape = objectOf<CalibrationFile>({
  schema: oneOf([SCHEMA]),
  machines: listOf(machineShape, MOST_ENTRIES),
});

async function readMachines(path: string): Promise<readonly MachineCalibration[]> {
  let text: string;
  try {
    text = await readSmallFile(path, MOST_BYTES);
  } catch (error) {
    throw fileError(`Cannot read the calibration ${path}`, error);
  }
  let content: unknown;
  try {
    content = JSON.parse(text);
  } catch {
    throw notOurs(path, "it is not JSON");
  }
  const problem = fileShape(content, "");
  if (problem !== undefined) throw notOurs(path, problem);
  return (content as CalibrationFile).machines;
}

function notOurs(path: string, problem: string): UserError {
  return new UserError(
    `Cannot use ${path} as a calibration: ${problem}; such files are written by ` +
      '"tokometer calibrate"',
  );
}

function permittedDefault(name: "read" | "write"): string | undefined {
  const path = defaultCalibrationPath();
  const names = name === "write" ? ["read", "write"] as const : ["read"] as const;
  const granted = path !== undefined &&
    names.every((name) => Deno.permissions.querySync({ name, path }).state === "granted");
  return granted ? path : undefined;
}

/** The old ones without those that equal a newer one in these fields, then the newer ones. */
function replaceEqual<T>(
  old: readonly T[] = [],
  newer: readonly T[],
  fields: readonly (keyof T)[],
): readonly T[] {
  const keyOf = (one: T) => fields.map((field) => one[field]).join();
  const keys = new Set(newer.map(keyOf));
  return [...old.filter((one) => !keys.has(keyOf(one))), ...newer];
}
