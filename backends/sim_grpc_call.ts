/**
 * The server's side of gRPC calls, on plain HTTP/2 instead of a gRPC library: a library rightly
 * refuses to break off a stream, to omit the status, or to send half a message.
 *
 * @module
 */
import {
  createSecureServer,
  createServer,
  type Http2Server,
  type Http2Session,
  type IncomingHttpHeaders,
  type ServerHttp2Stream,
} from "node:http2";
import { Buffer } from "node:buffer";
import type { Socket } from "node:net";
import type { Clock } from "./clock.ts";
import { cutGrpcFrames, grpcFrame } from "./grpc_frames.ts";
import { H2_CODE } from "./h2_frames.ts";
import { closeLate } from "./node_http2.ts";
import type { SimCertificate } from "./sim_certificate.ts";
import type { SimPort } from "./sim_http.ts";
import { listenOn } from "./sim_loop_platform.ts";
import type { SimArrival, SimExchange, SimRequest } from "./sim_protocol.ts";

/** What a server is started with. */
export interface GrpcServerOptions {
  readonly host: string;
  /** 0 = any free port. */
  readonly port: number;
  readonly clock: Clock;
  /** Plaintext without it. */
  readonly tls?: SimCertificate;
  readonly onCall: (call: GrpcCall) => void;
}

/**
 * Starts listening.
 *
 * @throws {Error} with the system's message, when the address cannot be used.
 */
export async function startGrpcServer(options: GrpcServerOptions): Promise<SimPort> {
  const { host, port, tls } = options;
  // No `ca` here: Deno 2.9 would append all of its certificates to the chain that is sent.
  const server =
    (tls === undefined ? createServer() : createSecureServer({ ...tls })) as Http2Server;
  const sessions = new Map<Http2Session, number>();
  /** By client port, as a session does not give access to a socket that can be destroyed. */
  const sockets = new Map<number, Socket>();
  const keep = (socket: Socket) => {
    const clientPort = socket.remotePort ?? 0;
    sockets.set(clientPort, socket);
    socket.once("close", () => sockets.delete(clientPort));
  };
  server.on("connection", keep);
  server.on("secureConnection", keep);
  let accepted = 0;
  let maxOpen = 0;
  server.on("session", (session) => {
    sessions.set(session, ++accepted);
    maxOpen = Math.max(maxOpen, sessions.size);
    session.once("close", () => sessions.delete(session));
    session.on("error", () => {});
    closeLate(session);
  });
  server.on("stream", (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const connection = stream.session === undefined ? 0 : sessions.get(stream.session) ?? 0;
    const clientPort = stream.session?.socket.remotePort ?? 0;
    receive(stream, headers, {
      ...options,
      connection,
      clientPort,
      // The socket, not the session: Deno 2.9 would free that while still reading from it (see
      // `node_http2.ts`).
      cut: () => sockets.get(clientPort)?.destroy(),
    });
  });
  return {
    port: await listenOn(server, { host, port }),
    connections: () => ({ accepted, open: sessions.size, maxOpen }),
    async stop() {
      const closed = new Promise<void>((resolve) => server.close(() => resolve()));
      for (const socket of [...sockets.values()]) socket.destroy();
      await closed;
    },
  };
}

/** What a call needs to know about its connection. */
interface ConnectionFacts {
  /** 1-based. */
  readonly connection: number;
  readonly clientPort: number;
  /** Ends the connection now. */
  readonly cut: () => void;
}

/** Waits for the first message of a call. */
function receive(
  stream: ServerHttp2Stream,
  headers: IncomingHttpHeaders,
  { clock, connection, clientPort, cut, onCall }: GrpcServerOptions & ConnectionFacts,
): void {
  const arrivalMs = clock.now();
  let bytes = Buffer.alloc(0);
  let called = false;
  stream.on("error", () => {});
  stream.on("data", (chunk: Uint8Array) => {
    if (called) return;
    bytes = Buffer.concat([bytes, chunk]);
    const messages: Uint8Array[] = [];
    try {
      cutGrpcFrames(bytes, (message) => messages.push(message), { final: false });
    } catch {
      return stream.close(H2_CODE.INTERNAL_ERROR);
    }
    const [message] = messages;
    if (message === undefined) return;
    called = true;
    onCall(
      new GrpcCall(stream, {
        request: {
          method: "POST",
          path: String(headers[":path"] ?? ""),
          query: new URLSearchParams(),
          headers: metadataOf(headers),
          body: message,
        },
        arrival: { arrivalMs, completeMs: clock.now(), clientPort, connection },
        cut,
        clock,
      }),
    );
  });
}

