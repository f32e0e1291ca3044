import { assert, assertEquals } from "@std/assert";
import { decodeExchange } from "../backends/decode.ts";
import { openaiChat } from "../backends/protocol_openai_chat.ts";
import { openaiCompletions } from "../backends/protocol_openai_completions.ts";
import type { Protocol } from "../backends/protocol.ts";
import type { RequestRecord } from "../backends/record.ts";
import { itl } from "../metrics/metric_itl.ts";
import { tpot } from "../metrics/metric_tpot.ts";
import { ttft } from "../metrics/metric_ttft.ts";
import { deliveryOf } from "../metrics/record_streaming.ts";
import { cannedExchange, cannedOptions, cannedRequest } from "./support/protocol_contract.ts";

const encoder = new TextEncoder();

/** One read: what it brings, and when. */
type Read = readonly [atMs: number, data: string];

function event(value: unknown): string {
  return `data: ${typeof value === "string" ? value : JSON.stringify(value)}\n\n`;
}

function chunk(delta: unknown, more: Record<string, unknown> = {}, finish: unknown = null): string {
  return event({ id: "c", choices: [{ index: 0, delta, finish_reason: finish }], ...more });
}

function usage(outputTokens: number, more: Record<string, unknown> = {}): Record<string, unknown> {
  return { prompt_tokens: 5, completion_tokens: outputTokens, ...more };
}

function closing(outputTokens: number, more: Record<string, unknown> = {}): string {
  return event({ id: "c", choices: [], usage: usage(outputTokens, more) }) + event("[DONE]");
}

interface Given {
  readonly protocol?: Protocol;
  readonly forced?: number;
  readonly countText?: (text: string) => number;
}

function decodeReads(
  reads: readonly Read[],
  { protocol, forced, countText }: Given = {},
): RequestRecord {
  const body = reads.map(([, data]) => data).join("");
  const cuts: number[] = [];
  let end = 0;
  for (const [, data] of reads) cuts.push(end += encoder.encode(data).length);
  const exchange = cannedExchange(body, { cuts, end: { kind: "complete" } });
  return decodeExchange(
    {
      ...exchange,
      sentMs: 0,
      readMs: Float64Array.from(reads, ([atMs]) => atMs),
      endMs: reads.at(-1)![0],
    },
    protocol ?? openaiChat,
    cannedRequest(
      forced === undefined
        ? { length: "cap", outputTokens: 1000 }
        : { length: "forced", outputTokens: forced },
    ),
    cannedOptions({ intendedMs: 0, originMs: 0, ...(countText && { countText }) }),
  );
}

/** Sixteen tokens on a plan: the first after 100 ms, one each 20 ms, then the end. */
function planned(delta: (i: number) => unknown, end: string = closing(16)): readonly Read[] {
  return [
    [50, chunk({ role: "assistant", content: "" })],
    ...Array.from({ length: 16 }, (_, i): Read => [100 + 20 * i, chunk(delta(i))]),
    [405, chunk({}, {}, "stop") + end],
  ];
}

function figures(record: RequestRecord): Record<string, unknown> {
  const round = (value: number | undefined) =>
    value === undefined ? value : Math.round(value * 100) / 100;
  return {
    outcome: record.outcome.kind,
    ttft: round(ttft.values(record)[0]),
    tpot: round(tpot.values(record)[0]),
    itl: [...new Set(itl.values(record).map(round))],
  };
}

const PLAN = { outcome: "ok", ttft: 100, tpot: 20, itl: [20] };

