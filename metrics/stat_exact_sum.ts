/**
 * Sums that do not depend on the order of their terms.
 *
 * @module
 */

import type { Mergeable } from "./load_state.ts";

/** A sum of whole numbers without rounding, however many there are. */
export interface ExactSum extends Mergeable {
  /** Adds a whole number, positive or negative. */
  add(whole: number): void;
  /** Adds its square. */
  addSquare(whole: number): void;
  /** Adds another total. */
  addTotal(total: bigint): void;
  /** All of it. */
  total(): bigint;
}

/** A sum is held in two floats of this many bits each, in which smaller terms add up exactly. */
const BITS = 52;
const BASE = 2 ** BITS;

/** Smaller numbers have a square below {@linkcode BASE}. */
const ROOT = 2 ** (BITS / 2);

/** Larger numbers have a square of more bits than two floats hold; two years in µs are below. */
const LARGEST_ROOT = 2 ** 46;

/**
 * A sum of 0. Terms add up in floats while that is exact, at the cost of ordinary additions; only
 * what outgrows the floats is carried into a big integer.
 */
export function createExactSum(): ExactSum {
  let carried = 0n;
  // An array changes its floats in place; variables of a closure would allocate new ones.
  const parts = new Float64Array(2);
  const addHigh = (whole: number) => {
    parts[1]! += whole;
    if (parts[1]! >= BASE || parts[1]! <= -BASE) {
      carried += BigInt(parts[1]!) << BigInt(BITS);
      parts[1] = 0;
    }
  };
  const total = () => carried + (BigInt(parts[1]!) << BigInt(BITS)) + BigInt(parts[0]!);
  const add = (whole: number) => {
    if (whole >= BASE || whole <= -BASE) {
      carried += BigInt(whole);
      return;
    }
    const sum = parts[0]! + whole;
    if (sum < BASE && sum > -BASE) {
      parts[0] = sum;
    } else {
      parts[0] = sum - Math.sign(sum) * BASE;
      addHigh(Math.sign(sum));
    }
  };
  return {
    add,
    addSquare(whole) {
      const root = Math.abs(whole);
      if (root < ROOT) return add(root * root);
      if (root >= LARGEST_ROOT) {
        carried += BigInt(whole) ** 2n;
        return;
      }
      // (a + b)² = a² + 2ab + b², a being a multiple of ROOT and so a² one of BASE.
      const a = Math.floor(root / ROOT);
      const b = root - a * ROOT;
      const twice = 2 * a * b;
      const above = Math.floor(twice / ROOT);
      addHigh(a * a + above);
      add((twice - above * ROOT) * ROOT);
      add(b * b);
    },
    addTotal(total) {
      carried += total;
    },
    total,
    state: () => String(total()),
    merger(state) {
      const more = readTotal(state);
      return () => void (carried += more);
    },
  };
}

/** Digits of the squares of ten thousand billion values of a year in ns, and more. */
const TOTAL = /^-?[0-9]{1,60}$/;

/** A total in decimal. @throws {TypeError} for anything else. */
function readTotal(value: unknown): bigint {
  if (typeof value !== "string" || !TOTAL.test(value)) throw new TypeError("a sum is no number");
  return BigInt(value);
}
