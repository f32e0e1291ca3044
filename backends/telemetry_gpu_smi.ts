/**
 * `nvidia-smi` as one long-running child, for where no library may be loaded. It lists no processes
 * and has no energy counter.
 *
 * @module
 */
import { type Clock, systemClock } from "./clock.ts";
import { defined } from "./defined.ts";
import type { GpuDevice, GpuReading } from "./telemetry_gpu.ts";

/** In the order of {@linkcode parseSmiLine}. */
const FIELDS = "index,count,name,memory.total,memory.used,utilization.gpu,power.draw";
const NUMBERS_AFTER_NAME = 4;
const BYTES_OF_MIB = 1024 * 1024;

/** One line: a GPU at one instant. */
export interface SmiLine {
  readonly device: GpuDevice;
  readonly reading: GpuReading;
  /** Number of GPUs; each has its own line. */
  readonly count: number;
}

/** All GPUs at one instant. */
export interface SmiSample {
  /** When the last line was read, on the given clock. */
  readonly atMs: number;
  readonly devices: readonly GpuDevice[];
  readonly readings: readonly GpuReading[];
}

/** Options of {@linkcode startSmi}. */
export interface SmiOptions {
  readonly periodMs: number;
  readonly onSample: (sample: SmiSample) => void;
  /** Program to run. Default `nvidia-smi`. */
  readonly command?: string;
  readonly clock?: Clock;
}

/** The running child. */
export interface Smi {
  /** Resolves with its last output when it has ended. */
  readonly ended: Promise<string>;
  /** Ends it. */
  close(): Promise<void>;
}

/** Time to end by itself before it is killed. */
const GRACE_MS = 1000;
/** A line that is longer is not one of its lines. */
const MOST_LINE_CHARACTERS = 64 * 1024;

/** Whether it may be run; never asks for a permission. */
export async function maySmi(command = "nvidia-smi"): Promise<boolean> {
  return (await Deno.permissions.query({ name: "run", command })).state === "granted";
}

/**
 * Asks it for a list of GPUs.
 *
 * @returns why it cannot be used; `undefined` = it can.
 */
export async function smiAbsence(
  command: string,
  timeoutMs: number,
  clock: Clock = systemClock,
): Promise<string | undefined> {
  if (!await maySmi(command)) return `${command} needs --allow-run`;
  try {
    const child = new Deno.Command(command, {
      args: ["-L"],
      stdin: "null",
      stdout: "null",
      stderr: "null",
    }).spawn();
    const status = await within(child.status, timeoutMs, clock);
    if (status === undefined) {
      end(child, "SIGKILL");
      return `nvidia-smi ${NO_ANSWER}`;
    }
    return status.success ? undefined : `${command} finds no GPU`;
  } catch {
    return `there is no ${command}`;
  }
}

/** End of the reason for a source that hangs, as a driver in trouble makes it do. */
export const NO_ANSWER = "does not answer";

/** The child may be beyond signals, inside a driver: it is never waited for. */
function end(child: Deno.ChildProcess, signal: Deno.Signal): void {
  try {
    child.kill(signal);
  } catch {
    // It has ended already.
  }
  child.unref();
}

async function within<T>(
  promise: Promise<T>,
  limitMs: number,
  clock: Clock,
): Promise<T | undefined> {
  const over = new AbortController();
  const limit = clock.sleepUntil(clock.now() + limitMs, over.signal).then(() => undefined);
  try {
    return await Promise.race([promise, limit]);
  } finally {
    over.abort();
  }
}

/** Reads one line; `undefined` for anything else that the program prints. */
export function parseSmiLine(line: string): SmiLine | undefined {
  // A name may contain commas: fields are counted from both ends.
  const cells = line.split(",").map((cell) => cell.trim());
  if (cells.length < 3 + NUMBERS_AFTER_NAME) return undefined;
  const [index, count] = cells.map(toNumber);
  const name = cells.slice(2, -NUMBERS_AFTER_NAME).join(", ");
  const [total, used, percent, powerW] = cells.slice(-NUMBERS_AFTER_NAME).map(toNumber);
  if (index === undefined || count === undefined) return undefined;
  return {
    device: defined({ index, name, memoryTotalBytes: total && total * BYTES_OF_MIB }),
    reading: defined({
      memoryUsedBytes: used && used * BYTES_OF_MIB,
      utilization: percent && percent / 100,
      powerW,
    }),
    count,
  };
}

/** `[N/A]`, `[Not Supported]` and the like are not numbers. */
function toNumber(cell: string): number | undefined {
  return /^\d+(\.\d+)?$/.test(cell) ? Number(cell) : undefined;
}

/** Groups the lines of one instant. */
export function collectSmi(onSample: (lines: readonly SmiLine[]) => void): (line: string) => void {
  let lines: SmiLine[] = [];
  return (text) => {
    const line = parseSmiLine(text);
    if (line === undefined) return;
    // A GPU that was lost meanwhile has no line: the next round then begins early.
    const last = lines.at(-1);
    if (last !== undefined && line.device.index <= last.device.index) flush();
    lines.push(line);
    if (lines.length >= line.count) flush();
  };

  function flush(): void {
    const whole = lines;
    lines = [];
    onSample(whole);
  }
}

/**
 * Starts the child.
 *
 * @throws {Deno.errors.NotFound} where there is no such program.
 * @throws {Deno.errors.NotCapable} without `--allow-run`.
 */
export function startSmi(options: SmiOptions): Smi {
  const { periodMs, onSample, command = "nvidia-smi", clock = systemClock } = options;
  const child = new Deno.Command(command, {
    args: [`--query-gpu=${FIELDS}`, "--format=csv,noheader,nounits", `--loop-ms=${periodMs}`],
    stdin: "null",
    stdout: "piped",
    stderr: "null",
  }).spawn();
  let last = "";
  const take = collectSmi((lines) =>
    onSample({
      atMs: clock.now(),
      devices: lines.map(({ device }) => device),
      readings: lines.map(({ reading }) => reading),
    })
  );

  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  const read = async (): Promise<string> => {
    let rest = "";
    for (;;) {
      const { done, value = "" } = await reader.read();
      if (done) break;
      const lines = (rest + value).split(/\r?\n/);
      rest = lines.pop()!.slice(-MOST_LINE_CHARACTERS);
      for (const line of lines) {
        if (line.trim() !== "") last = line.trim();
        take(line);
      }
    }
    await child.status;
    return last;
  };
  const ended = read();
  return {
    ended,
    async close() {
      end(child, "SIGTERM");
      if (await within(ended, GRACE_MS, clock) !== undefined) return;
      end(child, "SIGKILL");
      // A child of its own may hold the pipe.
      await reader.cancel();
    },
  };
}
