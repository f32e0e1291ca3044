/**
 * Calls of Triton's gRPC service that the simulated server answers and no benchmark needs.
 *
 * @module
 */
import { grpcAnswer, grpcRequest } from "../../backends/grpc_request.ts";
import {
  kservePath,
  modelInferRequest,
  modelInferResponse,
  type ModelMetadata,
  modelMetadataResponse,
  modelQuery,
  readyResponse,
} from "../../backends/kserve_messages.ts";
import { numberTensor, rawInputs, readTexts } from "../../backends/kserve_tensors.ts";
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

/** What the model `postprocessing` says of ids, as LMDeploy's own client asks it. */
export async function postprocess(
  target: Target,
  ask: Ask,
  { ids, from }: { readonly ids: readonly number[]; readonly from: number },
): Promise<{ readonly shape: readonly number[]; readonly texts: readonly string[] }> {
  const tensors = [
    numberTensor("TOKENS_BATCH", "UINT32", { values: ids, shape: [1, 1, ids.length] }),
    numberTensor("sequence_length", "UINT32", { values: [from] }),
  ];
  const query = modelInferRequest.encode({ model_name: "postprocessing", ...rawInputs(tensors) });
  const { outputs, raw_output_contents } = modelInferResponse.decode(
    await call(target, ask, "ModelInfer", query),
  );
  return {
    shape: outputs[0]!.shape.map(Number),
    texts: readTexts(outputs, raw_output_contents, "OUTPUT") ?? [],
  };
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
