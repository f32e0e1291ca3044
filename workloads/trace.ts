/**
 * Recorded traffic and hand-written sessions, whatever the file's format: sessions of requests, what
 * each request waits for, and what its prompt is made of.
 *
 * @module
 */
import type { Message } from "../backends/protocol.ts";

/** Ids of the blocks that a prompt begins with. Lists that share a beginning may share its memory. */
export interface BlockIds {
  /** How many there are. */
  readonly length: number;
  /** All of them, in the order of the prompt; a copy. */
  toArray(): Uint32Array;
}

/** A prompt of which the lengths are known, and which blocks it shares with others. */
export interface BlockPrompt {
  /** Tells it from a prompt that is written out. */
  readonly kind: "blocks";
  /** Tokens, the template's own not counted. */
  readonly inputTokens: number;
  /**
   * Blocks that cover it from its first token on; the last may be cut. Tokens behind them are shared
   * with nobody. Empty = it shares nothing.
   */
  readonly blocks: BlockIds;
  /** Fields that are merged over the request. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** A prompt that is written out. */
export interface MessagesPrompt {
  /** Tells it from a prompt of blocks. */
  readonly kind: "messages";
  /**
   * `whole`: the whole conversation; `new`: what is behind the conversation so far, the answers of the
   * turns that it waits for included.
   */
  readonly holds: "whole" | "new";
  /** In their order. */
  readonly messages: readonly Message[];
  /** Tools to offer, as the protocol wants them. */
  readonly tools?: readonly unknown[];
  /** Fields that are merged over the request. */
  readonly extra?: Readonly<Record<string, unknown>>;
}

/** One request of a session. */
export interface Turn {
  /** Recorded start, ms from the recording's first request. */
  readonly atMs: number;
  /** Recorded end; absent = not known. */
  readonly endMs?: number;
  /** Positions in the session of all whose ends it waits for, each below its own; empty = none. */
  readonly waitsFor: readonly number[];
  /** From the latest of these ends (else from the session's start) to its own start, ms, uncapped. */
  readonly delayMs: number;
  /** Position of its chain in the session's `chains`. */
  readonly chain: number;
  /** Its number in that chain, from 1 on. */
  readonly number: number;
  /** Tokens to ask for; absent = the run's own choice. */
  readonly outputTokens?: number;
  /** Position of its model in the session's `models`; absent = the run's first. */
  readonly model?: number;
  /** What is sent. */
  readonly prompt: BlockPrompt | MessagesPrompt;
}

/** Requests of a session of which each continues the one before it: an agent. */
export interface Chain {
  /** `main`, or what the file calls it, e.g. `Explore`. */
  readonly name: string;
  /** Position of the chain that started it; absent = the session's own. */
  readonly parent?: number;
  /** How deep it is nested: 0 = the main one. */
  readonly depth: number;
  /** Tokens of the system message at the front of its prompts, tools included; 0 = unknown or none. */
  readonly systemTokens: number;
}

/** Requests that depend on each other. */
export interface TraceSession {
  /** Unique in its trace, e.g. `trace_0274`. */
  readonly id: string;
  /** Block ids mean the same in all sessions of the same scope. */
  readonly scope: string;
  /** Its agents; the first is its own. */
  readonly chains: readonly Chain[];
  /** In the order of the file; every turn stands behind those that it waits for. */
  readonly turns: readonly Turn[];
  /** Names of its models, in the order of their first use. */
  readonly models: readonly string[];
}

/** A whole recording. */
export interface Trace {
  /** Name of its format, e.g. `mooncake`. */
  readonly format: string;
  /** File or folder. */
  readonly source: string;
  /** SHA-256 of the bytes, in hex; of a folder, of its files' one behind the other, by name. */
  readonly sha256: string;
  /** Tokens of a block; 0 = its prompts share nothing. */
  readonly blockTokens: number;
  /** In the order of their first requests. */
  readonly sessions: readonly TraceSession[];
  /** Its requests know their sessions: they can be replayed as such. */
  readonly hasSessions: boolean;
  /** Its requests know when they were sent: they can be sent at these instants again. */
  readonly hasInstants: boolean;
  /** Where not asked for: whether prompts hold the recorded answers or the server's own. */
  readonly history: "recorded" | "live";
  /** Reason → requests left out for it. */
  readonly skipped: Readonly<Record<string, number>>;
  /** What else a reader should know, each in a sentence without a period. */
  readonly remarks: readonly string[];
}
