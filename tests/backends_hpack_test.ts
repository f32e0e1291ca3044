import { assertEquals, assertThrows } from "@std/assert";
import { encodeHpack, type Field, HpackDecoder } from "../backends/hpack.ts";
import { decodeHuffman } from "../backends/hpack_huffman.ts";

const hex = (text: string) => Uint8Array.fromHex(text.replace(/\s/g, ""));

/** Decodes blocks one after the other, as one connection does. */
function decoded(decoder: HpackDecoder, block: string): string[] {
  const bytes = hex(block);
  return decoder.decode(bytes, 0, bytes.length).map(([name, value]) => `${name}: ${value}`);
}

const REQUESTS = [
  [":method: GET", ":scheme: http", ":path: /", ":authority: www.example.com"],
  [
    ":method: GET",
    ":scheme: http",
    ":path: /",
    ":authority: www.example.com",
    "cache-control: no-cache",
  ],
  [
    ":method: GET",
    ":scheme: https",
    ":path: /index.html",
    ":authority: www.example.com",
    "custom-key: custom-value",
  ],
];

Deno.test("HpackDecoder reads the literals of RFC 7541, C.2", () => {
  const rows: readonly [string, string][] = [
    [
      "400a 6375 7374 6f6d 2d6b 6579 0d63 7573 746f 6d2d 6865 6164 6572",
      "custom-key: custom-header",
    ],
    ["040c 2f73 616d 706c 652f 7061 7468", ":path: /sample/path"],
    ["1008 7061 7373 776f 7264 0673 6563 7265 74", "password: secret"],
    ["82", ":method: GET"],
  ];
  for (const [block, field] of rows) assertEquals(decoded(new HpackDecoder(), block), [field]);
});

Deno.test("HpackDecoder reads the requests of RFC 7541, C.3, without Huffman", () => {
  const decoder = new HpackDecoder();
  const blocks = [
    "8286 8441 0f77 7777 2e65 7861 6d70 6c65 2e63 6f6d",
    "8286 84be 5808 6e6f 2d63 6163 6865",
    "8287 85bf 400a 6375 7374 6f6d 2d6b 6579 0c63 7573 746f 6d2d 7661 6c75 65",
  ];
  assertEquals(blocks.map((block) => decoded(decoder, block)), REQUESTS);
});

Deno.test("HpackDecoder reads the requests of RFC 7541, C.4, with Huffman", () => {
  const decoder = new HpackDecoder();
  const blocks = [
    "8286 8441 8cf1 e3c2 e5f2 3a6b a0ab 90f4 ff",
    "8286 84be 5886 a8eb 1064 9cbf",
    "8287 85bf 4088 25a8 49e9 5ba9 7d7f 8925 a849 e95b b8e8 b4bf",
  ];
  assertEquals(blocks.map((block) => decoded(decoder, block)), REQUESTS);
});

const RESPONSES = [
  [
    ":status: 302",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:21 GMT",
    "location: https://www.example.com",
  ],
  [
    ":status: 307",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:21 GMT",
    "location: https://www.example.com",
  ],
  [
    ":status: 200",
    "cache-control: private",
    "date: Mon, 21 Oct 2013 20:13:22 GMT",
    "location: https://www.example.com",
    "content-encoding: gzip",
    "set-cookie: foo=ASDJKHQKBZXOQWEOPIUAXQWEOIU; max-age=3600; version=1",
  ],
];

/** "Set the dynamic table to 256 bytes", which the appendix takes as given. */
const TABLE_256 = "3fe101";

Deno.test("HpackDecoder evicts as in RFC 7541, C.5, without Huffman", () => {
  const decoder = new HpackDecoder();
  const blocks = [
    TABLE_256 + `4803 3330 3258 0770 7269 7661 7465 611d 4d6f 6e2c 2032 3120 4f63 7420 3230
      3133 2032 303a 3133 3a32 3120 474d 546e 1768 7474 7073 3a2f 2f77 7777 2e65 7861
      6d70 6c65 2e63 6f6d`,
    "4803 3330 37c1 c0bf",
    `88c1 611d 4d6f 6e2c 2032 3120 4f63 7420 3230 3133 2032 303a 3133 3a32 3220 474d
      54c0 5a04 677a 6970 7738 666f 6f3d 4153 444a 4b48 514b 425a 584f 5157 454f 5049
      5541 5851 5745 4f49 553b 206d 6178 2d61 6765 3d33 3630 303b 2076 6572 7369 6f6e
      3d31`,
  ];
  assertEquals(blocks.map((block) => decoded(decoder, block)), RESPONSES);
});

Deno.test("HpackDecoder evicts as in RFC 7541, C.6, with Huffman", () => {
  const decoder = new HpackDecoder();
  const blocks = [
    TABLE_256 + `4882 6402 5885 aec3 771a 4b61 96d0 7abe 9410 54d4 44a8 2005 9504 0b81 66e0
      82a6 2d1b ff6e 919d 29ad 1718 63c7 8f0b 97c8 e9ae 82ae 43d3`,
    "4883 640e ffc1 c0bf",
    `88c1 6196 d07a be94 1054 d444 a820 0595 040b 8166 e084 a62d 1bff c05a 839b d9ab
      77ad 94e7 821d d7f2 e6c7 b335 dfdf cd5b 3960 d5af 2708 7f36 72c1 ab27 0fb5 291f
      9587 3160 65c0 03ed 4ee5 b106 3d50 07`,
  ];
  assertEquals(blocks.map((block) => decoded(decoder, block)), RESPONSES);
});

