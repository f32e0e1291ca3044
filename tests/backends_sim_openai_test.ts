import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { simOpenaiChat, simOpenaiCompletions, simOpenaiModels } from "../backends/sim_openai.ts";
import type {
  SimJob,
  SimProtocol,
  SimReply,
  SimRequest,
  SimStream,
  SimToken,
} from "../backends/sim_protocol.ts";

function request(body: unknown): SimRequest {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  return {
    method: "POST",
    path: "/v1/completions",
    query: new URLSearchParams(),
    headers: {},
    body: new TextEncoder().encode(text),
  };
}

function accepted(protocol: SimProtocol, body: unknown): SimJob {
  const job = protocol.accept(request(body), "m");
  assert(!("status" in job), JSON.stringify(job));
  return job;
}

function refused(protocol: SimProtocol, body: unknown): string {
  const reply = protocol.accept(request(body), "m") as SimReply;
  assertEquals(reply.status, 400);
  return JSON.parse(String(reply.body)).error.message;
}

const HI = { messages: [{ role: "user", content: "hi" }] };
const TOKENS: readonly SimToken[] = [
  { id: 300, text: " the", reasoning: false },
  { id: 301, text: " of", reasoning: false },
];

/** All events of an answer of two tokens, one an event; `body` = what was asked, with its prompt. */
function answer(
  protocol: SimProtocol,
  body: Record<string, unknown>,
  options: { quirks?: string[]; tokens?: readonly SimToken[]; cachedTokens?: number } = {},
) {
  const job = accepted(protocol, { max_tokens: 2, stream: true, ...body });
  const { quirks = [], tokens = TOKENS, cachedTokens = 0 } = options;
  const all = new Set(["usage:asked", "role-chunk:with-first", ...quirks]);
  // A later choice of the same quirk replaces the default, as on the command line.
  for (const quirk of quirks) {
    const [name] = quirk.split(":");
    for (const each of all) if (each !== quirk && each.startsWith(`${name}:`)) all.delete(each);
  }
  const stream = {
    job,
    serial: 7,
    tokensSoFar: 0,
    reasoningSoFar: 0,
    textSoFar: "",
    cachedTokens,
    quirks: all,
  };
  let text = String(protocol.opening?.(stream as SimStream) ?? "");
  tokens.forEach((token, index) => {
    stream.tokensSoFar++;
    if (token.reasoning) stream.reasoningSoFar++;
    text += protocol.event(stream, [token], index === tokens.length - 1, "length");
  });
  text += protocol.closing?.(stream, "length") ?? "";
  assert(text === "" || text.endsWith("\n\n"));
  return text.split("\n\n").slice(0, -1).map((event) => {
    assert(event.startsWith("data: "));
    const data = event.slice("data: ".length);
    return data === "[DONE]" ? data : JSON.parse(data);
  });
}

// deno-lint-ignore no-explicit-any
type Event = any;
const choice = (event: Event) => event.choices?.[0];

Deno.test("simOpenaiCompletions reads prompts as text, ids, or a list of one", () => {
  const cases: [unknown, number, readonly number[] | undefined][] = [
    ["12345", 2, undefined],
    // Two characters of three bytes each.
    ["漢字", 2, undefined],
    [[5, 6, 7], 3, [5, 6, 7]],
    [["12345678"], 2, undefined],
    [[[5, 6]], 2, [5, 6]],
    ["", 1, undefined],
  ];
  for (const [prompt, promptTokens, promptIds] of cases) {
    const job = accepted(simOpenaiCompletions, { prompt });
    assertEquals(
      [job.promptTokens, job.promptIds],
      [promptTokens, promptIds],
      JSON.stringify(prompt),
    );
    assertEquals([job.maxTokens, job.stream, job.ignoreEos], [16, false, false]);
  }
});

Deno.test("simOpenaiChat reads messages, their parts, and a plain text", () => {
  const parts = [{ type: "text", text: "1234" }, { type: "image_url" }];
  const messages = [{ role: "system", content: "123" }, { role: "user", content: parts }];
  // "123", a line end, "1234": eight bytes.
  assertEquals(accepted(simOpenaiChat, { messages }).promptTokens, 2);
  assertEquals(accepted(simOpenaiChat, { messages: "12345678" }).promptTokens, 2);
});

