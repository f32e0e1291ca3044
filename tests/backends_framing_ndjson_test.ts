import { assertEquals } from "@std/assert";
import { cutNdjson } from "../backends/framing_ndjson.ts";

type Cut = readonly [data: string, endOffset: number, terminated: boolean];

const TABLE: readonly { name: string; body: string; events: readonly Cut[] }[] = [
  { name: "nothing in nothing", body: "", events: [] },
  {
    name: "one text a line",
    body: '{"a":1}\n{"a":2}\n',
    events: [['{"a":1}', 8, true], ['{"a":2}', 16, true]],
  },
  {
    name: "CRLF",
    body: '{"a":1}\r\n{"a":2}\r\n',
    events: [['{"a":1}', 9, true], ['{"a":2}', 18, true]],
  },
  {
    name: "blank lines and comments",
    body: '\n: ping\n \n{"a":1}\n\n',
    events: [['{"a":1}', 18, true]],
  },
  {
    name: "a final line without a line end",
    body: '{"a":1}\n{"a":2}',
    events: [['{"a":1}', 8, true], ['{"a":2}', 15, false]],
  },
  {
    name: "bytes, not characters",
    body: '"é"\n"日"\n',
    events: [['"é"', 5, true], ['"日"', 11, true]],
  },
  { name: "a byte order mark", body: "\ufeff1\n2\n", events: [["1", 5, true], ["2", 7, true]] },
];

for (const { name, body, events } of TABLE) {
  Deno.test(`cutNdjson() reads ${name}`, () => {
    const seen: Cut[] = [];
    cutNdjson(
      new TextEncoder().encode(body),
      (...[data, endOffset, terminated]) => seen.push([data, endOffset, terminated]),
    );
    assertEquals(seen, events);
  });
}
