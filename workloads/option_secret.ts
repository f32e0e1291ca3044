/**
 * Secrets: where they are read from, so that they need not stand on the command line, where `ps` and
 * the shell's history show them; and what is left out of everything that is stored or shown.
 *
 * @module
 */
import { promptSecret } from "@std/cli/prompt-secret";
import type { CommandTable, OptionTable, OptionValue, Values, ValuesOf } from "./command.ts";
import { listOptions, plainName } from "./option_table.ts";
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
    if (!secret || kind !== "text" || typeof value !== "string") continue;
    resolved[key] = await readSecret(name, value);
  }
  return resolved as ValuesOf<T>;
}

/**
 * Values that repeat a run, by their names on the command line: what a record's header holds. Left
 * out are secrets, the result folder, which must be a new one, and arguments that an option replaces.
 */
export function repeatableValues(
  table: OptionTable,
  values: Values,
): Readonly<Record<string, OptionValue>> {
  return Object.fromEntries(
    listOptions(table)
      .filter(({ key, secret, unless }) =>
        values[key] !== undefined && !secret && key !== "out" &&
        (unless === undefined || values[unless] === undefined)
      )
      .map(({ key, name }) => [name, valueWithoutKeys(values[key])]),
  );
}

/**
 * The command line with `***` for the values of secret options, under any of their names and
 * spellings, and without passwords in URLs; also where it could not be parsed.
 */
export function redactCommandLine(
  argv: readonly string[],
  commands: readonly CommandTable[],
): string[] {
  const secret = new Set(
    commands.flatMap(({ options }) => listOptions(options))
      .filter((option) => option.secret)
      .flatMap(({ name, aliases = [] }) => [name, ...aliases].map(plainName)),
  );
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

/** URLs in a text without their user and password: for everything that is stored or shown. */
export function withoutPassword(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/?#@\s]*@/gi, "$1");
}

/** The same, and without the values of options and fields that hold keys. */
function withoutKeys(text: string): string {
  return withoutPassword(text).replace(KEY_OPTION, "$1***").replace(KEY_FIELD, '$1"***"');
}

/** {@linkcode withoutKeys} of an option's value. */
function valueWithoutKeys(value: OptionValue): OptionValue {
  if (typeof value === "string") return withoutKeys(value);
  if (typeof value !== "object" || Array.isArray(value)) return value;
  return JSON.parse(JSON.stringify(value).replace(KEY_FIELD, '$1"***"'));
}

/** `--api-key X`, `--token=X` in arguments for another program; not `--max-num-tokens 8`. */
const KEY_OPTION =
  /((?:^|\s)--?(?:[\w-]*[-_])?(?:key|token|secret|password)(?:=|\s+))(?:"[^"]*"|'[^']*'|\S+)/gi;

/** `"api_key": "X"` in a body; not `"stop_token": "X"`. */
const KEY_FIELD =
  /("(?:[\w-]*[-_])?(?:api[-_]?key|(?:access|auth|bearer)[-_]?token|secret|password|authorization)"\s*:\s*)"(?:[^"\\]|\\.)*"/gi;

async function readSecret(option: string, given: string): Promise<string> {
  if (given === "-") return ask(option);
  const [, source, from] = /^(env|file):(.+)$/.exec(given) ?? [];
  if (source === undefined || from === undefined) return given;
  const refused = (why: string) => new UserError(`Cannot use --${option} ${given}: ${why}`);
  if (source === "env") {
    const value = Deno.env.get(from);
    if (!value) throw refused(`the environment has no ${from}`);
    return value;
  }
  let text: string;
  try {
    text = await Deno.readTextFile(from);
  } catch (error) {
    if (error instanceof Deno.errors.NotCapable) throw error;
    throw refused("the file cannot be read");
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
