/**
 * Sums that do not depend on the order of their terms.
 *
 * @module
 */

/** A sum of whole numbers without rounding, however many there are. */
export interface ExactSum {
  /** Adds a whole number, positive or negative. */
  add(whole: number): void;
  /** Adds its square. */
  addSquare(whole: number): void;
  /** Adds another total. */
  addTotal(total: bigint): void;
  /** All of it. */
  total(): bigint;
}

/** Largest number whose square is still exact. */
const LARGEST_ROOT = Math.floor(Math.sqrt(Number.MAX_SAFE_INTEGER));

/**
 * Starts at 0. Terms gather in a float for as long as that is exact and are then carried into a big
 * integer, so most additions cost as much as an ordinary one.
 */
export function createExactSum(): ExactSum {
  let carried = 0n;
  let gathered = 0;
  const add = (whole: number) => {
    const sum = gathered + whole;
    if (sum <= Number.MAX_SAFE_INTEGER && sum >= -Number.MAX_SAFE_INTEGER) {
      gathered = sum;
    } else {
      carried += BigInt(gathered);
      gathered = whole;
    }
  };
  return {
    add,
    addSquare(whole) {
      if (whole <= LARGEST_ROOT && whole >= -LARGEST_ROOT) add(whole * whole);
      else carried += BigInt(whole) ** 2n;
    },
    addTotal(total) {
      carried += total;
    },
    total: () => carried + BigInt(gathered),
  };
}
