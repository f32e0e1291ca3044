/**
 * What both gRPC transports know of a call: where it goes, which headers are metadata, which name a
 * certificate must have, and how a status or a broken stream ends an exchange.
 *
 * @module
 */
import { GRPC_STATUS, GRPC_STATUS_NAMES } from "./grpc_status.ts";
import { isLocal } from "./local_address.ts";
import type { WireRequest } from "./protocol.ts";
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
 * How much later than ours the deadline is that the server is told. Ours decides; a DEADLINE_EXCEEDED
 * that comes before it is the server's own.
 */
export const DEADLINE_MARGIN_MS = 1000;

/** The end of a call with a status. */
export function statusEnd(status: number, details: string): ExchangeEnd {
  if (status === GRPC_STATUS.OK) return { kind: "complete" };
  const said = [GRPC_STATUS_NAMES[status] ?? "not a gRPC status", details];
  return { kind: "grpc_status", status, message: said.filter(Boolean).join(": ") };
}

/** The end of a call without a status from the server. */
export function brokenEnd(cause: string, seen: { readonly head: boolean }): ExchangeEnd {
  if (seen.head) return { kind: "cut", message: `the stream broke off: ${cause}` };
  return { kind: "connect_error", message: cause };
}

/** Where a call goes: the parts of its URL, and what TLS must find there. */
export interface GrpcTarget {
  /** Calls with the same key share their connections. */
  readonly key: string;
  readonly secure: boolean;
  /** `host:port` as in the URL. */
  readonly address: string;
  readonly host: string;
  readonly port: number;
  /** The `host` header: name to send instead of the address. */
  readonly authority: string | undefined;
  /** Name to expect in the certificate, where it is not the host's. */
  readonly serverName: string | undefined;
}

/**
 * The target of a call.
 *
 * @throws {TypeError} for an address that no certificate can be checked against.
 */
export function grpcTarget(
  { url, headers }: Pick<WireRequest, "url" | "headers">,
  options: Pick<TransportOptions, "insecure">,
): GrpcTarget {
  const origin = url.slice(0, pathStart(url));
  const secure = origin.startsWith("grpcs:");
  const address = origin.slice(origin.indexOf("://") + 3);
  const colon = address.lastIndexOf(":");
  const host = address.slice(0, colon).replace(/^\[|\]$/g, "");
  const authority = headers["host"];
  return {
    key: authority === undefined ? origin : `${origin} ${authority}`,
    secure,
    address,
    host,
    port: Number(address.slice(colon + 1)),
    authority,
    serverName: secure
      ? authority?.replace(/:\d+$/, "") ?? nameForAddress(host, options)
      : undefined,
  };
}

/** `/package.Service/Method`. */
export function grpcPath(url: string): string {
  return url.slice(pathStart(url));
}

function pathStart(url: string): number {
  return url.indexOf("/", url.indexOf("://") + 3);
}

/** Name that stands for an IP address in TLS; `undefined` where the host is a name. */
function nameForAddress(
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
