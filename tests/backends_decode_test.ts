import { assert, assertEquals, assertStrictEquals, assertStringIncludes } from "@std/assert";
import { decodeExchange, type DecodeOptions, unsentRecord } from "../backends/decode.ts";
import { grpcFrame } from "../backends/grpc_frames.ts";
import type { EngineEvent, GenerationRequest, Protocol } from "../backends/protocol.ts";
import type { Outcome, RequestRecord } from "../backends/record.ts";
import type { Exchange, ExchangeEnd } from "../backends/transport.ts";
import { cannedExchange, cannedOptions, cannedRequest } from "./support/protocol_contract.ts";

/** Its events are {@linkcode EngineEvent}s as they stand, so a table shows what is decoded. */
const plain: Protocol = {
  name: "plain",
  title: "Plain",
  description: "Events of the tests, one a line.",
  carrier: "http",
  path: "/",
  forcesLength: true,
  lengthTolerance: 0,
  tokenSource: "event",
  endMark: "flag",
  framing: (stream) => stream ? "ndjson" : "json",
  buildRequest: () => ({ method: "POST", url: "http://h/", headers: {} }),
  readEvent: (data) => JSON.parse(typeof data === "string" ? data : new TextDecoder().decode(data)),
  readError: (body) => body,
};

interface DecodeCase {
  readonly events: readonly (EngineEvent | string)[];
  /** How many events each read brings; default one. */
  readonly grouped?: readonly number[];
  readonly protocol?: Partial<Protocol>;
  readonly request?: Partial<GenerationRequest>;
  readonly options?: Partial<DecodeOptions>;
  readonly exchange?: Partial<Exchange>;
}

function decode(
  { events, grouped, protocol, request, options, exchange }: DecodeCase,
): RequestRecord {
  const lines = events.map((event) =>
    `${typeof event === "string" ? event : JSON.stringify(event)}\n`
  );
  const cuts: number[] = [];
  let at = 0;
  let end = 0;
  for (const count of grouped ?? lines.map(() => 1)) {
    for (const line of lines.slice(at, at += count)) end += new TextEncoder().encode(line).length;
    cuts.push(end);
  }
  return decodeExchange(
    cannedExchange(lines.join(""), { cuts, ...exchange }),
    { ...plain, ...protocol },
    cannedRequest(request),
    cannedOptions(options),
  );
}

const WORD = { text: "a" };

Deno.test("a tick is as wide as its read, and as exact as a stamp of its last byte", () => {
  const widths = (readWidthMs: readonly number[], grouped?: readonly number[]) => {
    const record = decode({
      events: [{}, WORD, WORD, { ...WORD, end: true }],
      ...(grouped && { grouped }),
      exchange: { readWidthMs: Float32Array.from(readWidthMs) },
    });
    return record.tickWidthUs && [...record.tickWidthUs];
  };
  assertEquals(widths([9, 0.5, 0.25, 2]), [501, 251, 2001]);
  // Stamped by the kernel: one event a read; an event before the token; an event behind it.
  assertEquals(widths([-9, -0.5, -0.25, -2]), [101, 101, 101]);
  assertEquals(widths([-0.5, -0.25, -2], [2, 1, 1]), [101, 101, 101]);
  assertEquals(widths([-9, -0.5, -2], [1, 2, 1]), [501, 101]);
  // One that nobody knows makes the whole request unknown.
  assertEquals(widths([9, 0.5, NaN, 2]), undefined);
});

Deno.test("the start of an event that the next read completes makes a tick inexact", () => {
  const line = JSON.stringify(WORD).length + 1;
  const { tickWidthUs } = decode({
    events: [WORD, { ...WORD, end: true }],
    exchange: {
      readMs: Float64Array.of(1010, 1020),
      readEnds: Uint32Array.of(line + 3, line + 24),
      readWidthMs: Float32Array.of(-0.5, -0.25),
    },
  });
  assertEquals([...tickWidthUs!], [501, 101]);
});

Deno.test("a request had left before the head of its answer came", () => {
  const departed = (departedMs: number) =>
    decode({ events: [WORD], exchange: { departedMs } }).departedMs;
  const { originMs } = cannedOptions();
  assertEquals(departed(1002), 1002 - originMs);
  assertEquals(departed(1009), 1005 - originMs);
  assertEquals(decode({ events: [WORD] }).departedMs, undefined);
});

