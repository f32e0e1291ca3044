/**
 * Every scenario, in the order of the help.
 *
 * @module
 */
import type { RunScenario } from "../metrics/run.ts";
import { type Scenario, underRules } from "./bench_scenario.ts";
import { agentx } from "./bench_scenario_agentx.ts";
import type { Values } from "./command.ts";

/** Every scenario. A new one is a file and a line here. */
export const SCENARIOS: readonly Scenario[] = [agentx];

/**
 * The options of a run, under the rules of its scenario if it has one.
 *
 * @param usual values of the options that nobody gave.
 * @throws {UserError} for an option that contradicts a rule.
 */
export function applyScenario<T extends Values>(
  values: T,
  usual: Values,
): { readonly values: T; readonly ruledBy?: RunScenario } {
  const scenario = SCENARIOS.find(({ name }) => name === values.scenario);
  return scenario === undefined ? { values } : underRules(scenario, values, usual);
}
