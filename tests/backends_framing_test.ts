import { assert, assertEquals, assertThrows } from "@std/assert";
import { type CutEvent, cutEvents, EventCutter } from "../backends/framing.ts";
import { grpcFrame } from "../backends/grpc_frames.ts";
import type { Framing } from "../backends/protocol.ts";

function bytes(...parts: readonly (string | Uint8Array)[]): Uint8Array {
  const encoder = new TextEncoder();
  return Uint8Array.from(
    parts.flatMap((part) => [...(typeof part === "string" ? encoder.encode(part) : part)]),
  );
}

function cut(framing: Framing, body: Uint8Array): CutEvent[] {
  const events: CutEvent[] = [];
  cutEvents(framing, body, (data, endOffset, terminated) => {
    events.push({ data, endOffset, terminated });
  });
  return events;
}

const BODIES: readonly { name: string; framing: Framing; body: Uint8Array; count: number }[] = [
  {
    name: "SSE with a byte order mark, comments, CRLF, lone CR and joined lines",
    framing: "sse",
    body: bytes(
      "\ufeff: ping\n\ndata: 日本\ndata: é😀\n\ndata:{}\r\n\r\ndata: b\r\revent: x\n",
      "data: c\n\n\n\ndata: last",
    ),
    count: 5,
  },
  {
    name: "SSE with a byte order mark that is none, in the middle",
    framing: "sse",
    body: bytes("data: a\n\n\ufeffdata: b\n\ndata: c\n\n"),
    count: 2,
  },
  { name: "NDJSON", framing: "ndjson", body: bytes('{"é":1}\r\n\n: x\n[2]\n3'), count: 3 },
  { name: "NUL", framing: "nul", body: bytes('{"é":1}\0\0[2]\x003'), count: 3 },
  { name: "JSON", framing: "json", body: bytes('\ufeff {"é":\n1} \n'), count: 1 },
  {
    name: "gRPC",
    framing: "grpc",
    body: bytes(grpcFrame(bytes("one")), grpcFrame(bytes()), grpcFrame(bytes("three"))),
    count: 3,
  },
];

for (const { name, framing, body, count } of BODIES) {
  Deno.test(`EventCutter cuts ${name} alike at every pair of splits`, () => {
    const events = cut(framing, body);
    assertEquals(events.length, count);
    for (let first = 0; first <= body.length; first++) {
      for (let second = first; second <= body.length; second++) {
        const cutter = new EventCutter(framing);
        const seen: CutEvent[] = [];
        for (const [from, to] of [[0, first], [first, second], [second, body.length]] as const) {
          const fresh = cutter.feed(body.subarray(from, to));
          for (const event of fresh) {
            assert(event.endOffset > from && event.endOffset <= to, "complete with these bytes");
          }
          seen.push(...fresh);
        }
        assertEquals([...seen, ...cutter.end()], events, `at ${first} and ${second}`);
      }
    }
  });
}

Deno.test("EventCutter hands out each event with the byte that completes it", () => {
  const body = bytes("data: a\n\ndata: b\r\n\r\n");
  const cutter = new EventCutter("sse");
  const at: number[] = [];
  body.forEach((byte, index) => {
    for (const { endOffset } of cutter.feed(Uint8Array.of(byte))) {
      assertEquals(endOffset, index + 1);
      at.push(endOffset);
    }
  });
  assertEquals(at, [9, 19]);
});

Deno.test("EventCutter looks at an unfinished event once, not with each of its pieces", () => {
  for (const framing of ["sse", "ndjson", "nul", "json"] as const) {
    const cutter = new EventCutter(framing);
    const piece = bytes("data: x\r".repeat(framing === "sse" ? 1 : 8).slice(0, 7));
    const decoded = countDecoded(() => {
      for (let i = 0; i < 1000; i++) cutter.feed(piece);
    });
    assertEquals(decoded, 0, framing);
    assertEquals(cutter.end().length, 1, framing);
  }
});

/** Bytes that are decoded while a function runs. */
function countDecoded(run: () => void): number {
  const { decode } = TextDecoder.prototype;
  let count = 0;
  TextDecoder.prototype.decode = function (input, options) {
    count += input?.byteLength ?? 0;
    return decode.call(this, input, options);
  };
  try {
    run();
  } finally {
    TextDecoder.prototype.decode = decode;
  }
  return count;
}

Deno.test("EventCutter does not keep the caller's buffer", () => {
  const cutter = new EventCutter("sse");
  const shared = bytes("data: a\n");
  cutter.feed(shared);
  shared.fill(120);
  assertEquals(cutter.feed(bytes("\n")).map((event) => event.data), ["a"]);
});

Deno.test("cutEvents() gives json as one event at the last byte", () => {
  assertEquals(cut("json", bytes(' {"a":1}\n')), [
    { data: '{"a":1}', endOffset: 9, terminated: true },
  ]);
  assertEquals(cut("json", bytes(" \n")), []);
});

Deno.test("cutEvents() gives what is left of a gRPC message as unterminated", () => {
  const frame = grpcFrame(bytes("abc"));
  assertEquals(cut("grpc", bytes(frame, frame.subarray(0, 6))), [
    { data: bytes("abc"), endOffset: 8, terminated: true },
    { data: frame.subarray(0, 6), endOffset: 14, terminated: false },
  ]);
});

Deno.test("cutEvents() refuses compressed gRPC messages", () => {
  assertThrows(() => cut("grpc", Uint8Array.of(1, 0, 0, 0, 0)), SyntaxError, "flag 1");
});

Deno.test("grpcFrame() puts five bytes in front", () => {
  assertEquals(grpcFrame(new Uint8Array(258)).subarray(0, 5), Uint8Array.of(0, 0, 0, 1, 2));
});

Deno.test("cutEvents() cuts a body of megabytes as it cuts its parts, and never decodes all of it", () => {
  const piece = (index: number) => `data: ${index}é\r\n\r\n`;
  const text = Array.from({ length: 200_000 }, (_, i) => piece(i)).join("") +
    `data: ${"y".repeat(3 << 20)}\n\n: end\n\ndata: last`;
  const body = new TextEncoder().encode(text);
  let largest = 0;
  const { decode } = TextDecoder.prototype;
  TextDecoder.prototype.decode = function (input, options) {
    largest = Math.max(largest, input?.byteLength ?? 0);
    return decode.call(this, input, options);
  };
  let index = 0;
  let end = 0;
  const seen: [number, number, boolean][] = [];
  try {
    cutEvents("sse", body, (data, endOffset, terminated) => {
      if (index < 200_000) {
        end += new TextEncoder().encode(piece(index)).length;
        // Complete at the CR of its empty line.
        if (data !== `${index}é` || endOffset !== end - 1) throw new Error(`event ${index}`);
      } else seen.push([data.length, endOffset, terminated]);
      index++;
    });
  } finally {
    TextDecoder.prototype.decode = decode;
  }
  const large = end + 8 + (3 << 20);
  assertEquals(seen, [[3 << 20, large, true], [4, body.length, false]]);
  assert(largest < body.length / 1.5, `${largest} of ${body.length} bytes at once`);
});
