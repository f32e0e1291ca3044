/**
 * Which metrics endpoints a run reads, as `--server-metrics` says.
 *
 * @module
 */
import { withoutPassword } from "./secret_names.ts";
import { UserError } from "./user_error.ts";

/** Endpoints to read. */
export interface MetricsChoice {
  /** Also those of the servers under test, where they answer. */
  readonly auto: boolean;
  /** Those that the user named; they may hold a password. */
  readonly urls: readonly string[];
}

/** More of them than servers nobody has. */
const MOST_ENDPOINTS = 1000;

/**
 * What the option says; `undefined` = nothing is read.
 *
 * @throws {UserError} for what is no address over HTTP.
 */
export function planServerMetrics(text: string): MetricsChoice | undefined {
  const parts = text.split(",").map((part) => part.trim()).filter((part) => part !== "");
  if (parts.includes("off") || parts.length === 0) {
    if (parts.length === 1) return undefined;
    throw new UserError(
      `Cannot use --server-metrics "${
        withoutPassword(text)
      }": give URLs by commas, auto, or off alone`,
    );
  }
  const urls = parts.filter((part) => part !== "auto").map(endpointUrl);
  if (urls.length > MOST_ENDPOINTS) {
    throw new UserError(
      `Cannot use ${urls.length} endpoints in --server-metrics: ${MOST_ENDPOINTS} is the most`,
    );
  }
  return { auto: parts.includes("auto"), urls: [...new Set(urls)] };
}

/** With a scheme, and with `/metrics` where there is no path. */
function endpointUrl(given: string): string {
  const full = /^[a-z][a-z0-9+.-]*:\/\//i.test(given) ? given : `http://${given}`;
  const url = URL.parse(full);
  if (url === null || url.hostname === "" || !/^https?:$/.test(url.protocol)) {
    throw new UserError(
      `Cannot use "${withoutPassword(given)}" in --server-metrics: give URLs like ` +
        "http://127.0.0.1:8000/metrics, auto, or off",
    );
  }
  if (full.includes("***")) {
    throw new UserError(
      `Cannot use "${withoutPassword(given)}" in --server-metrics: a part of it was not stored, ` +
        "give the whole address",
    );
  }
  // Records know a password in an address by what stands before it.
  if (full !== given && url.username !== "") {
    throw new UserError(
      "Cannot use --server-metrics with a user in an address without a scheme: write http:// or " +
        "https:// before it",
    );
  }
  if (url.pathname === "/") url.pathname = "/metrics";
  url.hash = "";
  return url.href;
}