function metadataOf(headers: IncomingHttpHeaders): Record<string, string> {
  const metadata: Record<string, string> = {};
  for (const [name, value] of Object.entries(headers)) {
    if (!name.startsWith(":") && value !== undefined) metadata[name] = String(value);
  }
  return metadata;
}

/** As gRPC requires: printable ASCII except `%` unchanged, every other UTF-8 byte as `%XX`. */
function percentEncode(message: string): string {
  return message.replace(/[^\x20-\x7e]+|%/gu, encodeURIComponent);
}

/**
 * A call and its answer. The request's body is the first message of the call; later ones are not
 * read. After the call ended, or when the client left, sending does nothing.
 */
export class GrpcCall implements SimExchange {
  readonly request: SimRequest;
  readonly arrival: SimArrival;
  onGone: (() => void) | undefined;
  readonly #stream: ServerHttp2Stream;
  readonly #cut: () => void;
  readonly #clock: Clock;
  #headSent = false;
  /** Set here, as the stream's own `close` event also comes for calls that ended well. */
  #ended = false;
  #trailers: Record<string, string> | undefined;

  constructor(
    stream: ServerHttp2Stream,
    { request, arrival, cut, clock }:
      & Pick<SimExchange, "arrival" | "request">
      & { readonly cut: () => void; readonly clock: Clock },
  ) {
    this.#stream = stream;
    this.request = request;
    this.arrival = arrival;
    this.#cut = cut;
    this.#clock = clock;
    const gone = () => {
      if (this.#ended) return;
      this.#ended = true;
      this.onGone?.();
    };
    stream.once("close", gone);
    stream.once("aborted", gone);
  }

  get closed(): boolean {
    return this.#ended;
  }

  get buffered(): number {
    return this.#stream.writableLength;
  }

  /** Sends a message; returns the instant just before. */
  send(message: Uint8Array): number {
    const frame = grpcFrame(message);
    this.#sendHead();
    const atMs = this.#clock.now();
    if (!this.#ended) this.#stream.write(frame);
    return atMs;
  }

  /** Sends bytes that are not a message. */
  sendRaw(bytes: Uint8Array): void {
    this.#sendHead();
    if (!this.#ended) this.#stream.write(bytes);
  }

  /** Ends the call with a status; without any message before it, as trailers only. */
  end(status: number, message: string = ""): void {
    if (this.#ended) return;
    const trailers = {
      "grpc-status": `${status}`,
      ...(message !== "" && { "grpc-message": percentEncode(message) }),
    };
    if (!this.#headSent) {
      this.#ended = true;
      this.#stream.respond({
        ":status": 200,
        "content-type": "application/grpc",
        ...trailers,
      }, { endStream: true });
      return;
    }
    this.#trailers = trailers;
    this.endWithoutStatus();
  }

  /** Ends the stream cleanly for HTTP/2, without a gRPC status. */
  endWithoutStatus(): void {
    this.#sendHead();
    this.#ended = true;
    this.#stream.end();
  }

  /** Resets the stream with an HTTP/2 error code; the connection stays. */
  reset(code: number = H2_CODE.INTERNAL_ERROR): void {
    this.#ended = true;
    this.#stream.close(code);
  }

  /** Ends the connection, with all its streams. */
  cut(): void {
    this.#ended = true;
    this.#cut();
  }

  #sendHead(): void {
    if (this.#headSent || this.#ended) return;
    this.#headSent = true;
    this.#stream.once("wantTrailers", () => {
      if (this.#trailers === undefined) this.#stream.close();
      else this.#stream.sendTrailers(this.#trailers);
    });
    this.#stream.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: true },
    );
  }
}