Deno.test("HpackDecoder reads the integers of RFC 7541, C.1", () => {
  // 1337 with a prefix of 5 bits, as a size of the table; 10 fits the prefix.
  assertEquals(decoded(new HpackDecoder(), "3f9a0a"), []);
  assertEquals(decoded(new HpackDecoder(), "2a"), []);
});

Deno.test("HpackDecoder forgets what it has no room for", () => {
  const decoder = new HpackDecoder();
  const large = `64 ${"61".repeat(100)}`;
  // 31 + 6 bytes fit a table of 64 once; a second entry evicts the first.
  decoded(decoder, "3f21 4001 6101 31 4001 6201 32");
  assertEquals(decoded(decoder, "be"), ["b: 2"]);
  assertThrows(() => decoded(decoder, "bf"), SyntaxError, "no entry 63");
  // Larger than the table: read, but not kept, and the table is empty after.
  assertEquals(decoded(decoder, `4001 63${large}`).length, 1);
  assertThrows(() => decoded(decoder, "be"), SyntaxError, "no entry 62");
  // 34 bytes each: two fit into 68, not into 67.
  for (const [size, kept] of [["25", true], ["24", false]] as const) {
    const exact = new HpackDecoder();
    decoded(exact, `3f${size} 4001 6101 31 4001 6201 32`);
    if (kept) assertEquals(decoded(exact, "bf"), ["a: 1"]);
    else assertThrows(() => decoded(exact, "bf"), SyntaxError, "no entry 63");
  }
  // A size of 0 empties it as well.
  const other = new HpackDecoder();
  decoded(other, "4001 6101 31");
  assertEquals(decoded(other, "be"), ["a: 1"]);
  decoded(other, "20");
  assertThrows(() => decoded(other, "be"), SyntaxError);
});

Deno.test("HpackDecoder refuses what is no header block", () => {
  const rows: readonly [string, string][] = [
    ["80", "no entry 0"],
    ["c5", "no entry 69"],
    ["40", "cut short"],
    ["400a61", "beyond the end"],
    ["ff", "cut short"],
    ["ffffffffffffff01", "too large"],
    ["3fe21f", "too large"],
    ["8220", "inside a block"],
    ["400161 84 ffffffff", "end mark"],
    // Eight bits of padding, and padding that is not made of ones.
    ["400161 82 1fff", "ends inside"],
    ["400161 81 18", "ends inside"],
  ];
  for (const [block, cause] of rows) {
    assertThrows(() => decoded(new HpackDecoder(), block), SyntaxError, cause, block);
  }
});

Deno.test("HpackDecoder stops where few bytes stand for very many", () => {
  const entry = encodeEntry("x".repeat(4000));
  const block = (times: number) => Uint8Array.of(...entry, ...new Uint8Array(times).fill(0xbe));
  const fits = block(60);
  assertEquals(new HpackDecoder().decode(fits, 0, fits.length).length, 61);
  const bomb = block(10_000);
  assertThrows(
    () => new HpackDecoder().decode(bomb, 0, bomb.length),
    RangeError,
    "larger than 256 KiB when unpacked",
  );
});

/** A field that goes into the dynamic table, as its first entry (index 62, `be`). */
function encodeEntry(value: string): Uint8Array {
  const plain = encodeHpack([["a", value]]);
  return Uint8Array.of(0x40, ...plain.subarray(1));
}

Deno.test("decodeHuffman knows the code of every byte", () => {
  // Codes that differ from their neighbors' in length, straight from appendix B, padded with ones.
  const rows: readonly [number, string][] = [
    [0, "ffc7"],
    [1, "ffffb1"],
    [10, "fffffff3"],
    [48, "07"],
    [92, "fffe1f"],
    [123, "fffd"],
    [127, "ffffffcf"],
    [128, "fffe6f"],
    [153, "fffee7"],
    [199, "fffff67f"],
    [203, "fffffbdf"],
    [249, "ffffffef"],
    [255, "fffffbbf"],
  ];
  for (const [byte, code] of rows) {
    const bytes = hex(code);
    assertEquals(decodeHuffman(bytes, 0, bytes.length).charCodeAt(0), byte, code);
  }
});

Deno.test("encodeHpack writes what the decoder reads, and leaves no trace in a table", () => {
  const fields: Field[] = [
    [":method", "POST"],
    [":scheme", "http"],
    [":path", "/a.B/C"],
    [":authority", "h:1"],
    ["te", "trailers"],
    ["authorization", "Bearer k"],
    ["x-long", "x".repeat(300)],
    ["content-length", ""],
  ];
  const block = encodeHpack(fields);
  const decoder = new HpackDecoder();
  assertEquals(decoder.decode(block, 0, block.length), fields);
  assertEquals(block.subarray(0, 3).toHex(), "8386" + "04");
  // No proxy may put a secret into a table.
  assertEquals(encodeHpack([["authorization", "k"]]).toHex(), "1f0801" + "6b");
  assertThrows(() => decoder.decode(hex("be"), 0, 1), SyntaxError, "no entry 62");
});
