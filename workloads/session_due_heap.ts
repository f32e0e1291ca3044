/**
 * What is due, in the order of the instants; of equal ones what was added first comes first.
 *
 * @module
 */

interface Entry<T> {
  readonly dueMs: number;
  /** Order in which it was added. */
  readonly number: number;
  readonly item: T;
}

/** A binary heap. */
export class DueHeap<T> {
  readonly #entries: Entry<T>[] = [];
  #added = 0;

  get size(): number {
    return this.#entries.length;
  }

  add(dueMs: number, item: T): void {
    const entries = this.#entries;
    const entry = { dueMs, number: this.#added++, item };
    let at = entries.length;
    for (; at > 0; at = (at - 1) >> 1) {
      const above = entries[(at - 1) >> 1]!;
      if (isBefore(above, entry)) break;
      entries[at] = above;
    }
    entries[at] = entry;
  }

  /** When the first is due; absent = there is none. */
  dueMs(): number | undefined {
    return this.#entries[0]?.dueMs;
  }

  /** Takes the first. */
  take(): { readonly dueMs: number; readonly item: T } | undefined {
    const entries = this.#entries;
    const first = entries[0];
    const last = entries.pop();
    if (last === undefined || last === first) return first;
    let at = 0;
    for (;;) {
      const left = 2 * at + 1;
      if (left >= entries.length) break;
      const right = left + 1;
      const next = right < entries.length && isBefore(entries[right]!, entries[left]!)
        ? right
        : left;
      if (!isBefore(entries[next]!, last)) break;
      entries[at] = entries[next]!;
      at = next;
    }
    entries[at] = last;
    return first;
  }

  /** Takes out all for which this holds. */
  remove(isUnwanted: (item: T) => boolean): void {
    const kept = this.#entries.filter(({ item }) => !isUnwanted(item));
    // Sorted entries are a heap.
    this.#entries.splice(0, Infinity, ...kept.toSorted((a, b) => isBefore(a, b) ? -1 : 1));
  }
}

function isBefore(a: Entry<unknown>, b: Entry<unknown>): boolean {
  return a.dueMs < b.dueMs || a.dueMs === b.dueMs && a.number < b.number;
}
