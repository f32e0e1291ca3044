/**
 * Stand-in for `@std/assert` where JSR cannot be reached: the functions that our tests use, over
 * `node:assert`. `tests/links_test.ts` states what they must do; it passes on the real package too.
 *
 * @module
 */
import nodeAssert from "node:assert/strict";
import { inspect } from "node:util";

/** Thrown by every function here. */
export class AssertionError extends Error {
  constructor(message: string) {
    super(message);
    this.name = "AssertionError";
  }
}

// deno-lint-ignore no-explicit-any
type Constructor<T> = abstract new (...args: any[]) => T;

function show(value: unknown): string {
  return inspect(value, { depth: 6, maxStringLength: 2000 });
}

function check(holds: boolean, what: string, message?: string): asserts holds {
  if (!holds) throw new AssertionError(message === undefined ? what : `${what}: ${message}`);
}

/** Throws unless `expr` is truthy. */
export function assert(expr: unknown, message = ""): asserts expr {
  if (!expr) throw new AssertionError(message);
}

/** Throws unless `expr` is falsy. */
export function assertFalse(expr: unknown, message?: string): void {
  check(!expr, "Expected a falsy value", message);
}

/** Deep equality; `0` equals `-0` is false, `NaN` equals `NaN` is true. */
export function assertEquals<T>(actual: T, expected: T, message?: string): void {
  try {
    nodeAssert.deepStrictEqual(actual, expected);
  } catch (error) {
    throw new AssertionError(
      `Values are not equal${message === undefined ? "" : `: ${message}`}\n${
        (error as Error).message
      }`,
    );
  }
}

/** The opposite of {@linkcode assertEquals}. */
export function assertNotEquals<T>(actual: T, expected: T, message?: string): void {
  let equal = true;
  try {
    nodeAssert.deepStrictEqual(actual, expected);
  } catch {
    equal = false;
  }
  check(!equal, `Expected actual to differ from ${show(expected)}`, message);
}

/** `Object.is`. */
export function assertStrictEquals<T>(
  actual: unknown,
  expected: T,
  message?: string,
): asserts actual is T {
  check(
    Object.is(actual, expected),
    `Values are not strictly equal: ${show(actual)} and ${show(expected)}`,
    message,
  );
}

/** |actual − expected| ≤ tolerance (default 1e-7 of expected, as the real one). */
export function assertAlmostEquals(
  actual: number,
  expected: number,
  tolerance?: number,
  message?: string,
): void {
  if (Object.is(actual, expected)) return;
  const allowed = tolerance ?? Math.abs(isFinite(expected) ? expected * 1e-7 : 1e-7);
  check(
    Math.abs(expected - actual) <= allowed,
    `Expected ${actual} within ${allowed} of ${expected}`,
    message,
  );
}

/** `instanceof`. */
export function assertInstanceOf<T>(
  actual: unknown,
  type: Constructor<T>,
  message?: string,
): asserts actual is T {
  check(
    actual instanceof type,
    `Expected an instance of ${type.name}, got ${show(actual)}`,
    message,
  );
}

/** Regular expression on a string. */
export function assertMatch(actual: string, expected: RegExp, message?: string): void {
  check(expected.test(actual), `Expected ${show(actual)} to match ${expected}`, message);
}

/** Substring. */
export function assertStringIncludes(actual: string, expected: string, message?: string): void {
  check(
    actual.includes(expected),
    `Expected ${show(actual)} to contain ${show(expected)}`,
    message,
  );
}

/** actual > expected. */
export function assertGreater<T>(actual: T, expected: T, message?: string): void {
  check(actual > expected, `Expected ${show(actual)} > ${show(expected)}`, message);
}

/** actual ≥ expected. */
export function assertGreaterOrEqual<T>(actual: T, expected: T, message?: string): void {
  check(actual >= expected, `Expected ${show(actual)} >= ${show(expected)}`, message);
}

/** actual < expected. */
export function assertLess<T>(actual: T, expected: T, message?: string): void {
  check(actual < expected, `Expected ${show(actual)} < ${show(expected)}`, message);
}

/** actual ≤ expected. */
export function assertLessOrEqual<T>(actual: T, expected: T, message?: string): void {
  check(actual <= expected, `Expected ${show(actual)} <= ${show(expected)}`, message);
}

function checkError<E extends Error>(
  error: unknown,
  type: Constructor<E> | undefined,
  includes: string | undefined,
  message: string | undefined,
): E {
  check(error instanceof Error, `Expected an Error to be thrown, got ${show(error)}`, message);
  if (type !== undefined) {
    check(
      error instanceof type,
      `Expected ${type.name}, got ${error.name}: ${error.message}`,
      message,
    );
  }
  if (includes !== undefined) {
    check(
      error.message.includes(includes),
      `Expected the error's message to contain ${show(includes)}, got ${show(error.message)}`,
      message,
    );
  }
  return error as E;
}

/** Throws unless `fn` throws; returns what it threw. */
export function assertThrows<E extends Error = Error>(
  fn: () => unknown,
  type?: Constructor<E>,
  includes?: string,
  message?: string,
): E {
  try {
    fn();
  } catch (error) {
    return checkError(error, type, includes, message);
  }
  throw new AssertionError(`Expected function to throw${message ? `: ${message}` : ""}`);
}

/** Throws unless the promise of `fn` rejects; resolves to what it rejected with. */
export async function assertRejects<E extends Error = Error>(
  fn: () => PromiseLike<unknown>,
  type?: Constructor<E>,
  includes?: string,
  message?: string,
): Promise<E> {
  try {
    await fn();
  } catch (error) {
    return checkError(error, type, includes, message);
  }
  throw new AssertionError(`Expected function to reject${message ? `: ${message}` : ""}`);
}

/** Fails. */
export function fail(message?: string): never {
  throw new AssertionError(`Failed assertion${message ? `: ${message}` : ""}`);
}
