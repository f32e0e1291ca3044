/**
 * The version of this package, from the one place where it is written, and what it runs on.
 *
 * @module
 */
import { programForm } from "../backends/relaunch.ts";
import config from "../deno.json" with { type: "json" };

/**
 * Version of Tokometer, e.g. `0.1.0`.
 *
 * @example
 * ```ts
 * import { assertMatch } from "@std/assert";
 * import { VERSION } from "@tokometer/tokometer";
 *
 * assertMatch(VERSION, /^\d+\.\d+\.\d+/);
 * ```
 */
export const VERSION: string = config.version;

/** All that a report of a fault needs, e.g. `tokometer 0.1.0 (Deno 2.9.6, V8 15.0, JSR, …)`. */
export function versionLine(): string {
  const { deno, v8 } = Deno.version;
  return `tokometer ${VERSION} (Deno ${deno}, V8 ${v8}, ${programForm()}, ${Deno.build.target})`;
}
