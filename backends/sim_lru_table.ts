/**
 * A bounded set of 64-bit keys that drops the one used longest ago. It takes 24 to 48 bytes a key, all in
 * typed arrays, so that millions of keys are no work for the garbage collector.
 *
 * @module
 */

const NONE = -1;
const FIRST_SIZE = 1024;

/** Keys by entries, which are small integers. An entry stays the same until its key is dropped. */
export class LruTable {
  readonly #most: number;
  #high = new Uint32Array(FIRST_SIZE);
  #low = new Uint32Array(FIRST_SIZE);
  /** Of the order of use: the one used before it, and after it. */
  #older = new Int32Array(FIRST_SIZE);
  #newer = new Int32Array(FIRST_SIZE);
  /** Next entry of the same bucket. */
  #next = new Int32Array(FIRST_SIZE);
  #buckets = new Int32Array(FIRST_SIZE).fill(NONE);
  #oldest = NONE;
  #newest = NONE;
  #size = 0;

  /** @param most keys that it holds at most, at least 1. */
  constructor(most: number) {
    this.#most = most;
  }

  /** Keys that it holds. */
  get size(): number {
    return this.#size;
  }

  /** The entry of a key; negative = it has none. */
  find(high: number, low: number): number {
    let entry = this.#buckets[low & (this.#buckets.length - 1)]!;
    while (entry !== NONE && (this.#low[entry] !== low || this.#high[entry] !== high)) {
      entry = this.#next[entry]!;
    }
    return entry;
  }

  /** Adds a key that it does not have, as the one just used; a full table drops its oldest. */
  add(high: number, low: number): number {
    let entry = this.#size;
    if (entry < this.#most) {
      if (entry === this.#high.length) this.#grow();
      this.#size++;
    } else {
      entry = this.#oldest;
      this.#unlink(entry);
      this.#leaveBucket(entry);
    }
    this.#high[entry] = high;
    this.#low[entry] = low;
    this.#enterBucket(entry);
    this.#link(entry);
    return entry;
  }

  /** Makes an entry the one just used. */
  touch(entry: number): void {
    if (entry === this.#newest) return;
    this.#unlink(entry);
    this.#link(entry);
  }

  /** Drops all keys, and the memory for them. */
  clear(): void {
    const empty = new LruTable(1);
    this.#high = empty.#high;
    this.#low = empty.#low;
    this.#older = empty.#older;
    this.#newer = empty.#newer;
    this.#next = empty.#next;
    this.#buckets = empty.#buckets;
    this.#oldest = this.#newest = NONE;
    this.#size = 0;
  }

  #link(entry: number): void {
    this.#older[entry] = this.#newest;
    this.#newer[entry] = NONE;
    if (this.#newest === NONE) this.#oldest = entry;
    else this.#newer[this.#newest] = entry;
    this.#newest = entry;
  }

  #unlink(entry: number): void {
    const older = this.#older[entry]!;
    const newer = this.#newer[entry]!;
    if (older === NONE) this.#oldest = newer;
    else this.#newer[older] = newer;
    if (newer === NONE) this.#newest = older;
    else this.#older[newer] = older;
  }

  #enterBucket(entry: number): void {
    const bucket = this.#low[entry]! & (this.#buckets.length - 1);
    this.#next[entry] = this.#buckets[bucket]!;
    this.#buckets[bucket] = entry;
  }

  #leaveBucket(entry: number): void {
    const bucket = this.#low[entry]! & (this.#buckets.length - 1);
    const next = this.#next[entry]!;
    let before = this.#buckets[bucket]!;
    if (before === entry) {
      this.#buckets[bucket] = next;
      return;
    }
    while (this.#next[before] !== entry) before = this.#next[before]!;
    this.#next[before] = next;
  }

  #grow(): void {
    const size = 2 * this.#high.length;
    this.#high = larger(this.#high, new Uint32Array(size));
    this.#low = larger(this.#low, new Uint32Array(size));
    this.#older = larger(this.#older, new Int32Array(size));
    this.#newer = larger(this.#newer, new Int32Array(size));
    this.#next = new Int32Array(size);
    this.#buckets = new Int32Array(size).fill(NONE);
    for (let entry = 0; entry < this.#size; entry++) this.#enterBucket(entry);
  }
}

function larger<T extends Uint32Array | Int32Array>(old: T, grown: T): T {
  grown.set(old);
  return grown;
}
