import { assertEquals } from "@std/assert";
import { cutNul } from "../backends/framing_nul.ts";

type Cut = readonly [data: string, endOffset: number, terminated: boolean];

const TABLE: readonly { name: string; body: string; events: readonly Cut[] }[] = [
  { name: "nothing in nothing", body: "", events: [] },
  { name: "texts that end with NUL", body: "1\x0022\0", events: [["1", 2, true], ["22", 5, true]] },
  { name: "line ends inside a text", body: '{\n"a":1}\0', events: [['{\n"a":1}', 9, true]] },
  { name: "empty texts", body: "\x00\x001\0", events: [["1", 4, true]] },
  { name: "a final text without NUL", body: "1\x002", events: [["1", 2, true], ["2", 3, false]] },
  { name: "bytes, not characters", body: '"é"\x001\0', events: [['"é"', 5, true], ["1", 7, true]] },
];

for (const { name, body, events } of TABLE) {
  Deno.test(`cutNul() reads ${name}`, () => {
    const seen: Cut[] = [];
    cutNul(
      new TextEncoder().encode(body),
      (...[data, endOffset, terminated]) => seen.push([data, endOffset, terminated]),
    );
    assertEquals(seen, events);
  });
}
