/**
 * The cases of a sweep: every number of users with every number of turns, or a list from a file.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { isObject } from "../backends/json_event.ts";
import { nearestName } from "./option_suggest.ts";
import { fileError, UserError } from "./user_error.ts";

/** One case, as `num-clients` runs it. Times in seconds. */
export interface SweepCase {
  readonly clients: number;
  readonly turns: number;
  readonly prompts: number;
  readonly rampUpTime: number;
  /** 0 = until all prompts are sent. */
  readonly stopTime: number;
}

/** Users' ramp-up in the script: 100 users in ten seconds. */
const RAMP_UP_SEC_PER_CLIENT = 0.1;

/** Fields of a case in a file, and the least value of each. */
const FIELDS: Readonly<Record<string, { readonly least: number; readonly whole: boolean }>> = {
  clients: { least: 1, whole: true },
  turns: { least: 1, whole: true },
  prompts: { least: 1, whole: true },
  ramp_up_time: { least: 0, whole: false },
  stop_time: { least: 0, whole: false },
};

/** Values that cases are made of. */
interface CaseValues {
  readonly cases?: string | undefined;
  readonly clients: readonly number[];
  readonly turns: readonly number[];
  readonly prompts: number;
  readonly stopTime: number;
  readonly rampUpTime?: number | undefined;
}

/**
 * Cases from the options: turns within clients, as in the script; or from the file `--cases` names.
 *
 * @throws {UserError} when the file cannot be read or a case makes no sense.
 */
export async function sweepCases(values: CaseValues): Promise<readonly SweepCase[]> {
  const { cases: file, clients, turns } = values;
  if (file !== undefined) {
    return readCases(await readFile(file), file).map((given) =>
      completed({ turns: turns[0] ?? 1, ...given }, values)
    );
  }
  return clients.flatMap((clients) => turns.map((turns) => completed({ clients, turns }, values)));
}

type GivenCase = Partial<SweepCase> & Pick<SweepCase, "clients">;

function completed(given: GivenCase & Pick<SweepCase, "turns">, values: CaseValues): SweepCase {
  const { clients, turns, prompts = values.prompts, stopTime = values.stopTime } = given;
  const rampUpTime = given.rampUpTime ?? values.rampUpTime ??
    // Two decimals, as the script's calculator gives them.
    Math.round(clients * RAMP_UP_SEC_PER_CLIENT * 100) / 100;
  return { clients, turns, prompts, rampUpTime, stopTime };
}

async function readFile(path: string): Promise<unknown> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch (error) {
    throw fileError(`Cannot read --cases ${path}`, error);
  }
}

/** `[{"clients": 10}, …]`, or an object with such a list under `cases`. */
function readCases(value: unknown, path: string): readonly GivenCase[] {
  const list = isObject(value) ? value.cases : value;
  if (!Array.isArray(list) || list.length === 0) {
    throw new UserError(
      `Cannot use --cases ${path}: give a list like [{"clients": 10, "turns": 1}]`,
    );
  }
  return list.map((one: unknown, index) => readCase(one, `case ${index + 1} of ${path}`));
}

function readCase(value: unknown, where: string): GivenCase {
  if (!isObject(value)) throw new UserError(`Cannot use ${where}: it is not an object`);
  const numbers: Record<string, number> = {};
  for (const [key, number] of Object.entries(value)) {
    const name = key.replaceAll("-", "_");
    const field = Object.hasOwn(FIELDS, name) ? FIELDS[name] : undefined;
    if (field === undefined) {
      const near = nearestName(name, Object.keys(FIELDS));
      throw new UserError(
        `Cannot use "${key}" in ${where}: known are ${Object.keys(FIELDS).join(", ")}` +
          (near === undefined ? "" : `; did you mean ${near}?`),
      );
    }
    const fits = typeof number === "number" && number >= field.least && Number.isFinite(number) &&
      (!field.whole || Number.isInteger(number));
    if (!fits) {
      throw new UserError(
        `Cannot use ${JSON.stringify(number)} for "${key}" in ${where}: give ${
          field.whole ? "a whole number" : "a number"
        } of at least ${field.least}`,
      );
    }
    numbers[name] = number;
  }
  const { clients, turns, prompts, ramp_up_time: rampUpTime, stop_time: stopTime } = numbers;
  if (clients === undefined) {
    throw new UserError(`Cannot use ${where}: it has no "clients"`);
  }
  return {
    clients,
    ...defined({ turns, prompts, rampUpTime, stopTime }),
  };
}