const DELTAS: Readonly<Record<string, (i: number) => unknown>> = {
  "text": () => ({ content: "w " }),
  "reasoning_content": () => ({ reasoning_content: "hm " }),
  "reasoning": () => ({ content: null, reasoning: "hm " }),
  "reasoning and reasoning_details with the same": () => ({
    reasoning: "hm ",
    reasoning_details: [{ type: "reasoning.text", text: "hm " }],
  }),
  "reasoning_details": () => ({
    content: "",
    reasoning_details: [{ type: "reasoning.text", text: "hm ", index: 0 }],
  }),
  "summaries of thinking": () => ({
    reasoning_details: [{ type: "reasoning.summary", summary: "hm" }],
  }),
  "thinking blocks": () => ({ thinking_blocks: [{ type: "thinking", thinking: "hm" }] }),
  "parts of thinking": () => ({
    content: [{ type: "thinking", thinking: [{ type: "text", text: "hm" }] }],
  }),
  "parts of text": () => ({ content: [{ type: "text", text: "w" }] }),
  "tool calls": (i) => ({
    tool_calls: [
      i === 0
        ? { index: 0, id: "call-1", type: "function", function: { name: "find", arguments: "" } }
        : { index: 0, function: { arguments: "x" } },
    ],
  }),
  "custom tools": () => ({ tool_calls: [{ index: 0, type: "custom", custom: { input: "x" } }] }),
  "a function call": () => ({ function_call: { arguments: "{" } }),
  "a refusal": () => ({ content: null, refusal: "no" }),
  "a transcript": () => ({ audio: { id: "a", transcript: "la" } }),
  "sound": () => ({ audio: { data: "AAAA" } }),
  "a field that nobody knows": () => ({ thoughts: "hm" }),
  "parts in a field that nobody knows": () => ({ output_blocks: [{ text: "w" }] }),
};

for (const [name, delta] of Object.entries(DELTAS)) {
  Deno.test(`a delta with ${name} is a token`, () => {
    for (const quick of [true, false]) {
      const { quick: _, ...slow } = openaiChat;
      const record = decodeReads(planned(delta), { protocol: quick ? openaiChat : slow });
      assertEquals(figures(record), PLAN);
      assertEquals(record.textEvents, 16);
      assertEquals(record.outputTokens, { tokens: 16, source: "usage" });
    }
  });
}

const SILENT: Readonly<Record<string, unknown>> = {
  "a role": { role: "assistant" },
  "nothing": { content: null, refusal: null, tool_calls: [], audio: null },
  "an id of a call": { tool_calls: [{ index: 0, id: "call-1", type: "function", function: {} }] },
  "a sealed thought": { reasoning_details: [{ type: "reasoning.encrypted", data: "AAAA" }] },
  "citations and a signature": { annotations: [{ text: "x" }], signature: "x" },
};

for (const [name, delta] of Object.entries(SILENT)) {
  Deno.test(`a delta with ${name} is no token`, () => {
    const reads = planned(() => ({ content: "w" }));
    const record = decodeReads([[60, chunk(delta)], ...reads]);
    assertEquals(figures(record), PLAN);
    assertEquals(record.textEvents, 16);
  });
}

Deno.test("thinking, tool calls and the answer are told apart", () => {
  const record = decodeReads(
    planned((i) =>
      i < 8
        ? { reasoning: "hm" }
        : i < 12
        ? { content: "a" }
        : { tool_calls: [{ function: { arguments: "x" } }] }
    ),
  );
  assertEquals([record.reasoningEvents, record.toolEvents, record.textEvents], [8, 4, 16]);
  assertEquals([record.firstTokenMs, record.firstAnswerMs, record.firstToolMs], [100, 260, 340]);
});

Deno.test("an event without text whose running usage grew is a token", () => {
  const reads = planned(() => ({ content: "w" })).map(([atMs, data], i): Read =>
    i === 0 || i > 16
      ? [atMs, data]
      : [atMs, chunk({ content: i % 3 === 0 ? "" : "w" }, { usage: usage(i) })]
  );
  assertEquals(figures(decodeReads(reads)), PLAN);
});

/** Three quarters are thought silently: the first of four tokens comes after 340 ms. */
function silent(end: string): readonly Read[] {
  return [
    ...Array.from({ length: 4 }, (_, i): Read => [340 + 20 * i, chunk({ content: "w " })]),
    [405, chunk({}, {}, "length") + end],
  ];
}

