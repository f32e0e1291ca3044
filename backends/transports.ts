/**
 * The transports by name.
 *
 * @module
 */
import { epollTransport } from "./epoll.ts";
import { fetchTransport } from "./fetch.ts";
import { grpcTransport } from "./grpc.ts";
import { grpcSocketTransport } from "./grpc_socket.ts";
import { inprocessTransport } from "./inprocess.ts";
import { socketTransport } from "./socket.ts";
import type { TransportKind } from "./transport.ts";

/** Every transport, the default first. */
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
 * import { findTransport } from "@tokometer/tokometer/backends";
 *
 * console.assert(findTransport("fetch").carrier === "http");
 * ```
 */
export function findTransport(name: string): TransportKind {
  const found = TRANSPORTS.find((kind) => kind.name === name);
  if (found !== undefined) return found;
  const known = TRANSPORTS.map((kind) => kind.name).join(", ");
  throw new RangeError(`Cannot find the transport "${name}": known are ${known}`);
}
