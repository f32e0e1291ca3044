/**
 * Results of sessions and recorded traffic: how sessions ended, what of their prompts a prefix cache
 * had, and their requests as lanes.
 *
 * @module
 */
import type { Outcome } from "../backends/record.ts";
import type { Distribution } from "./load_figures.ts";
import type { Count } from "./count.ts";
import type { SessionEnd } from "./run_replay.ts";

/** Sessions of a load. */
export interface SessionsSummary {
  /** Sessions that ended, by why they did. */
  readonly ends: SessionEnds;
  /** Sessions that ended `done`, per hour of the whole load. */
  readonly perHour: number | undefined;
  /** Completed requests of sessions per second of the whole load. */
  readonly turnsPerSec: number | undefined;
  /** From taking a slot to the last answer, of sessions that ended `done`, in ms. */
  readonly time: Distribution;
  /** Requests that completed, whatever became of their sessions. */
  readonly turnsCompleted: Count;
  /** Requests that a failure, the context, or the end of the load kept from being sent: no failures. */
  readonly turnsNotSent: Count;
  /** Requests before the instant at which their session was to begin. */
  readonly turnsLeftOut: Count;
}

/** Sessions by why they ended. */
export interface SessionEnds extends Readonly<Record<SessionEnd["end"], Count>> {
  /** Every request was answered. */
  readonly done: Count;
  /** A request failed. */
  readonly failed: Count;
  /** The server's context had no room for a request. */
  readonly context: Count;
  /** The load ended before they did: out of their times. */
  readonly cut: Count;
}

/** Requests that the server had no room for in its context. */
export interface ContextOverflow {
  /** How many. */
  readonly requests: Count;
  /** requests ÷ requests sent. */
  readonly share: number | undefined;
}

/** Prompt tokens from the prefix cache, of completed requests. */
export interface PrefixShare {
  /** What a perfect, endless cache has, in the order in which requests were sent. */
  readonly expected: {
    /** Requests for which it is known. */
    readonly requests: Count;
    /** Tokens of their prompts, the template's own not counted. */
    readonly contentTokens: number | undefined;
    /** Of these, tokens that were in a request before. */
    readonly cachedTokens: number | undefined;
    /** The others. */
    readonly newTokens: number | undefined;
    /** cachedTokens ÷ contentTokens. */
    readonly share: number | undefined;
  };
  /** What the server says of the same requests. */
  readonly measured: {
    /** Requests for which it says something. */
    readonly requests: Count;
    /** Tokens of their prompts, as the server counts them. */
    readonly promptTokens: number | undefined;
    /** Of these, tokens that it took from its cache. */
    readonly cachedTokens: number | undefined;
    /** cachedTokens ÷ promptTokens. */
    readonly share: number | undefined;
  };
}

/** Requests of sessions as lanes: one for each slot, whose sessions follow each other. */
export interface Lanes {
  /** Slots of the load. */
  readonly slots: Count;
  /** Every n-th slot is here: all of them would be too many requests. */
  readonly every: Count;
  /** Only requests that were due before this are here, in ms; absent = all of these slots. */
  readonly untilMs: number | undefined;
  /** By their numbers. */
  readonly lanes: readonly Lane[];
}

/** The sessions of one slot. */
export interface Lane {
  /** Number of the slot. */
  readonly user: Count;
  /** In the order of their starts. */
  readonly sessions: readonly LaneSession[];
}

/** One session in its lane. Times in ms from the start of the load. */
export interface LaneSession {
  /** Its name. */
  readonly session: string;
  /** When it took the slot, else its first request. */
  readonly startMs: number;
  /** When its last request had ended. */
  readonly endMs: number;
  /** Why it ended; absent = nothing was recorded of it. */
  readonly end: SessionEnd["end"] | undefined;
  /** Requests that were not sent; absent likewise. */
  readonly notSent: Count | undefined;
  /** Its chains: the main one first, sub-agents and helpers in the order of their starts. */
  readonly chains: readonly LaneChain[];
}

/** Requests of which each continues the one before it, as columns. */
export interface LaneChain {
  /** How deep it is nested: 0 = the main one. */
  readonly depth: Count;
  /** Number of each request in the chain. */
  readonly turn: readonly Count[];
  /** When each was due. */
  readonly intendedMs: readonly number[];
  /** When it was sent; `null` = never. */
  readonly sentMs: readonly (number | null)[];
  /** For how long the plan held each back (`--max-prefill`); absent = it held none. */
  readonly heldMs: readonly number[] | undefined;
  /** First event with a token; `null` = none came. */
  readonly firstTokenMs: readonly (number | null)[];
  /** Last event with a token. */
  readonly lastTokenMs: readonly (number | null)[];
  /** End mark, end of body, or failure. */
  readonly endMs: readonly (number | null)[];
  /** How each ended. */
  readonly outcome: readonly Outcome["kind"][];
  /** Tokens of its prompt, as planned, else as counted; `null` = unknown. */
  readonly promptTokens: readonly (number | null)[];
}
