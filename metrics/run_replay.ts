/**
 * Recorded traffic and sessions of a run: how they are sent, and how each session went.
 *
 * @module
 */
import type { Count } from "./count.ts";

/** How recorded traffic or sessions are sent. */
export interface RunReplay {
  /** Format of the recording, e.g. `mooncake`. */
  readonly format: string;
  /** `schedule`: at recorded instants; `sessions`: each request after what it waits for. */
  readonly mode: "schedule" | "sessions";
  /** Sessions found, and requests in them, those left out not counted. */
  readonly sessions: Count;
  /** Requests of all sessions. */
  readonly turns: Count;
  /** Recorded times are divided by it; schedule only. */
  readonly speedup?: number;
  /** Longest delay in ms; absent = no limit. */
  readonly idleCapMs?: number;
  /** `recorded`: prompts hold the recorded answers; `live`: those of the server. */
  readonly history: "recorded" | "live";
  /** Tokens of a block, where prompts are made from block ids. */
  readonly blockTokens?: Count;
  /** Share of the prompt tokens that a perfect cache has when the file is sent in its order, 0 to 1. */
  readonly expectedShare?: number;
  /** Sessions begin at an instant of their record that is drawn from 0 to this share. */
  readonly sessionStart?: number;
}

/** How a session went, as a line of the record file. Times in ms from the start of the load. */
export interface SessionEnd {
  /** 0-based position in the header's `loads`. */
  readonly load: Count;
  /** As in its records. */
  readonly session: string;
  /** Slot that it ran in. */
  readonly user: Count;
  /** When it took the slot. */
  readonly startMs: number;
  /** When its last request had ended. */
  readonly endMs: number;
  /** Requests sent and measured. */
  readonly sent: Count;
  /** Requests that a failure, a context that is too long, or the end of the load kept from being sent. */
  readonly notSent: Count;
  /** Requests before the drawn instant at which it began. */
  readonly leftOut?: Count;
  /** Why it ended: `done`, a failed request, one that the context has no room for, or the end of the load. */
  readonly end: "done" | "failed" | "context" | "cut";
}
