/**
 * Tells by the beginning of a file how its rows stand in it, whatever its name.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import { AUTHOR_FIELDS, ROW_LIST_FIELDS } from "./dataset_fields.ts";

/** How rows stand in a file. */
export type Shape =
  /** A JSON value on each line. */
  | { readonly kind: "lines" }
  /** A JSON array that begins at that byte: inside an object where it is not 0. */
  | { readonly kind: "array"; readonly from: number }
  /** One JSON object, which is one row. */
  | { readonly kind: "object" }
  /** No JSON. */
  | { readonly kind: "text" };

/** Lines that are looked at where the first one is no JSON. */
const LINES = 200;

/** The shape of a file that begins with these bytes. */
export function shapeOf(head: Uint8Array): Shape {
  // One character per byte: positions are bytes, and JSON's own characters are ASCII.
  const text = new TextDecoder("latin1").decode(head);
  const mark = text.startsWith("\xef\xbb\xbf") ? 3 : 0;
  const found = text.slice(mark).search(/\S/);
  if (found < 0) return { kind: "lines" };
  const start = mark + found;
  const first = text[start];
  if (first !== "[" && first !== "{") return { kind: mostlyJson(text) ? "lines" : "text" };
  const end = text.indexOf("\n", start);
  const isRow = end > 0 && isJson(text.slice(start, end));
  if (isRow && text.slice(end).trim() !== "") return { kind: "lines" };
  if (first === "[") return { kind: "array", from: 0 };
  const from = findRowList(text, start + 1);
  if (from !== undefined) return { kind: "array", from };
  return { kind: mostlyJson(text.slice(start)) ? "lines" : "object" };
}

function mostlyJson(text: string): boolean {
  const lines = text.split("\n", LINES).filter((line) => line.trim() !== "");
  const json = lines.filter((line) => /^\s*["[{]/.test(line) && isJson(line));
  return json.length > 0 && 2 * json.length >= lines.length;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

/** Where the list of rows begins in an object; the text begins behind the object's brace. */
function findRowList(text: string, begin: number): number | undefined {
  const key = /\s*,?\s*"([^"\\]*(?:\\.[^"\\]*)*)"\s*:\s*/y;
  let at = begin;
  while (true) {
    key.lastIndex = at;
    const found = key.exec(text);
    if (found === null) return undefined;
    at = key.lastIndex;
    if (text[at] === "[" && ROW_LIST_FIELDS.includes(found[1]!) && holdsRows(text, at + 1)) {
      return at;
    }
    const end = endOfValue(text, at);
    if (end === undefined) return undefined;
    at = end;
  }
}

/** Rows, not the messages of a conversation. */
function holdsRows(text: string, begin: number): boolean {
  const at = begin + text.slice(begin).search(/\S/);
  const end = endOfValue(text, at);
  if (end === undefined || end === at) return false;
  const element = text.slice(at, end);
  if (!isJson(element)) return false;
  const value: unknown = JSON.parse(element);
  if (!isObject(value)) return typeof value === "string" || Array.isArray(value);
  return !AUTHOR_FIELDS.some((name) => typeof value[name] === "string");
}

/** The position behind a JSON value; absent where the text ends before it. */
function endOfValue(text: string, begin: number): number | undefined {
  const piece = /"[^"\\]*(?:\\.[^"\\]*)*"|[[\]{}]|[^"[\]{},]+|,/y;
  let depth = 0;
  for (let at = begin; at < text.length;) {
    piece.lastIndex = at;
    const found = piece.exec(text)?.[0];
    if (found === undefined) return undefined;
    if (depth === 0 && (found === "," || found === "]" || found === "}")) return at;
    at = piece.lastIndex;
    if (found === "[" || found === "{") depth++;
    else if ((found === "]" || found === "}") && --depth === 0) return at;
    else if (depth === 0 && found.startsWith('"')) return at;
  }
  return undefined;
}
