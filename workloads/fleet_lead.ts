/**
 * A run whose loads are sent by the agents of a fleet, without a command line.
 *
 * @module
 */
import type { Run } from "../metrics/run.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { OptionValue } from "./command.ts";
import type { FleetBus } from "./fleet_bus.ts";
import type { FleetFile, FleetSecrets } from "./fleet_messages.ts";
import type { MeasureHooks } from "./run_hooks.ts";

/** A fleet to be led. */
export interface LeadSettings {
  /** Its name. */
  readonly fleet: string;
  /** How many agents send each load together. */
  readonly agents: number;
  /** Longest wait for them, in ms; 0 = as long as it takes. Default: ten minutes. */
  readonly agentsWaitMs?: number;
  /** An agent that was not heard of for so long is lost, in ms. */
  readonly lostMs?: number;
  /** What is sent to agents that ask; absent = nothing. */
  readonly secrets?: FleetSecrets;
  /** Servers under test, without secrets. */
  readonly urls: readonly string[];
  /** Values of `bench`'s options by their camel-case names, without secrets, with all that is drawn. */
  readonly options: Readonly<Record<string, OptionValue>>;
  /** Files that the options name. */
  readonly files: readonly FleetFile[];
  /** Folder into which record files are fetched; absent = they stay where they are. */
  readonly collectInto?: () => string | undefined;
}

/** Runs a plan to its end on the agents of a fleet, as `measure` does on this machine. */
export function measureFleet(
  _bus: FleetBus,
  _settings: LeadSettings,
): (plan: BenchPlan, hooks: MeasureHooks) => Promise<Run> {
  throw new TypeError("Cannot lead a fleet: not yet");
}
