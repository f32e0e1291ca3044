/**
 * Several machines that sent one load together: what is known of each, and of their clocks.
 *
 * @module
 */
import type { Count } from "./count.ts";
import type { ClientHealth } from "./run_client.ts";

/** The part of a run that one record file holds, of a fleet. */
export interface RunPart {
  /** Name of the fleet. */
  readonly fleet: string;
  /** The run that all agents took part in. */
  readonly run: string;
  /** Number of this agent, from 0 on. */
  readonly agent: Count;
  /** How many agents sent each load together. */
  readonly agents: Count;
}

/** A run of a fleet, in its leader's header. */
export interface RunFleet {
  /** Name of the fleet. */
  readonly name: string;
  /** The run, in the record files of its agents, too. */
  readonly run: string;
  /** By their numbers. */
  readonly agents: readonly FleetAgent[];
  /** It was put together from the record files of the agents, when they were read; absent = its leader wrote it. */
  readonly fromRecords?: true;
}

/** One of the machines that send. */
export interface FleetAgent {
  /** Network name of its machine; absent where it is hidden. */
  readonly hostname?: string;
  /** Version of its Tokometer. */
  readonly version: string;
  /** Processors that it may use; absent = unknown. */
  readonly cores?: number;
  /** Transport that it sends over. */
  readonly transport: string;
  /** Threads that send. */
  readonly workers: Count;
  /** Where its own record file is, on its machine; absent = it keeps none. */
  readonly file?: string;
}

/** How far an agent's clock is from its leader's. */
export interface ClockOffset {
  /** The agent's clock minus the leader's, in ms. */
  readonly offsetMs: number;
  /**
   * The truth is at most so far from `offsetMs`, whatever the halves of the way were: half of the smallest
   * round trip, and what the clocks may have drifted since.
   */
  readonly uncertaintyMs: number;
  /** Round trips that were measured. */
  readonly samples: Count;
  /** Change of the offset over the run, in parts per million; absent = too short to tell. */
  readonly driftPpm?: number;
}

/** One agent's part of a load. */
export interface FleetPart {
  /** Number of the agent. */
  readonly agent: Count;
  /** Requests that it sent; of a lost agent those that it had told of. */
  readonly sent: Count;
  /** Those that completed. */
  readonly completed: Count;
  /** Those that failed or were dropped. */
  readonly failed: Count;
  /** Output tokens of the completed ones. */
  readonly outputTokens: Count;
  /** By how much it began after the common instant, in ms by its own clock; 0 = in time. */
  readonly lateMs: number;
  /** Its clock; absent = never compared. */
  readonly clock?: ClockOffset;
  /** Verdict over its own figures; absent = unknown. */
  readonly verdict?: "ok" | "suspect" | "client-bound";
  /** Why, each in a sentence without a period; absent = nothing to say. */
  readonly causes?: readonly string[];
  /** Largest relative error of its own headline figures; absent = unknown. */
  readonly clientError?: number;
  /** How busy it was; absent = not told. */
  readonly client?: ClientHealth;
  /** It sent nothing more from then on, or nobody knows what it sent; absent = it stayed to the end. */
  readonly lost?: {
    /** Since the load's beginning, in ms; below 0 = before it. */
    readonly atMs: number;
    /** Why, in a clause without a period. */
    readonly reason: string;
    /** What it had sent is in the results; absent = it is missing from them. */
    readonly counted?: true;
  };
  /** Its record file has not everything; why, in a clause without a period. */
  readonly fileFailure?: string;
}

/** How a load went over all machines, in its end. */
export interface FleetEnd {
  /** By the agents' numbers. */
  readonly parts: readonly FleetPart[];
  /** How long the leader was not connected during the load, in ms; absent = never. */
  readonly disconnectedMs?: number;
}
