/**
 * From a command line to checked values, by the scenario's table.
 *
 * `@std/cli` splits the arguments, but on its own it reads `--rate -5` as an empty rate and a flag
 * `5`, turns `1e3` into a number nobody asked for and takes a forgotten value for an empty one.
 * So the arguments are first brought into the one form that has no such cases, `--name=value`,
 * and everything is read as text; the table then says what the text means.
 *
 * @module
 */
import { parseArgs } from "@std/cli/parse-args";
import type { Command, Option, OptionValue, Positional, Values } from "./command.ts";
import { valueWithoutKeys, withoutKeys, withoutPassword } from "./option_secret.ts";
import { nearestName } from "./option_suggest.ts";
import { UserError } from "./user_error.ts";

/** Options that every command has; the terminal's side deals with them, scenarios never see them. */
export const COMMON_OPTIONS: readonly Option[] = [
  {
    name: "config",
    kind: "text",
    value: "FILE",
    help: "Take option values from a JSON file (names as on the command line), or repeat the run " +
      "of a record file. The command line wins over the file.",
    group: "General",
  },
  {
    name: "quiet",
    kind: "flag",
    aliases: ["q"],
    help: "No progress on stderr; results, warnings and errors stay.",
    group: "General",
  },
  {
    name: "color",
    kind: "flag",
    help: "Color the output.",
    defaultText: "on a terminal, unless NO_COLOR is set",
    group: "General",
  },
  { name: "help", kind: "flag", aliases: ["h"], help: "Show this help.", group: "General" },
];

/** What stands on a command line. */
export interface CommandLine {
  /** Values of the scenario's options and positionals that were given, checked. */
  readonly given: Values;
  /** The same for {@linkcode COMMON_OPTIONS}. */
  readonly common: Values;
}

/**
 * Reads and checks the arguments after the command's name, without defaults.
 *
 * @param config other values, which decide with them whether an option stands for an argument.
 * @throws {UserError} for an unknown option (with the nearest known one), a missing, surplus or
 * wrong value.
 */
export function readCommandLine(
  scenario: Command,
  argv: readonly string[],
  config: Values = {},
): CommandLine {
  const table = new OptionTable(scenario);
  const names = table.options.map(({ name }) => name);
  const parsed: Record<string, unknown> = parseArgs(uniform(table, argv), {
    string: names,
    collect: names,
    "--": true,
  });
  const values: Record<string, OptionValue> = {};
  for (const option of table.options) {
    const given = parsed[option.name] as readonly string[];
    if (given.length > 0) values[option.name] = fromTexts(option, given);
  }
  assignPositionals(scenario, parsed["--"] as readonly string[], values, config);

  const common: Record<string, OptionValue> = {};
  for (const { name } of COMMON_OPTIONS) {
    if (!(name in values)) continue;
    common[name] = values[name];
    delete values[name];
  }
  return { given: values, common };
}

/**
 * Values of a command: the command line, else `config` (see `readConfigFile`), else the defaults.
 *
 * @throws {UserError} as {@linkcode readCommandLine}, and for a missing positional.
 *
 * @example
 * ```ts
 * import { parseOptions, type Command } from "@tokometer/tokometer/workloads";
 *
 * const greet: Command = {
 *   name: "greet",
 *   summary: "Greets",
 *   description: "Greets some people.",
 *   positionals: [{ name: "who", help: "Whom to greet.", required: true }],
 *   options: [{ name: "times", kind: "integer", min: 1, default: 1, help: "How often." }],
 *   examples: [],
 *   run: () => Promise.resolve(0),
 * };
 * parseOptions(greet, ["you", "--times", "3"]); // { who: "you", times: 3 }
 * ```
 */
export function parseOptions(
  scenario: Command,
  argv: readonly string[],
  config: Values = {},
): Values {
  return completeValues(scenario, { ...config, ...readCommandLine(scenario, argv, config).given });
}

