/**
 * Sockets of node:net and node:tls, read into one buffer.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import net from "node:net";
import tls from "node:tls";
import { defined } from "./defined.ts";
import type { Origin, Socket, SocketEvents } from "./socket_connection.ts";

/**
 * Where every socket of this thread reads to. Safe to share: the platform fills it and calls back in
 * one step, and the callback leaves nothing behind in it.
 */
const readBuffer = Buffer.alloc(64 * 1024);

/** The receiver of a socket's events. All sockets share their listeners, so that each costs little. */
const EVENTS = Symbol("events");

interface NodeSocket extends net.Socket {
  [EVENTS]: SocketEvents;
}

function onConnected(this: NodeSocket): void {
  this[EVENTS].onConnected();
}

function onEnd(this: NodeSocket): void {
  this[EVENTS].onEnd();
}

function onError(this: NodeSocket, error: Error & { readonly code?: string }): void {
  this[EVENTS].onError(`${error.code ?? ""} ${error.message}`.trim());
}

function onClose(this: NodeSocket): void {
  this[EVENTS].onClose();
}

export function openSocket(origin: Origin, events: SocketEvents): Socket {
  const options = {
    host: origin.host,
    port: origin.port,
    noDelay: true,
    onread: {
      buffer: readBuffer,
      callback(count: number): boolean {
        events.onBytes(readBuffer, count);
        return true;
      },
    },
  };
  const plain = origin.secure
    ? tls.connect({
      ...options,
      ALPNProtocols: [origin.alpn ?? "http/1.1"],
      rejectUnauthorized: !origin.insecure,
      ...defined({
        servername: origin.serverName ?? (net.isIP(origin.host) === 0 ? origin.host : undefined),
        ca: origin.caCert === undefined ? undefined : [origin.caCert],
      }),
    })
    : net.connect(options);
  if (origin.secure) plain.setNoDelay(true);
  const socket = Object.assign(plain, { [EVENTS]: events });
  return socket
    .on(origin.secure ? "secureConnect" : "connect", onConnected)
    .on("end", onEnd)
    .on("error", onError)
    .on("close", onClose);
}
