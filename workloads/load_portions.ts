/**
 * Requests of a load that several machines draw on, as one sending thread sees them: its machine is given
 * portions, all of whose threads draw on one count. A user for whom none is there waits for the next.
 *
 * @module
 */

/** Takes the number of a request; Infinity = none is left. */
export type OnNumber = (number: number) => void;

interface Portion {
  /** Its first request in the load. */
  readonly from: number;
  /** Requests that the machine had been given before it, and with it. */
  readonly begin: number;
  readonly end: number;
}

/** The portions of a machine. */
export class Portions {
  /** First requests of users that have their numbers without being counted: user u has number u. */
  readonly reserved: number;
  /** Called after those who waited were told. */
  onTold: (() => void) | undefined;
  readonly #count: () => number;
  readonly #onLow: () => void;
  /** Those of which something may be left. */
  readonly #portions: Portion[] = [];
  #given = 0;
  /** The next portion is asked for when this request is taken. */
  #lowAt = 0;
  #told = false;
  #over = false;
  readonly #waiting: { readonly place: number; readonly onNumber: OnNumber }[] = [];

  /**
   * @param count takes the next of the machine's requests: 0, 1, 2 … over all of its threads.
   * @param onLow the next portion will be needed; called at most once for each.
   */
  constructor(reserved: number, count: () => number, onLow: () => void) {
    this.reserved = reserved;
    this.#count = count;
    this.#onLow = onLow;
  }

  /** The number of the next request; `undefined` = `onNumber` will be told. */
  take(onNumber: OnNumber): number | undefined {
    const place = this.#count();
    if (place >= this.#lowAt && !this.#told && !this.#over) {
      this.#told = true;
      this.#onLow();
    }
    if (place < this.#given) return this.#numberAt(place);
    if (this.#over) return Infinity;
    this.#waiting.push({ place, onNumber });
    return undefined;
  }

  /** The machine was given more. */
  add({ from, count }: { readonly from: number; readonly count: number }): void {
    this.#lowAt = this.#given;
    this.#told = false;
    this.#portions.push({ from, begin: this.#given, end: this.#given += count });
    while (this.#waiting.length > 0 && this.#waiting[0]!.place < this.#given) {
      const { place, onNumber } = this.#waiting.shift()!;
      onNumber(this.#numberAt(place));
    }
    this.onTold?.();
  }

  /** There are no more. */
  finish(): void {
    this.#over = true;
    for (const { onNumber } of this.#waiting.splice(0)) onNumber(Infinity);
    this.onTold?.();
  }

  #numberAt(place: number): number {
    // A thread's places ascend.
    while (this.#portions[0]!.end <= place) this.#portions.shift();
    const { from, begin } = this.#portions[0]!;
    return from + place - begin;
  }
}
