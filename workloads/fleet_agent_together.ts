/**
 * What holds an agent's run and those of the others together: meetings, common starts, leased requests.
 *
 * @module
 */
import type { Clock } from "../backends/clock.ts";
import type { RunPart } from "../metrics/run_fleet.ts";
import type { LeasedPortion } from "./agent_share.ts";
import type { LeaderLine } from "./fleet_agent_line.ts";
import { type Beat, type LeaseAnswer, POINTS, type Ready } from "./fleet_messages.ts";
import { leaseAnswerShape } from "./fleet_shape_lead.ts";
import type { MeetingPoint, Together } from "./run_together.ts";

/** What it needs besides the line. */
export interface AgentTogetherOptions {
  readonly line: LeaderLine;
  readonly share: RunPart;
  /** A time of the leader's by {@linkcode AgentTogetherOptions.clock}; absent = the clocks were not compared. */
  readonly fromLeader: (leaderMs: number) => number | undefined;
  /** Monotonic, ms. */
  readonly clock: Pick<Clock, "now">;
  /** Ms since the epoch at which the clock read 0, by the time of day as it is now. */
  readonly originMs: () => number;
  /** The run is to stop. */
  readonly stopping: AbortSignal;
}

/** How late a load began here. */
export interface AgentTogether extends Together {
  /** Since the common instant, in ms; 0 = in time. */
  lateMs(load: number): number;
}

/** Makes it. */
export function createTogether(
  { line, share, fromLeader, clock, originMs, stopping }: AgentTogetherOptions,
): AgentTogether {
  const { agent } = share;
  const late = new Map<number, number>();
  let asked = 0;
  return {
    share,
    lateMs: (load) => late.get(load) ?? 0,
    async meet(load, point, signal) {
      await line.arrive(
        { agent, load, point } satisfies Ready,
        (beat) => hasMet(beat, load, point) ? true : undefined,
        signal,
      );
    },
    async begin(load, signal) {
      const begun = await line.arrive(
        { agent, load, point: "begin" } satisfies Ready,
        (beat) => startOf(beat, load),
        signal,
      );
      if (begun === undefined || begun === "skip") return undefined;
      const startMs = fromLeader(begun);
      if (startMs === undefined) return undefined;
      late.set(load, Math.max(0, clock.now() - startMs));
      // The time of day may have been set since the run began; the instant is not moved by that.
      return originMs() + startMs;
    },
    async lease(load, { want, limit }): Promise<LeasedPortion | undefined> {
      const answer = await line.ask<LeaseAnswer>("lease", {
        ...{ agent, load, want },
        ...(limit === Infinity ? {} : { limit }),
        number: ++asked,
      }, {
        shape: leaseAnswerShape,
        // A portion beyond the load is none.
        enough: ({ portion }) =>
          portion === undefined || portion.count > 0 && portion.from + portion.count <= limit,
        pointless: (beat) => beat.load !== undefined && beat.load > load,
        signal: stopping,
      });
      return answer?.portion;
    },
  };
}

/** Whether all agents have come to a point, or nobody waits there any more. */
function hasMet({ met, load: begun, skip }: Beat, load: number, point: MeetingPoint): boolean {
  if (begun !== undefined && begun >= load) return true;
  if (skip?.load === load) return true;
  if (met === undefined) return false;
  return met.load > load ||
    met.load === load && POINTS.indexOf(met.point) >= POINTS.indexOf(point);
}

/** When a load begins by the leader's clock, or that it does not. */
function startOf(
  { load: begun, beginAtMs, skip }: Beat,
  load: number,
): number | "skip" | undefined {
  if (skip?.load === load || begun !== undefined && begun > load) return "skip";
  return begun === load ? beginAtMs : undefined;
}
