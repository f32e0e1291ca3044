/**
 * Reads the status of a gRPC call from the head and trailers of its answer.
 *
 * @module
 */
import { statusEnd } from "./grpc_call.ts";
import { GRPC_STATUS } from "./grpc_status.ts";
import { H2_CODE, showCode } from "./h2_frames.ts";
import type { Field } from "./hpack.ts";
import type { ExchangeEnd } from "./transport.ts";

/** gRPC's statuses for HTTP answers of proxies and servers that do not speak gRPC. */
const STATUS_OF_HTTP: Readonly<Record<string, number>> = {
  "400": GRPC_STATUS.INTERNAL,
  "401": GRPC_STATUS.UNAUTHENTICATED,
  "403": GRPC_STATUS.PERMISSION_DENIED,
  "404": GRPC_STATUS.UNIMPLEMENTED,
  "429": GRPC_STATUS.UNAVAILABLE,
  "502": GRPC_STATUS.UNAVAILABLE,
  "503": GRPC_STATUS.UNAVAILABLE,
  "504": GRPC_STATUS.UNAVAILABLE,
};

/** Head and trailers of an answer, as far as gRPC uses them. */
export class GrpcResponse {
  #httpStatus = "";
  #contentType = "";
  #grpcStatus: string | undefined;
  #grpcMessage = "";

  /** Takes the fields of the head, then those of the trailers; or all at once. */
  take(fields: readonly Field[]): void {
    for (const [name, value] of fields) {
      if (name === "grpc-status") this.#grpcStatus = value;
      else if (name === "grpc-message") this.#grpcMessage = value;
      else if (name === ":status") this.#httpStatus = value;
      else if (name === "content-type") this.#contentType = value;
    }
  }

  /** Whether the body holds gRPC's messages, by what the head said. */
  get isGrpc(): boolean {
    return this.#httpStatus === "200" && /^application\/grpc($|[+;])/i.test(this.#contentType);
  }

  /** How the call ended; `undefined` when the server gave no status. */
  end(): ExchangeEnd | undefined {
    if (this.#grpcStatus !== undefined) {
      const known = /^\d{1,9}$/.test(this.#grpcStatus);
      if (known) return statusEnd(Number(this.#grpcStatus), percentDecode(this.#grpcMessage));
      return statusEnd(GRPC_STATUS.UNKNOWN, `grpc-status is not a number: ${this.#grpcStatus}`);
    }
    if (this.#httpStatus !== "200") {
      const status = STATUS_OF_HTTP[this.#httpStatus] ?? GRPC_STATUS.UNKNOWN;
      return statusEnd(status, `Received HTTP status code ${this.#httpStatus}`);
    }
    if (this.isGrpc) return undefined;
    return statusEnd(GRPC_STATUS.UNKNOWN, `the answer is not gRPC but "${this.#contentType}"`);
  }
}

/** The status that a reset stands for; `undefined` when the stream just broke. */
export function statusOfReset(code: number): ExchangeEnd | undefined {
  const status = code === H2_CODE.ENHANCE_YOUR_CALM
    ? GRPC_STATUS.RESOURCE_EXHAUSTED
    : code === H2_CODE.INADEQUATE_SECURITY
    ? GRPC_STATUS.PERMISSION_DENIED
    : undefined;
  return status && statusEnd(status, `stream reset with ${showCode(code)}`);
}

/** Decodes a `grpc-message`: `%XX` are bytes of UTF-8; anything else stays as it is. */
export function percentDecode(text: string): string {
  if (!/[%\x80-\xff]/.test(text)) return text;
  const bytes = new Uint8Array(text.length);
  let length = 0;
  for (let at = 0; at < text.length; at++) {
    const escape = text[at] === "%" ? /^[0-9a-f]{2}/i.exec(text.slice(at + 1, at + 3)) : null;
    bytes[length++] = escape === null ? text.charCodeAt(at) : parseInt(escape[0], 16);
    if (escape !== null) at += 2;
  }
  return new TextDecoder("utf-8", { ignoreBOM: true }).decode(bytes.subarray(0, length));
}
