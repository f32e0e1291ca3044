/**
 * A scripted TCP server: it reads HTTP requests, and for each one plays a script
 * of byte slices, pauses and endings. What it sends need not be HTTP.
 *
 * @module
 */
import net from "node:net";
import tls from "node:tls";

/** Ends the connection in an orderly way (FIN). */
export const FIN = Symbol("FIN");
/** Resets the connection (RST). */
export const RST = Symbol("RST");

/** Bytes (text is Latin-1), a pause in milliseconds, an ending, or something to do at this point. */
export type Step = string | Uint8Array | number | typeof FIN | typeof RST | (() => void);

/** A request as it was received. */
export interface RawRequest {
  readonly method: string;
  readonly path: string;
  /** Request line and headers, as sent. */
  readonly head: string;
  readonly body: Uint8Array;
  /** Identifies the connection. */
  readonly clientPort: number;
  /** Position among all requests. */
  readonly index: number;
}

/** A running server. */
export interface RawServer {
  readonly url: string;
  readonly port: number;
  readonly requests: readonly RawRequest[];
  /** Connections accepted so far, and open now. */
  readonly accepted: number;
  readonly open: number;
  /** Resolves when no connection is open. */
  idle(): Promise<void>;
  close(): Promise<void>;
}

/** Options of {@linkcode startRawServer}. */
export interface RawServerOptions {
  readonly hostname?: string;
  readonly tls?: { readonly cert: string; readonly key: string };
}

/** Starts on a free port of the loopback interface. */
export async function startRawServer(
  script: (request: RawRequest) => readonly Step[],
  { hostname = "127.0.0.1", tls: keys }: RawServerOptions = {},
): Promise<RawServer> {
  const requests: RawRequest[] = [];
  const sockets = new Set<net.Socket>();
  const waiting: (() => void)[] = [];
  const wakeUps = new Set<() => void>();
  let accepted = 0;

  function sleep(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const wake = () => {
        clearTimeout(timer);
        wakeUps.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, ms);
      wakeUps.add(wake);
    });
  }

  async function play(socket: net.Socket, steps: readonly Step[]): Promise<void> {
    for (const step of steps) {
      if (socket.destroyed) return;
      if (typeof step === "number") await sleep(step);
      else if (typeof step === "function") step();
      else if (step === FIN) socket.end();
      else if (step === RST) socket.resetAndDestroy();
      else socket.write(typeof step === "string" ? latin1(step) : step as Uint8Array);
    }
  }

  function serve(socket: net.Socket): void {
    accepted++;
    sockets.add(socket);
    socket.setNoDelay(true);
    const clientPort = socket.remotePort ?? 0;
    let received = new Uint8Array();
    socket.on("error", () => {});
    socket.on("close", () => {
      sockets.delete(socket);
      if (sockets.size === 0) waiting.splice(0).forEach((resolve) => resolve());
    });
    socket.on("data", (bytes: Uint8Array) => {
      received = concat(received, bytes);
      while (true) {
        const text = new TextDecoder("latin1").decode(received);
        const headEnd = text.indexOf("\r\n\r\n") + 4;
        if (headEnd < 4) return;
        const head = text.slice(0, headEnd);
        const length = Number(/\r\ncontent-length: *(\d+)/i.exec(head)?.[1] ?? 0);
        if (received.length < headEnd + length) return;
        const [method = "", path = ""] = head.split(" ");
        const body = received.slice(headEnd, headEnd + length);
        received = received.slice(headEnd + length);
        const request = { method, path, head, body, clientPort, index: requests.length };
        requests.push(request);
        play(socket, script(request));
      }
    });
  }

  async function idle(): Promise<void> {
    while (sockets.size > 0) await new Promise<void>((resolve) => waiting.push(resolve));
  }

  const server = keys === undefined ? net.createServer(serve) : tls.createServer(keys, serve);
  await new Promise<void>((resolve) => server.listen(0, hostname, resolve));
  const { port } = server.address() as net.AddressInfo;
  const host = hostname.includes(":") ? `[${hostname}]` : hostname;
  return {
    url: `${keys === undefined ? "http" : "https"}://${host}:${port}`,
    port,
    requests,
    get accepted() {
      return accepted;
    },
    get open() {
      return sockets.size;
    },
    idle,
    async close() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const wake of [...wakeUps]) wake();
      for (const socket of [...sockets]) socket.destroy();
      await closed;
      await idle();
    },
  };
}

/** Text to bytes, one a character. */
export function latin1(text: string): Uint8Array<ArrayBuffer> {
  return Uint8Array.from(text, (character) => character.charCodeAt(0));
}

function concat(a: Uint8Array, b: Uint8Array): Uint8Array<ArrayBuffer> {
  const joined = new Uint8Array(a.length + b.length);
  joined.set(a);
  joined.set(b, a.length);
  return joined;
}

/** A port on which nothing listens. */
export async function refusedPort(): Promise<number> {
  const server = await startRawServer(() => []);
  await server.close();
  return server.port;
}