function ticks(record: RequestRecord): [number, number][] {
  return Array.from(record.tickMs, (atMs, index) => [atMs, record.tickTokens[index]!]);
}

Deno.test("decodeExchange() counts every time from the origin", () => {
  const record = decode({
    events: [{}, { text: "a" }, { text: "b" }, { end: true }],
    options: { intendedMs: 1000.5 },
    exchange: { connectMs: 2 },
  });
  const {
    intendedMs,
    sentMs,
    firstByteMs,
    firstEventMs,
    firstTokenMs,
    lastTokenMs,
    endMs,
    connectMs,
  } = record;
  assertEquals(
    {
      intendedMs,
      sentMs,
      firstByteMs,
      firstEventMs,
      firstTokenMs,
      lastTokenMs,
      endMs,
      connectMs,
    },
    {
      intendedMs: 0.5,
      sentMs: 1,
      firstByteMs: 5,
      firstEventMs: 10,
      firstTokenMs: 20,
      lastTokenMs: 30,
      // The read with the end mark, not the end of the body (45).
      endMs: 40,
      connectMs: 2,
    },
  );
  assertEquals([record.load, record.phase, record.index, record.user, record.promptId], [
    0,
    "measure",
    3,
    2,
    "p-1",
  ]);
  assertEquals([record.reads, record.events, record.connection], [4, 4, "new"]);
  assertEquals([record.requestedTokens, record.lengthForced], [4, false]);
});

Deno.test("decodeExchange() ends at the end of the body where nothing else marks it", () => {
  const { endMs, outcome } = decode({ events: [{ text: "a", finishReason: "stop" }] });
  assertEquals([endMs, outcome.kind], [15, "ok"]);
});

Deno.test("decodeExchange() makes one tick of the events of one read (T8)", () => {
  const record = decode({
    events: [{}, { text: "a" }, { text: "b" }, { text: "c" }, { end: true }],
    grouped: [2, 2, 1],
  });
  assertEquals(ticks(record), [[10, 1], [20, 3]]);
  assertEquals([record.reads, record.events], [3, 5]);
});

Deno.test("decodeExchange() gives an event to the read that completes it", () => {
  const [first, second] = ['{"text":"a"}\n', '{"text":"bé","end":true}\n'];
  const body = first + second;
  const bytes = new TextEncoder().encode(body).length;
  for (let cut = 1; cut < bytes; cut++) {
    const record = decodeExchange(
      cannedExchange(body, { cuts: [cut, bytes] }),
      plain,
      cannedRequest(),
      cannedOptions(),
    );
    const early = cut >= first.length;
    assertEquals(ticks(record), early ? [[10, 1], [20, 2]] : [[20, 2]], `cut at ${cut}`);
    assertEquals(record.text, "abé");
  }
});

Deno.test("decodeExchange() skips reads that complete nothing", () => {
  const record = decodeExchange(
    cannedExchange('{"text":"a"}\n{"text":"b","end":true}\n', { cuts: [3, 7, 14, 20, 37] }),
    plain,
    cannedRequest(),
    cannedOptions(),
  );
  assertEquals(ticks(record), [[30, 1], [50, 2]]);
});

