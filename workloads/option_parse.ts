/**
 * From a command line to checked values, by the command's table.
 *
 * `@std/cli` parseArgs would not do: it reads `--rate -5` as an empty rate and a flag `5`, turns
 * `1e3` into a number and takes a forgotten value for an empty one.
 *
 * @module
 */
import { isObject } from "../backends/json_event.ts";
import { showBytes } from "../backends/limits.ts";
import type {
  CommandTable,
  Option,
  OptionTable,
  OptionValue,
  Values,
  ValuesOf,
} from "./command.ts";
import { oursFor, ourValueFor } from "./option_foreign.ts";
import { refuseUnneeded } from "./option_needs.ts";
import { withoutPassword } from "./secret_names.ts";
import { nearestName } from "./option_suggest.ts";
import {
  dashed,
  group,
  indexOptions,
  listArguments,
  listOptions,
  type NamedOption,
  option,
  plainName,
  shownName,
} from "./option_table.ts";
import { UserError } from "./user_error.ts";

/** Options that every command has; `cli.ts` acts on them, commands never see them. */
export const COMMON_OPTIONS: OptionTable = group("General", {
  config: option.file({
    help: "Take option values from a JSON file (names as on the command line), or repeat the run " +
      "of a record file. The command line wins over the file.",
  }),
  quiet: option.flag({
    aliases: ["q"],
    help: "No progress on stderr; results, warnings and errors stay.",
  }),
  color: option.flag({
    help: "Color the output.",
    defaultText: "on a terminal, unless NO_COLOR is set",
  }),
  help: option.flag({ aliases: ["h"], help: "Show this help." }),
});

/** The values of a command line. */
export interface CommandLine {
  /** Values of the command's own options and arguments that were given, checked. */
  readonly given: Values;
  /** The same for {@linkcode COMMON_OPTIONS}. */
  readonly common: Values;
}

/**
 * Reads and checks the arguments after the command's name, without defaults.
 *
 * @param config values from elsewhere, which may replace arguments (see `unless`), too.
 * @throws {UserError} for an unknown option (with the nearest known one), a missing, surplus or
 * wrong value.
 */
export function readCommandLine(
  command: CommandTable,
  argv: readonly string[],
  config: Values = {},
): CommandLine {
  const index = new OptionIndex(command);
  const { options, places } = splitArguments(index, argv);
  const values: Record<string, OptionValue> = {};
  for (const [option, texts] of options) values[option.key] = fromTexts(option, texts);
  assignArguments(command, places, values, config);
  const isCommon = (key: string) => Object.hasOwn(COMMON_OPTIONS, key);
  const part = (common: boolean) =>
    Object.fromEntries(Object.entries(values).filter(([key]) => isCommon(key) === common));
  return { given: part(false), common: part(true) };
}

/**
 * Values of a command: the command line, else `config` (see `readConfigFile`), else the defaults.
 *
 * @throws {UserError} as {@linkcode readCommandLine} and {@linkcode completeValues}.
 *
 * @example
 * ```ts
 * import { findCommand, parseOptions } from "@tokometer/tokometer/workloads";
 *
 * const demo = await findCommand("demo").load();
 * parseOptions(demo, ["--duration", "3"]); // { concurrency: [1, 8, 32, 64], duration: 3, … }
 * ```
 */
export function parseOptions<T extends OptionTable>(
  command: CommandTable<T>,
  argv: readonly string[],
  config: Values = {},
): ValuesOf<T> {
  const { given } = readCommandLine(command, argv, config);
  return completeValues(command, { ...config, ...given });
}

/**
 * Adds the defaults.
 *
 * @throws {UserError} when a required argument is missing, or a given option would have no effect.
 */
