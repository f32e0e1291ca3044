/**
 * Option values from a file: a JSON object, or the header of a record file, which repeats its run.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import { COMMON_OPTIONS, convertJson, positionalOption } from "./option_parse.ts";
import type { Command, Option, OptionValue, Values } from "./command.ts";
import { nearestName } from "./option_suggest.ts";
import { RECORD_SCHEMA } from "../metrics/run.ts";
import { UserError } from "./user_error.ts";

/** A first line longer than this is not the header of a record file. */
const HEADER_LIMIT_BYTES = 1 << 24;

/**
 * Values for `scenario` from the file at `path`, checked as on the command line, without defaults.
 *
 * @throws {UserError} when the file cannot be read, is neither JSON nor a record, belongs to
 * another command, or names an unknown option.
 */
export async function readConfigFile(path: string, scenario: Command): Promise<Values> {
  let text: string;
  try {
    // A record file may be gigabytes long; its first line says all that is needed.
    const header = parseObject(await readFirstLine(path))?.header;
    if (isObject(header) && header.schema === RECORD_SCHEMA) {
      return fromHeader(header, path, scenario);
    }
    text = await Deno.readTextFile(path);
  } catch (error) {
    if (error instanceof UserError || error instanceof Deno.errors.NotCapable) throw error;
    throw new UserError(
      `Cannot read --config ${JSON.stringify(path)}: ${
        error instanceof Deno.errors.NotFound ? "there is no such file" : (error as Error).message
      }`,
    );
  }
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw new UserError(
      `Cannot read --config ${JSON.stringify(path)} as JSON: ${(error as Error).message}`,
    );
  }
  if (!isObject(value)) {
    throw new UserError(
      `Cannot use --config ${JSON.stringify(path)}: give a JSON object of option names and ` +
        `values, as in {"concurrency": [1, 16]}`,
    );
  }
  return configValues(scenario, value, path);
}

/**
 * Checks an object of option names (`-` or `_`) and values; `null` counts as not given, keys that
 * begin with `$` (`$schema`) are not read.
 *
 * @throws {UserError} for unknown names and wrong values; `source` is where they came from.
 *
 * @example
 * ```ts
 * import { configValues, type Command } from "@tokometer/tokometer/workloads";
 *
 * const wait: Command = {
 *   name: "wait",
 *   summary: "Waits",
 *   description: "Waits.",
 *   positionals: [],
 *   options: [{ name: "at-most", kind: "number", help: "Seconds." }],
 *   examples: [],
 *   run: () => Promise.resolve(0),
 * };
 * configValues(wait, { at_most: 2.5 }, "wait.json"); // { "at-most": 2.5 }
 * ```
 */
export function configValues(
  scenario: Command,
  object: Readonly<Record<string, unknown>>,
  source: string,
): Values {
  const options = [...scenario.options, ...scenario.positionals.map(positionalOption)];
  const byName = new Map<string, Option>();
  for (const option of options) {
    for (const name of [option.name, ...option.aliases ?? []]) {
      byName.set(name.replaceAll("_", "-"), option);
    }
  }
  const values: Record<string, OptionValue> = {};
  for (const [key, value] of Object.entries(object)) {
    if (key.startsWith("$")) continue;
    const option = byName.get(key.replaceAll("_", "-"));
    if (option === undefined) {
      throw new UserError(unknownKey(key, source, scenario, options));
    }
    if (value === null) continue;
    if (option.name in values) {
      throw new UserError(
        `Cannot use "${key}" in ${source}: "${option.name}" is there under another spelling`,
      );
    }
    try {
      values[option.name] = convertJson(option, value);
    } catch (error) {
      if (!(error instanceof UserError)) throw error;
      throw new UserError(`${error.message} (in ${source})`);
    }
  }
  return values;
}

function unknownKey(
  key: string,
  source: string,
  scenario: Command,
  options: readonly Option[],
): string {
  if (COMMON_OPTIONS.some(({ name }) => name === key)) {
    return `Cannot use "${key}" in ${source}: give --${key} on the command line`;
  }
  const near = nearestName(key, options.map(({ name }) => name));
  return `Cannot use "${key}" in ${source}: "${scenario.name}" has no such option` +
    (near === undefined ? "" : `; did you mean "${near}"?`);
}

function fromHeader(header: Record<string, unknown>, path: string, scenario: Command): Values {
  const { scenario: name, options } = header;
  if (name !== scenario.name) {
    throw new UserError(
      `Cannot use --config ${JSON.stringify(path)} with "${scenario.name}": it is the record of ` +
        `a "${name}" run; use tokometer ${name} --config`,
    );
  }
  if (!isObject(options)) {
    throw new UserError(`Cannot use --config ${JSON.stringify(path)}: its header has no options`);
  }
  return configValues(scenario, options, path);
}

async function readFirstLine(path: string): Promise<string> {
  using file = await Deno.open(path);
  const decoder = new TextDecoder();
  const buffer = new Uint8Array(1 << 16);
  let line = "";
  for (let total = 0; total < HEADER_LIMIT_BYTES;) {
    const read = await file.read(buffer);
    if (read === null) break;
    total += read;
    const end = buffer.subarray(0, read).indexOf(10);
    line += decoder.decode(buffer.subarray(0, end < 0 ? read : end), { stream: true });
    if (end >= 0) break;
  }
  return line;
}

function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}