Deno.test("tokens that were counted and not sent are in the total only", () => {
  const hidden = { completion_tokens_details: { reasoning_tokens: 12 } };
  const record = decodeReads(silent(closing(16, hidden)), { forced: 16 });
  assertEquals(figures(record), { outcome: "ok", ttft: 340, tpot: 20, itl: [20] });
  assertEquals([record.outputTokens?.tokens, record.unseenTokens], [16, 12]);
  // An engine whose total leaves thinking out hides nothing of it.
  const apart = decodeReads(silent(closing(4, hidden)));
  assertEquals([figures(apart).tpot, apart.unseenTokens], [20, undefined]);
});

Deno.test("a counter that ran on through hidden thinking counts from what was sent", () => {
  const hidden = { completion_tokens_details: { reasoning_tokens: 12 } };
  const reads = silent(closing(16, hidden)).map(([atMs, data], i): Read =>
    i < 4 ? [atMs, chunk({ content: "w" }, { usage: usage(13 + i) })] : [atMs, data]
  );
  const record = decodeReads(reads);
  assertEquals(figures(record), { outcome: "ok", ttft: 340, tpot: 20, itl: [20] });
  assertEquals(Array.from(record.tickTokens), [1, 2, 3, 4]);
  assertEquals(record.unseenTokens, 12);
});

for (const constant of [1, 16]) {
  Deno.test(`a running usage that stays at ${constant} is no counter`, () => {
    const reads = planned(() => ({ content: "w" })).map(([atMs, data], i): Read =>
      i === 0 || i > 16 ? [atMs, data] : [atMs, chunk({ content: "w" }, { usage: usage(constant) })]
    );
    const record = decodeReads(reads);
    assertEquals(figures(record), PLAN);
    assertEquals(record.rejectedCount, { tokens: constant, source: "counter" });
    assertEquals(record.tickSource, "event");
    assertEquals(record.outputTokens?.tokens, 16);
  });
}

Deno.test("a closing total that jumps adds no tick", () => {
  const running = planned(() => ({ content: "w" }), closing(64)).map(([atMs, data], i): Read =>
    i === 0 || i > 16 ? [atMs, data] : [atMs, chunk({ content: "w" }, { usage: usage(i) })]
  );
  const record = decodeReads(running);
  assertEquals(figures(record), PLAN);
  assertEquals([record.outputTokens?.tokens, record.unseenTokens], [64, 48]);
  // A running count far from the events and from the total was none.
  const slow = decodeReads(
    running.map(([atMs, data], i): Read =>
      i === 0 || i > 16
        ? [atMs, data]
        : [atMs, chunk({ content: "w" }, { usage: usage(1 + (i >> 3)) })]
    ),
  );
  assertEquals(slow.rejectedCount, { tokens: 3, source: "counter" });
  assertEquals([slow.outputTokens?.tokens, slow.unseenTokens, slow.tickMs.length], [
    64,
    undefined,
    16,
  ]);
});

Deno.test("usage of far fewer tokens than there were events is not believed", () => {
  const record = decodeReads(planned(() => ({ content: "w" }), closing(2)));
  assertEquals(record.outputTokens, { tokens: 16, source: "event" });
  assertEquals(record.rejectedCount, { tokens: 2, source: "usage" });
  assertEquals(figures(record), PLAN);
});

Deno.test("a tokenizer that contradicts events and the forced length is not believed", () => {
  const reads = planned(() => ({ content: "w" }), event("[DONE]"));
  const record = decodeReads(reads, { forced: 16, countText: (text) => text.length * 5 });
  assertEquals(record.outputTokens, { tokens: 16, source: "event" });
  assertEquals(record.rejectedCount, { tokens: 80, source: "tokenizer" });
});

