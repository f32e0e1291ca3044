/**
 * One machine's part of a plan that several carry out together.
 *
 * @module
 */
import type { RunPart } from "../metrics/run_fleet.ts";
import type { AgentShare } from "./agent_share.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { limitHere } from "./load_prefill.ts";
import { UserError } from "./user_error.ts";

/**
 * Refuses limits that cannot be shared out: a machine without a part of one could send nothing.
 *
 * @throws {UserError}
 */
export function refuseAgents({ maxPrefill, loads }: BenchPlan, agents: number): void {
  const refuse = (option: string, limit: number) => {
    throw new UserError(
      `Cannot share ${option} ${limit} out to ${agents} agents: each needs a part of at least 1, give ` +
        `${agents} or more, or take fewer agents`,
    );
  };
  if (maxPrefill !== undefined && maxPrefill < agents) refuse("--max-prefill", maxPrefill);
  for (const load of loads) {
    if (load.kind === "closed" || load.maxInFlight === 0) continue;
    if (load.maxInFlight < agents) refuse("--max-in-flight", load.maxInFlight);
  }
}

/**
 * The plan as one machine carries it out. Its loads are still those of all.
 *
 * @throws {UserError} for limits that cannot be shared out.
 */
export function planOfShare(plan: BenchPlan, share: RunPart): BenchPlan {
  refuseAgents(plan, share.agents);
  const { serverMetrics, ...rest } = plan;
  return {
    ...rest,
    workers: Math.min(plan.workers, prefillHere(plan, share)),
    // Each has drawn one of its own.
    ...(plan.sessionMark === undefined ? {} : { sessionMark: share.run }),
    // One asks for all.
    ...(serverMetrics === undefined || share.agent > 0 ? {} : { serverMetrics }),
    ...(plan.other === undefined
      ? {}
      : { other: { ...plan.other, plan: planOfShare(plan.other.plan, share) } }),
  };
}

/** As on one machine, there are no more threads than requests that `--max-prefill` lets through. */
function prefillHere({ maxPrefill }: BenchPlan, { agent, agents }: AgentShare): number {
  if (maxPrefill === undefined) return Infinity;
  return limitHere(maxPrefill, { worker: agent, workers: agents, agents }).limit;
}
