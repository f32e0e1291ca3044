/**
 * What waits for its instant, earliest first.
 *
 * @module
 */

interface Entry<T> {
  readonly atMs: number;
  /** Counts what was added: of those for one instant, the first goes first. */
  readonly number: number;
  readonly item: T;
}

/** A binary heap. */
export class DueQueue<T> {
  readonly #heap: Entry<T>[] = [];
  #added = 0;

  get size(): number {
    return this.#heap.length;
  }

  /** Instant of the first; Infinity = none waits. */
  get dueMs(): number {
    return this.#heap[0]?.atMs ?? Infinity;
  }

  add(atMs: number, item: T): void {
    const heap = this.#heap;
    const entry = { atMs, number: this.#added++, item };
    let at = heap.length;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!isBefore(entry, heap[parent]!)) break;
      heap[at] = heap[parent]!;
      at = parent;
    }
    heap[at] = entry;
  }

  /** Takes the first. */
  take(): T | undefined {
    const heap = this.#heap;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first?.item;
    let at = 0;
    for (;;) {
      let child = 2 * at + 1;
      if (child >= heap.length) break;
      if (child + 1 < heap.length && isBefore(heap[child + 1]!, heap[child]!)) child++;
      if (!isBefore(heap[child]!, last)) break;
      heap[at] = heap[child]!;
      at = child;
    }
    heap[at] = last;
    return first.item;
  }

  /** Takes out all for which this holds. */
  remove(isUnwanted: (item: T) => boolean): void {
    const kept = this.#heap.filter(({ item }) => !isUnwanted(item));
    // Sorted entries are a heap.
    this.#heap.splice(0, Infinity, ...kept.toSorted((a, b) => isBefore(a, b) ? -1 : 1));
  }

  /** Takes all, in no order. */
  clear(): T[] {
    return this.#heap.splice(0).map(({ item }) => item);
  }
}

function isBefore<T>(one: Entry<T>, other: Entry<T>): boolean {
  return one.atMs < other.atMs || (one.atMs === other.atMs && one.number < other.number);
}
