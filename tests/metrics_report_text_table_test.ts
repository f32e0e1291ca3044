import { assertEquals } from "@std/assert";
import { textTable, wrapText } from "../metrics/report_text_table.ts";

Deno.test("textTable aligns names left and numbers right", () => {
  const lines = textTable([
    { heading: "name", cells: ["a", "long one"], align: "left" },
    { heading: "n", cells: ["1", "1,000"], align: "right" },
  ], 80);
  assertEquals(lines, ["name          n", "a             1", "long one  1,000"]);
});

Deno.test("textTable drops columns, highest order and rightmost first, until it fits", () => {
  const column = (heading: string, dropOrder?: number) => ({
    heading,
    cells: [],
    align: "left" as const,
    ...(dropOrder === undefined ? {} : { dropOrder }),
  });
  const columns = [column("aaa"), column("bbb", 1), column("ccc", 1), column("ddd", 0)];
  const heading = (width: number) => textTable(columns, width)[0];
  assertEquals(heading(18), "aaa  bbb  ccc  ddd");
  assertEquals(heading(17), "aaa  bbb  ddd");
  assertEquals(heading(12), "aaa  ddd");
  assertEquals(heading(1), "aaa");
});

Deno.test("wrapText breaks between words", () => {
  assertEquals(wrapText("one two three", 7), ["one two", "three"]);
  assertEquals(wrapText("unbreakable a", 3), ["unbreakable", "a"]);
  assertEquals(wrapText("", 3), [""]);
});

Deno.test("textTable cuts long names when no column is left to drop", () => {
  const columns = [
    { heading: "Name", cells: ["a name that is much too long", "short"], align: "left" },
    { heading: "value", cells: ["1", "2"], align: "right" },
  ] as const;
  assertEquals(textTable(columns, 24), [
    "Name               value",
    "a name that is m…      1",
    "short                  2",
  ]);
});
