/**
 * Makes the requests of sessions just before they leave, on a thread of its own: 100,000 tokens are
 * half a megabyte of text, and nothing of it is kept.
 *
 * @module
 */
import type {
  GenerationRequest,
  Message,
  Protocol,
  Target,
  WireRequest,
} from "../backends/protocol.ts";
import type { TokenCounter } from "./prompt.ts";
import type { PromptSpec } from "./session.ts";

/** A prompt that is written out, with all that is before its answer. */
export interface WrittenPrompt {
  readonly messages: readonly Message[];
}

/** What is the same in all requests of a run. */
export type RequestDefaults = Pick<
  GenerationRequest,
  "length" | "lengthField" | "stream" | "sampling" | "extraBody"
>;

export interface PromptMakerOptions {
  readonly protocol: Protocol;
  /** Where requests go, secrets included. */
  readonly target: Target;
  /** All blocks follow from it. */
  readonly seed: number;
  /** Prompts of blocks have exact lengths by it. */
  readonly counter: TokenCounter;
  readonly defaults: RequestDefaults;
  /** Prompts of blocks are sent as token ids. */
  readonly tokenIds?: boolean;
  /** Size of the vocabulary that ids are drawn from; absent = ids of the tokenizer's words. */
  readonly vocab?: number;
  /** 0 = on the calling thread; default 1. */
  readonly workers?: 0 | 1;
}

/** What one request has besides its prompt. */
export interface RequestParts {
  readonly outputTokens: number;
  readonly model: string;
  readonly requestId: bigint;
  /** When it is to leave, ms on any one clock: what is due first is made first. */
  readonly dueMs?: number;
  /** Headers of its own, over those of the target. */
  readonly headers?: Readonly<Record<string, string>>;
  /** Another server than the target's. */
  readonly baseUrl?: string;
  /** Fields that are merged over the request; those that the user gave stand above them. */
  readonly extra?: Readonly<Record<string, unknown>>;
  /** Tools to offer, as the protocol wants them. */
  readonly tools?: readonly unknown[];
}

/** A request that is ready to leave. */
export interface MadePrompt {
  readonly wire: WireRequest;
  /** For the decoder: without its prompt, which may be long. */
  readonly request: GenerationRequest;
}

/** Makes requests. */
export interface PromptMaker {
  /**
   * @throws {UserError} when the protocol cannot send it, or the maker was closed.
   */
  make(prompt: PromptSpec | WrittenPrompt, parts: RequestParts): Promise<MadePrompt>;
  /** Gives up what is not yet made, and its thread. */
  close(): void;
}

/**
 * Starts the thread and chooses the words that prompts are made of.
 *
 * @throws {UserError} when the tokenizer has too few words of one token, or when the protocol takes
 *   no prompts of this kind.
 */
export function openPromptMaker(_options: PromptMakerOptions): PromptMaker {
  throw new Error("not yet");
}
