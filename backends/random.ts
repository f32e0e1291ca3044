/**
 * Seeded randomness. Every variable of a run (arrival gaps, prompt order, answer lengths, …) draws
 * from its own stream, named by a label, so that drawing more of one never changes another: a longer
 * run keeps the prompts of a shorter one.
 *
 * @module
 */

/** A stream of uniform draws. */
export interface Random {
  /** Uniform integer in [0, 2³²). */
  uint32(): number;
  /** Uniform double in [0, 1), 53 random bits. */
  next(): number;
}

/**
 * The stream named `label` of a run's `seed`: same arguments, same draws, on every machine.
 *
 * The generator is xoshiro128** (Blackman and Vigna), whose state is filled from a hash of seed
 * and label. Not for secrets.
 *
 * @param seed integer from 0 to 2⁵³ − 1.
 * @param label what is drawn, e.g. `arrival`.
 * @throws {RangeError} for any other seed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createRandom } from "@tokometer/tokometer/backends";
 *
 * const gaps = createRandom(7, "arrival");
 * const sameGaps = createRandom(7, "arrival");
 * assertEquals(gaps.next(), sameGaps.next());
 * ```
 */
export function createRandom(seed: number, label: string): Random {
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`Cannot use seed ${seed}: give an integer from 0 to ${2 ** 53 - 1}`);
  }
  return new Xoshiro(initialState(`${seed}:${label}`));
}

class Xoshiro implements Random {
  readonly #state: Int32Array;

  constructor(state: Int32Array) {
    this.#state = state;
  }

  uint32(): number {
    const state = this.#state;
    const b = state[1]!;
    const c = state[2]! ^ state[0]!;
    const d = state[3]! ^ b;
    state[1] = b ^ c;
    state[0]! ^= d;
    state[2] = c ^ (b << 9);
    state[3] = rotateLeft(d, 11);
    return Math.imul(rotateLeft(Math.imul(b, 5), 7), 9) >>> 0;
  }

  next(): number {
    return toDouble(this.uint32(), this.uint32());
  }
}

/** Joins two 32-bit draws to a double in [0, 1): 27 bits of the first, 26 of the second. */
export function toDouble(high: number, low: number): number {
  return ((high >>> 5) * 2 ** 26 + (low >>> 6)) / 2 ** 53;
}

/** Uniform double in [low, high). */
export function uniform(random: Random, bounds: { low: number; high: number }): number {
  return bounds.low + (bounds.high - bounds.low) * random.next();
}

/**
 * Uniform integer in [low, high], both ends included.
 *
 * @throws {RangeError} when the bounds are not integers, reversed, or 2³² or more apart.
 */
export function uniformInteger(random: Random, bounds: { low: number; high: number }): number {
  const { low, high } = bounds;
  const count = high - low + 1;
  if (!Number.isSafeInteger(low) || !Number.isSafeInteger(high) || count < 1 || count > 2 ** 32) {
    throw new RangeError(
      `Cannot draw an integer from ${low} to ${high}: give low ≤ high, integers`,
    );
  }
  return low + integerBelow(random, count);
}

/** Uniform integer in [0, count), for a `count` that is known to be an integer from 1 to 2³². */
export function integerBelow(random: Random, count: number): number {
  let draw = random.uint32();
  // Draws in the last, incomplete block are rejected: a plain remainder would favor small values.
  while (draw >= 2 ** 32 - count && draw >= 2 ** 32 - 2 ** 32 % count) draw = random.uint32();
  return draw % count;
}

/** Exponential with the given mean: the gaps of a Poisson process. Never negative, 0 possible. */
export function exponential(random: Random, mean: number): number {
  return -Math.log1p(-random.next()) * mean;
}

/**
 * Normal with mean and standard deviation. Takes two draws each time and keeps nothing, so the
 * n-th value depends on n alone.
 */
export function normal(random: Random, options: { mean: number; std: number }): number {
  const radius = Math.sqrt(-2 * Math.log1p(-random.next()));
  return options.mean + options.std * radius * Math.cos(2 * Math.PI * random.next());
}

/** Lognormal: `median` · exp(`sigma` · z) with z standard normal. */
export function lognormal(random: Random, options: { median: number; sigma: number }): number {
  return options.median * Math.exp(options.sigma * normal(random, { mean: 0, std: 1 }));
}

/**
 * Gamma with mean `shape` · `scale`. Shape 1 is the exponential, smaller is burstier.
 *
 * Marsaglia and Tsang (2000); below shape 1 by their power-of-a-uniform boost.
 *
 * @throws {RangeError} unless shape and scale are above 0.
 */
export function gamma(random: Random, options: { shape: number; scale: number }): number {
  const { shape, scale } = options;
  if (!(shape > 0) || !(scale > 0)) {
    throw new RangeError(
      `Cannot draw from gamma(shape ${shape}, scale ${scale}): both must be > 0`,
    );
  }
  if (shape < 1) {
    const boost = (1 - random.next()) ** (1 / shape);
    return gamma(random, { shape: shape + 1, scale }) * boost;
  }
  const d = shape - 1 / 3;
  const c = 1 / Math.sqrt(9 * d);
  while (true) {
    const z = normal(random, { mean: 0, std: 1 });
    const v = (1 + c * z) ** 3;
    if (v <= 0) continue;
    if (Math.log1p(-random.next()) < z * z / 2 + d - d * v + d * Math.log(v)) return d * v * scale;
  }
}

/** A shuffled copy (Fisher and Yates); every order equally likely. */
export function shuffled<T>(random: Random, list: readonly T[]): T[] {
  const copy = list.slice();
  for (let i = copy.length - 1; i > 0; i--) {
    const j = uniformInteger(random, { low: 0, high: i });
    [copy[i], copy[j]] = [copy[j] as T, copy[i] as T];
  }
  return copy;
}

function rotateLeft(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}

/**
 * 128 bits from a text: two independent 32-bit hashes, each stretched to two words, so that
 * neighboring seeds and labels that differ in one letter share nothing.
 */
function initialState(text: string): Int32Array {
  let first = 0x811c9dc5;
  let second = 0x9e3779b9;
  for (let i = 0; i < text.length; i++) {
    const unit = text.charCodeAt(i);
    first = Math.imul(first ^ unit, 0x01000193);
    second = rotateLeft(Math.imul(second ^ unit, 0x85ebca6b), 13);
  }
  return Int32Array.of(
    scramble(first),
    scramble(second ^ 0x6a09e667),
    scramble(first ^ rotateLeft(second, 16)),
    // An all-zero state would never change; a set bit rules it out.
    scramble(second + 0x3c6ef372) | 1,
  );
}

/** The finishing step of MurmurHash3: each input bit moves about half of the output bits. */
function scramble(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}
