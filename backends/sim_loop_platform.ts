/**
 * The simulated server on the platform's event loop (`node:net`): works everywhere and needs only the
 * permission to listen.
 *
 * @module
 */
import { createServer, type Server, type Socket } from "node:net";
import { createServer as createTlsServer } from "node:tls";
import { type Clock, nextTurn } from "./clock.ts";
import {
  BACKLOG,
  type SimAddress,
  type SimListener,
  type SimLoop,
  type SimSocket,
  type SimSocketEvents,
} from "./sim_loop.ts";

/** The platform's loop with this clock. */
export function platformLoop(clock: Clock): SimLoop {
  return {
    name: "platform",
    clock,
    nextTurn,
    listen: (address, onSocket) => listen(clock, address, onSocket),
  };
}

async function listen(
  clock: Clock,
  { host, port, tls }: SimAddress,
  onSocket: (socket: SimSocket) => SimSocketEvents,
): Promise<SimListener> {
  const serve = (socket: Socket) => {
    socket.setNoDelay(true);
    const events = onSocket(simSocketOf(socket, clock));
    // Errors (resets by the client) are followed by `close`, which is enough here.
    socket.on("error", () => {});
    socket.on("close", () => events.onClose());
    socket.on("data", (bytes: Uint8Array) => events.onBytes(bytes, clock.now()));
  };
  const server = tls === undefined ? createServer(serve) : createTlsServer({ ...tls }, serve);
  const endHandshakes = tls === undefined ? () => {} : watchHandshakes(server);
  return {
    port: await listenOn(server, { host, port }),
    close: () => {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      endHandshakes();
      return closed;
    },
  };
}

/** Returns what ends the connections that nobody knows of yet: a server closes after its last one. */
function watchHandshakes(server: Server): () => void {
  const pending = new Map<number | undefined, Socket>();
  server.on("connection", (socket) => {
    const { remotePort } = socket;
    pending.set(remotePort, socket);
    socket.on("error", () => {});
    socket.once("close", () => {
      if (pending.get(remotePort) === socket) pending.delete(remotePort);
    });
  });
  server.on("secureConnection", (socket: Socket) => pending.delete(socket.remotePort));
  return () => {
    for (const socket of pending.values()) socket.destroy();
  };
}

/** Starts listening; returns the port. @throws {Error} with the system's `code`. */
export async function listenOn(server: Server, { host, port }: SimAddress): Promise<number> {
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen({ host, port, backlog: BACKLOG }, () => {
      server.removeListener("error", reject);
      resolve();
    });
  });
  const address = server.address();
  return typeof address === "object" && address !== null ? address.port : port;
}

function simSocketOf(socket: Socket, clock: Clock): SimSocket {
  return {
    clientPort: socket.remotePort ?? 0,
    get destroyed() {
      return socket.destroyed;
    },
    get writableLength() {
      return socket.writableLength;
    },
    write(data) {
      const nowMs = clock.now();
      socket.write(data);
      return nowMs;
    },
    send(bytes, length) {
      // The socket keeps the bytes until the system has taken them.
      const own = bytes.slice(0, length);
      const nowMs = clock.now();
      socket.write(own);
      return nowMs;
    },
    end: () => void socket.end(),
    reset: () => void socket.resetAndDestroy(),
    destroy: () => void socket.destroy(),
  };
}
