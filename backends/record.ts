/**
 * What was observed of one request, and nothing that can be derived from that.
 *
 * @module
 */

/**
 * Where a token count comes from, best first:
 * `counter` a cumulative counter in every event, `ids` token ids in the events, `usage` the
 * engine's own total, `tokenizer` our count of the text, `event` one token assumed per event that
 * carries text, `requested` a length we asked for and could not verify, `estimate` from the
 * number of characters.
 */
export type TokenSource =
  | "counter"
  | "ids"
  | "usage"
  | "tokenizer"
  | "event"
  | "requested"
  | "estimate";

/** A number of tokens and where the count comes from. */
export interface TokenCount {
  /** How many there are. */
  readonly tokens: number;
  /** Who counted, which decides how far to trust it. */
  readonly source: TokenSource;
}

/** How a request ended. Failures of the server are data; each kind carries its cause. */
export type Outcome =
  | { readonly kind: "ok" }
  /** A status outside 2xx (or a non-zero gRPC status) before any event. */
  | { readonly kind: "http_error"; readonly status: number; readonly message: string }
  /** No connection, or it broke before an answer began. */
  | { readonly kind: "connect_error"; readonly message: string }
  | { readonly kind: "timeout"; readonly message: string }
  /** The stream ended without an end mark. */
  | { readonly kind: "truncated"; readonly message: string }
  /** Bytes that are not the protocol. */
  | { readonly kind: "protocol_error"; readonly message: string }
  /** The engine reported an error under a success status. */
  | { readonly kind: "engine_error"; readonly message: string }
  /** A forced length was not delivered, or nothing was generated at all. */
  | { readonly kind: "wrong_length"; readonly message: string }
  /** We stopped it: grace period over, or an interrupt. Excluded from results and counted. */
  | { readonly kind: "cancelled"; readonly message: string }
  /** The plan had its user leave before the end: neither a failure nor a complete answer. */
  | { readonly kind: "cancelled_as_planned"; readonly message: string }
  /** Never sent: the limit of requests in flight was reached and overflow is `drop`. */
  | { readonly kind: "dropped"; readonly message: string };

/** Every kind of {@linkcode Outcome}, in the order in which reports list them. */
export const OUTCOME_KINDS: readonly Outcome["kind"][] = [
  "ok",
  "http_error",
  "connect_error",
  "timeout",
  "truncated",
  "protocol_error",
  "engine_error",
  "wrong_length",
  "cancelled",
  "cancelled_as_planned",
  "dropped",
];

/** What an answer carries of the server's own times, in ms; absent = it does not say. */
export interface ServerTimings {
  /** From its arrival until the engine took it up. */
  readonly queueMs?: number;
  /** Reading the prompt, until the first token was there. */
  readonly prefillMs?: number;
  /** From the first token to the last. */
  readonly decodeMs?: number;
  /** From its arrival to the first token. */
  readonly ttftMs?: number;
  /** From its arrival to the end. */
  readonly e2eMs?: number;
  /** Tokens that were guessed ahead. */
  readonly draftTokens?: number;
  /** Of these, tokens that were right. */
  readonly acceptedTokens?: number;
}

/**
 * Observations of one request. Times are milliseconds on the run's monotonic clock, counted from
 * the start of its load (`0` = the measured part began); stamps that never happened are absent. The
 * lists of a record lie side by side in one piece of memory: who transfers one transfers all.
 */
export interface RequestRecord {
  /** Which load of the command (0-based position in its list). */
  readonly load: number;
  /** `warmup` requests are kept in the file and never summarized. */
  readonly phase: "warmup" | "measure";
  /** Number in its load, unique within (load, phase); users may have numbers of their own. */
  readonly index: number;
  /** Closed-loop user, or the arrival's worker lane. */
  readonly user: number;
  /** Id of the prompt in its dataset. */
  readonly promptId: string;

  /** Session that it belongs to, unique in its load, e.g. `trace_0274#2`; absent = it stands alone. */
  readonly session?: string;
  /** Its number in its chain of the session, from 1 on. */
  readonly turn?: number;
  /** Chain of the session: 0 = the main one; others are sub-agents and helpers. */
  readonly chain?: number;
  /** How deep that chain is nested: 0 = the main one; absent = 0. */
  readonly depth?: number;
  /** Class of a mix that its prompt comes from; absent = there is no mix. */
  readonly class?: string;
  /** Model that was asked for, where a run asks for several. */
  readonly model?: string;
  /** Position in the header's `urls`, where a run has several. */
  readonly server?: number;
  /** Stage of the rate that its intended time lies in, 0-based; absent = there are none. */
  readonly stage?: number;
  /**
   * Tokens of the prompt without the template, as planned; absent where only text was given.
   */
  readonly contentTokens?: number;
  /**
   * Of these, tokens that a perfect, endless prefix cache would have had, in the order in which requests
   * were sent; absent = not known.
   */
  readonly expectedCachedTokens?: number;
  /** The server refused it since prompt and answer do not fit into its context; absent = it did not. */
  readonly contextTooLong?: true;

