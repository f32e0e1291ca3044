import { assertEquals } from "@std/assert";
import type { GenerationRequest, Message } from "../backends/protocol.ts";
import { findProtocol } from "../backends/protocols.ts";
import {
  answerMessage,
  changeRemarks,
  contentTokens,
  continueConversation,
} from "../workloads/session_answer.ts";
import { estimateCounter } from "../workloads/tokenizer.ts";

const REQUEST: GenerationRequest = {
  model: "m",
  messages: [],
  outputTokens: 8,
  length: "cap",
  stream: true,
  sampling: {},
  requestId: 7n,
};

const encoder = new TextEncoder();

/** The message of an answer in these events. */
function answerOf(
  events: readonly unknown[],
  { protocol = "openai-chat", keepReasoning = false, stream = true, body = "" } = {},
): Message {
  const text = body || events.map((event) => `data: ${JSON.stringify(event)}\n\n`).join("") +
      "data: [DONE]\n\n";
  return answerMessage(
    { body: encoder.encode(text) },
    findProtocol(protocol),
    { ...REQUEST, stream },
    keepReasoning,
  );
}

const delta = (fields: unknown) => ({ choices: [{ index: 0, delta: fields }] });
const part = (index: number | undefined, call: Record<string, unknown>) =>
  delta({ tool_calls: [{ ...(index === undefined ? {} : { index }), ...call }] });
const call = (id: string, name: string, args: string) => ({
  id,
  type: "function",
  function: { name, arguments: args },
});

Deno.test("answerMessage joins the text of a stream", () => {
  const events = [
    delta({ role: "assistant", content: "" }),
    delta({ content: "Hello" }),
    delta({ content: " there" }),
    { choices: [], usage: { completion_tokens: 2 } },
  ];
  assertEquals(answerOf(events), { role: "assistant", content: "Hello there" });
});

Deno.test("answerMessage joins tool calls from their deltas, with their own ids", () => {
  const events = [
    delta({ content: "I look." }),
    part(0, { id: "a1", type: "function", function: { name: "find", arguments: "" } }),
    part(0, { function: { arguments: '{"q":' } }),
    part(1, { id: "b2", function: { name: "read", arguments: '{"p"' } }),
    part(0, { function: { arguments: '"x"}' } }),
    part(1, { id: "b2", function: { name: "read", arguments: ":1}" } }),
  ];
  assertEquals(answerOf(events), {
    role: "assistant",
    content: "I look.",
    extra: { tool_calls: [call("a1", "find", '{"q":"x"}'), call("b2", "read", '{"p":1}')] },
  });
});

Deno.test("answerMessage tells calls apart that all have one number, or none, or no id", () => {
  for (const index of [0, undefined]) {
    const events = [
      part(index, { id: "a", function: { name: "f", arguments: "{}" } }),
      part(index, { id: "b", function: { name: "g", arguments: { x: 1 } } }),
    ];
    assertEquals(answerOf(events).extra, {
      tool_calls: [call("a", "f", "{}"), call("b", "g", '{"x":1}')],
    });
  }
  assertEquals(answerOf([part(0, { function: { name: "f", arguments: "{}" } })]).extra, {
    tool_calls: [call("call_7_0", "f", "{}")],
  });
  // The name in every delta, the id late or in the first alone: one call.
  for (const ids of [["", "a"], ["a", ""]]) {
    const events = ids.map((id, i) =>
      part(0, { id, function: { name: "f", arguments: i === 0 ? "{" : "}" } })
    );
    assertEquals(answerOf(events).extra, { tool_calls: [call("a", "f", "{}")] });
  }
  assertEquals(answerOf([delta({ content: "Hi" }), { choices: null }, [], 7]).content, "Hi");
});

Deno.test("answerMessage leaves thinking out, or keeps it in the server's own field", () => {
  for (const field of ["reasoning_content", "reasoning"]) {
    const events = [delta({ [field]: "Hm" }), delta({ [field]: "m." }), delta({ content: "Yes" })];
    assertEquals(answerOf(events), { role: "assistant", content: "Yes" });
    assertEquals(answerOf(events, { keepReasoning: true }), {
      role: "assistant",
      content: "Yes",
      extra: { [field]: "Hmm." },
    });
  }
});

Deno.test("answerMessage reads whole answers, asked for or in place of a stream", () => {
  const message = {
    role: "assistant",
    content: null,
    tool_calls: [call("a", "f", "{}")],
  };
  const body = JSON.stringify({ choices: [{ index: 0, message, finish_reason: "tool_calls" }] });
  const expected = {
    role: "assistant",
    content: "",
    extra: { tool_calls: [call("a", "f", "{}")] },
  };
  assertEquals(answerOf([], { body, stream: false }), expected);
  assertEquals(answerOf([], { body, stream: true }), expected);
});

Deno.test("answerMessage takes the text of other protocols, and leaves out what it cannot read", () => {
  const tgi = [{ token: { id: 1, text: "Hi", special: false } }, {
    token: { id: 2, text: " you", special: false },
  }];
  assertEquals(answerOf(tgi, { protocol: "tgi" }), { role: "assistant", content: "Hi you" });
  const sglang = [{ text: "Hi", meta_info: {} }, { text: "Hi you", meta_info: {} }];
  assertEquals(answerOf(sglang, { protocol: "sglang" }).content, "Hi you");
  const body = `data: ${JSON.stringify(delta({ content: "Hi" }))}\n\ndata: {"cho\n\n`;
  assertEquals(answerOf([], { body }).content, "Hi");
  assertEquals(answerOf([], { body: "data: nothing\n\n" }).content, "");
});

