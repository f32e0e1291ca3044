/**
 * Parts of what is collected, and how those of another machine are read: every one is checked before
 * anything is added.
 *
 * @module
 */
import type { Mergeable } from "./load_state.ts";

/** Of one machine: a million users in µs for half a year, and eight such sums are exact. */
const MOST = 2 ** 50;

/** Longest text in a state, in UTF-16 units. */
export const LONGEST_TEXT = 2000;

/** An object as it is read. */
export type Fields = Readonly<Record<string, unknown>>;

/** An object of a state. @throws {TypeError} for anything else. */
export function readFields(value: unknown): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new TypeError("it is no object");
  }
  return value as Fields;
}

/** A list of a state. @throws {TypeError} for anything else, and more entries. */
export function readList(value: unknown, most: number): readonly unknown[] {
  if (!Array.isArray(value)) throw new TypeError("it is no list");
  if (value.length > most) throw new TypeError(`it has more than ${most} entries`);
  return value;
}

/** A count, or a sum of amounts that are not below 0. @throws {TypeError} for anything else. */
export function readCount(value: unknown): number {
  if (typeof value !== "number" || !(value >= 0 && value <= MOST)) {
    throw new TypeError(`a count is not from 0 to ${MOST}`);
  }
  return value;
}

/** A number. @throws {TypeError} for anything else. */
export function readNumber(value: unknown, from = -MOST, to = MOST): number {
  if (typeof value !== "number" || !(value >= from && value <= to)) {
    throw new TypeError(`a number is not from ${from} to ${to}`);
  }
  return value;
}

/** A text. @throws {TypeError} for anything else, and longer ones. */
export function readText(value: unknown, most: number = LONGEST_TEXT): string {
  if (typeof value !== "string") throw new TypeError("it is no text");
  if (value.length > most) throw new TypeError(`it has more than ${most} characters`);
  return value;
}

/** No load is longer than a power of two of the first widths. */
const MOST_DOUBLED = 2 ** 30;

/** A width that doubling the first one gives. @throws {TypeError} for any other. */
export function readWidth(value: unknown, first: number): number {
  const ratio = typeof value === "number" ? value / first : 0;
  if (!(ratio >= 1 && ratio <= MOST_DOUBLED && Number.isInteger(Math.log2(ratio)))) {
    throw new TypeError("its width is not the first one doubled");
  }
  return first * ratio;
}

/** Does it, and puts a name before what was wrong. */
export function reading<T>(name: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    if (!(error instanceof TypeError)) throw error;
    throw new TypeError(`${name}: ${error.message}`);
  }
}

/** Several as one. */
export function mergeAll(parts: Readonly<Record<string, Mergeable>>): Mergeable {
  const entries = Object.entries(parts);
  return {
    state: () => Object.fromEntries(entries.map(([name, part]) => [name, part.state()])),
    merger(state) {
      const fields = readFields(state);
      const merge = entries.map(([name, part]) =>
        reading(name, () => part.merger(Object.hasOwn(fields, name) ? fields[name] : undefined))
      );
      return () => merge.forEach((add) => add());
    },
  };
}

/** Several of one kind as a list. */
export function mergeEach(parts: readonly Mergeable[]): Mergeable {
  return {
    state: () => parts.map((part) => part.state()),
    merger(state) {
      const list = readList(state, parts.length);
      const merge = parts.map((part, i) => reading(String(i), () => part.merger(list[i])));
      return () => merge.forEach((add) => add());
    },
  };
}

/** Counters of an object, which add up. */
export function sums<Name extends string>(counts: Record<Name, number>): Mergeable {
  return numbers(counts, readCount, (own, more) => own + more);
}

/** Numbers of an object, of which the smallest counts; `Infinity` = none so far. */
export function least<Name extends string>(values: Record<Name, number>): Mergeable {
  return numbers(values, (value) => value === null ? Infinity : readNumber(value), Math.min);
}

/** The same, of which the largest counts; `-Infinity` = none so far. */
export function most<Name extends string>(values: Record<Name, number>): Mergeable {
  return numbers(values, (value) => value === null ? -Infinity : readNumber(value), Math.max);
}

function numbers(
  own: Record<string, number>,
  read: (value: unknown) => number,
  join: (own: number, more: number) => number,
): Mergeable {
  const names = Object.keys(own);
  return {
    state: () => names.map((name) => Number.isFinite(own[name]) ? own[name] : null),
    merger(state) {
      const list = readList(state, names.length);
      const more = names.map((name, i) => reading(name, () => read(list[i])));
      return () => names.forEach((name, i) => own[name] = join(own[name]!, more[i]!));
    },
  };
}

/** Flags of an object, which are set when one of them is. */
export function either<Name extends string>(flags: Record<Name, boolean>): Mergeable {
  const names = Object.keys(flags) as Name[];
  return {
    state: () => names.map((name) => flags[name]),
    merger(state) {
      const list = readList(state, names.length);
      const more = names.map((name, i) => {
        if (typeof list[i] !== "boolean") throw new TypeError(`${name}: it is not true or false`);
        return list[i];
      });
      return () => names.forEach((name, i) => flags[name] ||= more[i]!);
    },
  };
}

/** A text that must be the same, such as what both sides count by. */
export function same(text: string, wanted: string): Mergeable {
  return {
    state: () => text,
    merger(state) {
      if (state !== text) throw new TypeError(`it is of ${wanted}`);
      return () => {};
    },
  };
}
