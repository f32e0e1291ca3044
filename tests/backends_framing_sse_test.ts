import { assert, assertEquals } from "@std/assert";
import { cutSse } from "../backends/framing_sse.ts";

type Cut = readonly [data: string, endOffset: number, terminated: boolean];

function cut(body: string | Uint8Array): Cut[] {
  const events: Cut[] = [];
  const bytes = typeof body === "string" ? new TextEncoder().encode(body) : body;
  cutSse(bytes, (data, endOffset, terminated) => events.push([data, endOffset, terminated]));
  return events;
}

const TABLE: readonly { name: string; body: string | Uint8Array; events: readonly Cut[] }[] = [
  { name: "nothing in nothing", body: "", events: [] },
  { name: "LF", body: "data: a\n\ndata: b\n\n", events: [["a", 9, true], ["b", 18, true]] },
  { name: "no space", body: 'data:{"a":1}\n\n', events: [['{"a":1}', 14, true]] },
  { name: "only one space is removed", body: "data:  a \n\n", events: [[" a ", 11, true]] },
  // The CR alone ends the blank line: the LF behind it adds nothing to wait for.
  {
    name: "CRLF",
    body: "data: a\r\n\r\ndata: b\r\n\r\n",
    events: [["a", 10, true], ["b", 21, true]],
  },
  { name: "lone CR", body: "data: a\r\rdata: b\r\r", events: [["a", 9, true], ["b", 18, true]] },
  {
    name: "LF then CRLF",
    body: "data: a\n\r\ndata: b\n\n",
    events: [["a", 9, true], ["b", 19, true]],
  },
  {
    name: "several data lines",
    body: "data: a\ndata: b\ndata:\n\n",
    events: [["a\nb\n", 23, true]],
  },
  { name: "data without a colon", body: "data\ndata: b\n\n", events: [["\nb", 14, true]] },
  {
    name: "comments and other fields are no data",
    body: ": ping\n\nevent: message\nid: 7\nretry: 10\ndatum: x\ndata: a\n\n",
    events: [["a", 57, true]],
  },
  {
    name: "events without data",
    body: "event: x\n\ndata:\n\ndata: a\n\n",
    events: [["a", 26, true]],
  },
  { name: "a byte order mark", body: "\ufeffdata: a\n\n", events: [["a", 12, true]] },
  {
    name: "bytes are counted, not characters",
    body: "data: é😀\n\ndata: b\n\n",
    events: [["é😀", 14, true], ["b", 23, true]],
  },
  {
    name: "multi-byte with CRLF",
    body: "data: é\r\n\r\ndata: ü\r\n\r\n",
    events: [["é", 11, true], ["ü", 23, true]],
  },
  {
    name: "invalid UTF-8 moves nothing",
    body: Uint8Array.of(
      ...new TextEncoder().encode("data: "),
      0xff,
      0xc3,
      10,
      10,
      0x64,
      0x61,
      0x74,
      0x61,
      0x3a,
      0x62,
      10,
      10,
    ),
    events: [["\ufffd\ufffd", 10, true], ["b", 18, true]],
  },
  {
    name: "a final line without a line end",
    body: "data: a\n\ndata: b",
    events: [["a", 9, true], ["b", 16, false]],
  },
  { name: "a final event without a blank line", body: "data: a\n", events: [["a", 8, false]] },
  { name: "a final CR", body: "data: a\r", events: [["a", 8, false]] },
  { name: "NDJSON is no event", body: '{"text":"a"}\n{"text":"b"}\n', events: [] },
];

for (const { name, body, events } of TABLE) {
  Deno.test(`cutSse() reads ${name}`, () => assertEquals(cut(body), events));
}

/** Byte by byte, as the standard describes it: slow, and independent of the code under test. */
function reference(bytes: Uint8Array): Cut[] {
  const events: Cut[] = [];
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  let line: number[] = [];
  let data: string[] = [];
  const endLine = (offset: number, terminated: boolean) => {
    const text = decoder.decode(Uint8Array.from(line));
    line = [];
    if (text === "") {
      const joined = data.join("\n");
      if (joined !== "") events.push([joined, offset, terminated]);
      data = [];
      return;
    }
    const match = /^data(?::[ ]?(.*))?$/s.exec(text);
    if (match !== null) data.push(match[1] ?? "");
  };
  const start = bytes[0] === 0xef && bytes[1] === 0xbb && bytes[2] === 0xbf ? 3 : 0;
  for (let at = start; at < bytes.length; at++) {
    const byte = bytes[at]!;
    if (byte === 10 && at > 0 && bytes[at - 1] === 13) continue;
    if (byte === 10 || byte === 13) endLine(at + 1, true);
    else line.push(byte);
  }
  if (line.length > 0) endLine(bytes.length, false);
  const rest = data.join("\n");
  if (rest !== "") events.push([rest, bytes.length, false]);
  return events;
}

Deno.test("cutSse() agrees with a byte-wise reading of 3000 random bodies", () => {
  const pieces = [
    "data",
    ":",
    " ",
    "\n",
    "\r",
    "\r\n",
    "\n\n",
    "x",
    "é",
    "日",
    "\ufeff",
    "event",
    "{}",
    "\xff",
  ];
  let seed = 42;
  const draw = (n: number) => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed % n;
  };
  let seen = 0;
  for (let round = 0; round < 3000; round++) {
    const parts: number[] = [];
    for (let count = draw(30); count > 0; count--) {
      const piece = draw(3) === 0 ? "data:" : pieces[draw(pieces.length)]!;
      parts.push(...(piece === "\xff" ? [0xff] : new TextEncoder().encode(piece)));
    }
    const bytes = Uint8Array.from(parts);
    const expected = reference(bytes);
    assertEquals(cut(bytes), expected, JSON.stringify(new TextDecoder().decode(bytes)));
    seen += expected.length;
  }
  assert(seen > 1000, `the bodies hold events: ${seen}`);
});

Deno.test("cutSse() looks for a line end that a body does not have only once", () => {
  for (const other of ["\n", "\r"]) {
    const own = other === "\n" ? "\r" : "\n";
    const { indexOf } = String.prototype;
    let looks = 0;
    String.prototype.indexOf = function (text, from) {
      if (text === other) looks++;
      return indexOf.call(this, text, from);
    };
    let events: Cut[];
    try {
      events = cut(`data: a${own}${own}`.repeat(100));
    } finally {
      String.prototype.indexOf = indexOf;
    }
    assertEquals(events.length, 100);
    assert(looks <= 1, `${looks} looks for ${JSON.stringify(other)}`);
  }
});
