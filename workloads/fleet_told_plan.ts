/**
 * What the agents of a fleet are told of a plan: values that may be shown, and what is secret apart from them.
 *
 * @module
 */
import { findProtocol } from "../backends/protocols.ts";
import type { BenchPlan } from "./bench_plan.ts";
import type { OptionValue, Values } from "./command.ts";
import { AGENT_OPTIONS } from "./fleet_agent_options.ts";
import type { FleetSecrets } from "./fleet_messages.ts";
import { repeatableValues } from "./option_secret.ts";
import { listOptions } from "./option_table.ts";
import { withoutPassword } from "./secret_names.ts";
import { UserError } from "./user_error.ts";

/** What agents are told of a plan. */
export interface ToldPlan {
  readonly urls: readonly string[];
  /** By their camel-case names; those of files as they are here. */
  readonly options: Values;
  /** What must not rest anywhere; absent = nothing of it is sent. */
  readonly secrets: FleetSecrets | undefined;
}

/**
 * Parts the values of a plan into what may be shown and what may not. Values that are the usual ones are
 * left out.
 */
export function tellPlan(
  values: Values,
  plan: BenchPlan,
  { urls, sendKey }: { readonly urls: readonly string[]; readonly sendKey: boolean },
): ToldPlan {
  refuseUnsendable(values, plan);
  const options: Record<string, OptionValue> = {};
  const secrets: Record<string, OptionValue> = {};
  const drawn: Values = { ...values, ...(plan.salt === "" ? {} : { salt: plan.salt }) };
  for (const { key, name, secret, default: usual } of listOptions(AGENT_OPTIONS)) {
    const value = drawn[key];
    if (value === undefined || same(value, usual)) continue;
    const shown = secret ? undefined : repeatableValues(AGENT_OPTIONS, { [key]: value })[name];
    if (shown !== undefined && same(shown, withoutInfinity(value))) options[key] = shown;
    else secrets[key] = withoutInfinity(value);
  }
  if (plan.apiKey !== undefined) secrets.apiKey = plan.apiKey;
  const hidden = urls.some((url) => withoutPassword(url) !== url);
  const shownUrls = urls.map(withoutPassword);
  if (!sendKey) {
    checkSecrets(values, { secrets, hidden });
    return { urls: shownUrls, options, secrets: undefined };
  }
  return {
    urls: shownUrls,
    options,
    secrets: { options: secrets, ...(hidden ? { urls } : {}) },
  };
}

/** @throws {UserError} for what agents cannot do. */
function refuseUnsendable({ saveText }: Values, { protocol }: BenchPlan): void {
  if (saveText === true) {
    throw new UserError(
      "Cannot use --save-text with --fleet: agents keep their records without texts",
    );
  }
  if (findProtocol(protocol).carrier === "inprocess") {
    throw new UserError(
      `Cannot use --protocol ${protocol} with --fleet: its model runs in the process that sends, and there ` +
        "is no server for the agents",
    );
  }
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(withoutInfinity(a)) === JSON.stringify(withoutInfinity(b));
}

/** JSON has no infinity; options take the word. */
function withoutInfinity<T>(value: T): T {
  const one = (part: unknown) => part === Infinity ? "inf" : part;
  return (Array.isArray(value) ? value.map(one) : one(value)) as T;
}

/** @throws {UserError} for secrets that the run needs, and that are not to be sent. */
function checkSecrets(
  { apiKey: given }: Values,
  { secrets: { apiKey: _, ...rest }, hidden }: {
    readonly secrets: Values;
    readonly hidden: boolean;
  },
): void {
  const named = listOptions(AGENT_OPTIONS).filter(({ key }) => key in rest).map(({ name }) =>
    `--${name}`
  );
  if (given !== undefined) named.unshift("--api-key");
  if (hidden) named.push("the password in the address");
  if (named.length === 0) return;
  throw new UserError(
    `Cannot use ${named.join(", ")} with --fleet: it is secret, and stays here unless --send-key ` +
      "sends it to the agents over NATS; a key may also be in TOKOMETER_API_KEY of each of them",
  );
}
