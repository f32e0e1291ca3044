/**
 * The transports by name.
 *
 * @module
 */
import type { Transport, TransportEntry, TransportOptions } from "./transport.ts";

/** Every transport, the simplest first. What one needs is loaded when it is opened. */
export const TRANSPORTS: readonly TransportEntry[] = [
  {
    name: "fetch",
    description: "Deno's fetch: HTTP/1.1, TLS, proxies; good for a handful of streams",
    carrier: "http",
    load: async () => (await import("./transport_fetch.ts")).fetchTransport,
  },
  {
    name: "socket",
    description:
      "HTTP/1.1 over plain sockets: half the CPU of fetch or less, good up to thousands of streams",
    carrier: "http",
    load: async () => (await import("./transport_socket.ts")).socketTransport,
  },
  {
    name: "epoll",
    description:
      "HTTP/1.1 over Linux's epoll, arrivals stamped by the kernel: the most accurate, half the CPU of fetch; needs --allow-ffi, no TLS",
    carrier: "http",
    ownLoop: true,
    load: async () => (await import("./transport_epoll.ts")).epollTransport,
  },
  {
    name: "grpc",
    description: "gRPC over HTTP/2, plaintext or TLS, with the gRPC project's library",
    carrier: "grpc",
    load: async () => (await import("./transport_grpc.ts")).grpcTransport,
  },
  {
    name: "grpc-socket",
    description:
      "gRPC over plain sockets: a fraction of the CPU of grpc, good up to thousands of streams",
    carrier: "grpc",
    load: async () => (await import("./transport_grpc_socket.ts")).grpcSocketTransport,
  },
  {
    name: "inprocess",
    description: "A model in a worker of this program; the only one for in-process protocols",
    carrier: "inprocess",
    load: async () => (await import("./transport_inprocess.ts")).inprocessTransport,
  },
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
export function findTransport(name: string): TransportEntry {
  const found = TRANSPORTS.find((kind) => kind.name === name);
  if (found !== undefined) return found;
  const known = TRANSPORTS.map((kind) => kind.name).join(", ");
  throw new RangeError(`Cannot find the transport "${name}": known are ${known}`);
}

/**
 * Opens a transport, with its own connection pool; the caller closes it.
 *
 * @throws {RangeError} when there is none of that name.
 * @throws {TypeError} for options that it cannot do.
 */
export async function openTransport(name: string, options: TransportOptions): Promise<Transport> {
  const { open } = await findTransport(name).load();
  return open(options);
}