const COUNTS: readonly {
  readonly name: string;
  readonly events: readonly EngineEvent[];
  readonly ticks: readonly number[];
  readonly tickSource: string;
  readonly tokens: number;
  readonly source: string;
}[] = [
  {
    name: "one for each event with text, none for role-only and empty ones (T4)",
    events: [{}, { text: "" }, { text: "a" }, {}, { text: "b" }, { end: true }],
    ticks: [1, 2],
    tickSource: "event",
    tokens: 2,
    source: "event",
  },
  {
    name: "a counter, which may jump (T7)",
    events: [
      { text: "a", totalTokens: 1, source: "counter" },
      { text: "bcd", totalTokens: 4, source: "counter" },
      { text: "", totalTokens: 4, source: "counter", end: true },
    ],
    ticks: [1, 4],
    tickSource: "counter",
    tokens: 4,
    source: "counter",
  },
  {
    name: "a counter that rises without text (T9)",
    events: [
      { totalTokens: 1, source: "counter" },
      { text: "é", totalTokens: 2, source: "counter", end: true },
    ],
    ticks: [1, 2],
    tickSource: "counter",
    tokens: 2,
    source: "counter",
  },
  {
    name: "a counter that never falls",
    events: [
      { text: "a", totalTokens: 3, source: "counter" },
      { text: "b", totalTokens: 2, source: "counter" },
      { text: "c", totalTokens: 4, source: "counter", end: true },
    ],
    ticks: [3, 4],
    tickSource: "counter",
    tokens: 4,
    source: "counter",
  },
  {
    name: "ids, also with empty text (T9)",
    events: [
      { text: "", newTokens: 1, source: "ids" },
      { text: "a", newTokens: 2, source: "ids" },
      { text: "b", end: true },
    ],
    ticks: [1, 3],
    tickSource: "ids",
    tokens: 3,
    source: "ids",
  },
  {
    name: "usage at the end leaves the ticks alone (T10)",
    events: [
      { text: "a" },
      { text: "b", usage: { outputTokens: 5 }, finishReason: "length" },
      { end: true },
    ],
    ticks: [1, 2],
    tickSource: "event",
    tokens: 5,
    source: "usage",
  },
  {
    name: "the usage of an event that holds all",
    events: [{ text: "abc", usage: { outputTokens: 3 }, finishReason: "stop" }, { end: true }],
    ticks: [3],
    tickSource: "usage",
    tokens: 3,
    source: "usage",
  },
  {
    name: "usage of a first event that is not all as no counter",
    events: [
      { text: "a", usage: { outputTokens: 1 } },
      { text: "b" },
      { text: "c", usage: { outputTokens: 4 }, end: true },
    ],
    ticks: [1, 2, 3],
    tickSource: "event",
    tokens: 4,
    source: "usage",
  },
  {
    name: "no token in an event with usage alone",
    events: [{ usage: { outputTokens: 3 }, finishReason: "stop" }, { end: true }],
    ticks: [],
    tickSource: "none",
    tokens: 3,
    source: "usage",
  },
  {
    name: "the closing usage of a counting stream as its last total",
    events: [
      { text: "a", totalTokens: 1, source: "counter", usage: { outputTokens: 1 } },
      { text: "bc", usage: { outputTokens: 3 }, finishReason: "length" },
      { end: true },
    ],
    ticks: [1, 3],
    tickSource: "counter",
    tokens: 3,
    source: "counter",
  },
  {
    name: "a counter that comes too late for the ticks",
    events: [{ text: "a" }, { text: "b" }, { totalTokens: 6, source: "counter", end: true }],
    ticks: [1, 2],
    tickSource: "event",
    tokens: 6,
    source: "counter",
  },
  {
    name: "a counter left at 0 as none",
    events: [
      { text: "a", totalTokens: 0, source: "counter" },
      { text: "b", totalTokens: 0, source: "counter", end: true },
    ],
    ticks: [1, 2],
    tickSource: "event",
    tokens: 2,
    source: "event",
  },
  {
    name: "text that repeats itself, where it grows",
    events: [
      { textSoFar: "" },
      { textSoFar: "a" },
      { textSoFar: "a" },
      { textSoFar: "ab", end: true },
    ],
    ticks: [1, 2],
    tickSource: "event",
    tokens: 2,
    source: "event",
  },
  {
    name: "thinking like any token",
    events: [{ reasoning: "h" }, { reasoning: "", text: "" }, { text: "a", end: true }],
    ticks: [1, 2],
    tickSource: "event",
    tokens: 2,
    source: "event",
  },
  {
    name: "a total by the source that it names",
    events: [
      { text: "ab", totalTokens: 2, source: "usage" },
      { text: "c", totalTokens: 3, source: "usage", end: true },
    ],
    ticks: [2, 3],
    tickSource: "usage",
    tokens: 3,
    source: "usage",
  },
  {
    name: "what a protocol calls an event as an event",
    events: [{ newTokens: 1, source: "event" }, { newTokens: 1, source: "event", end: true }],
    ticks: [1, 2],
    tickSource: "event",
    tokens: 2,
    source: "event",
  },
];

