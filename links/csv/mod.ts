/**
 * Stand-in for `@std/csv` where JSR cannot be reached: the functions that we use, over
 * `npm:csv-stringify` and `npm:csv-parse`. `tests/links_test.ts` states what they must do.
 *
 * @module
 */
export * from "./parse.ts";
export * from "./stringify.ts";
