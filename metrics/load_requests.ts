/**
 * Single requests of a load, for a reader who asks which ones were slow or failed.
 *
 * @module
 */
import type { Outcome } from "../backends/record.ts";
import type { Count } from "./count.ts";

/** What is told of one request; latencies as their metrics define them. */
export interface RequestRow {
  /** Number of the request in its load. */
  readonly index: Count;
  /** User of a closed loop, lane of an open loop. */
  readonly user: Count;
  /** When it was sent, in ms from the start of the load; absent = never. */
  readonly sentMs: number | undefined;
  /** Time to the first token, in ms; absent = it has none. */
  readonly ttftMs: number | undefined;
  /** Time per output token, in ms; absent = it has none. */
  readonly tpotMs: number | undefined;
  /** To the last token; of a failed request to its end. */
  readonly e2eMs: number | undefined;
  /** Tokens of its prompt; absent = not counted. */
  readonly promptTokens: Count | undefined;
  /** Tokens of its answer; absent = not counted. */
  readonly outputTokens: Count | undefined;
  /** How it ended. */
  readonly outcome: Outcome["kind"];
  /** Why it failed; absent = it did not. */
  readonly message: string | undefined;
}

/** Requests of a load, all or some of them. */
export interface RequestSample {
  /** Requests of the load. */
  readonly total: Count;
  /** By their numbers: the slowest, the first that failed, and an even sample of the others. */
  readonly rows: readonly RequestRow[];
}
