/**
 * What of a run may be secret: its key, its headers, and a password in an address.
 *
 * @module
 */
import { MEASURE_OPTIONS, type MeasureValues } from "./bench_options.ts";
import { checkSecret, keepSecrets } from "./option_secret.ts";
import { option } from "./option_table.ts";
import { UserError } from "./user_error.ts";

/** The server's address may hold a password. */
const PLAN_SECRETS = { ...MEASURE_OPTIONS, url: option.argument({ help: "" }) };

/**
 * Reads the key and the headers, and keeps all secrets from being printed.
 *
 * @throws {UserError} for a secret that cannot be sent, or a header that is none.
 */
export async function planSecrets(
  values: MeasureValues,
  addresses: readonly string[],
): Promise<{
  readonly apiKey: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
}> {
  const apiKey = checkSecret("--api-key", values.apiKey) ?? await apiKeyVariable();
  keepSecrets(PLAN_SECRETS, { ...values, apiKey, url: addresses.join(" ") });
  return { apiKey, headers: readHeaders("--header", values.header ?? []) };
}

/**
 * Headers by their names in lower case.
 *
 * @param option that they come from, for messages.
 * @throws {UserError} for a line that is none, and a value that is a placeholder.
 */
export function readHeaders(option: string, lines: readonly string[]): Record<string, string> {
  const headers: Record<string, string> = {};
  for (const line of lines) {
    const match = /^([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*:\s*(.*)$/.exec(line);
    if (match === null) {
      // The value may be a secret: only its beginning is repeated.
      throw new UserError(
        `Cannot use ${option} "${line.slice(0, 12)}…": write it as "Name: value"`,
      );
    }
    const value = match[2]!.trim();
    headers[match[1]!.toLowerCase()] = checkSecret(`${option} ${match[1]}`, value)!;
  }
  return headers;
}

/** The key of the environment, if it may be read. */
async function apiKeyVariable(): Promise<string | undefined> {
  const variable = "TOKOMETER_API_KEY";
  const { state } = await Deno.permissions.query({ name: "env", variable });
  return state === "granted" ? Deno.env.get(variable) || undefined : undefined;
}
