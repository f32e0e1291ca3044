/**
 * The one import of the gRPC library. Loaded lazily, by {@linkcode loadGrpc} of `grpc_load.ts`:
 * it is 14 MB on disk, takes a quarter of a second, and needs permission for the environment.
 *
 * @module
 */
import { grpcRootsPath, restoreGrpcRoots } from "./grpc_setup.ts";
import * as library from "@grpc/grpc-js";

restoreGrpcRoots();

export { grpcRootsPath, library };