const ANSWER: Message = {
  role: "assistant",
  content: "",
  extra: { tool_calls: [call("live1", "find", "{}"), call("live2", "read", "{}")] },
};
const SO_FAR: readonly Message[] = [{ role: "user", content: "Go" }];
const result = (id: string | undefined, content: string, name?: string): Message => ({
  role: "tool",
  content,
  ...(id === undefined && name === undefined
    ? {}
    : { extra: { ...(name && { name }), ...(id && { tool_call_id: id }) } }),
});

Deno.test("continueConversation gives written results the ids of the live calls, in order", () => {
  const next: Message = { role: "user", content: "And?" };
  const written = [result("rec1", "one", "recorded"), result(undefined, "two"), next];
  assertEquals(continueConversation(SO_FAR, ANSWER, written), {
    messages: [
      ...SO_FAR,
      ANSWER,
      result("live1", "one", "find"),
      result("live2", "two"),
      next,
    ],
    changes: { resultsWithoutCall: 0, callsWithoutResult: 0, brokenArguments: 0 },
  });
});

Deno.test("continueConversation gives the user the results of calls that were never made", () => {
  const silent: Message = { role: "assistant", content: "No need." };
  const { messages, changes } = continueConversation(SO_FAR, silent, [
    result("rec1", "one"),
    result("rec2", "two"),
    { role: "user", content: "And?" },
  ]);
  assertEquals(messages.slice(1), [silent, { role: "user", content: "one\n\ntwo\n\nAnd?" }]);
  assertEquals(changes.resultsWithoutCall, 2);
  const alone = continueConversation(SO_FAR, ANSWER, ["1", "2", "3"].map((id) => result(id, id)));
  assertEquals(alone.messages.slice(2), [
    result("live1", "1"),
    result("live2", "2"),
    { role: "user", content: "3" },
  ]);
});

Deno.test("continueConversation answers calls that nothing was written for, before all else", () => {
  const { messages, changes } = continueConversation(SO_FAR, ANSWER, [
    { role: "user", content: "And?" },
    result("rec1", "one"),
  ]);
  assertEquals(messages.slice(2), [
    result("live1", "one"),
    result("live2", "No result was recorded."),
    { role: "user", content: "And?" },
  ]);
  assertEquals(changes.callsWithoutResult, 1);
});

Deno.test("continueConversation keeps what written messages call and answer themselves", () => {
  const own: Message = {
    role: "assistant",
    content: "",
    extra: { tool_calls: [call("own", "f", "{}")] },
  };
  const silent: Message = { role: "assistant", content: "Ok" };
  const written = [{ role: "user", content: "x" }, own, result("own", "1")];
  const { messages, changes } = continueConversation(SO_FAR, silent, written);
  assertEquals(messages.slice(2), written);
  assertEquals(changes.resultsWithoutCall, 0);
});

Deno.test("continueConversation sends back calls with arguments that servers can read", () => {
  const answer: Message = {
    role: "assistant",
    content: "",
    extra: { reasoning: "r", tool_calls: [call("a", "f", '{"x":'), call("b", "g", "{}")] },
  };
  const { messages, changes } = continueConversation([], answer, [result("1", "1")]);
  assertEquals(messages[0], {
    ...answer,
    extra: { reasoning: "r", tool_calls: [call("a", "f", "{}"), call("b", "g", "{}")] },
  });
  assertEquals(changes.brokenArguments, 1);
  const bare: Message = {
    role: "assistant",
    content: "",
    extra: { tool_calls: [call("a", "f", "")] },
  };
  const { messages: [sent], changes: none } = continueConversation([], bare, []);
  assertEquals(sent!.extra, { tool_calls: [call("a", "f", "{}")] });
  assertEquals(none.brokenArguments, 0);
});

Deno.test("changeRemarks says what was changed, in sums", () => {
  const changes = { resultsWithoutCall: 1, callsWithoutResult: 0, brokenArguments: 1 };
  assertEquals(changeRemarks([]), []);
  assertEquals(changeRemarks([changes, { ...changes, brokenArguments: 0 }]), [
    "2 tool results were sent as the user's messages, because the model had not called the tools",
    "1 tool call had arguments that were no JSON, and went back without them",
  ]);
});

Deno.test("contentTokens counts texts and calls", () => {
  const messages: Message[] = [
    { role: "user", content: "abcde" },
    { role: "user", content: [{ type: "text", text: "fg" }, { type: "image_url" }] },
    { role: "assistant", content: "", extra: { tool_calls: [call("id", "f", "{}")] } },
  ];
  // Of all as one text: 5 + 2 + 3 bytes.
  assertEquals(contentTokens(messages, estimateCounter), 3);
  const letters = { ...estimateCounter, source: "tokenizer" as const };
  assertEquals(contentTokens(messages, letters), 2 + 1 + 1);
});