for (const { name, events, ticks: wanted, tickSource, tokens, source } of COUNTS) {
  Deno.test(`decodeExchange() counts ${name}`, () => {
    const record = decode({ events });
    assertEquals(record.outcome, { kind: "ok" });
    assertEquals(Array.from(record.tickTokens), wanted);
    assertEquals(record.tickSource ?? "none", tickSource);
    assertEquals(record.outputTokens as unknown, { tokens, source });
  });
}

Deno.test("decodeExchange() counts the text only where the engine gives no count (T29)", () => {
  const countText = (text: string) => text.length;
  const events = [{ reasoning: "hm" }, { text: "abc", end: true }];
  assertEquals(decode({ events, options: { countText } }).outputTokens, {
    tokens: 5,
    source: "tokenizer",
  });
  const counted = [...events, { usage: { outputTokens: 3 } }];
  assertEquals(decode({ events: counted, options: { countText } }).outputTokens, {
    tokens: 3,
    source: "usage",
  });
});

Deno.test("decodeExchange() prefers the engine's prompt count and falls back to ours (T29)", () => {
  const promptTokens = { tokens: 7, source: "tokenizer" } as const;
  const events = [{ text: "a", end: true }];
  assertEquals(decode({ events, options: { promptTokens } }).promptTokens, promptTokens);
  const reported = [{ usage: { promptTokens: 9, cachedTokens: 8, reasoningTokens: 1 } }, ...events];
  const record = decode({ events: reported, options: { promptTokens } });
  assertEquals(record.promptTokens, { tokens: 9, source: "usage" });
  assertEquals([record.cachedTokens, record.reasoningTokens], [8, 1]);
});

Deno.test("decodeExchange() merges usage that comes in parts", () => {
  const { promptTokens, outputTokens } = decode({
    events: [
      { usage: { promptTokens: 9 } },
      { text: "a", usage: { outputTokens: 2 }, end: true },
    ],
  });
  assertEquals([promptTokens?.tokens, outputTokens?.tokens], [9, 2]);
});

Deno.test("decodeExchange() separates the first answer from the first token only where it thinks", () => {
  const thinking = decode({ events: [{ reasoning: "h" }, { text: "a" }, { end: true }] });
  assertEquals([thinking.firstTokenMs, thinking.firstAnswerMs], [10, 20]);
  const plainly = decode({ events: [{ text: "a" }, { end: true }] });
  assertEquals([plainly.firstTokenMs, "firstAnswerMs" in plainly], [10, false]);
});

Deno.test("decodeExchange() keeps text only on request", () => {
  const events = [{ text: "a" }, { reasoning: "x" }, { text: "b", end: true }];
  assertStrictEquals(decode({ events }).text, "ab");
  assert(!("text" in decode({ events, options: { keepText: false } })));
});

const TOKEN: EngineEvent = { text: "a", totalTokens: 1, source: "counter" };
const END: EngineEvent = { end: true };
const CUT: ExchangeEnd = { kind: "cut", message: "connection reset" };