/** Output tokens and source, and the tokenizer's count where it was not believed. */
function judged(
  { events, tokens, forced }: { events: number; tokens: number; forced?: number },
): readonly unknown[] {
  const reads = Array.from({ length: events }, (_, i): Read => [100 + i, chunk({ content: "w" })]);
  const last: Read = [100 + events, chunk({}, {}, "length") + event("[DONE]")];
  const { outputTokens, rejectedCount } = decodeReads([...reads, last], {
    ...(forced === undefined ? {} : { forced }),
    countText: () => tokens,
  });
  return [outputTokens?.tokens, outputTokens?.source, rejectedCount?.tokens];
}

Deno.test("our count of the text is judged by the events and the forced length (T7, T29)", () => {
  // Events and the length agree: they win, and far from them is told.
  assertEquals(judged({ events: 320, forced: 320, tokens: 1453 }), [320, "event", 1453]);
  assertEquals(judged({ events: 320, forced: 320, tokens: 310 }), [320, "event", undefined]);
  assertEquals(judged({ events: 320, forced: 320, tokens: 320 }), [320, "tokenizer", undefined]);
  // Events that hold several tokens: the length says that the tokenizer is right.
  assertEquals(judged({ events: 80, forced: 320, tokens: 318 }), [318, "tokenizer", undefined]);
  // An answer that ended early: the events say so.
  assertEquals(judged({ events: 80, forced: 320, tokens: 81 }), [81, "tokenizer", undefined]);
  // It contradicts both.
  assertEquals(judged({ events: 80, forced: 320, tokens: 1453 }), [80, "event", 1453]);
  assertEquals(judged({ events: 80, forced: 320, tokens: 200 }), [80, "event", 200]);
});

Deno.test("under a limit our count of the text lies between the events and the limit (T29)", () => {
  // The requests of these tests allow 1000 tokens.
  assertEquals(judged({ events: 4, tokens: 12 }), [12, "tokenizer", undefined]);
  assertEquals(judged({ events: 4, tokens: 5 }), [5, "tokenizer", undefined]);
  assertEquals(judged({ events: 8, tokens: 4000 }), [8, "event", 4000]);
  assertEquals(judged({ events: 12, tokens: 3 }), [12, "event", 3]);
});

Deno.test("events of several tokens: those of the first are known by tokenizer or characters", () => {
  const reads: readonly Read[] = [
    ...Array.from({ length: 4 }, (_, i): Read => [100 + 80 * i, chunk({ content: "a b c d " })]),
    [405, chunk({}, {}, "length") + closing(16)],
  ];
  assertEquals(figures(decodeReads(reads)), { outcome: "ok", ttft: 100, tpot: 20, itl: [80] });
  const countText = (text: string) => text.split(" ").length;
  const record = decodeReads(reads, { countText });
  assertEquals(record.firstTickTokens, { tokens: 4, source: "tokenizer" });
  assertEquals(decodeReads(reads).firstTickTokens, { tokens: 4, source: "estimate" });
});

Deno.test("an answer that came in one read has neither TTFT nor TPOT", () => {
  const all = planned(() => ({ content: "w" })).map(([, data]) => data).join("");
  const record = decodeReads([[400, all]], { forced: 16 });
  assertEquals(figures(record), { outcome: "ok", ttft: undefined, tpot: undefined, itl: [] });
  assertEquals(deliveryOf(record), "once");
  // One token waits for nobody.
  const one = decodeReads([[100, chunk({ content: "w" }, {}, "stop") + closing(1)]], { forced: 1 });
  assertEquals([figures(one).ttft, deliveryOf(one)], [100, "streamed"]);
});

Deno.test("a JSON body in place of a stream has neither TTFT nor TPOT", () => {
  const body = JSON.stringify({
    choices: [{ message: { content: "w w w" }, finish_reason: "stop" }],
    usage: usage(16),
  });
  const record = decodeReads([[200, body.slice(0, 20)], [400, body.slice(20)]]);
  assertEquals([record.outcome.kind, ttft.values(record), deliveryOf(record)], ["ok", [], "whole"]);
});

