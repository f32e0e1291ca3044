/**
 * Byte streams of node:net and node:tls, read into one buffer.
 *
 * @module
 */
import { Buffer } from "node:buffer";
import net from "node:net";
import tls from "node:tls";
import type { Line, LineEvents, Origin } from "./socket_connection.ts";

/**
 * Where every line of this thread reads to. Safe to share: the platform fills it and calls back in
 * one step, and the callback leaves nothing behind in it.
 */
const readBuffer = Buffer.alloc(64 * 1024);

/** Whom a socket tells. Its listeners are the same for all: an open stream is to cost little. */
const TOLD = Symbol("told");

interface ToldSocket extends net.Socket {
  [TOLD]: LineEvents;
}

function onConnected(this: ToldSocket): void {
  this[TOLD].onConnected();
}

function onEnd(this: ToldSocket): void {
  this[TOLD].onEnd();
}

function onError(this: ToldSocket, error: Error & { readonly code?: string }): void {
  this[TOLD].onError(`${error.code ?? ""} ${error.message}`.trim());
}

function onClose(this: ToldSocket): void {
  this[TOLD].onClose();
}

/** Begins to connect to `origin`. */
export function dialSocket(origin: Origin, events: LineEvents): Line {
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
  const serverName = origin.serverName ?? (net.isIP(origin.host) === 0 ? origin.host : undefined);
  const plain = origin.secure
    ? tls.connect({
      ...options,
      ALPNProtocols: [origin.alpn ?? "http/1.1"],
      rejectUnauthorized: !origin.insecure,
      ...(serverName === undefined ? {} : { servername: serverName }),
      ...(origin.caCert === undefined ? {} : { ca: [origin.caCert] }),
    })
    : net.connect(options);
  if (origin.secure) plain.setNoDelay(true);
  const socket = Object.assign(plain, { [TOLD]: events });
  return socket
    .on(origin.secure ? "secureConnect" : "connect", onConnected)
    .on("end", onEnd)
    .on("error", onError)
    .on("close", onClose);
}