  /**
   * When the schedule wanted it to leave; in a closed loop, when its user became free; in a session, the
   * end of what it waited for and its delay.
   */
  readonly intendedMs: number;
  /**
   * Of the time from there to `sentMs`: how long it waited since too many requests had no first byte of
   * their answer (`--max-prefill`), ms; absent = it did not.
   */
  readonly heldMs?: number;
  /** Just before the request was handed to the transport. */
  readonly sentMs?: number;
  /** When it had left at the latest: it left between `sentMs` and here; absent = unknown. */
  readonly departedMs?: number;
  /** Response head arrived. */
  readonly firstByteMs?: number;
  /** First event of any kind (also role-only and comment-free empty ones). */
  readonly firstEventMs?: number;
  /** First event with at least one token, thinking included. */
  readonly firstTokenMs?: number;
  /** First event with a token of the answer itself, where the stream had thinking or tool calls. */
  readonly firstAnswerMs?: number;
  /** First event with a token of a tool call; absent = none was called. */
  readonly firstToolMs?: number;
  /** Last event with at least one token; absent when none came. */
  readonly lastTokenMs?: number;
  /** End mark seen, or the end of the body, or the failure. */
  readonly endMs?: number;

  /** Times at which tokens arrived: one tick per read, however many events it held. */
  readonly tickMs: Float64Array;
  /** Tokens so far at each tick, cumulative, from `tickSource`. */
  readonly tickTokens: Uint32Array;
  /**
   * How much earlier than `tickMs` the first tokens of each tick may have come, in whole µs, rounded
   * up: the client had seen by then that there was nothing. Absent where its transport cannot tell.
   */
  readonly tickWidthUs?: Uint32Array;
  /** Source of `tickTokens`; the final count may come from a better one. */
  readonly tickSource?: TokenSource;
  /**
   * Events with something generated so far at each tick, which scripts take for tokens (T7 in
   * docs/python-scripts.md); only for commands that print a script's own numbers.
   */
  readonly tickEvents?: Uint32Array;
  /** Of the events that carry something generated, those after the first that carried usage, too; absent = none. */
  readonly usageEvents?: number;
  /**
   * Nothing said that the answer was complete but the end of its body, which a cut looks like, too;
   * absent = an end mark, or a length or reason that stands for it.
   */
  readonly unmarkedEnd?: true;
  /** Reads of the body. */
  readonly reads: number;
  /** Events in the body, those without a token included. */
  readonly events: number;
  /**
   * Events that carry something generated, whatever it is: the chunks that scripts count (T7 in
   * docs/python-scripts.md); absent = none.
   */
  readonly textEvents?: number;
  /** Of these, events with thinking and nothing of the answer; absent = none. */
  readonly reasoningEvents?: number;
  /** Of these, events with a part of a tool call; absent = none. */
  readonly toolEvents?: number;
  /** The answer was one JSON body, not a stream: nothing shows when its first token came. */
  readonly wholeBody?: true;
  /**
   * Reads with several tokens that ended inside an event, the last left out: something on the way
   * passes the stream on by bytes, when its buffer is full; absent = none.
   */
  readonly heldReads?: number;
  /** Length of the body without transfer coding. */
  readonly bytes: number;

  /** The engine's count where it reported one, else ours; absent = neither. */
  readonly promptTokens?: TokenCount;
  /** The best count there is, see its `source`; absent when no event came. */
  readonly outputTokens?: TokenCount;
  /** Of these, tokens that the engine counted and did not send, such as hidden thinking; absent = none. */
  readonly unseenTokens?: number;
  /** A count of the server that its own stream contradicts, and that was not used; absent = none. */
  readonly rejectedCount?: TokenCount;
  /**
   * Tokens of the first tick, where ticks count events that hold several tokens: by the tokenizer, or
   * estimated from its share of the characters.
   */
  readonly firstTickTokens?: TokenCount;
  /** Prompt tokens that the engine took from its prefix cache. */
  readonly cachedTokens?: number;
  /** Output tokens spent on thinking, where the engine says so. */
  readonly reasoningTokens?: number;
  /** Length of the answer that was asked for. */
  readonly requestedTokens: number;
  /** Exactly `requestedTokens` were demanded; otherwise they are a limit. */
  readonly lengthForced: boolean;
  /** What the server itself said of this request; absent = nothing. */
  readonly serverTimings?: ServerTimings;
  /** Why the engine stopped, in its own words, e.g. `length`; absent = it did not say. */
  readonly finishReason?: string;

  /** Whether latencies include connecting; `unknown` where the runtime hides it. */
  readonly connection: "new" | "reused" | "unknown";
  /** Duration of connecting (TCP, TLS), where the transport knows it. */
  readonly connectMs?: number;
  /** Success, or what went wrong with its cause. */
  readonly outcome: Outcome;
  /** Only with `--save-text`. */
  readonly text?: string;
}

/** A record that nobody else has seen: it may still be changed. */
export type RecordDraft = { -readonly [Name in keyof RequestRecord]: RequestRecord[Name] };