export function completeValues<T extends OptionTable>(
  command: CommandTable<T>,
  given: Values,
): ValuesOf<T> {
  const values: Values = withDefaults<OptionTable>(command.options, given);
  for (const { key, name, required, help, unless } of listArguments(command.options)) {
    if (!required || values[key] !== undefined) continue;
    if (unless !== undefined && values[unless] !== undefined) continue;
    throw new UserError(
      `Cannot run "${command.name}" without <${name}>: ${sentenceStart(help)}` +
        (unless === undefined ? "" : `; or use ${dashed(unless)} instead`),
    );
  }
  refuseUnneeded(command.options, { given, values });
  return values as ValuesOf<T>;
}

/** Adds a table's defaults to values that need no check. */
export function withDefaults<T extends OptionTable>(
  table: T,
  given: { readonly [K in keyof T]?: ValuesOf<T>[K] | undefined },
): ValuesOf<T> {
  const values: Record<string, OptionValue> = {};
  for (const [key, { default: value }] of Object.entries(table)) {
    if (value !== undefined) values[key] = value;
  }
  for (const [key, value] of Object.entries(given)) if (value !== undefined) values[key] = value;
  return values as ValuesOf<T>;
}

/** A command's options, and the common ones, by every name. */
class OptionIndex {
  readonly #options: readonly NamedOption[];
  readonly #byName: ReadonlyMap<string, NamedOption>;
  readonly #arguments: readonly NamedOption[];

  constructor({ options }: CommandTable) {
    this.#arguments = listArguments(options);
    // The command's own names come first and win, e.g. its `-q`.
    this.#options = [...listOptions(options), ...listOptions(COMMON_OPTIONS)];
    this.#byName = indexOptions(this.#options);
  }

  /** Whether there is an option or an argument of that name. */
  has(name: string): boolean {
    return this.find(name) !== undefined ||
      this.#arguments.some((argument) => argument.name === name);
  }

  find(name: string): NamedOption | undefined {
    return this.#byName.get(plainName(name));
  }

  /** `no-stream` and `nostream` for the flag `stream`. */
  findNegated(name: string): NamedOption | undefined {
    const flag = /^no[-_]?(.+)$/.exec(name)?.[1];
    const option = flag === undefined ? undefined : this.find(flag);
    return option?.kind === "flag" ? option : undefined;
  }

