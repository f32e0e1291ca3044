/**
 * How an engine speaks: pure functions from a request to bytes and from an event to its meaning.
 * No clock, no I/O: a protocol cannot get timing wrong.
 *
 * @module
 */
import type { TokenSource } from "./record.ts";

/** One turn of a conversation. */
export interface Message {
  readonly role: "system" | "user" | "assistant";
  readonly content: string;
}

/** Sampling parameters; absent ones are left to the engine. */
export interface Sampling {
  readonly temperature?: number;
  readonly topP?: number;
  readonly topK?: number;
  readonly seed?: number;
  readonly stop?: readonly string[];
}

/** What is asked of the engine, in no protocol's words. */
export interface GenerationRequest {
  /** Served model name; empty where the protocol needs none. */
  readonly model: string;
  readonly messages: readonly Message[];
  /** Set instead of text when the prompt is given as token ids (exact lengths). */
  readonly promptTokenIds?: readonly number[];
  /** Tokens wanted. */
  readonly outputTokens: number;
  /** `forced`: exactly that many; `cap`: at most that many. */
  readonly length: "forced" | "cap";
  readonly stream: boolean;
  readonly sampling: Sampling;
  /** Fields merged over the body we build, as the user gave them. */
  readonly extraBody?: Readonly<Record<string, unknown>>;
  /** Unique among the run's requests and, by a random base, among runs (session ids; T32). */
  readonly requestId: bigint;
}

/** Where requests go. */
export interface Target {
  /** As the user gave it, without a trailing slash: `http://127.0.0.1:8000`, `grpc://host:port`. */
  readonly baseUrl: string;
  /** Path that replaces the protocol's own (`--endpoint`). */
  readonly endpoint?: string;
  /** Secret: goes into headers on the wire, never into a file, log or report. */
  readonly apiKey?: string;
  readonly headers: Readonly<Record<string, string>>;
}

/**
 * A request ready for a transport: encoded before any timer starts.
 * For gRPC: `url` = `grpc://host:port/package.Service/Method` (or `grpcs:`), `body` = the message
 * without its 5-byte frame.
 */
export interface WireRequest {
  readonly method: "GET" | "POST";
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body?: Uint8Array<ArrayBuffer>;
}

/**
 * How a body is cut into events: `sse` server-sent events, `ndjson` one JSON text a line, `nul`
 * JSON texts separated by a NUL byte, `json` the whole body is one event, `grpc` length-prefixed
 * messages.
 */
export type Framing = "sse" | "ndjson" | "nul" | "json" | "grpc";

/** The engine's own totals. */
export interface Usage {
  readonly promptTokens?: number;
  readonly outputTokens?: number;
  readonly cachedTokens?: number;
  readonly reasoningTokens?: number;
}

/**
 * What one event says. All fields are optional: a role-only, empty or usage-only event carries no
 * token. A reader that knows a cumulative count gives `totalTokens`; one that sees token ids gives
 * `newTokens`; one that has only text leaves both out, and the decoder counts one token for an
 * event with text.
 */
export interface EngineEvent {
  /** Text of the answer that this event adds. */
  readonly text?: string;
  /** Text of the thinking that this event adds. */
  readonly reasoning?: string;
  /** The whole answer so far, from engines that repeat it in every event. */
  readonly textSoFar?: string;
  /** Tokens added by this event, from its ids. */
  readonly newTokens?: number;
  /** Tokens generated so far, from the engine's counter. */
  readonly totalTokens?: number;
  /** What `newTokens`/`totalTokens` rest on; required with them. */
  readonly source?: TokenSource;
  readonly finishReason?: string;
  readonly usage?: Usage;
  /** An error reported inside the stream: the request failed, whatever came before. */
  readonly error?: string;
  /** The protocol's end mark (`[DONE]`, `finished`, `stop:true`, status FINISHED). */
  readonly end?: boolean;
  /** Server-side timings, kept by `probe` and compared in tests. */
  readonly timings?: Readonly<Record<string, number>>;
}

/** Asks the target something before the run (model names, preprocessing); returns the body. */
export type Ask = (request: WireRequest) => Promise<{ status: number; body: Uint8Array }>;

/** The contract of an engine's protocol. */
export interface Protocol {
  /** Name on the command line, e.g. `openai-chat`. */
  readonly name: string;
  readonly title: string;
  readonly description: string;
  /** Which family of transports carries it. */
  readonly carrier: "http" | "grpc" | "inprocess";
  /** Path of the generation call, e.g. `/v1/completions`. */
  readonly path: string;
  /** Can the engine be made to deliver an exact length? */
  readonly forcesLength: boolean;
  /** Tokens above the forced length that still count as delivered (LMDeploy eras give n + 1). */
  readonly lengthTolerance: number;
  /** The id goes over the wire and must not be in flight twice (sessions, gRPC request ids). */
  readonly usesRequestId?: boolean;
  /** What ends a stream besides the end of its body: an explicit mark, or a finish reason. */
  readonly endMark: "done" | "finish_reason" | "flag" | "eof";
  readonly framing: (stream: boolean) => Framing;
  /** Pure. @throws {TypeError} when the request holds what the protocol cannot express. */
  readonly buildRequest: (request: GenerationRequest, target: Target) => WireRequest;
  /** Pure. `data`: text of the event, or the message bytes for gRPC. @throws on malformed data. */
  readonly readEvent: (data: string | Uint8Array, request: GenerationRequest) => EngineEvent;
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