const OUTCOMES: readonly (DecodeCase & { readonly name: string; readonly outcome: Outcome })[] = [
  { name: "ok", events: [TOKEN, END], outcome: { kind: "ok" } },
  {
    name: "ok after the end mark, however the connection ends",
    events: [TOKEN, END],
    exchange: { end: CUT },
    outcome: { kind: "ok" },
  },
  {
    name: "ok after the end mark, although we gave up waiting for the close",
    events: [TOKEN, END],
    exchange: { end: { kind: "timeout", message: "no end after 30 s" } },
    outcome: { kind: "ok" },
  },
  {
    name: "ok although garbage follows the end mark",
    events: [TOKEN, END, "oops"],
    outcome: { kind: "ok" },
  },
  {
    name: "ok at a finish reason and a clean end",
    events: [TOKEN, { finishReason: "stop" }],
    outcome: { kind: "ok" },
  },
  {
    name: "truncated at a finish reason and an unclean end",
    events: [TOKEN, { finishReason: "stop" }],
    exchange: { end: CUT },
    outcome: { kind: "truncated", message: "connection reset" },
  },
  {
    name: "truncated without an end mark",
    events: [TOKEN],
    outcome: {
      kind: "truncated",
      message: "the body ended without an end mark",
    },
  },
  {
    name: "ok without an end mark where the end of the body is the mark",
    events: [TOKEN],
    protocol: { endMark: "eof" },
    outcome: { kind: "ok" },
  },
  {
    name: "truncated where the end of the body is the mark, but it is unclean",
    events: [TOKEN],
    protocol: { endMark: "eof" },
    exchange: { end: CUT },
    outcome: { kind: "truncated", message: "connection reset" },
  },
  {
    name: "http_error with the body's message in one line (T25)",
    events: ["no such\nmodel"],
    exchange: { status: 404 },
    outcome: { kind: "http_error", status: 404, message: "no such model" },
  },
  {
    name: "http_error without a body",
    events: [],
    exchange: { status: 503 },
    outcome: { kind: "http_error", status: 503, message: "no message" },
  },
  {
    name: "http_error although its body was cut",
    events: ["busy"],
    exchange: { status: 500, end: CUT },
    outcome: { kind: "http_error", status: 500, message: "busy" },
  },
  {
    name: "ok for any status of 2xx",
    events: [TOKEN, END],
    exchange: { status: 201 },
    outcome: { kind: "ok" },
  },
  {
    name: "http_error for a redirect",
    events: [TOKEN, END],
    exchange: { status: 307 },
    outcome: {
      kind: "http_error",
      status: 307,
      message: '{"text":"a","totalTokens":1,"source":"counter"} {"end":true}',
    },
  },
  {
    name: "engine_error before tokens, length and end mark (T5, T6)",
    events: [TOKEN, { error: "out\nof memory" }, END],
    request: { length: "forced" },
    outcome: { kind: "engine_error", message: "out of memory" },
  },
  {
    name: "engine_error also when the body breaks off behind it",
    events: [TOKEN, { error: "boom" }],
    exchange: { end: CUT },
    outcome: { kind: "engine_error", message: "boom" },
  },
  {
    name: "protocol_error when the transport says so",
    events: [],
    exchange: { status: 0, end: { kind: "malformed", message: "not HTTP: SSH-2.0" } },
    outcome: { kind: "protocol_error", message: "not HTTP: SSH-2.0" },
  },
  {
    name: "connect_error",
    events: [],
    exchange: { status: 0, end: { kind: "connect_error", message: "connection refused" } },
    outcome: { kind: "connect_error", message: "connection refused" },
  },
  {
    name: "timeout in the middle, tokens kept",
    events: [TOKEN],
    exchange: { end: { kind: "timeout", message: "no end after 30 s" } },
    outcome: { kind: "timeout", message: "no end after 30 s" },
  },
  {
    name: "cancelled",
    events: [TOKEN],
    exchange: { end: { kind: "cancelled", message: "grace period over" } },
    outcome: { kind: "cancelled", message: "grace period over" },
  },
  {
    name: "wrong_length without any token (T5)",
    events: [{ finishReason: "length" }, END],
    outcome: { kind: "wrong_length", message: "0 tokens delivered, 4 requested" },
  },
  {
    name: "wrong_length when usage says 0",
    events: [{ usage: { outputTokens: 0 } }, END],
    outcome: { kind: "wrong_length", message: "0 tokens delivered, 4 requested" },
  },
  {
    name: "wrong_length for 3 of 4 forced (T2)",
    events: [{ totalTokens: 3, source: "counter" }, END],
    request: { length: "forced" },
    outcome: { kind: "wrong_length", message: "3 tokens delivered (by counter), 4 forced" },
  },
  {
    name: "ok for 3 of at most 4",
    events: [{ totalTokens: 3, source: "counter" }, END],
    outcome: { kind: "ok" },
  },
  {
    name: "wrong_length for 5 of 4 forced",
    events: [{ totalTokens: 5, source: "counter" }, END],
    request: { length: "forced" },
    outcome: { kind: "wrong_length", message: "5 tokens delivered (by counter), 4 forced" },
  },
  {
    name: "ok for 4 of 4 forced",
    events: [{ totalTokens: 4, source: "counter" }, END],
    request: { length: "forced" },
    outcome: { kind: "ok" },
  },
  {
    name: "wrong_length for 3 ids of 4 forced",
    events: [{ newTokens: 3, source: "ids" }, END],
    request: { length: "forced" },
    outcome: { kind: "wrong_length", message: "3 tokens delivered (by ids), 4 forced" },
  },
  {
    name: "wrong_length for 3 of 4 forced by the closing usage",
    events: [{ text: "abc" }, { usage: { outputTokens: 3 }, end: true }],
    request: { length: "forced" },
    outcome: { kind: "wrong_length", message: "3 tokens delivered (by usage), 4 forced" },
  },
  {
    name: "wrong_length for a body without an event, where its end is the mark",
    events: [],
    protocol: { endMark: "eof" },
    outcome: { kind: "wrong_length", message: "0 tokens delivered, 4 requested" },
  },
  {
    name: "ok for an answer in one piece without an end mark",
    events: [TOKEN],
    request: { stream: false },
    outcome: { kind: "ok" },
  },
  {
    name: "truncated for an answer in one piece that is empty",
    events: [],
    request: { stream: false },
    outcome: { kind: "truncated", message: "the body ended without an end mark" },
  },
  {
    name: "ok for n + 1 where the engine is known for it",
    events: [{ totalTokens: 5, source: "counter" }, END],
    request: { length: "forced" },
    protocol: { lengthTolerance: 1 },
    outcome: { kind: "ok" },
  },
  {
    name: "wrong_length for n − 1 all the same",
    events: [{ totalTokens: 3, source: "counter" }, END],
    request: { length: "forced" },
    protocol: { lengthTolerance: 1 },
    outcome: { kind: "wrong_length", message: "3 tokens delivered (by counter), 4 forced" },
  },
  {
    name: "ok for a forced length that events cannot disprove (T7)",
    events: [{ text: "a" }, { text: "b" }, END],
    request: { length: "forced" },
    outcome: { kind: "ok" },
  },
  {
    name: "ok for a forced length that our tokenizer cannot disprove (T29)",
    events: [{ text: "abc" }, END],
    request: { length: "forced" },
    options: { countText: (text) => text.length },
    outcome: { kind: "ok" },
  },
];