  /** Every name that may be written, negated flags included. */
  get names(): Iterable<string> {
    const flags = this.#options.filter(({ kind }) => kind === "flag");
    return [...this.#byName.keys(), ...flags.map(({ name }) => `no-${name}`)];
  }
}

/** Texts given for each option, and the values without a name, in their order. */
function splitArguments(
  index: OptionIndex,
  argv: readonly string[],
): { options: ReadonlyMap<NamedOption, readonly string[]>; places: readonly string[] } {
  const options = new Map<NamedOption, string[]>();
  const places: string[] = [];
  let i = 0;
  for (; i < argv.length && argv[i] !== "--"; i++) {
    const argument = argv[i]!;
    if (!looksLikeOption(argument, index)) {
      places.push(argument);
      continue;
    }
    const { option, negated, value } = splitArgument(argument, index, argv);
    let text = value;
    if (option.kind === "flag") {
      if (negated && text !== undefined) {
        throw new UserError(`Cannot use ${argument}: a negated flag takes no value`);
      }
      // The scripts' own style: `--stream_output False`.
      if (text === undefined && !negated && /^(true|false)$/i.test(argv[i + 1] ?? "")) {
        text = argv[++i];
      }
      text ??= String(!negated);
    } else if (text === undefined) {
      text = argv[i + 1];
      if (text === undefined || text === "--" || looksLikeOption(text, index)) {
        throw new UserError(missingValue(argument, option, text));
      }
      i++;
    }
    // `--concurrency 1 16 32`: a list goes on while what follows can belong to it.
    while (continuesList(option, argv[i + 1], index)) text += `,${argv[++i]}`;
    options.set(option, [...options.get(option) ?? [], text]);
  }
  // Nothing behind `--` is mistaken for an option (`-`, `-5`).
  return { options, places: [...places, ...argv.slice(i + 1)] };
}

function looksLikeOption(argument: string, index: OptionIndex): boolean {
  if (argument === "-" || !argument.startsWith("-")) return false;
  return !NUMBER.test(argument) || index.find(argument[1]!) !== undefined;
}

function splitArgument(
  argument: string,
  index: OptionIndex,
  argv: readonly string[],
): { option: NamedOption; negated: boolean; value: string | undefined } {
  const [, name = "", value] = /^--?([^=]*)(?:=([^]*))?$/.exec(argument)!;
  // One dash and a name of several letters would be `-n5`: a letter with its value.
  if (!argument.startsWith("--") && name.length > 1) {
    // Some scripts have short names of two letters: `-pt 128`, where `-p t128` is no option.
    const short = name.length === 2 ? index.find(name) : undefined;
    if (short !== undefined) return { option: short, negated: false, value };
    const option = index.find(name[0]!);
    if (option !== undefined && option.kind !== "flag") {
      return { option, negated: false, value: argument.slice(2) };
    }
  }
  const option = argument.startsWith("--") || name.length === 1 ? index.find(name) : undefined;
  if (option !== undefined) return { option, negated: false, value };
  const flag = argument.startsWith("--") ? index.findNegated(name) : undefined;
  if (flag !== undefined) return { option: flag, negated: true, value };
  throw unknownOption(argument, index, argv);
}

/** With our name for it; where it is another tool's, for all of that tool's that are given. */
function unknownOption(
  argument: string,
  index: OptionIndex,
  argv: readonly string[],
): UserError {
  const ours = (name: string) => oursFor(name.replace(/^-+/, ""), (own) => index.has(own));
  const written = writtenName(argument);
  if (ours(written) !== undefined) {
    const rest = argv.slice(argv.indexOf(argument)).filter((text) => text.startsWith("--"));
    const foreign = [written, ...rest.map(writtenName)].flatMap((name) => {
      const own = index.find(name.replace(/^-+/, "")) === undefined ? ours(name) : undefined;
      return own === undefined ? [] : [`${name} is ${own} here`];
    });
    return new UserError(
      `Cannot use ${written}: there is no such option; ${[...new Set(foreign)].join(", ")}`,
    );
  }
  const near = nearestName(written, index.names);
  return new UserError(
    `Cannot use ${written}: there is no such option` +
      (near === undefined ? "" : `; did you mean ${dashed(near)}?`),
  );
}

function writtenName(argument: string): string {
  return argument.split("=", 1)[0]!;
}

function missingValue(written: string, option: Option, next: string | undefined): string {
  const hint = next === undefined || next === "--" || option.secret
    ? ""
    : `; if ${next} is the value, write ${written}=${show(next)}`;
  return `Cannot use ${written} without a value: give ${wanted(option)}${hint}`;
}

function continuesList(option: Option, next: string | undefined, index: OptionIndex): boolean {
  if (next === undefined || next === "--" || option.repeat || looksLikeOption(next, index)) {
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

/** Value of one option from its texts, in the order given. */
function fromTexts(option: NamedOption, texts: readonly string[]): OptionValue {
  // A header or a stop text may hold commas: a repeatable text is taken as it stands.
  if (option.repeat && option.kind === "texts") {
    return texts.map((text) => checkChoice(option, text));
  }
  if (option.repeat) return texts.flatMap((text) => convertText(option, text) as number[]);
  if (texts.length === 1) return convertText(option, texts[0]!);
  // The last one could win silently; a result measured with the other value in mind costs more.
  const shown = option.secret ? "" : ` (${texts.map(show).join(", ")})`;
  throw new UserError(
    `Cannot use ${dashed(option.name)} ${texts.length} times${shown}: give it once`,
  );
}

/** Value of an option from one text. @throws {UserError} with what would work. */
function convertText(option: NamedOption, text: string): OptionValue {
  if (text === "" && option.emptyIsNone) return "";
  if (text === "") throw new UserError(missingValue(dashed(option.name), option, undefined));
  if (option.kind === "json") return checkJson(option, text);
  return isList(option) ? scalars(option, splitList(text)) : scalar(option, text);
}

/**
 * Value of an option from a value of a JSON file: numbers, booleans, lists and objects as such,
 * or the text that would stand on the command line.
 *
 * @throws {UserError} with what would work.
 */
export function convertJson(option: NamedOption, value: unknown): OptionValue {
  const textOf = (part: unknown) => {
    if (["string", "number", "boolean"].includes(typeof part)) return String(part);
    throw refused(option, JSON.stringify(part));
  };
  if (Array.isArray(value) && isList(option)) return scalars(option, value.map(textOf));
  if (option.kind === "json" && isObject(value)) return value;
  const text = textOf(value);
  return option.repeat && option.kind === "texts"
    ? [checkChoice(option, text)]
    : convertText(option, text);
}

function isList({ kind }: Option): boolean {
  return kind === "texts" || kind === "integers" || kind === "numbers";
}

function scalars(option: NamedOption, texts: readonly string[]): OptionValue {
  return texts.map((text) => scalar(option, text)) as string[] | number[];
}

function scalar(option: NamedOption, text: string): boolean | string | number {
  switch (option.kind) {
    case "text":
    case "texts":
      return checkChoice(option, text);
    case "flag":
      if (/^(true|yes|on|1)$/i.test(text)) return true;
      if (/^(false|no|off|0)$/i.test(text)) return false;
      throw refused(option, text);
    case "bytes":
      return checkBytes(option, text);
    default:
      return checkNumber(option, text);
  }
}

/** `1,2`, `[1, 2]`, `(1,2)`, `["a", "b"]`. */
function splitList(text: string): string[] {
  const inner = text.trim().replace(/^[[(](.*)[\])]$/s, "$1");
  // `[1, 2]` that the shell has split arrives as `[1,,2]`.
  return inner.split(",").map((part) => part.trim().replace(/^(["'])(.*)\1$/s, "$2"))
    .filter((part, _, parts) => part !== "" || parts.length === 1);
}

function checkChoice(option: NamedOption, text: string): string {
  const { choices } = option;
  if (text === "") throw new UserError(missingValue(dashed(option.name), option, undefined));
  if (choices === undefined || choices.includes(text)) return text;
  const ours = ourValueFor(option.name, text);
  if (ours !== undefined) throw refused(option, text, `; for ${text} it is ${ours}`);
  const near = nearestName(text, choices);
  throw refused(option, text, near === undefined ? "" : `; did you mean ${near}?`);
}

function checkNumber(option: NamedOption, text: string): number {
  const { min = -Infinity, max = Number.MAX_VALUE } = option;
  // "inf" only where the table allows "no limit": `max: Infinity`.
  const value = /^\+?inf(inity)?$/i.test(text) ? Infinity : NUMBER.test(text) ? Number(text) : NaN;
  const whole = option.kind === "integer" || option.kind === "integers";
  if (!(value >= min && value <= max)) throw refused(option, text);
  if (whole && value !== Infinity && !Number.isSafeInteger(value)) throw refused(option, text);
  return value;
}

/** Powers of a thousand (`KB`), or of 1024 (`KiB`, `K`). */
const BYTE_UNITS = ["", "k", "m", "g"];

function checkBytes(option: NamedOption, text: string): number {
  const { min = 0, max = Number.MAX_SAFE_INTEGER } = option;
  const match = /^(\d+\.?\d*|\.\d+)\s*([kmg]?)(i?b)?$/i.exec(text.trim());
  if (match === null) throw refused(option, text);
  const [, number, unit, suffix = ""] = match;
  const base = suffix.toLowerCase() === "b" ? 1000 : 1024;
  const bytes = Math.round(Number(number) * base ** BYTE_UNITS.indexOf(unit!.toLowerCase()));
  if (!(bytes >= min && bytes <= max)) throw refused(option, text);
  return bytes;
}

/** A size as the command line takes it: `64MiB`. */
export function showSize(bytes: number): string {
  return showBytes(bytes).replace(/ bytes?$/, "").replace(" ", "");
}

function checkJson(option: NamedOption, text: string): Readonly<Record<string, unknown>> {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    throw refused(option, text, `; ${(error as Error).message}`);
  }
  if (isObject(value)) return value;
  throw refused(option, text);
}

function refused(option: NamedOption, text: string, hint = ""): UserError {
  const value = option.secret ? "***" : text === "" ? "with an empty value" : show(text);
  return new UserError(
    `Cannot use ${shownName(option)} ${value}: give ${wanted(option)}${hint}`,
  );
}

/** What an option takes, in words: `a whole number from 1 to 8`, `one of a, b`. */
export function wanted(option: Option): string {
  const { kind, min, max, choices, value } = option;
  const most = max === Infinity ? undefined : max;
  const bounds = min !== undefined && most !== undefined
    ? ` from ${min} to ${most}`
    : min !== undefined
    ? ` of at least ${min}`
    : most !== undefined
    ? ` of at most ${most}`
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
    case "bytes":
      return `a size of ${showSize(min ?? 0)} to ${showSize(max ?? Infinity)}, as in 64MiB`;
    case "json":
      return `a JSON object, as in '{"key": 1}'`;
    case "text":
      return choices === undefined ? `a text (${value ?? "TEXT"})` : `one of ${choices.join(", ")}`;
    case "texts":
      return choices === undefined ? `texts (${value ?? "TEXT"})` : `any of ${choices.join(", ")}`;
  }
}

/** A plausible list: `50,90,95,99`. */
function listExample({ default: initial }: Option): string {
  return Array.isArray(initial) && initial.length > 1 ? initial.join(",") : "1,2";
}

function assignArguments(
  command: CommandTable,
  texts: readonly string[],
  values: Record<string, OptionValue>,
  config: Values,
): void {
  const all = listArguments(command.options);
  // Those given by name are taken; the others are filled in order.
  const replaced = all.filter(({ unless }) =>
    unless !== undefined && (values[unless] ?? config[unless]) !== undefined
  );
  const open = all.filter((one) =>
    (values[one.key] === undefined || one.repeat) && !replaced.includes(one)
  );
  let index = 0;
  for (const one of open) {
    if (index === texts.length) return;
    const { key, name, help, argument } = one;
    const rest = argument === "rest";
    const taken = rest ? texts.slice(index) : texts.slice(index, index + 1);
    if (taken.includes("")) {
      throw new UserError(`Cannot use an empty <${name}>: ${sentenceStart(help)}`);
    }
    const given = values[key] as readonly string[] | undefined;
    values[key] = rest
      ? taken
      : one.repeat
      ? [checkChoice(one, taken[0]!), ...given ?? []]
      : checkChoice(one, taken[0]!);
    index += taken.length;
  }
  if (index === texts.length) return;
  const [instead] = replaced;
  if (instead !== undefined) {
    throw new UserError(togetherMessage(`<${instead.name}>`, texts[0]!, instead.unless!));
  }
  const known = all.map(({ name }) => `<${name}>`).join(" ");
  throw new UserError(
    `Cannot use ${show(texts[index]!)}: "${command.name}" takes ${
      known === "" ? "options only" : `only ${known}`
    }`,
  );
}

/** Why a value and the option that replaces it do not go together. */
export function togetherMessage(name: string, given: string, option: string): string {
  return `Cannot use ${name} ${show(withoutPassword(given))} and ${dashed(option)} together: ` +
    "give one of them";
}

function show(text: string): string {
  return /^[\w.,:/@%+=[\]-]+$/.test(text) ? text : JSON.stringify(text);
}

function sentenceStart(help: string): string {
  // Not at the dots of "e.g. 8000".
  const first = help.split(/\.(?:\s+[A-Z]|\s*$)/, 1)[0]!;
  return first.charAt(0).toLowerCase() + first.slice(1);
}
