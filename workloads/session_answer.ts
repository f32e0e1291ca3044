/**
 * Live history: what the server answered, as a message that it wants back, and what is written to
 * follow it.
 *
 * @module
 */
import { cutEvents } from "../backends/framing.ts";
import { isObject, type JsonObject } from "../backends/json_event.ts";
import { contentText } from "../backends/protocol_fields.ts";
import type { GenerationRequest, Message, Protocol } from "../backends/protocol.ts";
import type { Exchange } from "../backends/transport.ts";
import type { TokenCounter } from "./prompt.ts";

/**
 * The answer of an exchange as a message of the assistant: its text, and of a chat protocol its tool
 * calls with their own ids, joined from the deltas. Events that cannot be read are left out.
 *
 * Thinking is left out unless asked for: most templates drop that of earlier turns, and some servers
 * refuse it.
 *
 * @param keepReasoning thinking goes back in the field that the server used for it.
 */
export function answerMessage(
  { body }: Pick<Exchange, "body">,
  protocol: Protocol,
  request: GenerationRequest,
  keepReasoning = false,
): Message {
  const answer = new Answer();
  const take = (data: string | Uint8Array) => {
    try {
      const { text, textSoFar } = protocol.readEvent(data, request);
      if (textSoFar !== undefined) answer.content = textSoFar;
      else if (text !== undefined) answer.content += text;
      if (protocol.takesRoles === true) answer.takeChunk(JSON.parse(String(data)));
    } catch {
      // An end mark is no JSON; what cannot be read is the record's matter.
    }
  };
  const framing = protocol.framing(request.stream);
  let events = 0;
  cutEvents(framing, body, (data) => {
    events++;
    take(data);
  });
  // Some servers answer whole where a stream was asked for.
  if (events === 0 && framing === "sse") take(new TextDecoder().decode(body));
  return answer.message(request.requestId, keepReasoning);
}

/** Fields of thinking, by the servers that use them; the first that holds something counts. */
const REASONING_FIELDS = ["reasoning_content", "reasoning", "reasoning_text", "thinking"] as const;

interface ToolCall {
  id: string;
  name: string;
  arguments: string;
}

/** An answer while its events are read. */
class Answer {
  content = "";
  readonly #calls: ToolCall[] = [];
  /** By the number that the server gave it. */
  readonly #byIndex = new Map<number, ToolCall>();
  readonly #reasoning: { -readonly [Field in typeof REASONING_FIELDS[number]]?: string } = {};

  /** Takes tool calls and thinking of an event of a chat. */
  takeChunk(chunk: unknown): void {
    const choices = isObject(chunk) && Array.isArray(chunk.choices) ? chunk.choices : [];
    const choice: unknown = choices[0];
    if (!isObject(choice)) return;
    const delta = choice.delta ?? choice.message;
    if (!isObject(delta)) return;
    for (const field of REASONING_FIELDS) {
      const text = delta[field];
      if (typeof text === "string" && text !== "") {
        this.#reasoning[field] = (this.#reasoning[field] ?? "") + text;
        break;
      }
    }
    if (!Array.isArray(delta.tool_calls)) return;
    for (const call of delta.tool_calls) if (isObject(call)) this.#takeCall(call);
  }

  message(requestId: bigint, keepReasoning: boolean): Message {
    const calls = this.#calls.map((call, i) => ({
      id: call.id || `call_${requestId}_${i}`,
      type: "function",
      function: { name: call.name, arguments: call.arguments },
    }));
    const extra = {
      ...(keepReasoning ? this.#reasoning : {}),
      ...(calls.length === 0 ? {} : { tool_calls: calls }),
    };
    const message = { role: "assistant", content: this.content };
    return Object.keys(extra).length === 0 ? message : { ...message, extra };
  }

  #takeCall(delta: JsonObject): void {
    const id = typeof delta.id === "string" ? delta.id : "";
    const part = isObject(delta.function) ? delta.function : {};
    const name = typeof part.name === "string" ? part.name : "";
    const index = typeof delta.index === "number" ? delta.index : undefined;
    let call = index === undefined ? this.#calls.at(-1) : this.#byIndex.get(index);
    // Some servers give every call the same number, or none: a new id with a name begins a new one.
    const another = call !== undefined && id !== "" && call.id !== "" && id !== call.id &&
      name !== "";
    if (call === undefined || another) {
      call = { id: "", name: "", arguments: "" };
      this.#calls.push(call);
      if (index !== undefined) this.#byIndex.set(index, call);
    }
    call.id ||= id;
    call.name ||= name;
    const { arguments: given } = part;
    if (typeof given === "string") call.arguments += given;
    else if (isObject(given)) call.arguments += JSON.stringify(given);
  }
}

/** What had to be changed in a conversation to go on, in numbers. */
export interface ConversationChanges {
  /** Tool results that were sent as messages of the user: the model had not called. */
  readonly resultsWithoutCall: number;
  /** Calls of the model that nothing was written for. */
  readonly callsWithoutResult: number;
  /** Calls whose arguments were no JSON, which servers refuse: they went back as `{}`. */
  readonly brokenArguments: number;
}

/** A conversation, ready to be sent. */
export interface Continued {
  readonly messages: readonly Message[];
  readonly changes: ConversationChanges;
}

