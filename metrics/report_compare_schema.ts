/**
 * JSON Schema of the JSON of a comparison. `deno task schema` generates it from `Comparison` and its
 * comments.
 *
 * @module
 */
import schema from "./compare.schema.json" with { type: "json" };
import type { JsonSchema } from "./report_schema.ts";

/**
 * JSON Schema (draft 7) of the JSON of a comparison, version 1.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { compareSchema } from "@tokometer/tokometer/metrics";
 *
 * // Give it to a validator, or to the editor that shows a compare.json.
 * assertEquals(compareSchema.type, "object");
 * ```
 */
export const compareSchema: JsonSchema = schema;
