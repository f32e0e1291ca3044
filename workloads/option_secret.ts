/**
 * Secrets: where they are read from, so that they need not stand on the command line, where `ps` and
 * the shell's history show them; and what is left out of everything that is stored or shown.
 *
 * @module
 */
import { promptSecret } from "@std/cli/prompt-secret";
import { messageOf } from "../backends/error_message.ts";
import { isObject } from "../backends/json_event.ts";
import type { CommandTable, OptionTable, OptionValue, Values, ValuesOf } from "./command.ts";
import { listOptions, plainName } from "./option_table.ts";
import { keepSecret } from "./secret.ts";
import {
  isSecretField,
  isSecretName,
  isSecretQuery,
  MASK,
  QUERY_FIELD,
  USER_INFO,
  withoutPassword,
} from "./secret_names.ts";
import { readTextFile } from "./text_file.ts";
import { UserError } from "./user_error.ts";

/** How the help describes it. */
export const SECRET_SOURCES = "env:NAME or file:PATH reads it from there, - asks for it";

/**
 * Replaces `env:NAME`, `file:PATH` and `-` in secret text options by the secret itself.
 *
 * @throws {UserError} when the variable or file is missing or empty, or nobody can be asked.
 */
export async function resolveSecrets<T extends OptionTable>(
  { options }: CommandTable<T>,
  values: ValuesOf<T>,
): Promise<ValuesOf<T>> {
  const resolved: Record<string, OptionValue> = { ...values };
  for (const { key, name, kind, secret } of listOptions(options)) {
    const value = resolved[key];
    if (!secret) continue;
    if (kind === "text" && typeof value === "string") resolved[key] = await readSecret(name, value);
    if (kind === "texts" && Array.isArray(value)) {
      const lines = value as readonly string[];
      resolved[key] = await Promise.all(lines.map((line) => readHeaderSecret(name, line)));
    }
  }
  return resolved as ValuesOf<T>;
}

/** `Name: env:NAME` and `Name: Bearer file:PATH` with the secret itself. */
async function readHeaderSecret(option: string, line: string): Promise<string> {
  const match = /^([^:]*:\s*(?:[A-Za-z-]+\s+)?)((?:env|file):.*)$/.exec(line);
  if (match === null) return line;
  return match[1]! + await readSecret(option, match[2]!.trim());
}

/**
 * Refuses a key or header that is the name of one: a variable which the shell did not replace, an
 * example's placeholder. Such a value is sent nowhere.
 *
 * @throws {UserError} which repeats it: it is no secret.
 */
export function checkSecret(option: string, value: string | undefined): string | undefined {
  const plain = value?.replace(/^(bearer|basic|token)(\s+|$)/i, "").trim();
  if (plain === undefined || !FORGOTTEN.test(plain)) return value;
  throw new UserError(
    `Cannot use ${option} with ${plain === "" ? "an empty value" : `"${plain}", a placeholder`}: ` +
      "env:NAME or file:PATH reads the value",
  );
}

/** What stands for a value in examples and scripts: `$KEY`, `{{key}}`, `<key>`, `YOUR_KEY`, … */
const FORGOTTEN = new RegExp(
  `^(${
    [
      "",
      "\\$\\{?\\w+\\}?",
      "\\$\\([^()]*\\)",
      "%\\w+%",
      "\\{\\{?[\\w .-]*\\}?\\}",
      "<[\\w .-]*>",
      "(env|file):.*",
      "(your|insert|enter|add|replace)[-_ ].*",
      ".*[-_ ](key|token|secret|value)[-_ ]here",
      "(sk-|hf_)?(x{3,}|\\.{3,}|…|\\*{3,})",
      "undefined|null|change[-_ ]?me|placeholder",
    ].join("|")
  })$`,
  "i",
);

/** Of one run only: folders that must be new ones, a port that may be taken. */
const PLACES: readonly string[] = ["out", "plots", "live"];

/**
 * Values that repeat a run, by their names on the command line: what a record's header holds. Left
 * out are secrets, places of one run only, such as its folder, and arguments that an option replaces.
 */
export function repeatableValues(
  table: OptionTable,
  values: Values,
): Readonly<Record<string, OptionValue>> {
  return Object.fromEntries(
    listOptions(table)
      .filter(({ key, secret, unless }) =>
        values[key] !== undefined && !secret && !PLACES.includes(key) &&
        (unless === undefined || values[unless] === undefined)
      )
      .map(({ key, name }) => [name, valueWithoutKeys(values[key])]),
  );
}

/**
 * The command line with `***` for the values of secret options, under any of their names and
 * spellings, and without passwords in URLs; also where it could not be parsed. What it hides is
 * remembered as {@linkcode keepSecrets} does.
 */