Deno.test("pieces that a full buffer cut have neither TTFT nor TPOT", () => {
  const all = planned(() => ({ content: "w" })).map(([, data]) => data).join("");
  const held: Read[] = [];
  for (let at = 0, i = 1; at < all.length; at += 400, i++) {
    held.push([100 * i, all.slice(at, at + 400)]);
  }
  const record = decodeReads(held);
  assert(record.tickMs.length > 3);
  assertEquals([ttft.values(record), tpot.values(record), deliveryOf(record)], [[], [], "held"]);
  // Writes of four events that the network cut hold nothing back.
  const cut = Array.from({ length: 4 }, (_, i): readonly Read[] => {
    const data = chunk({ content: "w" }).repeat(4);
    const at = Math.ceil(data.length * 0.7);
    return [[100 * i, data.slice(0, at)], [100 * i + 1, data.slice(at)]];
  }).flat();
  assertEquals(deliveryOf(decodeReads([...cut, [400, closing(16)]])), "streamed");
});

Deno.test("events under other names are not the model's", () => {
  const reads = planned(() => ({ content: "w" }));
  const beat = "event: heartbeat\ndata: ping\n\nevent: heartbeat\ndata:\n\n: x\n\ndata: ping\n\n";
  const record = decodeReads(reads.map(([atMs, data]): Read => [atMs, beat + data]));
  assertEquals(figures(record), PLAN);
});

const FAILURES: Readonly<Record<string, string>> = {
  "event: error\ndata: upstream worker lost\n\n": "upstream worker lost",
  'event: error\ndata: {"code":500,"message":"worker lost"}\n\n': "worker lost",
  'event: response.error\ndata: {"code":7}\n\n': '{"code":7}',
  'data: {"error":"worker lost"}\n\n': "worker lost",
};

for (const [bytes, message] of Object.entries(FAILURES)) {
  Deno.test(`the words of ${bytes.split("\n").join(" ").trim()} reach the user`, () => {
    const reads = planned(() => ({ content: "w" })).slice(0, 6);
    const record = decodeReads([...reads, [300, bytes + event("[DONE]")]]);
    assertEquals(record.outcome, { kind: "engine_error", message });
  });
}

for (
  const reason of ["error", "abort", "cancelled", "internal_error", "insufficient_system_resource"]
) {
  Deno.test(`finish reason ${reason} is a failure`, () => {
    const reads: readonly Read[] = [
      [100, chunk({ content: "w" })],
      [120, chunk({ content: "w" }, {}, reason) + closing(2)],
    ];
    const record = decodeReads(reads);
    assertEquals(record.outcome, {
      kind: "engine_error",
      message: `the engine ended the answer with "${reason}"`,
    });
  });
}

Deno.test("a filtered answer is a failure where a length was forced", () => {
  const reads: readonly Read[] = [
    [100, chunk({ content: "w" })],
    [120, chunk({ content: "w" }, {}, "content_filter") + closing(2)],
  ];
  assertEquals(decodeReads(reads, { forced: 16 }).outcome.kind, "engine_error");
  assertEquals(decodeReads(reads).outcome.kind, "ok");
  for (const reason of ["stop", "length", "tool_calls", "eos_token", "stop_sequence"]) {
    const ended = reads.map(([atMs, data]): Read => [atMs, data.replace("content_filter", reason)]);
    assertEquals(decodeReads(ended).outcome.kind, "ok");
  }
});

Deno.test("completions read the same fields", () => {
  const text = (i: number) =>
    event({ choices: [{ index: 0, text: `w${i} `, finish_reason: null }] });
  const reads = planned(() => ({})).map(([atMs, data], i): Read =>
    i === 0 || i > 16 ? [atMs, data] : [atMs, text(i)]
  );
  assertEquals(figures(decodeReads(reads, { protocol: openaiCompletions })), PLAN);
});