for (const { name, outcome, ...wire } of OUTCOMES) {
  Deno.test(`decodeExchange() finds ${name}`, () => assertEquals(decode(wire).outcome, outcome));
}

Deno.test("decodeExchange() keeps the observations of a failed request", () => {
  const record = decode({ events: [TOKEN], exchange: { end: CUT } });
  assertEquals([record.firstTokenMs, record.endMs, record.outputTokens?.tokens], [10, 15, 1]);
});

Deno.test("decodeExchange() takes nothing of a refusal for tokens", () => {
  const record = decode({ events: [TOKEN, END], exchange: { status: 500 } });
  assertEquals([record.events, record.tickMs.length, "outputTokens" in record], [0, 0, false]);
  assertEquals(record.bytes, 61);
});

Deno.test("decodeExchange() finds truncated where the body ends inside an event", () => {
  const body = `${JSON.stringify(TOKEN)}\n{"text": "b`;
  const { outcome } = decodeExchange(cannedExchange(body), plain, cannedRequest(), cannedOptions());
  assertEquals(outcome, { kind: "truncated", message: "the body ended inside an event" });
});

Deno.test("decodeExchange() reads server-sent events of a protocol without a quick way", () => {
  const sse = (body: string) => {
    const protocol: Protocol = { ...plain, framing: () => "sse" };
    return decodeExchange(cannedExchange(body), protocol, cannedRequest(), cannedOptions());
  };
  const events = [TOKEN, END].map((event) => `data: ${JSON.stringify(event)}\n\n`);
  assertEquals(sse(events.join("")).outcome, { kind: "ok" });
  assertEquals(sse("hello there").outcome, {
    kind: "protocol_error",
    message: 'no event in the stream, which begins "hello there"',
  });
});

Deno.test("decodeExchange() finds protocol_error with the event", () => {
  const { outcome } = decode({ events: [TOKEN, "<oops>", END] });
  assert(outcome.kind === "protocol_error", outcome.kind);
  assertStringIncludes(outcome.message, 'cannot read event 2, "<oops>": ');
  // The event is whole, so the lost connection isn't what broke it.
  const cut = decode({ events: [TOKEN, "<oops>"], exchange: { end: CUT } });
  assertEquals(cut.outcome.kind, "protocol_error");
});

Deno.test("decodeExchange() cuts long messages", () => {
  const { outcome } = decode({ events: ["x".repeat(5000)], exchange: { status: 500 } });
  assert(outcome.kind === "http_error" && outcome.message.length === 300, "300 characters");
});

