/**
 * HTTP/1.1 over the platform's sockets: the transport for many streams.
 *
 * @module
 */
import { openSocket } from "./socket_node.ts";
import { SocketTransport } from "./socket_transport.ts";
import type { TransportKind } from "./transport.ts";

export const socketTransport: TransportKind = {
  name: "socket",
  open: (options) => new SocketTransport(options, openSocket),
};
