import { assert, assertEquals, assertMatch } from "@std/assert";
import { LogPool } from "../backends/buffers.ts";
import { HEAD_LIMIT, ResponseParser } from "../backends/http1.ts";
import { latin1 } from "./support/raw_server.ts";

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}transfer-encoding: chunked\r\n\r\n`;

interface Seen {
  readonly status: number;
  readonly contentType: string;
  readonly body: string;
  readonly done: boolean;
  readonly reusable: boolean;
  readonly error: string | undefined;
  /** Bytes that belong to the response. */
  readonly used: number;
}

const logs = new LogPool();

/** Feeds an answer in pieces that end at `cuts`. */
function parse(answer: string, cuts: readonly number[] = []): Seen {
  const parser = new ResponseParser();
  const log = logs.take();
  parser.start(log);
  const bytes = latin1(answer);
  // As on a socket: one buffer for all reads, overwritten by the next.
  const buffer = new Uint8Array(bytes.length);
  let used = 0;
  let from = 0;
  for (const to of [...cuts, bytes.length]) {
    buffer.fill(0).set(bytes.subarray(from, to), 7 % (bytes.length - (to - from) + 1));
    const start = 7 % (bytes.length - (to - from) + 1);
    used += parser.push(buffer, start, start + to - from) - start;
    from = to;
  }
  const { status, contentType, done, reusable, error } = parser;
  const body = new TextDecoder("latin1").decode(log.finish().body);
  return { status, contentType, body, done, reusable, error, used };
}

const WHOLE: readonly { answer: string; body: string; reusable: boolean; status?: number }[] = [
  { answer: `${OK}content-length: 5\r\n\r\nhello`, body: "hello", reusable: true },
  { answer: `${OK}content-length: 0\r\n\r\n`, body: "", reusable: true },
  { answer: `${CHUNKED}5\r\nhello\r\n0\r\n\r\n`, body: "hello", reusable: true },
  {
    answer: `${CHUNKED}5;a="b"\r\nhello\r\n0A \t\r\n0123456789\r\n00\r\nx: 1\r\ny: 2\r\n\r\n`,
    body: "hello0123456789",
    reusable: true,
  },
  {
    answer: `${CHUNKED}2\r\n\r\n\r\n5\r\n0\r\n\r\n\r\n0\r\n\r\n`,
    body: "\r\n0\r\n\r\n",
    reusable: true,
  },
  { answer: `\r\n\nHTTP/1.1 200\ncontent-length:2\n\nhi`, body: "hi", reusable: true },
  {
    answer:
      `HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Hints\r\na: b\r\n\r\n${OK}content-length: 2\r\n\r\nhi`,
    body: "hi",
    reusable: true,
  },
  { answer: "HTTP/1.1 204 No Content\r\n\r\n", body: "", reusable: true, status: 204 },
  {
    answer: "HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n",
    body: "",
    reusable: true,
    status: 304,
  },
  { answer: "HTTP/1.1 101 Switching\r\n\r\n", body: "", reusable: false, status: 101 },
  { answer: `${OK}Connection: Close\r\ncontent-length: 2\r\n\r\nhi`, body: "hi", reusable: false },
  {
    answer: `${OK}connection: foo, close\r\ncontent-length: 2\r\n\r\nhi`,
    body: "hi",
    reusable: false,
  },
  { answer: `HTTP/1.0 200 OK\r\ncontent-length: 2\r\n\r\nhi`, body: "hi", reusable: false },
  {
    answer: `HTTP/1.0 200 OK\r\nconnection: Keep-Alive\r\ncontent-length: 2\r\n\r\nhi`,
    body: "hi",
    reusable: true,
  },
  {
    answer:
      `${OK}content-length: 9\r\ntransfer-encoding: gzip, chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n`,
    body: "hi",
    reusable: false,
  },
  { answer: `${OK}content-length: 2, 2\r\n\r\nhi`, body: "hi", reusable: true },
  {
    // Names as long as those that matter.
    answer: `${OK}content-length: 2\r\nx-request-line: 9\r\nx-transfer-coding: chunked\r\n` +
      "x-upstream: close\r\nx-media-type: a/b\r\n\r\nhi",
    body: "hi",
    reusable: true,
  },
];

Deno.test("ResponseParser reads the same wherever the bytes are split", () => {
  for (const { answer, body, reusable, status = 200 } of WHOLE) {
    const expected: Seen = {
      status,
      contentType: "",
      body,
      done: true,
      reusable,
      error: undefined,
      used: answer.length,
    };
    assertEquals(parse(answer), expected, answer);
    assertEquals(parse(answer), expected, `${answer} with a head that is known`);
    for (let cut = 1; cut < answer.length; cut++) {
      assertEquals(parse(answer, [cut]), expected, `${answer} cut at ${cut}`);
    }
    const everywhere = Array.from({ length: answer.length - 1 }, (_, i) => i + 1);
    assertEquals(parse(answer, everywhere), expected, `${answer} byte by byte`);
  }
});

const BROKEN: readonly [what: string, answer: string, error: RegExp, body?: string][] = [
  ["no HTTP", "SSH-2.0-x\r\n\r\n", /begins with "SSH-2\.0-x", not with HTTP/],
  ["no HTTP, and no end of line", "SSH-2.0-x", /begins with "SSH-2\.0-x", not with HTTP/],
  ["shorter than a status line", "-ERR\r\n\r\n", /does not begin with HTTP/],
  ["HTTP/2.0", "HTTP/2.0 200 OK\r\n\r\n", /begins with "HTTP\/2\.0", not with HTTP/],
  ["an empty SETTINGS frame", "\0\0\0\x04\0\0\0\0\0", /speaks HTTP\/2 on this port/],
  ["SETTINGS", `\0\0\x06\x04\0\0\0\0\0\0\x03\0\0\0d`, /speaks HTTP\/2 on this port/],
  ["two digits", "HTTP/1.1 20 OK\r\n\r\n", /status/],
  ["four digits", "HTTP/1.1 2000 OK\r\n\r\n", /status/],
  ["status 099", "HTTP/1.1 099 OK\r\n\r\n", /status/],
  ["no colon", `${OK}hello\r\n\r\n`, /header line is malformed: hello/],
  ["no name", `${OK}: x\r\n\r\n`, /header line is malformed/],
  ["space before colon", `${OK}a : b\r\n\r\n`, /header line is malformed/],
  ["folded header", `${OK}a: b\r\n c\r\n\r\n`, /header line is malformed/],
  ["NUL", `${OK}a: \0\r\n\r\n`, /header line is malformed/],
  ["CR inside", `${OK}a: b\rc\r\n\r\n`, /header line is malformed/],
  ["length x", `${OK}content-length: x\r\n\r\n`, /content-length is invalid: x/],
  ["length +1", `${OK}content-length: +1\r\n\r\n`, /content-length is invalid/],
  ["length empty", `${OK}content-length:\r\n\r\n`, /content-length is invalid/],
  ["length 2, 3", `${OK}content-length: 2, 3\r\n\r\n`, /content-length is invalid/],
  [
    "two lengths",
    `${OK}content-length: 2\r\ncontent-length: 3\r\n\r\n`,
    /content-length is invalid: 3/,
  ],
  ["1.0 and chunks", "HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n", /HTTP\/1.0/],
  ["a head too large", `${OK}x: ${"x".repeat(HEAD_LIMIT)}\r\n\r\n`, /head is larger than 256 KiB/],
  ["101 lines", `${OK}${"a: b\r\n".repeat(101)}\r\n`, /head has more than 100 lines/],
  ["size g", `${CHUNKED}2\r\nhi\r\ng\r\n`, /size is missing/, "hi"],
  ["size 2g", `${CHUNKED}2\r\nhi\r\n2g\r\n`, /not a hexadecimal/, "hi"],
  ["size empty", `${CHUNKED}\r\n`, /size is missing/],
  ["size of 13 digits", `${CHUNKED}1000000000000\r\n`, /too large/],
  ["LF after size", `${CHUNKED}2\nhi`, /not a hexadecimal/],
  ["LF in extension", `${CHUNKED}2;a\nhi`, /does not end in CR LF/],
  ["CR without LF", `${CHUNKED}2\rhi`, /does not end in CR LF/],
  ["long chunk", `${CHUNKED}2\r\nhi!\r\n`, /longer than its size/, "hi"],
  ["chunk CR CR", `${CHUNKED}2\r\nhi\r\r`, /chunk does not end/, "hi"],
  [
    "endless extension",
    `${CHUNKED}2;${"x".repeat(20_000)}\r\n`,
    /size line of a chunk is larger than 16 KiB/,
  ],
  [
    "endless trailer",
    `${CHUNKED}0\r\nx: ${"x".repeat(20_000)}\r\n\r\n`,
    /trailers are larger than 16 KiB/,
  ],
  [
    "endless zeros",
    `${CHUNKED}${"0".repeat(20_000)}`,
    /size line of a chunk is larger than 16 KiB/,
  ],
  ["endless spaces", `${CHUNKED}2${" ".repeat(20_000)}`, /size line of a chunk is larger than/],
  [
    "interim responses without end",
    "HTTP/1.1 102 Processing\r\n\r\n".repeat(101),
    /more than 100 interim responses/,
  ],
  [
    "empty lines without end",
    "\r\n".repeat(101),
    /more than 100 interim responses \(1xx\) or empty/,
  ],
  ["LF in trailer", `${CHUNKED}0\r\nx: 1\n\r\n`, /trailer does not end/],
  ["last line CR x", `${CHUNKED}0\r\n\rx`, /last chunk does not end/],
];

Deno.test("ResponseParser names what is malformed, wherever the bytes are split", () => {
  for (const [what, answer, error, body = ""] of BROKEN) {
    const whole = parse(answer);
    assertMatch(whole.error ?? "nothing", error, what);
    assertEquals([whole.done, whole.reusable, whole.body], [false, false, body], what);
    if (answer.length > 1000) continue;
    for (let cut = 1; cut < answer.length; cut++) {
      assertEquals(parse(answer, [cut]), whole, `${what} cut at ${cut}`);
    }
  }
});

Deno.test("ResponseParser ends a body of extensions, each of which is short", () => {
  const parser = new ResponseParser();
  parser.start(logs.take());
  const piece = latin1(`1;${"x".repeat(16_000)}\r\na\r\n`);
  parser.push(latin1(CHUNKED), 0, CHUNKED.length);
  let pieces = 0;
  while (parser.error === undefined && pieces < 1000) {
    parser.push(piece, 0, piece.length);
    pieces++;
  }
  assertMatch(parser.error!, /besides their sizes is larger than 4 MiB/);
  assertEquals([pieces, parser.limitPassed], [263, true]);
});

Deno.test("ResponseParser accepts sizes and heads up to the limits", () => {
  const long = parse(
    `${CHUNKED}2;${"x".repeat(16_000)}\r\nhi\r\n0\r\nx: ${"x".repeat(100)}\r\n\r\n`,
  );
  assertEquals([long.error, long.body], [undefined, "hi"]);
  const wide = parse(`${OK}${"a: b\r\n".repeat(99)}content-length: 0\r\n\r\n`);
  assertEquals([wide.error, wide.done], [undefined, true]);
  const zeros = parse(`${CHUNKED}${"0".repeat(30)}2\r\nhi\r\n0\r\n\r\n`);
  assertEquals([zeros.error, zeros.body], [undefined, "hi"]);
  // Some servers pad each size with spaces.
  const padded = parse(`${CHUNKED}${"1         \r\na\r\n".repeat(3000)}0\r\n\r\n`);
  assertEquals([padded.error, padded.body.length], [undefined, 3000]);
  const interim = parse(`${"HTTP/1.1 102 P\r\n\r\n".repeat(100)}${OK}content-length: 0\r\n\r\n`);
  assertEquals([interim.error, interim.done], [undefined, true]);
});

Deno.test("ResponseParser stops where the response ends", () => {
  const answer = `${OK}content-length: 2\r\n\r\nhiHTTP/1.1 500 No\r\n\r\n`;
  const seen = parse(answer);
  assertEquals([seen.body, seen.status, answer.slice(seen.used)], [
    "hi",
    200,
    "HTTP/1.1 500 No\r\n\r\n",
  ]);
});

Deno.test("ResponseParser reads one response after the other", () => {
  const parser = new ResponseParser();
  for (const status of [200, 404, 200]) {
    const log = logs.take();
    parser.start(log);
    assertEquals([parser.done, parser.headDone, parser.started, parser.status], [
      false,
      false,
      false,
      0,
    ]);
    const bytes = latin1(
      `HTTP/1.1 ${status} X\r\nContent-Type: Text/Plain\r\ntransfer-encoding: chunked\r\n\r\n1;${
        "y".repeat(9000)
      }\r\nx\r\n0\r\n\r\n`,
    );
    assertEquals(parser.push(bytes, 0, bytes.length), bytes.length);
    assert(parser.done && parser.reusable);
    assertEquals([parser.status, parser.contentType, log.bytes], [status, "text/plain", 1]);
    log.finish();
  }
});

Deno.test("ResponseParser knows what the end of the connection means", () => {
  const table: readonly [answer: string, eof: string][] = [
    ["", "nothing"],
    ["H", "head"],
    [`${OK}content-length: 2\r\n`, "head"],
    ["HTTP/1.1 100 Continue\r\n\r\n", "head"],
    [`${OK}content-length: 2\r\n\r\nh`, "body"],
    [`${CHUNKED}2\r\nhi\r\n0\r\n`, "body"],
    [`${OK}\r\nhi`, "complete"],
    [`${OK}\r\n`, "complete"],
    [`${OK}content-length: 2\r\n\r\nhi`, "complete"],
    ["SSH\r\n\r\n", "malformed"],
  ];
  for (const [answer, eof] of table) {
    const parser = new ResponseParser();
    parser.start(logs.take());
    const bytes = latin1(answer);
    parser.push(bytes, 0, bytes.length);
    assertEquals(parser.eof(), eof, answer);
    if (eof === "complete") assert(parser.done);
  }
});

Deno.test("ResponseParser knows the last head again, and no other", () => {
  const head = (date: number, more = "") =>
    `HTTP/1.1 200 OK\r\ndate: ${date}\r\ncontent-type: a/b\r\ncontent-length: 2\r\n${more}\r\n`;
  const answers: readonly (readonly [head: string, contentType: string, reusable: boolean])[] = [
    [head(1), "a/b", true],
    [head(1), "a/b", true],
    [head(2), "a/b", true],
    [head(2, "connection: close\r\n"), "a/b", false],
    [head(2, "connection: close\r\n"), "a/b", false],
    [head(2), "a/b", true],
    [head(2).replace("a/b", "c/d"), "c/d", true],
  ];
  for (const step of [1, 7, 1000]) {
    const parser = new ResponseParser();
    const pool = new LogPool();
    for (const [text, contentType, reusable] of answers) {
      const log = pool.take();
      parser.start(log);
      const bytes = new TextEncoder().encode(`${text}hi`);
      for (let at = 0; at < bytes.length; at += step) {
        assertEquals(parser.done, false);
        parser.push(bytes, at, Math.min(bytes.length, at + step));
      }
      assertEquals(
        [parser.status, parser.contentType, parser.reusable, parser.done],
        [200, contentType, reusable, true],
      );
      assertEquals(new TextDecoder().decode(log.finish().body), "hi");
    }
  }
});
