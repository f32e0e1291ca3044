import { assertEquals, assertRejects } from "@std/assert";
import { type JsonElement, readJsonArray } from "../workloads/dataset_json_stream.ts";

const encoder = new TextEncoder();

async function read(chunks: Uint8Array[], options = {}): Promise<JsonElement[]> {
  return await Array.fromAsync(readJsonArray(chunks, options));
}

/** Pieces of `size` bytes in one reused buffer, as a file reader gives them. */
function* reused(bytes: Uint8Array, size: number): Generator<Uint8Array> {
  const buffer = new Uint8Array(size);
  for (let at = 0; at < bytes.length; at += size) {
    const piece = bytes.subarray(at, at + size);
    buffer.fill(0x7b);
    buffer.set(piece);
    yield buffer.subarray(0, piece.length);
  }
}

const TRICKY = [
  { id: "braces", value: '} ] { [ , " } ]] \\ \\" { \\\\' },
  { quote: 'one " and a } brace' },
  { nested: { list: [1, [2, { deep: "]}" }]], empty: {}, none: [] } },
  { text: "héllo 日本語 🚀 \u2028 \u0000 \n\t" },
  {},
  { n: -1.5e-7, t: true, f: false, z: null },
];

Deno.test("readJsonArray gives what JSON.parse gives", async () => {
  for (const text of [JSON.stringify(TRICKY), JSON.stringify(TRICKY, null, 2) + "\n"]) {
    const elements = await read([encoder.encode(text)]);
    assertEquals(elements.map(({ value }) => value), TRICKY as unknown[]);
    assertEquals(elements.map(({ index }) => index), [0, 1, 2, 3, 4, 5]);
  }
  assertEquals(await read([encoder.encode("[]")]), []);
  assertEquals(await read([encoder.encode("\ufeff [ \r\n\t] ")]), []);
});

Deno.test("readJsonArray gives the same wherever the bytes are cut", async () => {
  const bytes = encoder.encode(JSON.stringify(TRICKY, null, 1));
  const whole = await read([bytes]);
  for (let cut = 0; cut <= bytes.length; cut++) {
    assertEquals(await read([bytes.slice(0, cut), bytes.slice(cut)]), whole, `cut at ${cut}`);
  }
  for (const size of [1, 2, 3, 7, 64]) {
    assertEquals(await Array.fromAsync(readJsonArray(reused(bytes, size))), whole, `size ${size}`);
  }
});

Deno.test("readJsonArray tells where each element stands", async () => {
  const bytes = encoder.encode('[ {"a":"é"},\n{} ]');
  const places = (await read([bytes])).map(({ offset, length }) => [offset, length]);
  assertEquals(places, [[2, 10], [14, 2]]);
  for (const [offset, length] of places as [number, number][]) {
    const piece = bytes.slice(offset, offset + length);
    assertEquals([piece[0], piece.at(-1)], [0x7b, 0x7d]);
  }
});

Deno.test("readJsonArray names the element and the byte of a mistake", async () => {
  const rows: [text: string, says: string][] = [
    ["", "The file is empty"],
    ["{}", 'found "{" at byte 0'],
    ["nope", 'Expected a JSON array, found "n" at byte 0'],
    ["[:1]", 'Expected element 0, found ":" at byte 1'],
    ["[{}, }]", 'Expected element 1, found "}" at byte 5'],
    ["[{},]", 'Expected element 1, found "]" at byte 4'],
    ["[,{}]", 'Expected element 0, found "," at byte 1'],
    ["[1 2]", 'Expected "," or "]" after element 0, found "2" at byte 3'],
    ["[12", "ends at byte 3 inside element 0"],
    ['["a', "inside element 0"],
    ["[{}{}]", 'Expected "," or "]" after element 0, found "{" at byte 3'],
    ["[{}] x", 'Expected the end after the array, found "x" at byte 5'],
    ["[{}", "ends at byte 3 before the array does"],
    ['[{}, {"a": 1', "ends at byte 12 inside element 1, which begins at byte 5"],
    ['[{"a": "', "inside element 0"],
  ];
  for (const [text, says] of rows) {
    await assertRejects(() => read([encoder.encode(text)]), SyntaxError, says);
  }
});

Deno.test("readJsonArray gives what cannot be parsed with the reason, and goes on", async () => {
  const latin1 = Uint8Array.of(...encoder.encode('[{"a":"'), 0xe9, ...encoder.encode('"}, 1]'));
  const rows: [bytes: Uint8Array, problem: string][] = [
    [encoder.encode('[{"a" 1}, 1]'), "is not JSON"],
    [encoder.encode("[nope, 1]"), "is not JSON"],
    [encoder.encode("[NaN, 1]"), "is not JSON"],
    [
      encoder.encode(`[${"[".repeat(300)}${"]".repeat(300)}, 1]`),
      "is nested deeper than 200 levels",
    ],
    [latin1, "is not UTF-8 (convert Latin-1 with iconv -f LATIN1 -t UTF-8)"],
  ];
  for (const [bytes, says] of rows) {
    const found = await read([bytes]);
    assertEquals(found.map(({ value, problem }) => problem ?? value), [says, 1]);
  }
});

Deno.test("readJsonArray reads elements of all kinds, and a list inside an object", async () => {
  const values = ["a", 'q"', "\\", -1.5e3, true, null, [], [["x"], "y"], {}, ["]"]];
  for (const text of [JSON.stringify(values), JSON.stringify(values, null, 2)]) {
    const bytes = encoder.encode(text);
    for (const size of [1, 2, 3, 1000]) {
      const found = await Array.fromAsync(readJsonArray(reused(bytes, size)));
      assertEquals(found.map(({ value }) => value), values as unknown[]);
    }
  }
  const inside = encoder.encode('{"v": [0], "data": ["a", {"b": 1}], "z": [3]}');
  const from = 19;
  for (const size of [1, 5, 100]) {
    const found = await Array.fromAsync(readJsonArray(reused(inside, size), { from }));
    assertEquals(found.map(({ value }) => value), ["a", { b: 1 }]);
    assertEquals(found.map(({ offset }) => offset), [20, 25]);
  }
});

Deno.test("half a surrogate pair becomes U+FFFD, whole ones stay", async () => {
  const [element] = await read([
    encoder.encode('[{"\\ud83d":"\\ud83d\\ude00 \\ude00 \\\\ud800"}]'),
  ]);
  assertEquals(element!.value, { "\ufffd": "😀 \ufffd \\ud800" });
});

Deno.test("readJsonArray stops at an object that never ends", async () => {
  const pieces = ['[{"a": "', "x".repeat(60), "x".repeat(60)].map((text) => encoder.encode(text));
  await assertRejects(
    () => read(pieces, { maxElementBytes: 100 }),
    SyntaxError,
    "Element 0 at byte 1 is longer than 100 bytes",
  );
});