/** Adds the defaults. @throws {UserError} when a required positional is missing. */
export function completeValues(scenario: Command, given: Values): Values {
  const values: Record<string, OptionValue> = {};
  for (const { name, default: value } of scenario.options) {
    if (value !== undefined) values[name] = value;
  }
  for (const [name, value] of Object.entries(given)) if (value !== undefined) values[name] = value;
  for (const { name, required, help, unless } of scenario.positionals) {
    if (!required || values[name] !== undefined) continue;
    if (unless !== undefined && values[unless] !== undefined) continue;
    throw new UserError(
      `Cannot run "${scenario.name}" without <${name}>: ${sentenceStart(help)}` +
        (unless === undefined ? "" : `; or use ${dashed(unless)} in its place`),
    );
  }
  return values;
}

/** What repeats a run: no secrets, and no value that an option has taken the place of. */
export function repeatableValues(scenario: Command, values: Values): Values {
  const replaced = scenario.positionals
    .filter(({ unless }) => unless !== undefined && values[unless] !== undefined)
    .map(({ name }) => name);
  return Object.fromEntries(
    Object.entries(withoutSecrets(scenario, values))
      .filter(([name]) => name !== "out" && !replaced.includes(name))
      .map(([name, value]) => [name, valueWithoutKeys(value)]),
  );
}

/** Options and positionals of a command by every name they go by. */
class OptionTable {
  /** The scenario's, its positionals as options, and the common ones. */
  readonly options: readonly Option[];
  readonly #byName = new Map<string, Option>();

