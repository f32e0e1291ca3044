/**
 * Tells by the beginning of a file how its rows stand in it, whatever its name.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import { AUTHOR_FIELDS, ROW_LIST_FIELDS, SAYING_FIELDS } from "./dataset_fields.ts";
import { HEAD_BYTES } from "./dataset_file.ts";

/** How rows stand in a file. */
export type Shape =
  /** A JSON value on each line. */
  | { readonly kind: "lines" }
  /** A JSON array that begins at that byte: inside an object where it is not 0. */
  | { readonly kind: "array"; readonly from: number }
  /** One JSON value over several lines, which is one row. */
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
  const isCut = head.length === HEAD_BYTES;
  if (first !== "[" && first !== "{") {
    return { kind: mostlyJson(text, isCut) ? "lines" : "text" };
  }
  const end = text.indexOf("\n", start);
  const isRow = end > 0 && isJson(text.slice(start, end));
  if (isRow && text.slice(end).trim() !== "") return { kind: "lines" };
  // A list of messages is one conversation, and no list of rows.
  const from = first === "{"
    ? findRowList(text, start + 1)
    : kindOfList(text, start + 1) === "messages"
    ? undefined
    : 0;
  if (from !== undefined) return { kind: "array", from };
  // A first line longer than the head is a row with an image.
  return { kind: end < 0 || mostlyJson(text.slice(start), isCut) ? "lines" : "object" };
}

function mostlyJson(text: string, isCut: boolean): boolean {
  const pieces = text.split("\n");
  const lines = (isCut ? pieces.slice(0, -1) : pieces).slice(0, LINES).filter((line) =>
    line.trim() !== ""
  );
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
    const isList = text[at] === "[" && ROW_LIST_FIELDS.includes(found[1]!);
    if (isList && kindOfList(text, at + 1) === "rows") return at;
    const end = endOfValue(text, at);
    if (end === undefined) return undefined;
    at = end;
  }
}

/** What a list holds, by its first element that is not null; the text begins behind its bracket. */
function kindOfList(text: string, begin: number): "rows" | "messages" | "nothing" {
  let at = begin;
  while (true) {
    at += text.slice(at).search(/[^\s,]|$/);
    if (at >= text.length || text[at] === "]") return "nothing";
    const end = endOfValue(text, at);
    if (end === undefined || end === at) {
      return /^\{\s*"(role|from)"\s*:/.test(text.slice(at, at + 100)) ? "messages" : "rows";
    }
    const element = text.slice(at, end);
    if (element.trim() !== "null") {
      return isJson(element) && isMessage(element) ? "messages" : "rows";
    }
    at = end;
  }
}

function isMessage(element: string): boolean {
  const value: unknown = JSON.parse(element);
  return isObject(value) && AUTHOR_FIELDS.some((name) => typeof value[name] === "string") &&
    SAYING_FIELDS.some((name) => name in value);
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
