/**
 * What a value of a JSON file has to be. Files that this program reads back may have been edited, cut,
 * or written by others: every field is checked before it is used, and what is wrong is named.
 *
 * @module
 */
import { oneLine } from "../backends/error_message.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import { UserError } from "./user_error.ts";

/** Says what is wrong with a value at a place of a file, e.g. `record.sentMs is "x"`; or nothing. */
export type Shape = (value: unknown, at: string) => string | undefined;

/** A shape of a field that may be absent. */
export type OptionalShape = Shape & { readonly mayBeAbsent: true };

/** Shapes of all fields of a type: the compiler misses none, and knows which may be absent. */
export type ShapesOf<T> = {
  readonly [K in keyof T]-?: undefined extends T[K] ? OptionalShape
    : object extends Pick<T, K> ? OptionalShape
    : Shape;
};

const SHOWN_CHARS = 40;

/** `record.sentMs is "x", not a number`. */
function wrong(value: unknown, at: string, wanted: string): string {
  const text = value === undefined
    ? "missing"
    : `${visibleLine(oneLine(JSON.stringify(value), SHOWN_CHARS))}`;
  return `${at} is ${text}, not ${wanted}`;
}

/** A field that may be absent. */
export function optional(shape: Shape): OptionalShape {
  const checked = (value: unknown, at: string) =>
    value === undefined ? undefined : shape(value, at);
  return Object.assign(checked, { mayBeAbsent: true } as const);
}

/** The same value, or `null`. */
export function orNull(shape: Shape): Shape {
  return (value, at) => value === null ? undefined : shape(value, at);
}

/** A number between two others. */
export function numberFrom(min: number, max: number): Shape {
  const wanted = `a number from ${min} to ${max}`;
  return (value, at) =>
    typeof value === "number" && value >= min && value <= max
      ? undefined
      : wrong(value, at, wanted);
}

/** A whole number. */
export function countTo(max: number, min: number = 0): Shape {
  const wanted = `a whole number from ${min} to ${max}`;
  return (value, at) =>
    Number.isInteger(value) && (value as number) >= min && (value as number) <= max
      ? undefined
      : wrong(value, at, wanted);
}

/** A text of at most so many UTF-16 units. */
export function textTo(max: number, min: number = 0): Shape {
  return (value, at) => {
    if (typeof value !== "string" || value.length < min) {
      return wrong(value, at, min > 0 ? "a text that is not empty" : "a text");
    }
    return value.length <= max
      ? undefined
      : `${at} has ${value.length} characters, more than ${max}`;
  };
}

/** One of these texts. */
export function oneOf(texts: readonly string[]): Shape {
  const wanted = texts.length === 1 ? JSON.stringify(texts[0]) : `one of ${texts.join(", ")}`;
  return (value, at) => texts.includes(value as string) ? undefined : wrong(value, at, wanted);
}

/** `true` or `false`. */
export const flag: Shape = (value, at) =>
  typeof value === "boolean" ? undefined : wrong(value, at, "true or false");

/** `true`, where its absence is the other value. */
export const onlyTrue: Shape = (value, at) => value === true ? undefined : wrong(value, at, "true");

/** A list of at most so many values. */
export function listOf(shape: Shape, most: number): Shape {
  return (value, at) => {
    if (!Array.isArray(value)) return wrong(value, at, "a list");
    if (value.length > most) return `${at} has ${value.length} entries, more than ${most}`;
    for (let i = 0; i < value.length; i++) {
      const found = shape(value[i], "");
      // The place is put together only where it is needed.
      if (found !== undefined) return shape(value[i], `${at}[${i}]`);
    }
    return undefined;
  };
}

/** An object with these fields; others in it are left alone. */
export function objectOf<T>(shapes: ShapesOf<T>): Shape {
  const fields = Object.entries<Shape>(shapes);
  return (value, at) => {
    if (!isPlain(value)) return wrong(value, at === "" ? "it" : at, "an object");
    for (const [name, shape] of fields) {
      const own = Object.hasOwn(value, name) ? value[name] : undefined;
      const found = shape(own, "");
      if (found !== undefined) return shape(own, at === "" ? name : `${at}.${name}`);
    }
    return undefined;
  };
}

/** An object of values of one kind under any names. */
export function mapOf(shape: Shape, most: number): Shape {
  return (value, at) => {
    if (!isPlain(value)) return wrong(value, at, "an object");
    const entries = Object.entries(value);
    if (entries.length > most) return `${at} has ${entries.length} fields, more than ${most}`;
    for (const [name, one] of entries) {
      const found = shape(one, `${at}[${visibleLine(oneLine(JSON.stringify(name), SHOWN_CHARS))}]`);
      if (found !== undefined) return found;
    }
    return undefined;
  };
}

/** Any value. */
export const anything: Shape = () => undefined;

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}

/**
 * Reads a JSON file of ours, which is small.
 *
 * @throws {UserError} for a larger one, and whatever the file system says.
 */
export async function readSmallFile(path: string, mostBytes: number): Promise<string> {
  using file = await Deno.open(path);
  const bytes = new Uint8Array(await sizeOf(file, mostBytes));
  let length = 0;
  for (let grown = bytes;;) {
    const read = await file.read(grown.subarray(length));
    if (read === null) return new TextDecoder().decode(grown.subarray(0, length));
    length += read;
    if (length > mostBytes) {
      throw new UserError(`Cannot read ${path}: it has more than ${mostBytes} bytes`);
    }
    if (length === grown.length) {
      const larger = new Uint8Array(2 * length + 1);
      larger.set(grown);
      grown = larger;
    }
  }
}

/** What to begin with: a device or pipe has no size. */
async function sizeOf(file: Deno.FsFile, most: number): Promise<number> {
  const { size } = await file.stat();
  return Math.min(size, most) + 1;
}
