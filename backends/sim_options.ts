/**
 * Everything that can be chosen about a simulated server, with its defaults.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
import { systemClock } from "./clock.ts";
import type { SimLoop } from "./sim_loop.ts";

/** Where usage is sent: as the client asks, or in an engine's own way. */
export type UsagePlacement = "asked" | "own-chunk" | "last-chunk" | "every-chunk" | "never";

/** When a chat stream sends the role: before generating, with the first token, or not at all. */
export type RoleChunk = "early" | "with-first" | "none";

/**
 * Characters that span tokens: `whole` none, `events` events with empty text while a character is
 * incomplete, `joined` no event until it is complete.
 */
export type Utf8Mode = "whole" | "events" | "joined";

/** Options of a simulated server; `SIM_DEFAULTS` has a value for all but the optional ones. */
export interface SimOptions {
  /** Address to listen on. */
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  /** Port for PPL and Triton over gRPC; 0 = any free port, absent = no gRPC. */
  readonly grpcPort?: number;
  /**
   * Everything over TLS, with a certificate for 127.0.0.1 and localhost whose key is public. Not on a
   * loop around `epoll`.
   */
  readonly tls: boolean;
  /** Version of PPL's protocol; they share one path. */
  readonly pplVersion: 1 | 2;
  /** Engine to play, which decides the protocols that answer (see `SIM_ENGINES`). */
  readonly engine: string;
  /** Served model name; requests for another one get a 404, unless `anyModel`. */
  readonly model: string;
  /** Answers for every model name instead of a 404. */
  readonly anyModel: boolean;
  /** Key that requests must send as `Authorization: Bearer …`; absent = none is needed. */
  readonly apiKey?: string;
  /**
   * Names under which `/truth`, `/stats` and `/clock` are answered, besides this machine's own and
   * the address listened on.
   */
  readonly allowedHosts: readonly string[];
  /** Prompt and answer tokens together at most; 0 = no limit. */
  readonly maxModelLen: number;
  /** Whose words say that a request is longer (see `CONTEXT_WORDS`); absent = those of the engine. */
  readonly contextWords?: string;
  /** Seed of everything random: lengths, schedules, event sizes, faults. */
  readonly seed: number;

  /** First-token time as a distribution in ms; with it or `itl` each stream has its own schedule. */
  readonly ttft?: string;
  /** Gap between the events of a stream, as a distribution in ms. */
  readonly itl?: string;
  /** Requests generating at once; the others queue. 0 = no limit. Default 256, or no limit with `ttft`/`itl`. */
  readonly maxBatch?: number;
  /** Cost of one prompt token, in ms. */
  readonly prefillMs: number;
  /** Most prompt tokens per step (chunked prefill). */
  readonly prefillChunk: number;
  /** Fixed cost of a step, in ms. */
  readonly stepMs: number;
  /** Cost of each generating request in a step, in ms. */
  readonly stepMsPerRequest: number;
  /** Cost of each 1000 tokens of context in a step, in ms. */
  readonly stepMsPerKilotoken: number;

  /** Tokens per event, as a distribution (rounded, at least 1). */
  readonly tokensPerEvent: string;
  /** Speculative decoding, `N:P`: tokens guessed for each step, each right with probability P. */
  readonly speculate?: string;
  /** The last event of OpenAI's calls has the request's own times, as vLLM gives them when told to. */
  readonly requestMetrics: boolean;
  /** Events per write. */
  readonly eventsPerWrite: number;
  /** Probability that a request whose length is not forced ends before its limit. */
  readonly earlyStop: number;
  /** Thinking tokens at the start of each answer. */
  readonly reasoning: number;
  /** Chat answers are a call of the first tool that the request offers, where it offers any. */
  readonly toolCalls: boolean;
  /** How characters that span tokens are delivered. */
  readonly utf8: Utf8Mode;
  /**
   * Blocks that earlier prompts began with are cached: they cost nothing and are reported. A prompt counts
   * as seen from its arrival on.
   */
  readonly prefixCache: boolean;
  /** Tokens that the prefix cache of a replica holds; the least recently used go first. 0 = endless. */
  readonly cacheTokens: number;
  /** Tokens of a block of it; blocks are cached whole. */
  readonly cacheBlock: number;

  /** Engines behind the one address, each with a batch and a prefix cache of its own. */
  readonly replicas: number;
  /**
   * Header whose value decides the replica; absent, or a request without it = one replica after the
   * other.
   */
  readonly routeBy?: string;

  /** Where the stream carries token totals. */
  readonly usage: UsagePlacement;
  /** When a chat stream names the role. */
  readonly roleChunk: RoleChunk;
  /** Token ids in every event, asked for or not. */
  readonly tokenIds: boolean;
  /** Lines of the stream end with CR LF. */
  readonly crlf: boolean;
  /** Faults to inject: `NAME[:probability][:parameter]`. */
  readonly faults: readonly string[];

  /** Most writes that the truth log keeps, over all requests. */
  readonly truthWrites: number;
  /** Log also when each write had returned; on a loop whose writes are system calls (`epoll`). */
  readonly truthReturns: boolean;
  /** Source of every stamp and timer; a fake one in tests. */
  readonly clock: Clock;
  /** Event loop, with its clock; absent = the platform's with `clock`. */
  readonly loop?: SimLoop;
}

/**
 * Roughly a 7B model on one large GPU: 16 requests with 500-token prompts take 11 ms per token. The
 * exact values do not matter; that the cost grows with batch, prompt and context does.
 */
export const SIM_DEFAULTS: SimOptions = {
  host: "127.0.0.1",
  port: 0,
  tls: false,
  pplVersion: 2,
  engine: "openai",
  model: "simulated",
  anyModel: false,
  maxModelLen: 0,
  seed: 0,
  prefillMs: 0.05,
  prefillChunk: 2048,
  stepMs: 10,
  stepMsPerRequest: 0.05,
  stepMsPerKilotoken: 0.02,
  tokensPerEvent: "1",
  requestMetrics: false,
  eventsPerWrite: 1,
  earlyStop: 0,
  reasoning: 0,
  toolCalls: false,
  utf8: "whole",
  prefixCache: false,
  cacheTokens: 0,
  cacheBlock: 16,
  replicas: 1,
  usage: "asked",
  roleChunk: "with-first",
  tokenIds: false,
  crlf: false,
  faults: [],
  allowedHosts: [],
  truthWrites: 16_000_000,
  truthReturns: false,
  clock: systemClock,
};

/** The quirks that encoders look up in `SimStream.quirks`. */
export function simQuirks(options: SimOptions): Set<string> {
  const quirks = new Set<string>([`usage:${options.usage}`, `role-chunk:${options.roleChunk}`]);
  if (options.tokenIds) quirks.add("token-ids");
  // TGI has a prefix cache and keeps its hits to itself.
  if (options.prefixCache && options.engine !== "tgi") quirks.add("cached-tokens");
  if (options.toolCalls) quirks.add("tool-calls");
  if (options.utf8 === "joined") quirks.add("join-utf8");
  if (options.reasoning > 0) quirks.add("reasoning");
  if (options.requestMetrics) quirks.add("request-metrics");
  return quirks;
}
