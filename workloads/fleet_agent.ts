/**
 * One machine of a fleet, without a command line: waits for a plan, sends its share of each load, tells its
 * leader how it goes, and leaves.
 *
 * @module
 */
import type { Host } from "./command.ts";
import { findPlan } from "./fleet_agent_hello.ts";
import { AgentRun, type AgentSettings } from "./fleet_agent_run.ts";
import type { FleetBus } from "./fleet_bus.ts";
import { EXIT } from "./user_error.ts";

export type { AgentSettings };

/**
 * Takes part in one run of a fleet, to its end. Whatever happens to the leader or the network, it comes to
 * an end. Needs `--allow-net`, `--allow-read`, and `--allow-write` for its files.
 *
 * @returns the exit code: 0 done, also where the leader stopped the run; 2 the record file is incomplete; 6
 * the leader was lost, or the agent was to it; 130 interrupted here.
 * @throws {UserError} when the leader refuses it, none came in time, or nothing can be measured here.
 */
export async function joinFleet(
  bus: FleetBus,
  settings: AgentSettings,
  host: Host,
): Promise<number> {
  const { fleet, rank, waitMs } = settings;
  const plan = await findPlan(bus, { fleet, rank, waitMs, host });
  host.progress("");
  return plan === undefined
    ? EXIT.interrupted
    : await new AgentRun({ bus, plan, settings, host }).run();
}