/** What a call is answered with when nothing was written for it: servers want an answer to each. */
const NO_RESULT = "No result was recorded.";

/**
 * The conversation with an answer of the server and the messages that are written to follow it.
 *
 * Tools are never executed: written results take the ids of the answer's calls, in order. Results
 * without a call become messages of the user, calls without a result get one that says so.
 */
export function continueConversation(
  soFar: readonly Message[],
  answer: Message,
  written: readonly Message[],
): Continued {
  const { message, calls, brokenArguments } = withSoundCalls(answer);
  const waiting = [...calls];
  /** Calls in the written messages themselves, whose results keep their ids. */
  const ownCalls = new Set<unknown>();
  const results: Message[] = [];
  const others: Message[] = [];
  /** Results without a call that stand before the next message. */
  let stray: string[] = [];
  let resultsWithoutCall = 0;
  const take = (next?: Message) => {
    if (next?.role === "user" && typeof next.content === "string") {
      // In one message: some templates want user and assistant by turns.
      others.push({ ...next, content: [...stray, next.content].join("\n\n") });
    } else {
      if (stray.length > 0) others.push({ role: "user", content: stray.join("\n\n") });
      if (next !== undefined) others.push(next);
    }
    stray = [];
  };
  for (const next of written) {
    for (const { id } of callsOf(next)) ownCalls.add(id);
    if (next.role !== "tool" || ownCalls.has(next.extra?.tool_call_id)) {
      take(next);
      continue;
    }
    const call = waiting.shift();
    if (call === undefined) {
      resultsWithoutCall++;
      stray.push(contentText(next.content));
    } else {
      const named = next.extra?.name === undefined ? {} : { name: call.name };
      results.push({ ...next, extra: { ...next.extra, ...named, tool_call_id: call.id } });
    }
  }
  take();
  for (const { id } of waiting) {
    results.push({ role: "tool", content: NO_RESULT, extra: { tool_call_id: id } });
  }
  return {
    messages: [...soFar, message, ...results, ...others],
    changes: { resultsWithoutCall, callsWithoutResult: waiting.length, brokenArguments },
  };
}

/** What was changed in all conversations of a run, for the report: a sentence each, without a period. */
export function changeRemarks(all: Iterable<ConversationChanges>): readonly string[] {
  const sum = { resultsWithoutCall: 0, callsWithoutResult: 0, brokenArguments: 0 };
  for (const changes of all) {
    sum.resultsWithoutCall += changes.resultsWithoutCall;
    sum.callsWithoutResult += changes.callsWithoutResult;
    sum.brokenArguments += changes.brokenArguments;
  }
  const remarks: string[] = [];
  const add = (count: number, one: string, many: string) => {
    if (count > 0) remarks.push(count === 1 ? `1 ${one}` : `${count} ${many}`);
  };
  add(
    sum.resultsWithoutCall,
    "tool result was sent as the user's message, because the model had not called the tool",
    "tool results were sent as the user's messages, because the model had not called the tools",
  );
  add(
    sum.callsWithoutResult,
    "tool call of the model had no written result, and was answered with a sentence that says so",
    "tool calls of the model had no written result, and were answered with a sentence that says so",
  );
  add(
    sum.brokenArguments,
    "tool call had arguments that were no JSON, and went back without them",
    "tool calls had arguments that were no JSON, and went back without them",
  );
  return remarks;
}

/** Tokens of the texts and tool calls of messages; with the estimate, of all as one text. */
export function contentTokens(messages: readonly Message[], counter: TokenCounter): number {
  const texts = messages.map((message) =>
    contentText(message.content) +
    callsOf(message).map(({ name, arguments: given }) => name + given).join("")
  );
  if (counter.source === "estimate") return counter.count(texts.join(""));
  return texts.reduce((sum, text) => sum + counter.count(text), 0);
}

/** The tool calls of a message. */
function callsOf({ extra }: Message): readonly ToolCall[] {
  const calls = Array.isArray(extra?.tool_calls) ? extra.tool_calls : [];
  return calls.filter(isObject).map((call) => {
    const part = isObject(call.function) ? call.function : {};
    return {
      id: String(call.id ?? ""),
      name: String(part.name ?? ""),
      arguments: String(part.arguments ?? ""),
    };
  });
}

/** An answer whose calls have arguments that servers take. */
function withSoundCalls(
  answer: Message,
): { message: Message; calls: readonly ToolCall[]; brokenArguments: number } {
  const calls = callsOf(answer);
  const unsound = calls.filter(({ arguments: given }) => !isJsonObject(given));
  if (unsound.length === 0) return { message: answer, calls, brokenArguments: 0 };
  // A call without arguments may come without the braces.
  const brokenArguments = unsound.filter(({ arguments: given }) => given.trim() !== "").length;
  const sound = calls.map(({ id, name, arguments: given }) => ({
    id,
    type: "function",
    function: { name, arguments: isJsonObject(given) ? given : "{}" },
  }));
  const message = { ...answer, extra: { ...answer.extra, tool_calls: sound } };
  return { message, calls, brokenArguments };
}

function isJsonObject(text: string): boolean {
  try {
    return isObject(JSON.parse(text));
  } catch {
    return false;
  }
}
