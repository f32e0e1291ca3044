/**
 * The version of this package, from the one place where it is written.
 *
 * @module
 */
import config from "../deno.json" with { type: "json" };

/** Version of Tokometer, e.g. `0.1.0`. */
export const VERSION: string = config.version;
