/**
 * Questions to a gRPC server, for tests.
 *
 * @module
 */
import { GRPC_STATUS } from "../../backends/grpc_status.ts";
import type { Ask } from "../../backends/protocol.ts";
import type { Transport } from "../../backends/transport.ts";

/**
 * Asks a gRPC server over an open transport: `status` is the gRPC status, `body` the answer as it
 * came (see `grpcAnswer`), or for another status than OK its message as text.
 *
 * The promise rejects when there was no answer at all (no connection, timeout, cut).
 */
export function grpcAsk(transport: Transport, timeoutMs: number = 10_000): Ask {
  return async (request) => {
    const { end, body } = await transport.send(request, { timeoutMs });
    if (end.kind === "grpc_status") {
      return { status: end.status, body: new TextEncoder().encode(end.message) };
    }
    if (end.kind !== "complete") throw new Error(`Cannot call ${request.url}: ${end.message}`);
    return { status: GRPC_STATUS.OK, body };
  };
}