export function redactCommandLine(
  argv: readonly string[],
  { options }: CommandTable,
): string[] {
  const secret = new Map(
    listOptions(options)
      .filter((option) => option.secret)
      .flatMap(({ name, aliases = [] }) =>
        [name, ...aliases].map((one) => [plainName(one), name] as const)
      ),
  );
  // `--send-key` holds none, and what follows it is another option.
  const flags = new Set(
    listOptions(options).filter(({ kind }) => kind === "flag").map(({ name }) => name),
  );
  keepWithin(argv.join(" "));
  let valueFollows: string | undefined;
  return argv.map((argument) => {
    const option = valueFollows;
    valueFollows = undefined;
    if (option !== undefined) return hidden(option, argument);
    const [, name, equals] = /^--?([^=]*)(=)?/.exec(argument) ?? [];
    if (name === undefined) return withoutKeys(argument);
    const isFlag = flags.has(plainName(name)) && equals === undefined;
    const found = secret.get(plainName(name)) ??
      (isSecretName(name) && !isFlag ? name : undefined);
    if (found !== undefined) {
      if (equals === undefined) {
        valueFollows = found;
        return argument;
      }
      const from = argument.indexOf("=") + 1;
      return argument.slice(0, from) + hidden(found, argument.slice(from));
    }
    const letter = argument.startsWith("--") ? undefined : secret.get(name[0] ?? "");
    if (letter !== undefined) return argument.slice(0, 2) + hidden(letter, argument.slice(2));
    // In `--launch-args=--api-key X` as well.
    const [, before = "", text = ""] = /^(--?[^=]*=)?([^]*)$/.exec(argument)!;
    return before + withoutKeys(text);
  });
}

function hidden(option: string, value: string): string {
  keepSecretValue(option, value);
  return MASK;
}

/** {@linkcode withoutPassword}, and without the values of options and fields that hold keys. */
function withoutKeys(text: string): string {
  const body = parsedBody(text);
  if (body !== undefined) {
    const cleaned = JSON.stringify(valueWithoutKeys(body));
    return cleaned === JSON.stringify(body) ? text : cleaned;
  }
  return withoutPassword(text).replace(
    KEY_OPTION,
    (all, before, name) => isSecretName(name) ? `${before}${MASK}` : all,
  );
}

/** {@linkcode withoutKeys} of an option's value. */
function valueWithoutKeys(value: OptionValue): OptionValue {
  const change = (part: unknown, name: string, secret: boolean): unknown => {
    if (typeof part === "string") {
      return secret || isSecretField(name, part) ? MASK : withoutKeys(part);
    }
    // JSON has no infinity; options take the word.
    if (part === Infinity) return "inf";
    if (Array.isArray(part)) return part.map((one) => change(one, name, secret));
    if (!isObject(part)) return part;
    const within = secret || isSecretName(name);
    return Object.fromEntries(
      Object.entries(part).map(([name, one]) => [name, change(one, name, within)]),
    );
  };
  return change(value, "", false) as OptionValue;
}

