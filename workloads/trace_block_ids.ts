/**
 * Lists of block ids that share the memory of what they have in common: a turn of a conversation
 * brings few ids that the turn before did not have.
 *
 * @module
 */
import type { BlockIds } from "./trace.ts";

/** Ids of a base up to a place, and own ones behind it. */
class SharedIds implements BlockIds {
  readonly length: number;
  readonly #base: SharedIds | undefined;
  /** So many ids are the base's. */
  readonly #kept: number;
  readonly #own: Uint32Array;

  constructor(own: Uint32Array, base?: SharedIds, kept = 0) {
    // What the base only passes on is held by its own base: the rest can be forgotten.
    while (base !== undefined && kept <= base.#kept) base = base.#base;
    this.#base = base;
    this.#kept = base === undefined ? 0 : kept;
    this.#own = own;
    this.length = this.#kept + own.length;
  }

  toArray(): Uint32Array {
    const all = new Uint32Array(this.length);
    this.#copyTo(all);
    let end = this.#kept;
    for (let base = this.#base; base !== undefined; base = base.#base) {
      if (end > base.#kept) base.#copyTo(all, end);
      end = Math.min(end, base.#kept);
    }
    return all;
  }

  /** Puts its own ids in their place, up to an end. */
  #copyTo(all: Uint32Array, end = this.length): void {
    all.set(this.#own.subarray(0, end - this.#kept), this.#kept);
  }
}

/** No ids: a prompt that shares nothing. */
export const NO_BLOCKS: BlockIds = new SharedIds(new Uint32Array());

/**
 * A list of ids.
 *
 * @param like another list, made here, that begins with the same `shared` ids.
 */
export function blockIds(
  ids: ArrayLike<number>,
  like?: { readonly list: BlockIds; readonly shared: number },
): BlockIds {
  if (ids.length === 0) return NO_BLOCKS;
  const base = like?.list instanceof SharedIds ? like.list : undefined;
  const shared = base === undefined ? 0 : like!.shared;
  const own = new Uint32Array(ids.length - shared);
  for (let i = 0; i < own.length; i++) own[i] = ids[shared + i]!;
  return new SharedIds(own, base, shared);
}

/** How many ids two lists have in common from the front. */
export function sharedLength(a: ArrayLike<number>, b: ArrayLike<number>): number {
  const most = Math.min(a.length, b.length);
  let shared = 0;
  while (shared < most && a[shared] === b[shared]) shared++;
  return shared;
}
