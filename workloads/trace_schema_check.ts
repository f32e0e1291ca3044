/**
 * Checks a value against a JSON Schema, as far as our own schemas go: the schema that is published is
 * the one that the reader keeps to.
 *
 * @module
 */
import { oneLine } from "../backends/error_message.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import { nearestName } from "./option_suggest.ts";

/** The part of JSON Schema that is used. */
export interface JsonSchema {
  readonly description?: string;
  readonly type?: string | readonly string[];
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly items?: JsonSchema;
  readonly minItems?: number;
  readonly minimum?: number;
  readonly minLength?: number;
  readonly $ref?: string;
  readonly $defs?: Readonly<Record<string, JsonSchema>>;
}

/** Says what is wrong first, e.g. `turns[0].delay_ms is "x", not a number from 0 on`; or nothing. */
export function checkSchema(root: JsonSchema, value: unknown): string | undefined {
  return check(root, value, { root, at: "" });
}

function check(
  given: JsonSchema,
  value: unknown,
  { root, at }: { readonly root: JsonSchema; readonly at: string },
): string | undefined {
  const schema = given.$ref === undefined
    ? given
    : root.$defs![given.$ref.slice("#/$defs/".length)]!;
  const types = [schema.type ?? []].flat();
  if (types.length > 0 && !types.some((type) => isOf(type, value, schema))) {
    return `${at === "" ? "it" : at} is ${shown(value)}, not ${
      types.map((type) => wordsOf(type, schema)).join(" or ")
    }`;
  }
  if (Array.isArray(value)) {
    if (value.length < (schema.minItems ?? 0)) return `${at} is empty`;
    const { items } = schema;
    return items &&
      firstOf(value.entries(), ([i, item]) => check(items, item, { root, at: `${at}[${i}]` }));
  }
  return typeof value === "object" && value !== null
    ? checkFields(schema, value as Record<string, unknown>, { root, at })
    : undefined;
}

function checkFields(
  schema: JsonSchema,
  value: Readonly<Record<string, unknown>>,
  { root, at }: { readonly root: JsonSchema; readonly at: string },
): string | undefined {
  const { properties = {}, required = [], additionalProperties } = schema;
  const named = at === "" ? "it" : at;
  const unknown = Object.keys(value).find((name) => !Object.hasOwn(properties, name));
  if (unknown !== undefined && additionalProperties === false) {
    const near = nearestName(unknown, Object.keys(properties));
    return `${named} has the unknown field ${shown(unknown)}: ` +
      (near === undefined ? "" : `did you mean ${near}? `) +
      `known are ${Object.keys(properties).join(", ")}`;
  }
  const missing = required.find((name) => !Object.hasOwn(value, name));
  if (missing !== undefined) return `${named} has no ${missing}`;
  return firstOf(Object.entries(value), ([name, field]) => {
    const inner = Object.hasOwn(properties, name) ? properties[name] : undefined;
    return inner && check(inner, field, { root, at: at === "" ? name : `${at}.${name}` });
  });
}

function isOf(type: string, value: unknown, { minimum = -Infinity, minLength = 0 }: JsonSchema) {
  switch (type) {
    case "string":
      return typeof value === "string" && value.length >= minLength;
    case "number":
      return typeof value === "number" && value >= minimum;
    case "integer":
      return Number.isSafeInteger(value) && (value as number) >= minimum;
    case "array":
      return Array.isArray(value);
    default:
      return typeof value === "object" && value !== null && !Array.isArray(value);
  }
}

function wordsOf(type: string, { minimum, minLength }: JsonSchema): string {
  const from = minimum === undefined ? "" : ` from ${minimum} on`;
  switch (type) {
    case "string":
      return minLength ? "a text that is not empty" : "a text";
    case "number":
      return `a number${from}`;
    case "integer":
      return `a whole number${from}`;
    case "array":
      return "a list";
    default:
      return "an object";
  }
}

function shown(value: unknown): string {
  return visibleLine(oneLine(JSON.stringify(value) ?? String(value), 40));
}

function firstOf<T>(values: Iterable<T>, find: (value: T) => string | undefined) {
  for (const value of values) {
    const found = find(value);
    if (found !== undefined) return found;
  }
  return undefined;
}
