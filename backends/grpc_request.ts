/**
 * A gRPC call as a {@linkcode WireRequest}: where it goes, with which metadata. Independent of the
 * library that carries it, so that protocols stay light.
 *
 * Every call is the same on the wire whatever its kind: one message, then the request side is closed
 * and messages come back until the status. Unary, server-streaming and bidirectional methods need no
 * distinction here: a bidirectional server sees the end of the requests and ends its answers.
 *
 * @module
 */
import { cutGrpcFrames } from "./grpc_frames.ts";
import type { Target, WireRequest } from "./protocol.ts";

/**
 * Scheme and address of a gRPC server. Plaintext is written `grpc://host:port`, `http://host:port`
 * or just `host:port`; TLS `grpcs://` or `https://`.
 *
 * @throws {TypeError} when it is no address, has no port, or holds a path.
 */
function grpcOrigin(baseUrl: string): string {
  const scheme = /^([a-z][a-z0-9+.-]*):\/\//i.exec(baseUrl)?.[1]?.toLowerCase();
  const secure = scheme === "grpcs" || scheme === "https";
  if (scheme !== undefined && !secure && scheme !== "grpc" && scheme !== "http") {
    throw new TypeError(
      `Cannot reach "${baseUrl}" over gRPC: use grpc://host:port, or grpcs://host:port for TLS`,
    );
  }
  const address = (scheme === undefined ? baseUrl : baseUrl.slice(scheme.length + 3))
    .replace(/\/+$/, "");
  if (!/^(\[[0-9a-f:.]+\]|[^\s:/@?#]+):\d{1,5}$/i.test(address)) {
    throw new TypeError(
      `Cannot reach "${baseUrl}" over gRPC: expected a host and a port, as in grpc://127.0.0.1:23333`,
    );
  }
  return `${secure ? "grpcs" : "grpc"}://${address}`;
}

/**
 * A call of `path` (`/package.Service/Method`) with one message. The target's key and headers become
 * metadata; a `host` header names the server to its certificate (see `grpc.ts`).
 *
 * @throws {TypeError} when the address or a header cannot be used.
 */
export function grpcRequest(
  target: Target,
  path: string,
  message: Uint8Array<ArrayBuffer>,
): WireRequest {
  if (!/^\/[^/\s]+\/[^/\s]+$/.test(path)) {
    throw new TypeError(`Cannot call "${path}" over gRPC: expected /package.Service/Method`);
  }
  const headers: Record<string, string> = {};
  if (target.apiKey) headers["authorization"] = `Bearer ${target.apiKey}`;
  for (const [given, value] of Object.entries(target.headers)) {
    const name = given.toLowerCase();
    headers[name] = value;
    if (!/^[0-9a-z_.-]+$/.test(name)) {
      throw new TypeError(
        `Cannot send the header "${name}" over gRPC: names are made of a-z, 0-9, "_", "." and "-"`,
      );
    }
  }
  return { method: "POST", url: grpcOrigin(target.baseUrl) + path, headers, body: message };
}

/**
 * The message of an answer with one message, without its frame.
 *
 * @throws {SyntaxError} when there is none, or only a part.
 */
export function grpcAnswer(body: Uint8Array): Uint8Array {
  let first: Uint8Array | undefined;
  cutGrpcFrames(body, (message, _endOffset, terminated) => {
    if (terminated) first ??= message;
  });
  if (first === undefined) {
    throw new SyntaxError(`Cannot read a gRPC answer of ${body.length} bytes: it has no message`);
  }
  return first;
}
