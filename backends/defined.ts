/**
 * Optional fields without `undefined` in them, as `exactOptionalPropertyTypes` asks: a record on
 * disk, a message between threads and an options object must not hold fields that nobody set.
 *
 * @module
 */

/** The fields of `T`; those that may be `undefined` are optional and, where present, defined. */
export type Defined<T extends object> =
  & { [K in keyof T as undefined extends T[K] ? never : K]: T[K] }
  & { [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined> };

/** A copy of `fields` without those whose value is `undefined`; the order is kept. */
export function defined<T extends object>(fields: T): Defined<T> {
  const set = Object.entries(fields).filter(([, value]) => value !== undefined);
  return Object.fromEntries(set) as Defined<T>;
}
