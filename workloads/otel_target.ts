/**
 * Which collector `--otel` means, and what it is told to know who asks.
 *
 * @module
 */
import { readHeaders } from "./bench_secrets.ts";
import { decodePercent, keepHeader, keepSecrets } from "./option_secret.ts";
import { OTEL_OPTIONS, type OtelValues } from "./otel_options.ts";
import type { OtelTarget } from "./otel_send.ts";
import { withoutPassword } from "./secret_names.ts";
import { UserError } from "./user_error.ts";

/** Variables with headers, the more special one first. */
const HEADER_VARIABLES = ["OTEL_EXPORTER_OTLP_TRACES_HEADERS", "OTEL_EXPORTER_OTLP_HEADERS"];

/**
 * Reads the options, and keeps their secrets from being printed.
 *
 * @throws {UserError} for an address that is none, and for headers that are none.
 */
export async function planOtel(values: OtelValues): Promise<OtelTarget> {
  const { otel = "", otelHeader } = values;
  keepSecrets(OTEL_OPTIONS, values);
  const url = endpointOf(otel);
  const headers = otelHeader === undefined
    ? await headersOfEnvironment()
    : readHeaders("--otel-header", otelHeader);
  return { url, headers };
}

/**
 * The address with its path: OTLP's own where it has none of its own.
 *
 * @throws {UserError} for an address that is none.
 */
export function endpointOf(given: string): string {
  const wrong = (why: string) =>
    new UserError(
      `Cannot use --otel ${withoutPassword(given)}: ${why}, such as http://127.0.0.1:4318`,
    );
  if (!/^https?:\/\//i.test(given) || !URL.canParse(given)) {
    throw wrong("give the address of a collector that takes OTLP over HTTP");
  }
  const url = new URL(given);
  if (url.username !== "" || url.password !== "") {
    throw new UserError(
      'Cannot use --otel with a user in its address: give --otel-header "authorization: Basic …"',
    );
  }
  if (url.port === "4317") throw wrong("4317 is the port of OTLP over gRPC, give that of HTTP");
  if (!/\/traces\/?$/.test(url.pathname)) {
    url.pathname = `${url.pathname.replace(/\/+$/, "")}/v1/traces`;
  }
  return url.href;
}

/** `name=value,name=value`, percent-encoded, as OpenTelemetry has it. */
async function headersOfEnvironment(): Promise<Record<string, string>> {
  for (const variable of HEADER_VARIABLES) {
    const { state } = await Deno.permissions.query({ name: "env", variable });
    const text = state === "granted" ? Deno.env.get(variable) : undefined;
    if (!text) continue;
    const pairs = text.split(",").filter((pair) => pair.trim() !== "");
    return Object.fromEntries(pairs.map((pair) => readPair(variable, pair)));
  }
  return {};
}

function readPair(variable: string, pair: string): [string, string] {
  const [, name, value] = /^\s*([!#$%&'*+.^_`|~0-9A-Za-z-]+)\s*=\s*(.*?)\s*$/.exec(pair) ?? [];
  if (name === undefined || value === undefined) {
    // What it holds may be a secret.
    throw new UserError(`Cannot use ${variable}: write it as name=value,name=value`);
  }
  const decoded = decodePercent(value);
  keepHeader(name, decoded);
  return [name.toLowerCase(), decoded];
}
