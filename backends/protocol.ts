/**
 * How an engine speaks: pure functions from a request to bytes and from an event to its meaning.
 * Without clock and I/O, a protocol cannot get timing wrong.
 *
 * @module
 */
import type { TokenSource } from "./record.ts";

/** A part of a message as chat requests have them: `{"type": "text", "text": …}`, an image, audio. */
export type ContentPart = Readonly<Record<string, unknown>>;

/** One message of a conversation. */
export interface Message {
  /** Its author: `system`, `user`, `assistant`; a chat protocol sends any other as it is. */
  readonly role: string;
  /** Plain text, or parts, which only a chat protocol can send, unread. */
  readonly content: string | readonly ContentPart[];
  /** Other fields of it (`name`, `tool_calls`), which only a chat protocol can send, as they are. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** A message of text alone. */
export interface TextMessage extends Message {
  readonly content: string;
}

/** Sampling parameters; absent ones are left to the engine. */
export interface Sampling {
  /** Divisor of the logits; 0 = always the likeliest token. */
  readonly temperature?: number;
  /** Nucleus sampling: the share of probability that is kept, 0 to 1. */
  readonly topP?: number;
  /** Number of likeliest tokens to choose from; many engines take −1 as all of them. */
  readonly topK?: number;
  /** For the engine's own random generator; not every engine uses it. */
  readonly seed?: number;
  /** Texts that end the answer early; they make sense with length `cap` only. */
  readonly stop?: readonly string[];
}

/** A request for a generation, independent of any protocol. */
export interface GenerationRequest {
  /** Served model name; empty where the protocol needs none. */
  readonly model: string;
  /** In order; protocols without roles send their texts as one prompt. */
  readonly messages: readonly Message[];
  /** Set instead of text when the prompt is given as token ids (exact lengths). */
  readonly promptTokenIds?: readonly number[];
  /** Tokens wanted. */
  readonly outputTokens: number;
  /** `forced`: exactly that many; `cap`: at most that many. */
  readonly length: "forced" | "cap";
  /** Name of the field with the length, where OpenAI's calls take another; default `max_tokens`. */
  readonly lengthField?: "max_completion_tokens";
  /** Deliver token by token; false = the whole answer at once. */
  readonly stream: boolean;
  /** How tokens are chosen; empty = the engine's defaults. */
  readonly sampling: Sampling;
  /** Fields of this one request, from the user's file: each stands as it is in place of ours. */
  readonly ownFields?: Readonly<Record<string, unknown>>;
  /** The user's own fields, merged over the body that we build. */
  readonly extraBody?: Readonly<Record<string, unknown>>;
  /** Unique in the run and, by a random base, among runs (T32 in docs/python-scripts.md). */
  readonly requestId: bigint;
}

/** Where requests go. */
export interface Target {
  /** As the user gave it, without a trailing slash: `http://127.0.0.1:8000`, `grpc://host:port`. */
  readonly baseUrl: string;
  /** Path that replaces the protocol's own (`--endpoint`). */
  readonly endpoint?: string;
  /** What follows the `?` of every address, as Azure wants it; may hold a secret. */
  readonly query?: string;
  /** Secret: sent in headers, never written to a file, log or report. */
  readonly apiKey?: string;
  /** The user's extra headers (`--header`), which may be secrets as well. */
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A request ready for a transport: encoded before any timer starts.
 * For gRPC: `url` = `grpc://host:port/package.Service/Method` (or `grpcs:`), `body` = the message
 * without its 5-byte frame.
 */
export interface WireRequest {
  /** HTTP verb; gRPC is always `POST`. */
  readonly method: "GET" | "POST";
  /** Absolute, with the path of the call. */
  readonly url: string;
  /** Headers of the protocol and of the user, secrets included. */
  readonly headers: Readonly<Record<string, string>>;
  /** Encoded body; absent = the request has none. */
  readonly body?: Uint8Array<ArrayBuffer>;
}

/**
 * How a body is cut into events: `sse` server-sent events, `ndjson` one JSON text per line, `nul`
 * JSON texts separated by a NUL byte, `json` the whole body is one event, `grpc` length-prefixed
 * messages.
 */
export type Framing = "sse" | "ndjson" | "nul" | "json" | "grpc";

/** The engine's own totals. */
export interface Usage {
  /** Tokens of the prompt, template and cached ones included. */
  readonly promptTokens?: number;
  /** Tokens generated, thinking included where the engine counts it. */
  readonly outputTokens?: number;
  /** Prompt tokens that the engine took from its prefix cache. */
  readonly cachedTokens?: number;
  /** Output tokens spent on thinking. */
  readonly reasoningTokens?: number;
}

/**
 * The content of one event. All fields are optional: a role-only, empty or usage-only event carries no
 * token. A reader that knows a cumulative count gives `totalTokens`; one that sees token ids gives
 * `newTokens`; one that has only text omits both, and the decoder counts one token per event with
 * text.
 */
export interface EngineEvent {
  /** Text of the answer that this event adds. */
  readonly text?: string;
  /** Text of the thinking that this event adds. */
  readonly reasoning?: string;
  /** Text of a tool call that this event adds: its name or its arguments. */
  readonly tool?: string;
  /** The event carries something generated that is no text, e.g. sound. */
  readonly other?: boolean;
  /** The whole answer so far, from engines that repeat it in every event. */
  readonly textSoFar?: string;
  /** Tokens added by this event, from its ids. */
  readonly newTokens?: number;
  /** Tokens generated so far, from the engine's counter. */
  readonly totalTokens?: number;
  /** Source of `newTokens` and `totalTokens`; required with them. */
  readonly source?: TokenSource;
  /** Why the engine stopped, in its own words, e.g. `length`; absent before it does. */
  readonly finishReason?: string;
  /** Totals so far, in the events that carry them. */
  readonly usage?: Usage;
  /** An error reported inside the stream: the request failed, whatever came before. */
  readonly error?: string;
  /** The protocol's end mark (`[DONE]`, `finished`, `stop:true`, status FINISHED). */
  readonly end?: boolean;
  /** The server's own times and counts of this request, under its own names (see `decode_timings.ts`). */
  readonly timings?: Readonly<Record<string, number>>;
}

/**
 * Which parts of a JSON value to read: `value` = all of it; an object = only the named fields; a list
 * of one = the same for each element. A value of an unexpected type is taken whole.
 */
export type FieldMask =
  | "value"
  | { readonly [name: string]: FieldMask }
  | readonly [FieldMask];

/**
 * How to read the ordinary event of a stream of JSON objects without building all of it. Must give
 * the same as `readEvent`; it never receives error reports.
 */
export interface QuickEvents {
  /** The fields that `read` uses. */
  readonly fields: { readonly [name: string]: FieldMask };
  /**
   * Pure. `value` holds only these fields and is reused for the next event: only its texts and
   * numbers may be kept.
   */
  readonly read: (
    value: Readonly<Record<string, unknown>>,
    request: GenerationRequest,
  ) => EngineEvent;
  /** An event in which `read` finds nothing generated goes to `readEvent`, which sees every field. */
  readonly orWhole?: true;
}

/** What a question came to. */
export interface Asked {
  /** HTTP or gRPC status. */
  readonly status: number;
  /** Without transfer coding. */
  readonly body: Uint8Array;
  /** As in an exchange: those that say why it was refused. */
  readonly headers?: Readonly<Record<string, string>>;
}

/** Asks the target something before the run (model names, preprocessing). */
export type Ask = (request: WireRequest) => Promise<Asked>;

/** The contract of an engine's protocol. */
export interface Protocol {
  /** Name on the command line, e.g. `openai-chat`. */
  readonly name: string;
  /** For display, e.g. `OpenAI chat`. */
  readonly title: string;
  /** For the list of protocols: the call, who serves it, and where. */
  readonly description: string;
  /** Which family of transports carries it. */
  readonly carrier: "http" | "grpc" | "inprocess";
  /** Path of the generation call, e.g. `/v1/completions`. */
  readonly path: string;
  /** Whether the engine can be made to deliver an exact length. */
  readonly forcesLength: boolean;
  /** Tokens above the forced length that still count as delivered (LMDeploy eras give n + 1). */
  readonly lengthTolerance: number;
  /** What the token counts of a stream rest on with a current server. */
  readonly tokenSource: TokenSource;
  /** A prompt may be given as token ids; absent = text only. */
  readonly takesTokenIds?: boolean;
  /** Messages keep their roles; absent = their texts are sent as one prompt. */
  readonly takesRoles?: boolean;
  /** `ownFields` of a request are fields of its call; absent = they cannot be sent. */
  readonly takesOwnFields?: boolean;
  /** The request id is sent and must not be in flight twice (sessions, gRPC request ids). */
  readonly usesRequestId?: boolean;
  /** What ends a stream besides the end of its body: an explicit mark, or a finish reason. */
  readonly endMark: "done" | "finish_reason" | "flag" | "eof";
  /** How the body of a streamed answer, or of a whole one, is cut into events. */
  readonly framing: (stream: boolean) => Framing;
  /** Pure. @throws {TypeError} when the request holds what the protocol cannot express. */
  readonly buildRequest: (request: GenerationRequest, target: Target) => WireRequest;
  /** Pure. `data`: text of the event, or the message bytes for gRPC. @throws on malformed data. */
  readonly readEvent: (data: string | Uint8Array, request: GenerationRequest) => EngineEvent;
  /** The same for ordinary events of a `sse` stream, once a token: several times faster. */
  readonly quick?: QuickEvents;
  /** Message of an error body (status outside 2xx), in one line. */
  readonly readError: (body: string) => string;
  /** Lists served models, first = default; absent where the engine has no such call. */
  readonly listModels?: (target: Target, ask: Ask) => Promise<readonly string[]>;
  /** Work that must precede the timed call (e.g. Triton's preprocessing), per prompt. */
  readonly prepare?: (
    request: GenerationRequest,
    target: Target,
    ask: Ask,
  ) => Promise<GenerationRequest>;
}
