/**
 * What must happen before the gRPC library is evaluated. It works around two defects of Deno 2.9 and
 * may go with them.
 *
 * - With `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH` set, the library hands all its certificates to every TLS
 *   server as `ca`, and Deno appends each of them to the chain that the server sends: a bundle of
 *   144 roots makes every client give up. The variable is hidden during the import.
 * - Deno crashes when a server goes away (see `node_http2.ts`). `connect` of `node:http2` is replaced
 *   for the whole process; only the gRPC library uses it here.
 *
 * @module
 */
import http2 from "node:http2";
import { closeLate } from "./node_http2.ts";

const NAME = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH";

/** The file of trusted roots that the user chose, if any: clients still honor it. */
export const grpcRootsPath: string | undefined = Deno.env.get(NAME);

Deno.env.delete(NAME);

/** Makes the variable visible again, for child processes. */
export function restoreGrpcRoots(): void {
  if (grpcRootsPath !== undefined) Deno.env.set(NAME, grpcRootsPath);
}

const connect = http2.connect;

Object.assign(http2, {
  connect(...args: Parameters<typeof connect>): http2.ClientHttp2Session {
    const session = connect(...args);
    closeLate(session);
    return session;
  },
});
