/**
 * Scenarios: rules of a public benchmark that fix options, so that its runs can be compared.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import type { RunScenario } from "../metrics/run.ts";
import type { OptionValue, Values } from "./command.ts";
import { kebabCase } from "./option_table.ts";
import { UserError } from "./user_error.ts";

/** A scenario, as listed in the registry. */
export interface Scenario {
  /** Name on the command line, e.g. `agentx`. */
  readonly name: string;
  /** For the help: whose rules they are, and what they fix. */
  readonly description: string;
  /** Options that have one value, or may not be given. */
  readonly rules: readonly Rule[];
  /** Shortest and usual time of each load, in seconds. */
  readonly leastSec: number;
  readonly usualSec: number;
}

/** What the rules say of one option. */
export interface Rule {
  /** Key of the option. */
  readonly key: string;
  /** Its value; absent = it may not be given. */
  readonly value?: OptionValue;
  /** The rule, as a clause: `pauses are at most 10 s`. */
  readonly because: string;
  /** Whether a given value keeps the rule; default: one that equals `value`. */
  readonly keeps?: (given: OptionValue) => boolean;
}

/**
 * The options of a run under the rules of a scenario.
 *
 * @param usual values of the options that nobody gave.
 * @throws {UserError} for an option that contradicts a rule.
 */
export function underRules<T extends Values>(
  { name, rules, leastSec, usualSec }: Scenario,
  values: T,
  usual: Values,
): { readonly values: T; readonly ruledBy: RunScenario } {
  const refuse = (option: string, given: OptionValue, because: string) =>
    new UserError(`Cannot use --${option}${shown(given)} with --scenario ${name}: ${because}`);
  for (const { key, value, because, keeps = (one: OptionValue) => one === value } of rules) {
    const given = values[key];
    if (given === undefined || given === usual[key] || keeps(given)) continue;
    if (given === false) throw refuse(`no-${kebabCase(key)}`, true, `${because}; leave it out`);
    throw refuse(kebabCase(key), given, `${because}; leave it out`);
  }
  const { duration, trialDuration } = values;
  if (duration !== undefined && trialDuration !== undefined) {
    throw refuse(
      "duration",
      duration,
      "--trial-duration gives another time, leave one of them out",
    );
  }
  if (typeof duration === "number" && duration < leastSec) {
    throw refuse(
      "duration",
      duration,
      `each load takes ${leastSec} s at least; --trial-duration ${duration} tries it out, and the ` +
        "run is then invalid",
    );
  }
  const tooShort = typeof trialDuration === "number" && trialDuration < leastSec;
  const fixed = rules.flatMap(({ key, value, keeps }) =>
    value === undefined || keeps !== undefined && isKept(values[key], keeps) ? [] : [[key, value]]
  );
  return {
    values: {
      ...values,
      ...Object.fromEntries(fixed),
      duration: trialDuration ?? duration ?? usualSec,
    },
    ruledBy: {
      name,
      broken: tooShort
        ? [`each load took ${trialDuration} s (--trial-duration), not ${leastSec} s or more`]
        : [],
    },
  };
}

function isKept(given: OptionValue, keeps: (given: OptionValue) => boolean): boolean {
  return given !== undefined && keeps(given);
}

/** Fields of a body may hold secrets. */
function shown(given: OptionValue): string {
  return given === true || isObject(given) ? "" : ` ${String(given)}`;
}
