/**
 * What both gRPC transports hold of a call: which headers are metadata, which name a certificate
 * must have, and how a status, an HTTP answer or a broken stream ends an exchange.
 *
 * @module
 */
import { GRPC_STATUS, GRPC_STATUS_NAMES } from "./grpc_status.ts";
import type { ExchangeEnd, TransportOptions } from "./transport.ts";

/** Headers that gRPC sets itself, or that mean nothing to it. */
export const NOT_METADATA: ReadonlySet<string> = new Set([
  "accept",
  "accept-encoding",
  "connection",
  "content-length",
  "content-type",
  "host",
  "te",
  "transfer-encoding",
  "user-agent",
]);

/**
 * How long after our own deadline the call's one lies. Ours decides, exactly; the server's copy of
 * the deadline is for its own use, and a DEADLINE_EXCEEDED that comes earlier is the server's.
 */
export const DEADLINE_MARGIN_MS = 1000;

/** How a call ends that came to a status. */
export function statusEnd(status: number, details: string): ExchangeEnd {
  if (status === GRPC_STATUS.OK) return { kind: "complete" };
  const said = [GRPC_STATUS_NAMES[status] ?? "not a gRPC status", details];
  return { kind: "grpc_status", status, message: said.filter(Boolean).join(": ") };
}

/** How a call ends that came to no status of the server's. */
export function brokenEnd(cause: string, seen: { readonly head: boolean }): ExchangeEnd {
  if (seen.head) return { kind: "cut", message: `the stream broke off: ${cause}` };
  return { kind: "connect_error", message: cause };
}

/**
 * Name that stands for an IP address in TLS; `undefined` for a name.
 *
 * @throws {TypeError} for an address that no certificate can be checked against.
 */
export function nameForAddress(
  host: string,
  { insecure }: Pick<TransportOptions, "insecure">,
): string | undefined {
  const numeric = /^[\d.]+$/.test(host) || host.includes(":");
  if (!numeric) return undefined;
  if (insecure || isLocal(host)) return "localhost";
  throw new TypeError(
    `Cannot check the certificate of ${host}: use the server's name in the URL, or --header "host: NAME"`,
  );
}

/** Is it this machine by name or address? */
export function isLocal(host: string): boolean {
  return host === "localhost" || host === "::1" || /^127(\.\d+){3}$/.test(host);
}
