/**
 * Sockets of node:net and node:tls, read into one buffer.
 *
 * @module
 */
import type { Buffer } from "node:buffer";
import type { Socket as PlatformSocket } from "node:net";
import { systemClock } from "./clock.ts";
import { defined } from "./defined.ts";
import { nodeModule } from "./node_module.ts";
import { type Origin, READ_BYTES, type Socket, type SocketEvents } from "./socket_events.ts";
import { noteWrite, readWidthMs, releaseTurns, retainTurns } from "./socket_turns.ts";

const buffers = nodeModule<typeof import("node:buffer")>("node:buffer");
const net = nodeModule<typeof import("node:net")>("node:net");
const tls = nodeModule<typeof import("node:tls")>("node:tls");

/**
 * Where every socket of this thread reads to. Safe to share: the platform fills it and calls back in
 * one step, and the callback leaves nothing behind in it.
 */
let sharedBuffer: Buffer | undefined;

/** Ours, of a socket of the platform. All share their listeners, so that each costs little. */
const OURS = Symbol("ours");

interface Plain extends PlatformSocket {
  [OURS]: NodeSocket;
}

class NodeSocket implements Socket {
  readonly readWidthMs = readWidthMs;
  readonly events: SocketEvents;
  readonly #plain: PlatformSocket;
  /** It was said when what was written last had left. */
  #told = true;

  constructor(plain: PlatformSocket, events: SocketEvents) {
    this.#plain = Object.assign(plain, { [OURS]: this });
    this.events = events;
  }

  get writableLength(): number {
    return this.#plain.writableLength;
  }

  write(bytes: Uint8Array): void {
    this.#told = false;
    this.#plain.write(bytes, this.#onWritten);
    const atMs = systemClock.now();
    noteWrite(atMs);
    // The platform hands over at once what the kernel takes, and calls back in a later turn.
    this.#tell(atMs);
  }

  destroy(): void {
    this.#plain.destroy();
  }

  readonly #onWritten = (): void => {
    if (!this.#told) this.#tell(systemClock.now());
  };

  #tell(atMs: number): void {
    if (this.#plain.writableLength > 0) return;
    this.#told = true;
    this.events.onDeparted?.(atMs);
  }
}

function onConnected(this: Plain): void {
  this[OURS].events.onConnected();
}

function onEnd(this: Plain): void {
  this[OURS].events.onEnd();
}

function onError(this: Plain, error: Error & { readonly code?: string }): void {
  this[OURS].events.onError(`${error.code ?? ""} ${error.message}`.trim());
}

function onClose(this: Plain): void {
  releaseTurns();
  this[OURS].events.onClose();
}

export function openSocket(origin: Origin, events: SocketEvents): Socket {
  const readBuffer = sharedBuffer ??= buffers().Buffer.alloc(READ_BYTES);
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
    ? tls().connect({
      ...options,
      ALPNProtocols: [origin.alpn ?? "http/1.1"],
      rejectUnauthorized: !origin.insecure,
      ...defined({
        servername: origin.serverName ?? (net().isIP(origin.host) === 0 ? origin.host : undefined),
        ca: origin.caCert === undefined ? undefined : [origin.caCert],
      }),
    })
    : net().connect(options);
  if (origin.secure) plain.setNoDelay(true);
  retainTurns();
  plain
    .on(origin.secure ? "secureConnect" : "connect", onConnected)
    .on("end", onEnd)
    .on("error", onError)
    .on("close", onClose);
  return new NodeSocket(plain, events);
}