/** A JSON object, as `--extra-body` has it. */
function parsedBody(text: string): Readonly<Record<string, unknown>> | undefined {
  if (!text.startsWith("{")) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isObject(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

/** `--api-key X`, `--token=X` in arguments for another program. */
const KEY_OPTION = /((?:^|\s)--?([a-z][\w-]*)(?:=|\s+))(?!-)("[^"]*"|'[^']*'|[^\s"']+)/gi;

/**
 * Remembers every secret in the values of a command's options, so that no text shows it from then on:
 * what is marked as secret, passwords and keys in URLs, arguments and request bodies, and in the
 * proxies of the environment.
 */
export function keepSecrets(table: OptionTable, values: Values): void {
  for (const { key, secret, name } of listOptions(table)) {
    const value = values[key];
    const texts: readonly unknown[] = Array.isArray(value) ? value : [value];
    if (secret) { for (const text of texts) keepSecretValue(name, String(text ?? "")); }
    // Arguments for another program are a list, too.
    else keepWithin(Array.isArray(value) ? value.join(" ") : value);
  }
  keepEnvironment();
}

/** Remembers the value of a secret option; a header's value may have several parts. */
function keepSecretValue(option: string, value: string): void {
  const [, header, rest] = /^([\w-]+)\s*:\s*(.*)$/.exec(/(^|-)header$/.test(option) ? value : "") ??
    [];
  if (header === undefined || rest === undefined) keep(value);
  else keepHeader(header, rest);
}

/** Remembers the value of a request header, unless it can be none. */
export function keepHeader(name: string, value: string): void {
  if (PUBLIC_HEADER.test(name)) return;
  const [, scheme, credentials] = /^(\w+) +(\S+)$/.exec(value) ?? [];
  if (credentials === undefined) keep(value);
  else keep(credentials);
  if (scheme?.toLowerCase() === "basic") keepPair(decodeBase64(credentials!));
  // A cookie, a list of parameters.
  for (const part of value.split(/[;,]\s*/)) {
    const [, named] = /^[^=]+=(.+)$/.exec(part) ?? [];
    if (named !== undefined) keep(named.replace(/^"(.*)"$/, "$1"));
  }
}

const PUBLIC_HEADER =
  /^(accept.*|content-.*|user-agent|host|connection|cache-control|origin|referer|te|pragma)$/i;

/** Remembers keys in a text (URLs, arguments) or in an object of fields. */
function keepWithin(value: unknown, name = "", secret = false): void {
  if (Array.isArray(value)) {
    for (const one of value) keepWithin(one, name, secret);
  } else if (isObject(value)) {
    const within = secret || isSecretName(name);
    for (const [name, one] of Object.entries(value)) keepWithin(one, name, within);
  } else if (typeof value === "string") {
    const body = parsedBody(value);
    if (body !== undefined) return keepWithin(body, name, secret);
    if (secret || isSecretField(name, value)) keepHeader("", value);
    for (const [all] of value.matchAll(USER_INFO)) {
      keepPair(decodePercent(all.slice(all.indexOf("://") + 3, -1)));
    }
    for (const [, , field, text] of value.matchAll(QUERY_FIELD)) {
      if (isSecretQuery(field!, text!)) keep(decodePercent(text!));
    }
    for (const [, , option, text] of value.matchAll(KEY_OPTION)) {
      if (isSecretName(option!)) keep(text!.replace(/^(["'])(.*)\1$/, "$2"));
    }
  }
}

/** `user:password`; a user without a password is a token. */
function keepPair(pair: string): void {
  const [, user = "", password] = /^([^:]*)(?::([^]*))?$/.exec(pair) ?? [];
  keep(password === undefined || password === "" ? user : password);
}

/** Variables that servers, proxies and engines take keys from; those that may be read. */
function keepEnvironment(): void {
  const read = (variable: string) =>
    Deno.permissions.querySync({ name: "env", variable }).state === "granted"
      ? Deno.env.get(variable)
      : undefined;
  for (const name of ["http_proxy", "https_proxy", "all_proxy", "grpc_proxy"]) {
    keepWithin(read(name));
    keepWithin(read(name.toUpperCase()));
  }
  keepWithin(read("NATS_URL"));
  for (const name of KEY_VARIABLES) keep(read(name) ?? "");
}

const KEY_VARIABLES: readonly string[] = [
  "TOKOMETER_API_KEY",
  "OPENAI_API_KEY",
  "AMSV2_API_KEY",
  "VLLM_API_KEY",
  "HF_TOKEN",
  "HUGGING_FACE_HUB_TOKEN",
  "NATS_TOKEN",
  "NATS_PASSWORD",
];

/** Without percent signs; as it is where they are none of an encoding. */
export function decodePercent(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}

function decodeBase64(text: string): string {
  try {
    return atob(text);
  } catch {
    return "";
  }
}

/** Remembers a secret, not where it is read from. */
function keep(text: string): void {
  if (!SOURCE.test(text.trim())) keepSecret(text);
}

/** Where a secret is read from; no secret itself. */
const SOURCE = /^(env|file):(.+)$/;

/** Larger files hold something else. */
const MOST_SECRET_BYTES: number = 64 * 1024;

async function readSecret(option: string, given: string): Promise<string> {
  if (given === "-") return ask(option);
  const [, source, from] = SOURCE.exec(given) ?? [];
  if (source === undefined || from === undefined) return given;
  const refused = (why: string) => new UserError(`Cannot use --${option} ${given}: ${why}`);
  if (source === "env") {
    const value = Deno.env.get(from);
    if (!value) throw refused(`the environment has no ${from}`);
    return value;
  }
  let text: string;
  try {
    text = await readTextFile(from, MOST_SECRET_BYTES);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw refused(error instanceof RangeError ? messageOf(error) : "the file cannot be read");
  }
  if (text.trim() === "") throw refused("the file is empty");
  return text.trim();
}

function ask(option: string): string {
  // The prompt is written to stdout: with a pipe there it would land among the results.
  const secret = Deno.stdout.isTerminal()
    ? promptSecret(`${option}:`, { mask: "", clear: true })
    : null;
  if (secret) return secret;
  throw new UserError(
    `Cannot ask for --${option}: no terminal or no answer; use env:NAME or file:PATH`,
  );
}