Deno.test("decodeExchange() does not throw when a protocol's readError does", () => {
  const { outcome } = decode({
    events: ["busy"],
    exchange: { status: 500 },
    protocol: {
      readError: () => {
        throw new SyntaxError("no");
      },
    },
  });
  assertEquals(outcome, { kind: "http_error", status: 500, message: "busy" });
});

const GRPC: Partial<Protocol> = {
  carrier: "grpc",
  framing: () => "grpc",
  endMark: "flag",
};

function decodeGrpc(events: readonly EngineEvent[], end: ExchangeEnd): RequestRecord {
  const frames = events.map((event) => grpcFrame(new TextEncoder().encode(JSON.stringify(event))));
  let at = 0;
  const cuts = frames.map((frame) => at += frame.length);
  const body = Uint8Array.from(frames.flatMap((frame) => [...frame]));
  return decodeExchange(
    cannedExchange(body, { cuts, end, status: 0 }),
    { ...plain, ...GRPC },
    cannedRequest(),
    cannedOptions(),
  );
}

const GRPC_OUTCOMES: readonly {
  readonly name: string;
  readonly events: readonly EngineEvent[];
  readonly end: ExchangeEnd;
  readonly outcome: Outcome;
}[] = [
  { name: "ok", events: [TOKEN, END], end: { kind: "complete" }, outcome: { kind: "ok" } },
  {
    name: "http_error for a status before any message",
    events: [],
    end: { kind: "grpc_status", status: 8, message: "no\nroom" },
    outcome: { kind: "http_error", status: 8, message: "gRPC status 8: no room" },
  },
  {
    name: "engine_error for a status behind messages, even behind the end mark",
    events: [TOKEN, END],
    end: { kind: "grpc_status", status: 13, message: "" },
    outcome: { kind: "engine_error", message: "gRPC status 13" },
  },
  {
    name: "truncated when the server went away",
    events: [TOKEN],
    end: { kind: "grpc_status", status: 1, message: "Call cancelled" },
    outcome: { kind: "truncated", message: "gRPC status 1: Call cancelled" },
  },
  {
    name: "truncated when it cannot be reached any more",
    events: [TOKEN],
    end: { kind: "grpc_status", status: 14, message: "Connection dropped" },
    outcome: { kind: "truncated", message: "gRPC status 14: Connection dropped" },
  },
  {
    name: "timeout for a deadline",
    events: [TOKEN],
    end: { kind: "grpc_status", status: 4, message: "Deadline exceeded" },
    outcome: { kind: "timeout", message: "gRPC status 4: Deadline exceeded" },
  },
  {
    name: "engine_error before the status",
    events: [{ error: "FAILED" }],
    end: { kind: "grpc_status", status: 2, message: "" },
    outcome: { kind: "engine_error", message: "FAILED" },
  },
];

for (const { name, events, end, outcome } of GRPC_OUTCOMES) {
  Deno.test(`decodeExchange() finds over gRPC ${name}`, () => {
    const record = decodeGrpc(events, end);
    assertEquals(record.outcome, outcome);
    assertEquals(record.events, events.length);
  });
}

Deno.test("decodeExchange() survives a body that its reads do not cover", () => {
  const record = decode({
    events: [{ text: "a" }, END],
    exchange: { readMs: new Float64Array(0), readEnds: new Uint32Array(0) },
  });
  // No read claims the event, so it came at the latest with the end (1025 − 1000).
  assertEquals(ticks(record), [[25, 1]]);
  assertEquals(record.outcome.kind, "ok");
});

Deno.test("unsentRecord() has no stamps but the intended one", () => {
  const record = unsentRecord(
    cannedRequest(),
    cannedOptions({ intendedMs: 1250, promptTokens: { tokens: 5, source: "estimate" } }),
    { kind: "dropped", message: "64 requests in flight" },
  );
  assertEquals([record.intendedMs, record.sentMs, record.endMs], [250, undefined, undefined]);
  assertEquals([record.outcome.kind, record.promptTokens?.tokens], ["dropped", 5]);
});

