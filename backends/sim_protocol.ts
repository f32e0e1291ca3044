/**
 * The server's side of a protocol: pure functions from a request to a job and from tokens to bytes.
 * When tokens are emitted is decided by the engine.
 *
 * @module
 */
import type { ContextSize, ContextWords } from "./sim_context.ts";
import type { SimTimes } from "./sim_times.ts";
import type { TruthFacts } from "./sim_truth.ts";

/** A parsed HTTP request, or a gRPC call (path = `/package.Service/Method`). */
export interface SimRequest {
  readonly method: string;
  /** Without the query. */
  readonly path: string;
  readonly query: URLSearchParams;
  /** Lower-case names. */
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

/** When and where a request arrived. */
export type SimArrival = Pick<
  TruthFacts,
  "arrivalMs" | "completeMs" | "clientPort" | "connection"
>;

/** A request and the way back to its client, whatever carries the answer. */
export interface SimExchange {
  readonly request: SimRequest;
  readonly arrival: SimArrival;
  /** The answer is complete, the client is gone, or the connection was given up. */
  readonly closed: boolean;
  /** Bytes that the client has not taken yet. */
  readonly buffered: number;
  /** Called once when the client leaves before the answer is complete. */
  onGone: (() => void) | undefined;
}

/** What the engine has to generate. */
export interface SimJob {
  readonly model: string;
  /** Given ids counted, else ⌈UTF-8 bytes ÷ 4⌉ (of the contents of all messages). */
  readonly promptTokens: number;
  /** The prompt for the prefix cache, where it is given as ids. */
  readonly promptIds?: readonly number[];
  /** The same as text: the contents of its messages, or one text. */
  readonly promptTexts?: readonly string[];
  /** Requested upper limit. */
  readonly maxTokens: number;
  /** Requested lower limit. */
  readonly minTokens: number;
  /** The length is forced: the engine does not stop early. */
  readonly ignoreEos: boolean;
  readonly stream: boolean;
  /** It is longer than the context, and its engine answers nothing instead of refusing it. */
  readonly noRoom?: true;
  readonly includeUsage?: boolean;
  /** Usage on every event (vLLM's `continuous_usage_stats`). */
  readonly continuousUsage?: boolean;
  /** The protocol's own fields, for its encoder. */
  readonly extra: Readonly<Record<string, unknown>>;
}

/** One generated token. */
export interface SimToken {
  readonly id: number;
  /** May be empty: held back until a character is complete. */
  readonly text: string;
  /** Part of the reasoning, not of the answer. */
  readonly reasoning: boolean;
}

/** Why a generation ended: at the requested length, or before it. */
export type SimFinish = "length" | "stop";

/** A running generation, as encoders see it. */
export interface SimStream {
  readonly job: SimJob;
  /** 1-based number of the request in this engine. */
  readonly serial: number;
  /** Tokens emitted so far, those of the event being encoded included. */
  readonly tokensSoFar: number;
  /** Tokens emitted so far that are reasoning. */
  readonly reasoningSoFar?: number;
  /** Text emitted so far, that of the event being encoded included. */
  readonly textSoFar: string;
  /** Prompt tokens reported as cached. */
  readonly cachedTokens: number;
  /** When the engine did what for it; absent = it was not submitted. */
  readonly times?: SimTimes;
  /**
   * Quirks chosen on the command line: `usage:asked|own-chunk|last-chunk|every-chunk|never`,
   * `role-chunk:early|with-first|none`, `done:missing`, `token-ids`, `cached-tokens`, `join-utf8`
   * (no event while a character is incomplete), `reasoning`, `tool-calls`, `request-metrics`.
   */
  readonly quirks: ReadonlySet<string>;
}

/** A complete answer. */
export interface SimReply {
  readonly status: number;
  readonly contentType: string;
  readonly body: string | Uint8Array;
}

/** The text around the part of an event that changes. */
export interface EventFrame {
  readonly before: string;
  readonly after: string;
}

/** The server's side of a protocol over HTTP. */
export interface SimProtocol {
  /** Name in the truth log; the client protocol's, unless it serves several or none. */
  readonly name: string;
  /** Names of the client protocols that it serves; absent = the one of its own name. */
  readonly serves?: readonly string[];
  readonly matches: (method: string, path: string) => boolean;
  /** A job to run, or an answer at once (model list, health, a 4xx error). */
  readonly accept: (request: SimRequest, model: string) => SimJob | SimReply;
  /** Content type of a stream; absent = that of server-sent events in UTF-8. */
  readonly contentType?: (job: SimJob) => string;
  /** Bytes sent as soon as the request is accepted, before any token; absent = none. */
  readonly opening?: (stream: SimStream) => string | Uint8Array;
  /**
   * One event for these tokens; `last` when the generation ends with them, then for the reason
   * `finish`. Nothing is sent for `""` (text held back); the tokens then go into the next event.
   */
  readonly event: (
    stream: SimStream,
    tokens: readonly SimToken[],
    last: boolean,
    finish: SimFinish,
  ) => string | Uint8Array;
  /**
   * What surrounds the JSON text in events of one token that is neither the first nor the last;
   * absent, or `undefined` for this stream = they differ in more than their text.
   */
  readonly frame?: (stream: SimStream) => EventFrame | undefined;
  /** After the last token: finish chunk, usage chunk, end mark, in this protocol's order; absent = none. */
  readonly closing?: (stream: SimStream, finish: SimFinish) => string | Uint8Array;
  /** An error inside a stream that has begun. */
  readonly errorEvent: (stream: SimStream, message: string) => string | Uint8Array;
  /** An error instead of a stream. */
  readonly errorReply: (status: number, message: string) => SimReply;
  /** The refusal of a request that is longer than the context; absent = as other errors. */
  readonly tooLong?: (words: ContextWords, size: ContextSize) => SimReply;
  /** The answer when `stream` is false. */
  readonly whole: (
    stream: SimStream,
    tokens: readonly SimToken[],
    finish: SimFinish,
  ) => SimReply;
}
