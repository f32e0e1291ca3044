/**
 * What a sweep remembers of itself: its settings and every case that ended, a JSON line each,
 * written as they end, so that it goes on where it was interrupted.
 * T-numbers: docs/python-scripts.md.
 *
 * @module
 */
import {
  anything,
  countTo,
  listOf,
  mapOf,
  numberFrom,
  objectOf,
  oneOf,
  optional,
  readSmallFile,
  textTo,
} from "./json_shape.ts";
import type { SweepCase } from "./sweep_cases.ts";
import { fileError, UserError } from "./user_error.ts";

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

/** Thousands of cases, a kilobyte each. */
const MOST_BYTES = 64 * 2 ** 20;
const MOST_CASES = 1e5;
const text = textTo(1e5);
const number = numberFrom(0, 1e12);

const caseShape = objectOf<SweepCase>({
  clients: number,
  turns: number,
  prompts: number,
  rampUpTime: number,
  stopTime: number,
});
const headerShape = objectOf<SweepHeader>({
  schema: oneOf(["tokometer.sweep/1"]),
  version: text,
  startedAt: text,
  options: mapOf(anything, 1000),
  cases: listOf(caseShape, MOST_CASES),
});
const endShape = objectOf<SweepEnd>({
  index: countTo(MOST_CASES),
  case: caseShape,
  endedAt: text,
  row: optional(listOf(text, 1000)),
  failed: optional(text),
  records: optional(text),
});

/**
 * Reads the state of the last sweep. A last line that was cut off is left out.
 *
 * @param note is told of every other line that is left out: its case runs again.
 * @throws {UserError} when the file is something else.
 */
export async function readSweepState(
  path: string,
  note: (line: string) => void,
): Promise<SweepState | undefined> {
  let content: string;
  try {
    content = await readSmallFile(path, MOST_BYTES);
  } catch (error) {
    if (error instanceof Deno.errors.NotFound) return undefined;
    throw fileError(`Cannot read ${path}`, error);
  }
  const lines = content.split("\n");
  // What follows the last line end is empty, or half a line.
  lines.pop();
  let header: SweepHeader | undefined;
  const ends: SweepEnd[] = [];
  for (const [i, line] of lines.entries()) {
    const value = parsed(line);
    const problem = value === undefined
      ? "it is not JSON"
      : (header === undefined ? headerShape : endShape)(value, "");
    if (problem === undefined) {
      if (header === undefined) header = value as SweepHeader;
      else ends.push(value as SweepEnd);
    } else if (header === undefined) {
      throw notOurs(path, problem);
    } else {
      note(`warning: ${path}, line ${i + 1} is left out, and its case runs again: ${problem}`);
    }
  }
  if (header === undefined) throw notOurs(path, "it is empty");
  return { header, ends };
}

function parsed(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

function notOurs(path: string, problem: string): UserError {
  return new UserError(
    `Cannot resume from ${path}: it is not the state of a sweep (${problem}); leave out --resume ` +
      "to start anew",
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
    state.ends.filter(({ row, index }) => row !== undefined && index < now.cases.length).map((
      end,
    ) => [end.index, end] as const),
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
