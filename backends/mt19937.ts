/**
 * The random numbers of Python's `random` and of numpy's legacy generator (`np.random.seed`), draw
 * for draw, so that the scripts' commands send the very prompts, gaps and ids that the scripts
 * would send. Everything else uses `random.ts`.
 *
 * @module
 */
import { toDouble } from "./random.ts";

const SIZE = 624;
const SHIFT = 397;

/** Python's `random` module after `random.seed(n)`. */
export interface PythonRandom {
  /** Uniform integer of that many bits, 1 to 32. @throws {RangeError} outside of that. */
  getrandbits(bits: number): number;
  /** Uniform integer in [0, n), as `_randbelow`. @throws {RangeError} unless 1 ≤ n < 2³². */
  randbelow(n: number): number;
  /** Uniform double in [0, 1). */
  random(): number;
  /** Shuffles in place. */
  shuffle<T>(list: T[]): void;
  /**
   * `k` distinct elements, in the order drawn.
   * @throws {RangeError} when there are fewer than `k`, as Python does.
   */
  sample<T>(population: readonly T[], k: number): T[];
}

/** numpy's legacy generator after `np.random.seed(n)`. */
export interface NumpyRandom {
  /** Uniform double in [0, 1): `np.random.rand()`, `np.random.uniform()`. */
  uniform(): number;
  /**
   * Exponential with that mean: `np.random.exponential(scale)`. Equal to numpy's but for the last
   * bit, which the C library's logarithm and V8's sometimes round differently.
   */
  exponential(scale: number): number;
  /** Uniform integer in [low, high): `np.random.randint(low, high)`. */
  randint(low: number, high: number): number;
}

/**
 * The stream of Python's `random.seed(seed)`.
 *
 * @param seed integer from −(2⁵³ − 1) to 2⁵³ − 1; as in Python, the sign is ignored.
 * @throws {RangeError} for any other seed.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { pythonRandom } from "@tokometer/tokometer/backends";
 *
 * const list = [0, 1, 2, 3, 4, 5, 6, 7, 8, 9];
 * pythonRandom(0).shuffle(list);
 * assertEquals(list, [7, 8, 1, 5, 3, 4, 2, 0, 9, 6]);
 * ```
 */
export function pythonRandom(seed: number): PythonRandom {
  if (!Number.isSafeInteger(seed)) {
    throw new RangeError(`Cannot seed Python's generator with ${seed}: give a safe integer`);
  }
  const magnitude = Math.abs(seed);
  const low = magnitude >>> 0;
  const high = Math.floor(magnitude / 2 ** 32);
  const uint32 = mt19937(stateFromKey(high === 0 ? [low] : [low, high]));

  function getrandbits(bits: number): number {
    if (!Number.isInteger(bits) || bits < 1 || bits > 32) {
      throw new RangeError(`Cannot draw ${bits} bits: give 1 to 32`);
    }
    return uint32() >>> (32 - bits);
  }
  function randbelow(n: number): number {
    if (!Number.isInteger(n) || n < 1 || n >= 2 ** 32) {
      throw new RangeError(`Cannot draw below ${n}: give an integer from 1 to ${2 ** 32 - 1}`);
    }
    const bits = 32 - Math.clz32(n);
    let draw = getrandbits(bits);
    while (draw >= n) draw = getrandbits(bits);
    return draw;
  }
  function shuffle<T>(list: T[]): void {
    for (let i = list.length - 1; i > 0; i--) {
      const j = randbelow(i + 1);
      [list[i], list[j]] = [list[j] as T, list[i] as T];
    }
  }
  function sample<T>(population: readonly T[], k: number): T[] {
    const n = population.length;
    if (!Number.isInteger(k) || k < 0 || k > n) {
      throw new RangeError(`Cannot sample ${k} of ${n}: give 0 to ${n}`);
    }
    const chosen: T[] = [];
    // Python's own choice between the two ways, which draw different numbers.
    const setSize = 21 + (k > 5 ? 4 ** Math.ceil(Math.log(k * 3) / Math.log(4)) : 0);
    if (n <= setSize) {
      const pool = population.slice();
      for (let i = 0; i < k; i++) {
        const j = randbelow(n - i);
        chosen.push(pool[j] as T);
        pool[j] = pool[n - i - 1] as T;
      }
    } else {
      const seen = new Set<number>();
      for (let i = 0; i < k; i++) {
        let j = randbelow(n);
        while (seen.has(j)) j = randbelow(n);
        seen.add(j);
        chosen.push(population[j] as T);
      }
    }
    return chosen;
  }
  return { getrandbits, randbelow, random: () => toDouble(uint32(), uint32()), shuffle, sample };
}

