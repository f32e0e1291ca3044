/**
 * What is sent of sessions: requests one by one, each when what it waits for has ended.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Salt } from "./session_salt.ts";

/** What a prompt of blocks is made from: plain data, for a function that knows nothing else. */
export interface PromptSpec {
  /** Tokens, the salt's included. */
  readonly inputTokens: number;
  /** Blocks from the first token on; the last may be cut. */
  readonly blocks: Uint32Array;
  readonly blockTokens: number;
  /** Block ids mean the same wherever this is the same. */
  readonly scope: string;
  /** Unique to the request: tokens behind the blocks follow from it. */
  readonly filler: string;
  /**
   * Where messages end, in tokens from the front, ascending, the last at `inputTokens`. They are of the
   * user and the assistant by turns, behind a system message where `hasSystem`.
   */
  readonly borders: readonly number[];
  readonly hasSystem: boolean;
  /** Mark that takes the place of the first tokens; absent = none. */
  readonly salt?: Salt;
}

/** Where a request stands among sessions; goes into its record. */
export type SessionPlace = Pick<
  RequestRecord,
  "session" | "turn" | "chain" | "depth" | "contentTokens" | "expectedCachedTokens"
>;
