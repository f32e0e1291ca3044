import { assertEquals, assertThrows } from "@std/assert";
import { type ColumnsOf, packColumns, roundRow, unpackColumns } from "../metrics/state_columns.ts";

interface Row {
  readonly id: number;
  readonly atMs: number;
  readonly endMs: number | undefined;
  readonly kind: "a" | "b";
  readonly why: string | undefined;
}

const COLUMNS: ColumnsOf<Row> = {
  id: "count",
  atMs: "ms",
  endMs: "ms?",
  kind: ["a", "b"],
  why: "text?",
};

const sent = (value: unknown): unknown => JSON.parse(JSON.stringify(value));

Deno.test("packColumns: rows come back, times in whole µs", () => {
  const rows: readonly Row[] = [
    { id: 7, atMs: 1.2345678, endMs: undefined, kind: "b", why: "x\u0000é" },
    { id: 3, atMs: -0.0004, endMs: 12_345_678.9, kind: "a", why: undefined },
    { id: 1e9, atMs: NaN, endMs: Infinity, kind: "a", why: "" },
  ];
  const rounded = rows.map((row) => roundRow(COLUMNS, row));
  assertEquals(rounded.map(({ atMs, endMs }) => [atMs + 0, endMs]), [
    [1.235, undefined],
    [0, 12_345_678.9],
    [0, undefined],
  ]);
  const back = unpackColumns(COLUMNS, sent(packColumns(COLUMNS, rounded)), 3);
  assertEquals(JSON.stringify(back), JSON.stringify(rounded));
  // Rounding again changes nothing.
  assertEquals(rounded.map((row) => roundRow(COLUMNS, row)), rounded);
  assertEquals(unpackColumns(COLUMNS, sent(packColumns(COLUMNS, [])), 3), []);
});

Deno.test("unpackColumns names the column that is wrong", () => {
  const row: Row = { id: 1, atMs: 2, endMs: 3, kind: "a", why: "y" };
  const state = sent(packColumns(COLUMNS, [row, row])) as unknown[];
  const refused = (at: number, value: unknown, said: string) =>
    assertThrows(() => unpackColumns(COLUMNS, state.with(at, value), 5), TypeError, said);
  refused(0, 6, "a number is not from 0 to 5");
  refused(0, 3, "id: it has too few rows");
  refused(1, "A", "id: it has too few rows");
  refused(1, "AA", "id: a cell is empty");
  refused(1, "DD", "id: a count is not from 0");
  refused(2, "g/////////B", "atMs: ");
  refused(3, 5, "endMs: it is no text of numbers");
  refused(4, "EE", "kind: a name of it is none");
  refused(5, [["y"], "AD"], "why: a name of it is none");
  refused(5, [[5], "AA"], "why: it is no text");
  assertThrows(() => unpackColumns(COLUMNS, state, 1), TypeError, "a number is not from 0 to 1");
});