/**
 * The stream of numpy's `np.random.seed(seed)`.
 *
 * @param seed integer from 0 to 2³² − 1.
 * @throws {RangeError} for any other seed, as numpy does.
 */
export function numpyRandom(seed: number): NumpyRandom {
  if (!Number.isInteger(seed) || seed < 0 || seed >= 2 ** 32) {
    throw new RangeError(`Cannot seed numpy's generator with ${seed}: give 0 to ${2 ** 32 - 1}`);
  }
  const uint32 = mt19937(stateFromWord(seed));
  const uniform = () => toDouble(uint32(), uint32());
  return {
    uniform,
    // log(1 − u), not log1p(−u): numpy's legacy code does it so, and for small u they differ.
    exponential: (scale) => -Math.log(1 - uniform()) * scale,
    randint(low, high) {
      const range = high - 1 - low;
      if (!Number.isSafeInteger(low) || !Number.isInteger(range) || range < 0 || range >= 2 ** 32) {
        throw new RangeError(`Cannot draw from [${low}, ${high}): give integers, low < high`);
      }
      // A range of one value takes no draw in numpy.
      if (range === 0) return low;
      const mask = range >= 2 ** 31 ? 0xffffffff : 2 ** (32 - Math.clz32(range)) - 1;
      let draw = (uint32() & mask) >>> 0;
      while (draw > range) draw = (uint32() & mask) >>> 0;
      return low + draw;
    },
  };
}

/** Matsumoto and Nishimura's generator from a filled state: 32-bit outputs. */
function mt19937(state: Uint32Array): () => number {
  let position = SIZE;
  return () => {
    if (position === SIZE) {
      refill(state);
      position = 0;
    }
    let word = state[position++] as number;
    word ^= word >>> 11;
    word ^= (word << 7) & 0x9d2c5680;
    word ^= (word << 15) & 0xefc60000;
    return (word ^ (word >>> 18)) >>> 0;
  };
}

function refill(state: Uint32Array): void {
  for (let i = 0; i < SIZE; i++) {
    const joined = ((state[i] as number) & 0x80000000) |
      ((state[(i + 1) % SIZE] as number) & 0x7fffffff);
    const twisted = (joined >>> 1) ^ (joined & 1 ? 0x9908b0df : 0);
    state[i] = (state[(i + SHIFT) % SIZE] as number) ^ twisted;
  }
}

function stateFromWord(seed: number): Uint32Array {
  const state = new Uint32Array(SIZE);
  state[0] = seed;
  for (let i = 1; i < SIZE; i++) {
    const before = state[i - 1] as number;
    state[i] = Math.imul(1812433253, before ^ (before >>> 30)) + i;
  }
  return state;
}

function stateFromKey(key: readonly number[]): Uint32Array {
  const state = stateFromWord(19650218);
  let i = 1;
  // Both passes walk the state in a ring whose first word mirrors the last one.
  const step = (factor: number, plus: number) => {
    const before = state[i - 1] as number;
    state[i] = ((state[i] as number) ^ Math.imul(before ^ (before >>> 30), factor)) + plus;
    if (++i === SIZE) {
      state[0] = state[SIZE - 1] as number;
      i = 1;
    }
  };
  for (let n = 0; n < SIZE; n++) {
    const j = n % key.length;
    step(1664525, (key[j] as number) + j);
  }
  for (let n = 0; n < SIZE - 1; n++) step(1566083941, -i);
  state[0] = 0x80000000;
  return state;
}
