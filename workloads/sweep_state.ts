/**
 * What a sweep remembers of itself: its settings and every case that ended, a JSON line each,
 * written as they end, so that it goes on where it was interrupted.
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import { readIfThere } from "./sweep_archive.ts";
import type { SweepCase } from "./sweep_cases.ts";
import { UserError } from "./user_error.ts";

/** The first line. Options without secrets (T38). */
export interface SweepHeader {
  readonly schema: "tokometer.sweep/1";
  readonly version: string;
  readonly startedAt: string;
  readonly options: Readonly<Record<string, unknown>>;
  readonly cases: readonly SweepCase[];
}

/** How a case ended. */
export interface SweepEnd {
  /** Position in the list of cases. */
  readonly index: number;
  readonly case: SweepCase;
  readonly endedAt: string;
  /** Cells of the CSV; absent when the case failed. */
  readonly row?: readonly string[];
  /** Why it failed. */
  readonly failed?: string;
  /** Record file, from the result folder. */
  readonly records?: string;
}

/** A sweep as its file tells it. */
interface SweepState {
  readonly header: SweepHeader;
  readonly ends: readonly SweepEnd[];
}

/**
 * Reads the state of the last sweep. A last line that was cut off is left out.
 *
 * @throws {UserError} when the file is something else.
 */
export async function readSweepState(path: string): Promise<SweepState | undefined> {
  const text = await readIfThere(path);
  if (text === undefined) return undefined;
  const lines = text.split("\n");
  // What follows the last line end is empty, or half a line.
  lines.pop();
  const [header, ...ends] = lines.map((line) => {
    try {
      return JSON.parse(line) as Record<string, unknown>;
    } catch {
      throw notOurs(path);
    }
  });
  if (header?.schema !== "tokometer.sweep/1") throw notOurs(path);
  return {
    header: header as unknown as SweepHeader,
    ends: ends as unknown as readonly SweepEnd[],
  };
}

function notOurs(path: string): UserError {
  return new UserError(
    `Cannot resume from ${path}: it is not the state of a sweep; leave out --resume to start anew`,
  );
}

/**
 * Cases that need not run again: those that ended well. Failed ones get another chance.
 *
 * @throws {UserError} when the options would measure something else than before.
 */
export function finishedCases(state: SweepState, now: SweepHeader): ReadonlyMap<number, SweepEnd> {
  const different = differences(state.header, now);
  if (different.length > 0) {
    throw new UserError(
      `Cannot resume: ${different.join(", ")} differ from those of the sweep that was ` +
        "interrupted; repeat its options, or leave out --resume to start anew",
    );
  }
  return new Map(
    state.ends.filter(({ row }) => row !== undefined).map((end) => [end.index, end] as const),
  );
}

/** Options that do not change what is measured. */
const FREE: readonly string[] = [
  ...["resume", "quiet", "color", "max-failures"],
  ...["launch-port", "launch-log", "launch-timeout"],
];

function differences(before: SweepHeader, now: SweepHeader): string[] {
  const same = (a: unknown, b: unknown) => JSON.stringify(a) === JSON.stringify(b);
  if (!same(before.cases, now.cases)) return ["the cases"];
  const names = new Set([...Object.keys(before.options), ...Object.keys(now.options)]);
  return [...names].filter((name) =>
    !FREE.includes(name) && !same(before.options[name], now.options[name])
  ).map((name) => `--${name}`);
}
