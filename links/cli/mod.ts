/**
 * Stand-in for `@std/cli` where JSR cannot be reached: the functions that we use, over `node:util`,
 * the terminal of Deno and `npm:string-width`. `tests/links_test.ts` states what they must do.
 *
 * @module
 */
export * from "./parse_args.ts";
export * from "./prompt_secret.ts";
export * from "./unicode_width.ts";
