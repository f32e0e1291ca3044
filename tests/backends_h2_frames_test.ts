import { assertEquals, assertThrows } from "@std/assert";
import {
  FLAG,
  FRAME,
  FrameReader,
  H2Error,
  makeFrame,
  rstStream,
  settings,
  showCode,
  windowUpdate,
} from "../backends/h2_frames.ts";
import { createRandom } from "../backends/random.ts";

/** What a reader reports for bytes that arrive in these pieces. */
function framesIn(pieces: readonly Uint8Array[]): string[] {
  const lines: string[] = [];
  let text = "";
  const reader = new FrameReader({
    dataBegins: (id, bytes) => {
      lines.push(`data ${id}, ${bytes} bytes`);
      text = "";
    },
    data: (source, from, to) => text += source.subarray(from, to).toHex(),
    dataEnds: (endStream) => lines.push(`${text}${endStream ? " end" : ""}`),
    frame: ({ type, flags, streamId }, source, from, to) =>
      lines.push(`${type}/${flags} ${streamId}: ${source.subarray(from, to).toHex()}`),
  });
  for (const piece of pieces) {
    // As a connection reads: into a larger buffer that is used again.
    const buffer = new Uint8Array(piece.length + 5).fill(0xee);
    buffer.set(piece, 3);
    reader.push(buffer, 3, 3 + piece.length);
    buffer.fill(0xdd);
  }
  return lines;
}

const bytes = (hex: string) => Uint8Array.fromHex(hex);
const FRAMES = [
  settings([[4, 0x7fffffff], [3, 100]]),
  makeFrame(FRAME.settings, new Uint8Array(0), { flags: FLAG.ack }),
  makeFrame(FRAME.headers, bytes("8286"), { flags: FLAG.endHeaders, streamId: 0x7fffffff }),
  makeFrame(FRAME.data, bytes("010203"), { streamId: 5 }),
  makeFrame(FRAME.data, bytes(""), { streamId: 5, flags: FLAG.endStream }),
  makeFrame(FRAME.data, bytes("02" + "aabbcc" + "0000"), { streamId: 7, flags: FLAG.padded }),
  makeFrame(FRAME.data, bytes("00" + "dd"), { streamId: 7, flags: FLAG.padded }),
  makeFrame(FRAME.data, bytes("03" + "000000"), {
    streamId: 7,
    flags: FLAG.padded | FLAG.endStream,
  }),
  makeFrame(FRAME.data, bytes("00"), { streamId: 7, flags: FLAG.padded }),
  makeFrame(0xfe, bytes("ff".repeat(700)), { flags: 0xff, streamId: 9 }),
  makeFrame(FRAME.ping, bytes("0102030405060708")),
  windowUpdate(0, 1),
  rstStream(3, 8),
];
const EXPECTED = [
  "4/0 0: 00047fffffff" + "000300000064",
  "4/1 0: ",
  "1/4 2147483647: 8286",
  "data 5, 3 bytes",
  "010203",
  "data 5, 0 bytes",
  " end",
  "data 7, 6 bytes",
  "aabbcc",
  "data 7, 2 bytes",
  "dd",
  "data 7, 4 bytes",
  " end",
  "data 7, 1 bytes",
  "",
  `254/255 9: ${"ff".repeat(700)}`,
  "6/0 0: 0102030405060708",
  "8/0 0: 00000001",
  "3/0 3: 00000008",
];
const ALL = Uint8Array.from(FRAMES.flatMap((frame) => [...frame]));

Deno.test("FrameReader reads frames as they come", () => {
  assertEquals(framesIn(FRAMES), EXPECTED);
  assertEquals(framesIn([ALL]), EXPECTED);
});

Deno.test("FrameReader reads frames a byte at a time", () => {
  assertEquals(framesIn(Array.from(ALL, (byte) => Uint8Array.of(byte))), EXPECTED);
});

Deno.test("FrameReader reads frames wherever they are split", () => {
  for (let at = 0; at <= ALL.length; at++) {
    assertEquals(framesIn([ALL.subarray(0, at), ALL.subarray(at)]), EXPECTED, `split at ${at}`);
  }
  const random = createRandom(7, "splits");
  for (let round = 0; round < 300; round++) {
    const pieces: Uint8Array[] = [];
    for (let at = 0; at < ALL.length;) {
      const to = Math.min(ALL.length, at + 1 + Math.floor(random.next() * 40));
      pieces.push(ALL.subarray(at, to));
      at = to;
    }
    assertEquals(framesIn(pieces), EXPECTED, `round ${round}`);
  }
});

Deno.test("FrameReader refuses what is no frame", () => {
  const rows: readonly [string, string][] = [
    ["485454502f312e3120", "it answers in HTTP/1"],
    ["004001" + "0000" + "00000001", "a frame of 16385 bytes"],
    ["000001" + "0008" + "00000001" + "01", "padding is longer"],
    ["000003" + "0008" + "00000001" + "030000", "padding is longer"],
    ["000000" + "0008" + "00000001", "without the padding's length"],
  ];
  for (const [hex, cause] of rows) assertThrows(() => framesIn([bytes(hex)]), H2Error, cause);
  // The largest that is allowed.
  assertEquals(framesIn([makeFrame(FRAME.ping, new Uint8Array(16_384))]).length, 1);
});

Deno.test("showCode names what it knows", () => {
  assertEquals([showCode(8), showCode(99)], ["code 8 (CANCEL)", "code 99"]);
});
