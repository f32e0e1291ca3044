/**
 * Messages of the KServe v2 inference service (proto3, package `inference`) as Triton speaks it:
 * those that TurboMind's models need. Field numbers are those of Triton's `grpc_service.proto`;
 * `tests/peer/kserve.proto` repeats the part that is used, and Python peers exchange it with us.
 *
 * @module
 */
import { type Decoded, message } from "./protobuf.ts";

/** Path of a method, e.g. `/inference.GRPCInferenceService/ModelInfer`. */
export function kservePath(method: string): string {
  return `/inference.GRPCInferenceService/${method}`;
}

/** A parameter: exactly one of its fields is set. */
const inferParameter = message({
  bool_param: [1, "bool", "optional"],
  int64_param: [2, "int64", "optional"],
  string_param: [3, "string", "optional"],
  double_param: [4, "double", "optional"],
  uint64_param: [5, "uint64", "optional"],
});

/** Values of a tensor inside the message, instead of raw bytes beside it. */
const inferTensorContents = message({
  bool_contents: [1, "bool", "repeated"],
  int_contents: [2, "int32", "repeated"],
  int64_contents: [3, "int64", "repeated"],
  uint_contents: [4, "uint32", "repeated"],
  uint64_contents: [5, "uint64", "repeated"],
  fp32_contents: [6, "float", "repeated"],
  fp64_contents: [7, "double", "repeated"],
  bytes_contents: [8, "bytes", "repeated"],
});

/**
 * Name, type (`UINT32`, `FP32`, `BYTES`, …) and shape of a tensor; its values are in `contents` or
 * in the raw list.
 */
const inferTensor = message({
  name: [1, "string"],
  datatype: [2, "string"],
  shape: [3, "int64", "repeated"],
  parameters: [4, inferParameter, "map"],
  contents: [5, inferTensorContents],
});
export type InferTensor = Decoded<typeof inferTensor>;

/** An output that the client wants. */
const inferRequestedOutput = message({
  name: [1, "string"],
  parameters: [2, inferParameter, "map"],
});

/** Request of `ModelInfer` and of `ModelStreamInfer`. */
export const modelInferRequest = message({
  model_name: [1, "string"],
  model_version: [2, "string"],
  id: [3, "string"],
  parameters: [4, inferParameter, "map"],
  inputs: [5, inferTensor, "repeated"],
  outputs: [6, inferRequestedOutput, "repeated"],
  /** One element per input, little-endian, row-major. */
  raw_input_contents: [7, "bytes", "repeated"],
});
export type ModelInferRequest = Decoded<typeof modelInferRequest>;

/** Answer of `ModelInfer`. */
export const modelInferResponse = message({
  model_name: [1, "string"],
  model_version: [2, "string"],
  id: [3, "string"],
  parameters: [4, inferParameter, "map"],
  outputs: [5, inferTensor, "repeated"],
  raw_output_contents: [6, "bytes", "repeated"],
});
export type ModelInferResponse = Decoded<typeof modelInferResponse>;

/** One message of `ModelStreamInfer`; the error message is empty when all is well. */
export const modelStreamInferResponse = message({
  error_message: [1, "string"],
  infer_response: [2, modelInferResponse],
});

/** Request of `ModelReady`, `ModelConfig` and `ModelMetadata`. */
export const modelQuery = message({
  name: [1, "string"],
  version: [2, "string"],
});

/** Answer of `ServerLive`, `ServerReady` and `ModelReady`. */
export const readyResponse = message({
  ready: [1, "bool"],
});

/** A tensor that a model takes or gives. */
const tensorMetadata = message({
  name: [1, "string"],
  datatype: [2, "string"],
  shape: [3, "int64", "repeated"],
});

/** Answer of `ModelMetadata`. */
export const modelMetadataResponse = message({
  name: [1, "string"],
  versions: [2, "string", "repeated"],
  platform: [3, "string"],
  inputs: [4, tensorMetadata, "repeated"],
  outputs: [5, tensorMetadata, "repeated"],
});
export type ModelMetadata = Decoded<typeof modelMetadataResponse>;

/** A group of instances of a model. */
const modelInstanceGroup = message({
  name: [1, "string"],
  count: [2, "int32"],
  gpus: [3, "int32", "repeated"],
  /** 0 auto, 1 GPU, 2 CPU, 3 model. */
  kind: [4, "enum"],
});

const modelParameter = message({
  string_value: [1, "string"],
});

const modelTransactionPolicy = message({
  /** A request may have any number of responses. */
  decoupled: [1, "bool"],
});

/** Parts of a model's configuration. */
const modelConfig = message({
  name: [1, "string"],
  platform: [2, "string"],
  max_batch_size: [4, "int32"],
  instance_group: [7, modelInstanceGroup, "repeated"],
  parameters: [14, modelParameter, "map"],
  backend: [17, "string"],
  model_transaction_policy: [19, modelTransactionPolicy],
});
export type ModelConfig = Decoded<typeof modelConfig>;

/** Answer of `ModelConfig`. */
export const modelConfigResponse = message({
  config: [1, modelConfig],
});
