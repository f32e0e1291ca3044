/**
 * The transports by name.
 *
 * @module
 */
import { epollTransport } from "./transport_epoll.ts";
import { fetchTransport } from "./transport_fetch.ts";
import { grpcTransport } from "./transport_grpc.ts";
import { grpcSocketTransport } from "./transport_grpc_socket.ts";
import { inprocessTransport } from "./transport_inprocess.ts";
import { socketTransport } from "./transport_socket.ts";
import type { TransportKind } from "./transport.ts";

/** Every transport, the simplest first. */
export const TRANSPORTS: readonly TransportKind[] = [
  fetchTransport,
  socketTransport,
  epollTransport,
  grpcTransport,
  grpcSocketTransport,
  inprocessTransport,
];

/**
 * Finds a transport by its name.
 *
 * @throws {RangeError} naming those that exist.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findTransport } from "@tokometer/tokometer/backends";
 *
 * assertEquals(findTransport("fetch").carrier, "http");
 * ```
 */
export function findTransport(name: string): TransportKind {
  const found = TRANSPORTS.find((kind) => kind.name === name);
  if (found !== undefined) return found;
  const known = TRANSPORTS.map((kind) => kind.name).join(", ");
  throw new RangeError(`Cannot find the transport "${name}": known are ${known}`);
}
