/**
 * Live history: what the server answered, as a message that it wants back, and what is written to
 * follow it.
 *
 * @module
 */
import type { GenerationRequest, Message, Protocol } from "../backends/protocol.ts";
import type { Exchange } from "../backends/transport.ts";
import type { TokenCounter } from "./prompt.ts";

/**
 * The answer of an exchange as a message of the assistant: its text, and of a chat protocol its tool
 * calls with their own ids, joined from the deltas. Thinking is left out: templates drop that of
 * earlier turns, and some servers refuse it.
 *
 * @param keepReasoning thinking goes back in the field that the server used for it.
 */
export function answerMessage(
  _exchange: Exchange,
  _protocol: Protocol,
  _request: GenerationRequest,
  _keepReasoning = false,
): Message {
  throw new Error("not yet");
}

/** A conversation and what had to be changed in it. */
export interface Continued {
  readonly messages: readonly Message[];
  /** Changes, each in a few words without a period, e.g. `2 tool results without a call`. */
  readonly remarks: readonly string[];
}

/**
 * The conversation with an answer of the server and the messages that are written to follow it. Tools
 * are never executed: written results are matched to the answer's calls in order; results without a
 * call become messages of the user, calls without a result get one that says so.
 */
export function continueConversation(
  _soFar: readonly Message[],
  _answer: Message,
  _written: readonly Message[],
): Continued {
  throw new Error("not yet");
}

/** Tokens of the contents and tool calls of messages. */
export function contentTokens(_messages: readonly Message[], _counter: TokenCounter): number {
  throw new Error("not yet");
}