Deno.test("nothing more is read after a hundred events that cannot be read", () => {
  let read = 0;
  const protocol: Partial<Protocol> = {
    readEvent(data) {
      read++;
      return plain.readEvent(data, cannedRequest());
    },
  };
  const { outcome } = decode({ events: [WORD, ...Array(5000).fill("<oops>")], protocol });
  assertEquals([outcome.kind, read], ["protocol_error", 101]);
  // After the end mark the answer is whole, whatever follows.
  read = 0;
  const events = [WORD, { ...WORD, end: true }, ...Array(5000).fill("<oops>")];
  const whole = decode({ events, protocol, request: { outputTokens: 2 } });
  assertEquals([whole.outcome.kind, read], ["ok", 102]);
});

Deno.test("a body with an event that is too large is not parsed", () => {
  let read = 0;
  const base: Partial<Protocol> = {
    readEvent(data) {
      read++;
      return plain.readEvent(data, cannedRequest());
    },
  };
  const text = (length: number) => JSON.stringify({ text: "x".repeat(length), end: true });
  const request = { outputTokens: 1, length: "cap" } as const;
  // An event may take a quarter of the largest body.
  const options = { maxAnswerBytes: 4000 };
  const fits: DecodeCase = { events: [{}, text(900), {}, {}], request, options };
  assertEquals(decode({ ...fits, protocol: base }).outcome, { kind: "ok" });
  const outcome = {
    kind: "protocol_error",
    message: "an event is larger than 1000 bytes (--max-answer 4000 bytes / 4)",
  };
  const message = new TextEncoder().encode(text(1100));
  const small = grpcFrame(new TextEncoder().encode("{}"));
  const rows: readonly [Protocol["framing"], Uint8Array | string][] = [
    [() => "ndjson", `{}\n${text(1100)}\n{}\n`],
    [() => "nul", `{}\0${text(1100)}\0{}\0`],
    [() => "sse", `data: {}\n\ndata: ${text(1100)}\n\ndata: {}\n\n`],
    [() => "sse", `data: {}\r\rdata: ${text(1100)}\r\rdata: {}\r\r`],
    [() => "sse", `data: {}\n\n${": comment\n".repeat(200)}data: {}\r\n\r\n`],
    [() => "json", text(1100)],
    [() => "grpc", Uint8Array.of(...small, ...grpcFrame(message), ...small)],
    // Its length alone says that it will be.
    [() => "grpc", Uint8Array.of(0, 255, 255, 255, 255, ...new Uint8Array(1100))],
  ];
  for (const [framing, body] of rows) {
    read = 0;
    const record = decodeExchange(
      cannedExchange(body),
      { ...plain, ...base, framing },
      cannedRequest(request),
      cannedOptions(options),
    );
    assertEquals([record.outcome, read], [outcome, 0], framing(true));
  }
});

Deno.test("a refusal that is too large is refused with its limit, one that is long by its beginning", () => {
  const end: ExchangeEnd = { kind: "malformed", message: "the answer is larger than 2 bytes" };
  const refused = (exchange: Partial<Exchange>, body = "") =>
    decodeExchange(
      cannedExchange(body, { status: 500, ...exchange }),
      plain,
      cannedRequest(),
      cannedOptions(),
    ).outcome;
  assertEquals(refused({ end }), { kind: "http_error", status: 500, message: end.message });
  let length = 0;
  decodeExchange(
    cannedExchange("x".repeat(3e6), { status: 500 }),
    {
      ...plain,
      readError(body) {
        length = body.length;
        return "no";
      },
    },
    cannedRequest(),
    cannedOptions(),
  );
  assertEquals(length, 2 ** 20);
});

Deno.test("a body with too many events is not read to its end", () => {
  const options = { maxAnswerBytes: 64 * 100 };
  const many = (count: number) => decode({ events: Array(count).fill({}), options }).outcome;
  assertEquals(many(100).kind, "truncated");
  assertEquals(many(101), {
    kind: "protocol_error",
    message: "the answer has more than 100 events (--max-answer 6400 bytes / 64 bytes)",
  });
  // Where it is long, comments and empty lines count as well, and nothing is parsed.
  const comments = decodeExchange(
    cannedExchange(`data: {}\n\n${":\n\n".repeat(600)}`),
    { ...plain, framing: () => "sse" },
    cannedRequest(),
    cannedOptions(options),
  );
  assertEquals([comments.outcome, comments.events], [many(101), 0]);
});
