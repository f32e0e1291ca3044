/**
 * How a load went on the machines that sent it together, and what of it was really there.
 *
 * @module
 */
import type { Count } from "./count.ts";
import type { ClientHealth } from "./run_client.ts";
import type { ClockOffset, FleetPart } from "./run_fleet.ts";

/** A load that the machines of a fleet sent together. */
export interface LoadFleet {
  /** Name of the fleet. */
  readonly name: string;
  /** Each machine, by its number. */
  readonly agents: readonly AgentResult[];
  /** Machines by their network names; absent = some hide theirs. */
  readonly hosts: Count | undefined;
  /** The load that was sent is the one that was asked for; if not, the run does not count as asked. */
  readonly asAsked: boolean;
  /** Agents that were lost while something of theirs was still to come. */
  readonly lost: Count;
  /** Which share of the load was really there, from when on; the last one held until the end. */
  readonly present: readonly PresentShare[];
  /** Part of the load that was missing, over all of its time: 0 = all of it was there, 1 = nothing. */
  readonly missingShare: number;
  /** The clock that may be farthest from its leader's; absent = none was compared. */
  readonly worstClock: AgentClock | undefined;
  /** Agents whose clocks were never compared. */
  readonly clocksUnknown: Count;
  /** Largest client error of an agent; absent = of none it is known. */
  readonly worstClientError: AgentError | undefined;
  /** How long the leader was not connected during the load, in ms; absent = never. */
  readonly disconnectedMs: number | undefined;
}

/** One machine of a fleet, and its part of a load. */
export interface AgentResult {
  /** Its number, from 0 on. */
  readonly agent: Count;
  /** Network name of its machine; absent where it is hidden. */
  readonly hostname: string | undefined;
  /** Version of its Tokometer. */
  readonly version: string;
  /** Processors that it may use; absent = unknown. */
  readonly cores: number | undefined;
  /** Transport that it sent over. */
  readonly transport: string;
  /** Threads that sent. */
  readonly workers: Count;
  /** Where its own record file is, on its machine; absent = it keeps none. */
  readonly file: string | undefined;
  /** Share of the load that was its own, 0 to 1; users and requests are dealt whole. */
  readonly share: number;
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
  readonly clock: ClockOffset | undefined;
  /** Verdict over its own figures; absent = unknown. */
  readonly verdict: FleetPart["verdict"] | undefined;
  /** Why, each in a sentence without a period. */
  readonly causes: readonly string[];
  /** Largest relative error of its own headline figures; absent = unknown. */
  readonly clientError: number | undefined;
  /** How busy it was; absent = not told. */
  readonly client: ClientHealth | undefined;
  /** When and why it was lost; absent = it stayed to the end. */
  readonly lost: AgentLoss | undefined;
  /** Why its record file is incomplete; absent = it is complete, or there is none. */
  readonly fileFailure: string | undefined;
}

/** How an agent was lost. */
export interface AgentLoss {
  /** From when on it sent nothing more, or nobody knows what it sent, in ms from the start of the load; below 0 = before it. */
  readonly atMs: number;
  /** Why, in a clause without a period. */
  readonly reason: string;
  /** Whether what it had sent is in the results. */
  readonly counted: boolean;
}

/** Which share of a load was really there from an instant on. */
export interface PresentShare {
  /** In ms from the start of the load. */
  readonly fromMs: number;
  /** Agents that sent. */
  readonly agents: Count;
  /** Their share of the load, 0 to 1. */
  readonly share: number;
}

/** How far an agent's departures may be from the common schedule because of its clock. */
export interface AgentClock extends ClockOffset {
  /** Number of the agent. */
  readonly agent: Count;
  /** Uncertainty, and what the clock drifted away in the time of the load, in ms. */
  readonly withinMs: number;
}

/** Largest relative error of an agent's headline figures. */
export interface AgentError {
  /** Number of the agent. */
  readonly agent: Count;
  /** The error as a share: 0.02 = 2 %. */
  readonly share: number;
}
