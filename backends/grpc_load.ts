/**
 * Loads the gRPC library when it is first needed.
 *
 * @module
 */

export type GrpcModule = typeof import("./grpc_library.ts");

/**
 * Imports the library. Fails at once without permission for the environment: on import the library
 * reads about twenty variables (`GRPC_TRACE`, proxies, …) and throws at the first.
 *
 * @throws {Deno.errors.NotCapable} when the permission is missing and cannot be asked for.
 */
export function loadGrpc(): Promise<GrpcModule> {
  if (Deno.permissions.requestSync({ name: "env" }).state === "granted") {
    return import("./grpc_library.ts");
  }
  throw new Deno.errors.NotCapable(
    "Cannot load the gRPC library without access to the environment, " +
      "where it looks for its settings: run with --allow-env",
  );
}