Deno.test("accept reads lengths and what is asked of the stream", () => {
  const job = accepted(simOpenaiChat, {
    ...HI,
    model: "m",
    max_tokens: 1,
    max_completion_tokens: 9,
    min_tokens: 9,
    ignore_eos: true,
    stream: true,
    stream_options: { include_usage: true, continuous_usage_stats: true },
  });
  assertEquals(
    [job.model, job.maxTokens, job.minTokens, job.ignoreEos, job.includeUsage, job.continuousUsage],
    ["m", 9, 9, true, true, true],
  );
});

Deno.test("accept refuses with a message what vLLM refuses", () => {
  const prompt = "x";
  const cases: [unknown, string][] = [
    ["{", "not a JSON object"],
    ["null", "not a JSON object"],
    [{}, "prompt must be"],
    [{ prompt: [] }, "prompt must be"],
    [{ prompt: ["a", "b"] }, "prompt must be"],
    [{ prompt, max_tokens: 0 }, "max_tokens must be at least 1, got 0"],
    [{ prompt, max_tokens: 2, min_tokens: 3 }, "min_tokens must be"],
    [{ prompt, stream_options: { include_usage: true } }, "Stream options"],
    [{ prompt, n: 2 }, "n must be 1"],
  ];
  for (const [body, message] of cases) {
    assertStringIncludes(refused(simOpenaiCompletions, body), message);
  }
  assertStringIncludes(refused(simOpenaiChat, { messages: [] }), "messages must be a list");
});

Deno.test("simOpenaiCompletions streams one token per event, the reason with the last, then [DONE]", () => {
  const events = answer(simOpenaiCompletions, { prompt: "x" });
  assertEquals(events.map((event) => choice(event)?.text), [" the", " of", undefined]);
  assertEquals(events.map((event) => choice(event)?.finish_reason), [null, "length", undefined]);
  assertEquals(events.at(-1), "[DONE]");
  assertEquals(events[0].id, "cmpl-7");
  assertEquals("usage" in events[0], false);
});

Deno.test("simOpenaiChat names the role early, with the first token, or never (T4)", () => {
  const roles = (quirks: string[]) =>
    answer(simOpenaiChat, HI, { quirks }).map((event) => choice(event)?.delta.role ?? null);
  assertEquals(roles([]), ["assistant", null, null, null, null]);
  assertEquals(roles(["role-chunk:early"]), ["assistant", null, null, null, null]);
  assertEquals(roles(["role-chunk:none"]), [null, null, null, null]);
  const job = accepted(simOpenaiChat, HI);
  const stream = { job, serial: 1, tokensSoFar: 0, textSoFar: "", cachedTokens: 0 };
  const opening = (quirk: string) =>
    simOpenaiChat.opening!({ ...stream, quirks: new Set([quirk]) });
  // Only the early one is there before any token.
  assertStringIncludes(String(opening("role-chunk:early")), '"role":"assistant"');
  assertEquals(opening("role-chunk:with-first"), "");
});

Deno.test("usage stands where the client or a quirk wants it (T11)", () => {
  const includeUsage = { prompt: "x", stream_options: { include_usage: true } };
  const continuous = {
    prompt: "x",
    stream_options: { include_usage: true, continuous_usage_stats: true },
  };
  const counts = (body: Record<string, unknown>, quirks: string[] = []) =>
    answer(simOpenaiCompletions, body, { quirks })
      .map((event: Event) => event === "[DONE]" ? "" : event.usage?.completion_tokens ?? null);
  assertEquals(counts({ prompt: "x" }), [null, null, ""]);
  assertEquals(counts(includeUsage), [null, null, 2, ""]);
  assertEquals(counts(continuous), [1, 2, 2, ""]);
  assertEquals(counts({ prompt: "x" }, ["usage:own-chunk"]), [null, null, 2, ""]);
  assertEquals(counts(includeUsage, ["usage:last-chunk"]), [null, 2, ""]);
  assertEquals(counts(includeUsage, ["usage:every-chunk"]), [1, 2, ""]);
  assertEquals(counts(includeUsage, ["usage:never"]), [null, null, ""]);
  const own = answer(simOpenaiChat, { ...HI, stream_options: { include_usage: true } }).at(-2);
  assertEquals(own.choices, []);
  assertEquals(own.usage, { prompt_tokens: 1, total_tokens: 3, completion_tokens: 2 });
});

