/**
 * The rows of a file, one at a time and in any shape: JSON lines, a JSON array, an array in an
 * object, CSV with a header, or plain lines.
 *
 * @module
 */
import { parse } from "@std/csv";
import { type DatasetFile, MAX_ROW_BYTES, type Place } from "./dataset_file.ts";
import { NOT_UTF8, type ParsedJson, parseJson } from "./dataset_json.ts";
import { readJsonArray } from "./dataset_json_stream.ts";
import { type Shape, shapeOf } from "./dataset_shape.ts";
import { concat, readLines } from "./line_stream.ts";
import { UserError } from "./user_error.ts";

/** One row of a file and where it stands. */
export interface Item extends ParsedJson, Place {
  /** Its number as `unit` counts. */
  readonly number: number;
}

/** The rows of an open file. */
export interface Items {
  /** What `number` counts: lines from 1, elements of an array from 0, rows of CSV from 1. */
  readonly unit: "line" | "element" | "row";
  /** All rows, blank lines left out. @throws {UserError} where the file cannot be cut into rows. */
  readonly each: (
    onProgress?: (done: number, total: number) => void,
  ) => AsyncGenerator<Item>;
  /** Reads a row again. */
  readonly at: (place: Place) => Promise<unknown>;
}

/**
 * The rows of a file of JSON, whatever its name, or of CSV, by its name.
 *
 * @throws {UserError} when it is neither.
 */
export function jsonItems(file: DatasetFile): Items {
  const shape: Shape = shapeOf(file.head);
  switch (shape.kind) {
    case "lines":
      return lineItems(file, parseJson);
    case "array":
      return arrayItems(file, shape.from);
    case "object":
      return objectItem(file);
    case "text":
      if (isCsv(file.path)) return csvItems(file);
      throw new UserError(
        `Cannot read "${file.path}": it is neither JSON lines nor a JSON array; for a prompt on ` +
          "each line use --dataset text, for a table with a header name it .csv",
      );
  }
}

/** The lines of a file as they are. */
export function textItems(file: DatasetFile): Items {
  return lineItems(
    file,
    (text) => text === undefined ? { value: text, problem: NOT_UTF8 } : { value: text },
  );
}

function isCsv(path: string): boolean {
  return /\.csv$/i.test(path);
}

function lineItems(file: DatasetFile, parseLine: (text?: string) => ParsedJson): Items {
  return {
    unit: "line",
    each: (onProgress) =>
      named(file, async function* () {
        for await (const { text, ...place } of readLines(file.chunks(onProgress), LIMIT)) {
          if (text?.trim() !== "") yield { ...place, ...parseLine(text) };
        }
      }),
    at: async (place) => parseLine(new TextDecoder().decode(await file.readAt(place))).value,
  };
}

const LIMIT = { maxLineBytes: MAX_ROW_BYTES };

function arrayItems(file: DatasetFile, from: number): Items {
  return {
    unit: "element",
    each: (onProgress) =>
      named(file, async function* () {
        const elements = readJsonArray(file.chunks(onProgress), {
          from,
          maxElementBytes: MAX_ROW_BYTES,
        });
        for await (const { index, ...element } of elements) yield { ...element, number: index };
      }),
    at: async (place) => parseJson(await file.readAt(place)).value,
  };
}

/** One object that is one row. */
function objectItem(file: DatasetFile): Items {
  return {
    unit: "element",
    each: (onProgress) =>
      named(file, async function* () {
        const parsed = parseJson(await wholeFile(file, onProgress));
        if (parsed.problem !== undefined) {
          throw new SyntaxError(
            `it ${parsed.problem}: write one object on each line (jq -c .), or a JSON array`,
          );
        }
        yield { ...parsed, number: 0, offset: 0, length: 0 };
      }),
    at: async () => parseJson(await wholeFile(file)).value,
  };
}

/** Rows become objects by the header. They have no place in the file that one could seek. */
function csvItems(file: DatasetFile): Items {
  let rows: readonly Readonly<Record<string, string>>[] = [];
  return {
    unit: "row",
    each: (onProgress) =>
      named(file, async function* () {
        const text = new TextDecoder("utf-8", { fatal: true });
        let cells: string[][];
        try {
          cells = parse(text.decode(await wholeFile(file, onProgress)));
        } catch (error) {
          throw error instanceof TypeError ? new SyntaxError(`it ${NOT_UTF8}`) : error;
        }
        const [header = [], ...others] = cells;
        rows = others.map((row) =>
          Object.fromEntries(header.map((name, i) => [name.trim(), (row[i] ?? "").toWellFormed()]))
        );
        for (const [i, value] of rows.entries()) {
          const place = { number: i + 1, offset: i, length: 0 };
          const { length } = others[i]!;
          yield length === header.length ? { ...place, value } : {
            ...place,
            value: undefined,
            problem: `has another number of cells than the header (${header.length})`,
          };
        }
      }),
    at: ({ offset }) => Promise.resolve(rows[offset]),
  };
}

async function wholeFile(
  file: DatasetFile,
  onProgress?: (done: number, total: number) => void,
): Promise<Uint8Array> {
  const parts: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of file.chunks(onProgress)) {
    size += chunk.length;
    if (size > MAX_ROW_BYTES) {
      throw new SyntaxError(`it is read as a whole and longer than ${MAX_ROW_BYTES} bytes`);
    }
    parts.push(chunk.slice());
  }
  return concat(parts);
}

/** Names the file in errors. */
async function* named(
  file: DatasetFile,
  items: () => AsyncGenerator<Item>,
): AsyncGenerator<Item> {
  try {
    yield* items();
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
    throw new UserError(`Cannot read "${file.path}": ${error.message}`);
  }
}
