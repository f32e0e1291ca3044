/**
 * JSON Schema of the JSON report. `deno task schema` generates it from `Summary` and its comments.
 *
 * @module
 */
import schema from "./report.schema.json" with { type: "json" };

/** A JSON Schema, as data. */
export type JsonSchema = { readonly [keyword: string]: unknown };

/**
 * JSON Schema (draft 7) of the JSON report, version 1.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { reportSchema } from "@tokometer/tokometer";
 *
 * // Give it to a validator, or to the editor that shows a report.json.
 * assertEquals(reportSchema.type, "object");
 * ```
 */
export const reportSchema: JsonSchema = schema;
