import { assert, assertEquals } from "@std/assert";
import {
  mapTexts,
  visibleCell,
  visibleJson,
  visibleLine,
  visibleLines,
  visibleText,
} from "../metrics/visible_text.ts";

/** One character of each kind that can deceive or command a reader, and their names. */
const HIDDEN: readonly string[] = [
  ...["\0", "\x07", "\x08", "\x0b", "\r", "\x1b", "\x7f", "\x85", "\x9b"],
  // Directions, separators, and what takes no place.
  ...["\u061c", "\u200e", "\u202a", "\u202e", "\u2066", "\u2069", "\u2028", "\u2029"],
  ...["\u200b", "\u2060", "\ufeff", "\ufff9", "\uffff", "\u{e0041}", "\ud800", "\udc00"],
];

Deno.test("visibleText shows what is hidden, character by character", () => {
  for (const one of HIDDEN) {
    assertEquals(visibleText(`a${one}b${one}${one}`), "a�b��", JSON.stringify(one));
  }
  const plain = "naïve 日本語 😀 👩‍👩‍👧 \t\n";
  assertEquals(visibleText(plain), plain);
});

Deno.test("visibleLine has neither line breaks nor tabs", () => {
  assertEquals(visibleLine("a\r\n\tb\u2028c  d\x1b"), "a b c d�");
});

Deno.test("visibleLines goes through objects and lists, and copies nothing needlessly", () => {
  const bytes = Uint8Array.of(1);
  const fine = { a: ["x", 1, null, undefined, { b: true }], bytes };
  assertEquals(visibleLines(fine) === fine, true);
  const method = () => 1;
  const shown = visibleLines({ deep: [{ text: "a\x1b", same: fine }], bytes, method });
  assertEquals(shown, { deep: [{ text: "a�", same: fine }], bytes, method });
  assert(shown.deep[0]!.same === fine && shown.bytes === bytes);
  assertEquals(mapTexts({ a: "x" }, (text) => text + "y"), { a: "xy" });
});

Deno.test("visibleJson escapes what is hidden, and is exact", () => {
  const value = { text: HIDDEN.slice(0, -2).join("x") + "日本語", n: [1.5] };
  const json = visibleJson(value);
  assertEquals(JSON.parse(json), value);
  assertEquals(visibleText(json), json);
  assertEquals(visibleJson("\u202e"), '"\\u202e"');
  assertEquals(visibleJson("\u{e0041}"), '"\\udb40\\udc41"');
});

Deno.test("visibleCell is no formula in a spreadsheet, and numbers stay numbers", () => {
  for (const text of ["=1+1", "+1+1", "-1+1", "@SUM(A1)", "－1+1", " =1", '"=1', "- x"]) {
    assertEquals(visibleCell(text), `'${text}`);
  }
  assertEquals(visibleCell("\t=1"), "' =1");
  assertEquals(visibleCell("\rx"), "' x");
  assertEquals(visibleCell("\u202e=1"), "'�=1");
  for (const text of ["", "-", "-5", "+1.5e-3", "-.5", "1,5", "a=b", "8 users", "2026-01-01"]) {
    assertEquals(visibleCell(text), text);
  }
  assertEquals(visibleCell("a\nb\x1b"), "a b�");
});