  constructor(scenario: Command) {
    this.options = [
      ...scenario.options,
      ...scenario.positionals.map(positionalOption),
      ...COMMON_OPTIONS,
    ];
    for (const option of this.options) {
      for (const name of [option.name, ...option.aliases ?? []]) {
        // The scenario's own names come first and win, e.g. its `-q`.
        if (!this.#byName.has(plainName(name))) this.#byName.set(plainName(name), option);
      }
    }
  }

  find(name: string): Option | undefined {
    return this.#byName.get(plainName(name));
  }

  /** `no-stream` and `nostream` for the flag `stream`. */
  findNegated(name: string): Option | undefined {
    const flag = /^no[-_]?(.+)$/.exec(name)?.[1];
    const option = flag === undefined ? undefined : this.find(flag);
    return option?.kind === "flag" ? option : undefined;
  }

  /** Every name that may be written, negated flags included. */
  get names(): Iterable<string> {
    const flags = this.options.filter(({ kind }) => kind === "flag");
    return [...this.#byName.keys(), ...flags.map(({ name }) => `no-${name}`)];
  }
}

/** Positionals may be given by name too, as the LMDeploy scripts allow (`--concurrency 64`). */
export function positionalOption(positional: Positional): Option {
  const { name, help, rest } = positional;
  return { name, help, kind: rest ? "texts" : "text" };
}

/** Brings arguments into the form `--name=value … positional … -- tail`. */
function uniform(table: OptionTable, argv: readonly string[]): string[] {
  const options: string[] = [];
  const positionals: string[] = [];
  let index = 0;
  for (; index < argv.length && argv[index] !== "--"; index++) {
    const argument = argv[index]!;
    if (!looksLikeOption(argument, table)) {
      positionals.push(argument);
      continue;
    }
    const { option, negated, value } = splitArgument(argument, table);
    if (option.kind === "flag") {
      let text = value;
      // The scripts' own style: `--stream_output False`.
      if (text === undefined && !negated && /^(true|false)$/i.test(argv[index + 1] ?? "")) {
        text = argv[++index];
      }
      if (negated && text !== undefined) {
        throw new UserError(`Cannot use ${argument}: a negated flag takes no value`);
      }
      options.push(`--${option.name}=${negated ? "false" : text ?? "true"}`);
      continue;
    }
    let text = value;
    if (text === undefined) {
      text = argv[index + 1];
      if (text === undefined || text === "--" || looksLikeOption(text, table)) {
        throw new UserError(missingValue(argument, option, text));
      }
      index++;
    }
    // `--concurrency 1 16 32`: a list goes on while what follows can belong to it.
    while (continuesList(option, argv[index + 1], table)) text += `,${argv[++index]}`;
    options.push(`--${option.name}=${text}`);
  }
  // Positionals come last, behind `--`, where nothing is mistaken for an option (`-`, `-5`).
  return [...options, "--", ...positionals, ...argv.slice(index + 1)];
}

function looksLikeOption(argument: string, table: OptionTable): boolean {
  if (argument === "-" || !argument.startsWith("-")) return false;
  return !NUMBER.test(argument) || table.find(argument[1]!) !== undefined;
}

function splitArgument(
  argument: string,
  table: OptionTable,
): { option: Option; negated: boolean; value: string | undefined } {
  const [, name = "", value] = /^--?([^=]*)(?:=([^]*))?$/.exec(argument)!;
  // One dash and a name of several letters would be `-n5`: a letter with its value.
  if (!argument.startsWith("--") && name.length > 1) {
    // Some scripts have short names of two letters: `-pt 128`, where `-p t128` is no option.
    const short = name.length === 2 ? table.find(name) : undefined;
    if (short !== undefined) return { option: short, negated: false, value };
    const option = table.find(name[0]!);
    if (option !== undefined && option.kind !== "flag") {
      return { option, negated: false, value: argument.slice(2) };
    }
  }
  const option = argument.startsWith("--") || name.length === 1 ? table.find(name) : undefined;
  if (option !== undefined) return { option, negated: false, value };
  const flag = argument.startsWith("--") ? table.findNegated(name) : undefined;
  if (flag !== undefined) return { option: flag, negated: true, value };
  throw new UserError(unknownOption(argument.split("=", 1)[0]!, table.names));
}

function unknownOption(written: string, names: Iterable<string>): string {
  const near = nearestName(written, names);
  return `Cannot use ${written}: there is no such option` +
    (near === undefined ? "" : `; did you mean ${dashed(near)}?`);
}

function missingValue(written: string, option: Option, next: string | undefined): string {
  const hint = next === undefined || next === "--" || option.secret
    ? ""
    : `; if ${next} is the value, write ${written}=${show(next)}`;
  return `Cannot use ${written} without a value: give ${wanted(option)}${hint}`;
}

function continuesList(option: Option, next: string | undefined, table: OptionTable): boolean {
  if (next === undefined || next === "--" || option.repeat || looksLikeOption(next, table)) {
    return false;
  }
  if (option.kind === "integers" || option.kind === "numbers") return NUMBER_LIST.test(next);
  if (option.kind !== "texts") return false;
  const { choices } = option;
  // A list of free texts takes all that follow; one of known words leaves the rest alone.
  return choices === undefined || splitList(next).every((text) => choices.includes(text));
}

const NUMBER = /^[-+]?(\d+\.?\d*|\.\d+)(e[-+]?\d+)?$/i;
const NUMBER_LIST = /^[[\](),\s\d.eE+-]+$/;

/** Texts of one option, in the order given. */
function fromTexts(option: Option, texts: readonly string[]): OptionValue {
  if (option.repeat && isList(option)) {
    const parts = texts.map((text) => {
      if (text === "") throw new UserError(missingValue(dashed(option.name), option, undefined));
      // A header or a stop text may hold commas: a repeatable text is taken as it stands.
      return option.kind === "texts" ? checkChoice(option, text) : convertText(option, text);
    });
    return parts.flat() as readonly string[] | readonly number[];
  }
  if (texts.length > 1) {
    // The last one could win silently; a result measured with the other value in mind costs more.
    const shown = option.secret ? "" : ` (${texts.map(show).join(", ")})`;
    throw new UserError(
      `Cannot use ${dashed(option.name)} ${texts.length} times${shown}: give it once`,
    );
  }
  return convertText(option, texts[0]!);
}

/** What one text means for an option. @throws {UserError} with what would work. */
export function convertText(option: Option, text: string): OptionValue {
  if (text === "") throw new UserError(missingValue(dashed(option.name), option, undefined));
  switch (option.kind) {
    case "flag":
      if (/^(true|yes|on|1)$/i.test(text)) return true;
      if (/^(false|no|off|0)$/i.test(text)) return false;
      throw refused(option, text);
    case "text":
      return checkChoice(option, text);
    case "integer":
    case "number":
      return checkNumber(option, text);
    case "texts":
      return splitList(text).map((part) => checkChoice(option, part));
    case "integers":
    case "numbers":
      return splitList(text).map((part) => checkNumber(option, part));
    case "json":
      return checkJson(option, text);
  }
}

/**
 * What a value of a JSON file means for an option: numbers, booleans, lists and objects as such,
 * or the text that would stand on the command line.
 *
 * @throws {UserError} with what would work.
 */
export function convertJson(option: Option, value: unknown): OptionValue {
  if (Array.isArray(value)) {
    if (!isList(option)) throw refused(option, JSON.stringify(value));
    return value.map((part) => {
      const text = scalarText(part);
      if (text === undefined) throw refused(option, JSON.stringify(part));
      return option.kind === "texts" ? checkChoice(option, text) : checkNumber(option, text);
    }) as readonly string[] | readonly number[];
  }
  if (option.kind === "json" && typeof value === "object" && value !== null) {
    return value as Readonly<Record<string, unknown>>;
  }
  const text = scalarText(value);
  if (text === undefined) throw refused(option, JSON.stringify(value));
  if (option.repeat && option.kind === "texts") return [checkChoice(option, text)];
  return convertText(option, text);
}

function scalarText(value: unknown): string | undefined {
  return ["string", "number", "boolean"].includes(typeof value) ? String(value) : undefined;
}

function isList(option: Option): boolean {
  return option.kind === "texts" || option.kind === "integers" || option.kind === "numbers";
}

/** `1,2`, `[1, 2]`, `(1,2)`, `["a", "b"]`. */
function splitList(text: string): string[] {
  const inner = text.trim().replace(/^[[(](.*)[\])]$/s, "$1");
  // `[1, 2]` that the shell has split arrives as `[1,,2]`.
  return inner.split(",").map((part) => part.trim().replace(/^(["'])(.*)\1$/s, "$2"))
    .filter((part, _, parts) => part !== "" || parts.length === 1);
}

function checkChoice(option: Option, text: string): string {
  if (option.choices === undefined) {
    if (text === "") throw refused(option, text);
    return text;
  }
  if (option.choices.includes(text)) return text;
  const near = nearestName(text, option.choices);
  throw refused(option, text, near === undefined ? "" : `; did you mean ${near}?`);
}

function checkNumber(option: Option, text: string): number {
  const { min = -Infinity, max = Number.MAX_VALUE } = option;
  // "inf" only where the table says that no limit is a meaning: `max: Infinity`.
  const value = /^\+?inf(inity)?$/i.test(text) ? Infinity : NUMBER.test(text) ? Number(text) : NaN;
  const whole = option.kind === "integer" || option.kind === "integers";
  if (!(value >= min && value <= max)) throw refused(option, text);
  if (whole && value !== Infinity && !Number.isSafeInteger(value)) throw refused(option, text);
  return value;
}

function checkJson(option: Option, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refused(option, text, `; ${(error as Error).message}`);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw refused(option, text);
  }
  return value as Readonly<Record<string, unknown>>;
}

function refused(option: Option, text: string, hint = ""): UserError {
  const value = option.secret ? "***" : text === "" ? "with an empty value" : show(text);
  return new UserError(`Cannot use ${dashed(option.name)} ${value}: give ${wanted(option)}${hint}`);
}

/** What an option takes, in words: `a whole number from 1 to 8`, `one of a, b`. */
export function wanted(option: Option): string {
  const { kind, min, max, choices, value } = option;
  const bounds = min !== undefined && max !== undefined && max < Infinity
    ? ` from ${min} to ${max}`
    : min !== undefined
    ? ` of at least ${min}`
    : max !== undefined && max < Infinity
    ? ` of at most ${max}`
    : "";
  const orInfinite = max === Infinity ? ", or inf" : "";
  switch (kind) {
    case "flag":
      return "true or false";
    case "integer":
      return `a whole number${bounds}${orInfinite}`;
    case "number":
      return `a number${bounds}${orInfinite}`;
    case "integers":
      return `whole numbers${bounds}, as in ${listExample(option)}${orInfinite}`;
    case "numbers":
      return `numbers${bounds}, as in ${listExample(option)}${orInfinite}`;
    case "json":
      return `a JSON object, as in '{"key": 1}'`;
    case "text":
      return choices === undefined ? `a text (${value ?? "TEXT"})` : `one of ${choices.join(", ")}`;
    case "texts":
      return choices === undefined ? `texts (${value ?? "TEXT"})` : `any of ${choices.join(", ")}`;
  }
}

/** A list that means something here: `50,90,95,99`. */
function listExample({ default: initial }: Option): string {
  return Array.isArray(initial) && initial.length > 1 ? initial.join(",") : "1,2";
}

function assignPositionals(
  scenario: Command,
  texts: readonly string[],
  values: Record<string, OptionValue>,
  config: Values,
): void {
  // Those given by name are taken; the others are filled in order.
  const replaced = scenario.positionals.filter(({ unless }) =>
    unless !== undefined && (values[unless] ?? config[unless]) !== undefined
  );
  const open = scenario.positionals.filter((positional) =>
    values[positional.name] === undefined && !replaced.includes(positional)
  );
  let index = 0;
  for (const positional of open) {
    if (index === texts.length) return;
    const { name, rest } = positional;
    const taken = rest ? texts.slice(index) : texts.slice(index, index + 1);
    if (taken.includes("")) {
      throw new UserError(`Cannot use an empty <${name}>: ${sentenceStart(positional.help)}`);
    }
    values[name] = rest ? taken : taken[0];
    index += taken.length;
  }
  if (index === texts.length) return;
  const [instead] = replaced;
  if (instead !== undefined) {
    const { name, unless = "" } = instead;
    throw new UserError(togetherMessage(`<${name}>`, texts[0]!, unless));
  }
  const known = scenario.positionals.map(({ name }) => `<${name}>`).join(" ");
  throw new UserError(
    `Cannot use ${show(texts[index]!)}: "${scenario.name}" takes ${
      known === "" ? "options only" : `only ${known}`
    }`,
  );
}

/** Why a value and the option that takes its place do not go together. */
export function togetherMessage(name: string, given: string, option: string): string {
  return `Cannot use ${name} ${show(withoutPassword(given))} and ${dashed(option)} together: ` +
    "give one of them";
}

/** Values without those of secret options: what may be stored or shown. */
export function withoutSecrets(scenario: Command, values: Values): Values {
  const secret = new Set(
    scenario.options.filter((option) => option.secret).map(({ name }) => name),
  );
  return Object.fromEntries(Object.entries(values).filter(([name]) => !secret.has(name)));
}

/**
 * The command line with `***` for the values of secret options, under any of their names and
 * spellings, and without passwords in URLs; also where it could not be parsed.
 */
export function redactCommandLine(
  argv: readonly string[],
  scenarios: readonly Command[],
): string[] {
  const secret = new Set<string>();
  for (const { options } of scenarios) {
    for (const option of options) {
      if (!option.secret) continue;
      for (const name of [option.name, ...option.aliases ?? []]) secret.add(plainName(name));
    }
  }
  let valueFollows = false;
  return argv.map((argument) => {
    if (valueFollows) {
      valueFollows = false;
      return "***";
    }
    const [, name, equals] = /^--?([^=]*)(=)?/.exec(argument) ?? [];
    if (name === undefined) return withoutKeys(argument);
    if (secret.has(plainName(name))) {
      valueFollows = equals === undefined;
      return equals === undefined ? argument : `${argument.slice(0, argument.indexOf("=") + 1)}***`;
    }
    if (!argument.startsWith("--") && secret.has(name[0] ?? "")) {
      return `${argument.slice(0, 2)}***`;
    }
    // In `--launch-args=--api-key X` as well.
    const [, before = "", text = ""] = /^(--?[^=]*=)?([^]*)$/.exec(argument)!;
    return before + withoutKeys(text);
  });
}

/** `-` and `_` are interchangeable. */
function plainName(name: string): string {
  return name.replaceAll("_", "-");
}

/** `--name`, or `-n` for a letter. */
export function dashed(name: string): string {
  return name.length === 1 ? `-${name}` : `--${name}`;
}

function show(text: string): string {
  return /^[\w.,:/@%+=[\]-]+$/.test(text) ? text : JSON.stringify(text);
}

function sentenceStart(help: string): string {
  // Not at the dots of "e.g. 8000".
  const first = help.split(/\.(?:\s+[A-Z]|\s*$)/, 1)[0]!;
  return first.charAt(0).toLowerCase() + first.slice(1);
}
