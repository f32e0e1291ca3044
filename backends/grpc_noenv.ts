/**
 * Must be evaluated before the gRPC library, which reads this variable when it is imported.
 *
 * With `GRPC_DEFAULT_SSL_ROOTS_FILE_PATH` set, the library hands all its certificates to every TLS
 * server as `ca`, and Deno 2.9 appends each `ca` certificate to the chain that the server sends: a
 * bundle of 144 roots makes every client give up. Hidden during the import, it is put back after.
 *
 * @module
 */

const NAME = "GRPC_DEFAULT_SSL_ROOTS_FILE_PATH";

/** The file of trusted roots that the user chose, if any: clients still honor it. */
export const grpcRootsPath: string | undefined = Deno.env.get(NAME);

Deno.env.delete(NAME);

/** Makes the variable visible again, for child processes. */
export function restoreGrpcRoots(): void {
  if (grpcRootsPath !== undefined) Deno.env.set(NAME, grpcRootsPath);
}
