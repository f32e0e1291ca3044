/**
 * Loads the gRPC library when it is first needed.
 *
 * @module
 */

export type GrpcModule = typeof import("./grpc_library.ts");

/**
 * Fails early when the library cannot be loaded: on import it reads about twenty environment
 * variables (`GRPC_TRACE`, proxies, …) and throws at the first without permission.
 *
 * @throws {Deno.errors.NotCapable} when the permission is missing and cannot be asked for.
 */
export function requireGrpcPermissions(): void {
  if (Deno.permissions.requestSync({ name: "env" }).state === "granted") return;
  throw new Deno.errors.NotCapable(
    "Cannot load the gRPC library without access to the environment, " +
      "where it looks for its settings: run with --allow-env",
  );
}

/**
 * The library, imported once.
 *
 * @throws {Deno.errors.NotCapable} without `--allow-env`.
 */
export async function loadGrpc(): Promise<GrpcModule> {
  requireGrpcPermissions();
  return await import("./grpc_library.ts");
}
