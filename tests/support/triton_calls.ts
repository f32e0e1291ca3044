/**
 * Calls of Triton's gRPC service that the simulated server answers and no benchmark needs.
 *
 * @module
 */
import { grpcAnswer, grpcRequest } from "../../backends/grpc_request.ts";
import {
  kservePath,
  type ModelMetadata,
  modelMetadataResponse,
  modelQuery,
  readyResponse,
} from "../../backends/kserve_messages.ts";
import type { Ask, Target } from "../../backends/protocol.ts";

/** Whether the server is ready. */
export async function serverReady(target: Target, ask: Ask): Promise<boolean> {
  return readyResponse.decode(await call(target, ask, "ServerReady", new Uint8Array())).ready;
}

/** Whether a model is loaded and ready. */
export async function modelReady(target: Target, name: string, ask: Ask): Promise<boolean> {
  const query = modelQuery.encode({ name });
  return readyResponse.decode(await call(target, ask, "ModelReady", query)).ready;
}

/** Name, versions, inputs and outputs of a model. */
export async function modelMetadata(
  target: Target,
  name: string,
  ask: Ask,
): Promise<ModelMetadata> {
  const query = modelQuery.encode({ name });
  return modelMetadataResponse.decode(await call(target, ask, "ModelMetadata", query));
}

async function call(
  target: Target,
  ask: Ask,
  method: string,
  message: Uint8Array<ArrayBuffer>,
): Promise<Uint8Array> {
  const { status, body } = await ask(grpcRequest(target, kservePath(method), message));
  if (status !== 0) throw new Error(`${method}: gRPC status ${status}`);
  return grpcAnswer(body);
}
