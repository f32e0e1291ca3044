/**
 * Secrets that need not stand on the command line, where `ps` and the shell's history show them.
 *
 * @module
 */
import { promptSecret } from "@std/cli/prompt-secret";
import type { Command, OptionValue, Values } from "./command.ts";
import { UserError } from "./user_error.ts";

/** How the help tells it. */
export const SECRET_SOURCES = "env:NAME or file:PATH reads it from there, - asks for it";

/**
 * Replaces `env:NAME`, `file:PATH` and `-` in secret text options by the secret itself.
 *
 * @throws {UserError} when the variable or file is missing or empty, or there is nobody to ask.
 */
export async function resolveSecrets(scenario: Command, values: Values): Promise<Values> {
  const resolved: Record<string, OptionValue> = { ...values };
  for (const { name, kind, secret } of scenario.options) {
    const value = values[name];
    if (!secret || kind !== "text" || typeof value !== "string") continue;
    resolved[name] = await readSecret(name, value);
  }
  return resolved;
}

/** URLs in a text without the user and password they may carry; for whatever is kept or shown. */
export function withoutPassword(text: string): string {
  return text.replace(/([a-z][a-z0-9+.-]*:\/\/)[^/?#@\s]*@/gi, "$1");
}

/** What may be kept or shown of a text: also without values of options and fields for keys. */
export function withoutKeys(text: string): string {
  return withoutPassword(text).replace(KEY_OPTION, "$1***").replace(KEY_FIELD, '$1"***"');
}

/** {@linkcode withoutKeys} of an option's value. */
export function valueWithoutKeys(value: OptionValue): OptionValue {
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
