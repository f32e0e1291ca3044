/**
 * Option values from a file: a JSON object, or the header of a record file, which repeats its run.
 *
 * @module
 */
import { isObject, type JsonObject, parseObject } from "../backends/json_event.ts";
import { isRecordSchema } from "../metrics/run.ts";
import type { CommandTable, OptionValue, Values } from "./command.ts";
import { readLines } from "./line_stream.ts";
import { withoutUnneeded } from "./option_needs.ts";
import { COMMON_OPTIONS, convertJson, withDefaults } from "./option_parse.ts";
import { nearestName } from "./option_suggest.ts";
import { indexOptions, kebabCase, listOptions, plainName } from "./option_table.ts";
import { MASK } from "./secret_names.ts";
import { readTextFile } from "./text_file.ts";
import { fileError, UserError } from "./user_error.ts";

/** A first line longer than this is not the header of a record file. */
const HEADER_LIMIT_BYTES = 1 << 24;

/**
 * Values for `command` from the file at `path`, checked as on the command line, without defaults.
 *
 * @throws {UserError} when the file cannot be read, is neither JSON nor a record, belongs to
 * another command, or names an unknown option.
 */
export async function readConfigFile(path: string, command: CommandTable): Promise<Values> {
  const shown = optionOf(path);
  let header: JsonObject | undefined;
  let value: unknown;
  try {
    header = await readHeader(path);
    if (header === undefined) value = JSON.parse((await readTextFile(path)).replace(/^\ufeff/, ""));
  } catch (error) {
    throw fileError(`Cannot read ${shown}${error instanceof SyntaxError ? " as JSON" : ""}`, error);
  }
  if (header !== undefined) return fromHeader(header, path, command);
  if (isObject(value)) return configValues(command, value, path);
  throw new UserError(
    `Cannot use ${shown}: give a JSON object of option names and values, as in ` +
      `{"concurrency": [1, 16]}`,
  );
}

/**
 * Checks an object of option names (as on the command line, with `_` for `-`, or camel case) and
 * values. `null` and `undefined` count as not given; keys that begin with `$` (`$schema`) are not
 * read.
 *
 * @throws {UserError} for unknown names and wrong values; `source` is where they came from.
 *
 * @example
 * ```ts
 * import { configValues, findCommand } from "@tokometer/tokometer/workloads";
 *
 * const bench = await findCommand("bench").load();
 * configValues(bench, { "output-tokens": 8 }, "bench.json"); // { outputTokens: "8" }
 * ```
 */
export function configValues(
  command: CommandTable,
  object: Readonly<Record<string, unknown>>,
  source: string,
): Values {
  const byName = indexOptions(listOptions(command.options));
  const values: Record<string, OptionValue> = {};
  for (const [key, value] of Object.entries(object)) {
    if (key.startsWith("$")) continue;
    const option = byName.get(plainName(key)) ?? byName.get(kebabCase(key)) ??
      listOptions(command.options).find((one) => one.key === key);
    if (option === undefined) throw new UserError(unknownKey(key, source, command));
    if (value === null || value === undefined) continue;
    if (option.key in values) {
      throw new UserError(
        `Cannot use "${key}" in ${source}: "${option.name}" is there under another spelling`,
      );
    }
    try {
      values[option.key] = convertJson(option, value);
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
  { name, options }: CommandTable,
): string {
  if (Object.hasOwn(COMMON_OPTIONS, key)) {
    return `Cannot use "${key}" in ${source}: give --${key} on the command line`;
  }
  const near = nearestName(kebabCase(key), listOptions(options).map(({ name }) => name));
  return `Cannot use "${key}" in ${source}: "${name}" has no such option` +
    (near === undefined ? "" : `; did you mean "${near}"?`);
}

/** A record holds every value of its run, those that had no effect included: they are left out. */
function fromHeader(header: JsonObject, path: string, command: CommandTable): Values {
  const shown = optionOf(path);
  const { scenario: name, options } = header;
  if (name !== command.name) {
    throw new UserError(
      `Cannot use ${shown} with "${command.name}": it is the record of ` +
        `a "${name}" run; use tokometer ${name} --config`,
    );
  }
  if (!isObject(options)) {
    throw new UserError(`Cannot use ${shown}: its header has no options`);
  }
  const given = configValues(command, options, path);
  const effective = withoutUnneeded(command.options, withDefaults(command.options, given));
  return Object.fromEntries(Object.entries(given).filter(([key]) => key in effective));
}

/**
 * Refuses values of a file in which a secret was masked: `***` would be sent as it stands.
 *
 * @param given on the command line, which wins over the file.
 * @throws {UserError}
 */
export function refuseMasked(command: CommandTable, config: Values, given: Values): void {
  for (const { key, name } of listOptions(command.options)) {
    if (given[key] !== undefined || !JSON.stringify(config[key] ?? "").includes(MASK)) continue;
    throw new UserError(
      `Cannot use "${name}" of --config: it was stored without its secret (${MASK}); give --${name} ` +
        "on the command line",
    );
  }
}

/** The header of a record file, which may be gigabytes long; nothing for other files. */
async function readHeader(path: string): Promise<JsonObject | undefined> {
  const { readable } = await Deno.open(path);
  try {
    const limit = { maxLineBytes: HEADER_LIMIT_BYTES };
    for await (const { text = "" } of readLines(readable, limit)) {
      const { header } = parseObject(text);
      return isObject(header) && isRecordSchema(header.schema) ? header : undefined;
    }
  } catch (error) {
    if (!(error instanceof SyntaxError)) throw error;
  }
  return undefined;
}

function optionOf(path: string): string {
  return `--config ${JSON.stringify(path)}`;
}