Deno.test("usage counts cached and reasoning tokens where they are simulated", () => {
  const tokens = TOKENS.map((token, index) => ({ ...token, reasoning: index === 0 }));
  const quirks = ["usage:own-chunk", "cached-tokens", "reasoning"];
  const events = answer(simOpenaiChat, HI, { quirks, tokens, cachedTokens: 16 });
  assertEquals(events.at(-2).usage.prompt_tokens_details, { cached_tokens: 16 });
  assertEquals(events.at(-2).usage.completion_tokens_details, { reasoning_tokens: 1 });
  assertEquals(events.slice(1, 3).map((event) => choice(event).delta), [
    { reasoning_content: " the" },
    { content: " of" },
  ]);
});

Deno.test("event carries token ids when asked for, also without text (T9)", () => {
  const half: readonly SimToken[] = [
    { id: 9, text: "", reasoning: false },
    { id: 10, text: "é", reasoning: false },
  ];
  const body = { prompt: "x", return_token_ids: true };
  const shown = answer(simOpenaiCompletions, body, { tokens: half }).slice(0, 2);
  assertEquals(shown.map((event) => [choice(event).text, choice(event).token_ids]), [
    ["", [9]],
    ["é", [10]],
  ]);
  const joined = answer(simOpenaiCompletions, body, { tokens: half, quirks: ["join-utf8"] });
  assertEquals(joined.map((event) => choice(event)?.text), ["é", undefined]);
});

Deno.test("closing leaves out every end mark for done:missing", () => {
  for (
    const [protocol, body] of [[simOpenaiCompletions, { prompt: "x" }], [
      simOpenaiChat,
      HI,
    ]] as const
  ) {
    const events = answer(protocol, body, { quirks: ["done:missing", "role-chunk:none"] });
    assertEquals(events.map((event) => choice(event)?.finish_reason), [null, null]);
  }
});

Deno.test("whole answers in one object with usage", () => {
  const job = accepted(simOpenaiChat, { ...HI, max_tokens: 2 });
  const stream = {
    job,
    serial: 7,
    tokensSoFar: 2,
    textSoFar: " the of",
    cachedTokens: 0,
    quirks: new Set(["usage:asked"]),
  };
  const chat = JSON.parse(String(simOpenaiChat.whole(stream, TOKENS, "stop").body));
  assertEquals(chat.object, "chat.completion");
  assertEquals(choice(chat).message, { role: "assistant", content: " the of" });
  assertEquals(choice(chat).finish_reason, "stop");
  assertEquals(chat.usage.completion_tokens, 2);
  const text = JSON.parse(String(simOpenaiCompletions.whole(stream, TOKENS, "stop").body));
  assertEquals([text.object, choice(text).text], ["text_completion", " the of"]);
});

Deno.test("errorReply and errorEvent carry an error object (T6)", () => {
  const reply = simOpenaiChat.errorReply(404, "no such model");
  assertEquals([reply.status, JSON.parse(String(reply.body)).error], [404, {
    message: "no such model",
    type: "NotFoundError",
    param: null,
    code: 404,
  }]);
  const event = String(simOpenaiChat.errorEvent({} as SimStream, "lost a GPU"));
  assertStringIncludes(event, '{"error":{"message":"lost a GPU"');
  assert(event.endsWith("data: [DONE]\n\n"));
});

Deno.test("simOpenaiModels lists the served model", () => {
  assertEquals(simOpenaiModels.matches("GET", "/v1/models"), true);
  const reply = simOpenaiModels.accept(request(""), "tiny") as SimReply;
  assertEquals(JSON.parse(String(reply.body)).data[0].id, "tiny");
});
