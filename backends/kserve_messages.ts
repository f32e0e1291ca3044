/**
 * Messages of the KServe v2 inference service (proto3, package `inference`) as Triton speaks it:
 * those that TurboMind's models need.
 *
 * @module
 */
import { message, type MessageType } from "./protobuf.ts";

/** Path of a method, e.g. `/inference.GRPCInferenceService/ModelInfer`. */
export function kservePath(method: string): string {
  return `/inference.GRPCInferenceService/${method}`;
}

/** A parameter: exactly one of its fields is set. */
export interface InferParameter {
  readonly bool_param?: boolean;
  readonly int64_param?: bigint;
  readonly string_param?: string;
  readonly double_param?: number;
  readonly uint64_param?: bigint;
}

/** Values of a tensor inside the message, instead of raw bytes beside it. */
export interface InferTensorContents {
  readonly bool_contents: readonly boolean[];
  readonly int_contents: readonly number[];
  readonly int64_contents: readonly bigint[];
  readonly uint_contents: readonly number[];
  readonly uint64_contents: readonly bigint[];
  readonly fp32_contents: readonly number[];
  readonly fp64_contents: readonly number[];
  readonly bytes_contents: readonly Uint8Array[];
}

/** Name, type and shape of a tensor; its values are in `contents` or in the raw list. */
export interface InferTensor {
  readonly name: string;
  /** `UINT32`, `FP32`, `BYTES`, … */
  readonly datatype: string;
  readonly shape: readonly bigint[];
  readonly parameters: ReadonlyMap<string, InferParameter>;
  readonly contents?: InferTensorContents;
}

/** An output that the client wants. */
export interface InferRequestedOutput {
  readonly name: string;
  readonly parameters: ReadonlyMap<string, InferParameter>;
}

/** Request of `ModelInfer` and of `ModelStreamInfer`. */
export interface ModelInferRequest {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: ReadonlyMap<string, InferParameter>;
  readonly inputs: readonly InferTensor[];
  readonly outputs: readonly InferRequestedOutput[];
  /** One element an input, little-endian, row-major. */
  readonly raw_input_contents: readonly Uint8Array[];
}

/** Answer of `ModelInfer`. */
export interface ModelInferResponse {
  readonly model_name: string;
  readonly model_version: string;
  readonly id: string;
  readonly parameters: ReadonlyMap<string, InferParameter>;
  readonly outputs: readonly InferTensor[];
  readonly raw_output_contents: readonly Uint8Array[];
}

/** One message of `ModelStreamInfer`. */
export interface ModelStreamInferResponse {
  /** Empty when all is well. */
  readonly error_message: string;
  readonly infer_response?: ModelInferResponse;
}

/** Request of `ModelReady`, `ModelConfig` and `ModelMetadata`. */
export interface ModelQuery {
  readonly name: string;
  readonly version: string;
}

/** Answer of `ServerLive`, `ServerReady` and `ModelReady`. */
export interface ReadyResponse {
  readonly ready: boolean;
}

/** A tensor that a model takes or gives. */
export interface TensorMetadata {
  readonly name: string;
  readonly datatype: string;
  readonly shape: readonly bigint[];
}

/** Answer of `ModelMetadata`. */
export interface ModelMetadata {
  readonly name: string;
  readonly versions: readonly string[];
  readonly platform: string;
  readonly inputs: readonly TensorMetadata[];
  readonly outputs: readonly TensorMetadata[];
}

/** A group of instances of a model. */
export interface ModelInstanceGroup {
  readonly name: string;
  readonly count: number;
  readonly gpus: readonly number[];
  /** 0 auto, 1 GPU, 2 CPU, 3 model. */
  readonly kind: number;
}

/** A parameter of a model's configuration. */
export interface ModelParameter {
  readonly string_value: string;
}

/** How requests and responses of a model relate. */
export interface ModelTransactionPolicy {
  /** A request may have any number of responses. */
  readonly decoupled: boolean;
}

/** Parts of a model's configuration. */
export interface ModelConfig {
  readonly name: string;
  readonly platform: string;
  readonly max_batch_size: number;
  readonly instance_group: readonly ModelInstanceGroup[];
  readonly parameters: ReadonlyMap<string, ModelParameter>;
  readonly backend: string;
  readonly model_transaction_policy?: ModelTransactionPolicy;
}

/** Answer of `ModelConfig`. */
export interface ModelConfigResponse {
  readonly config?: ModelConfig;
}

const inferParameter: MessageType<InferParameter> = message<InferParameter>({
  bool_param: [1, "bool", "optional"],
  int64_param: [2, "int64", "optional"],
  string_param: [3, "string", "optional"],
  double_param: [4, "double", "optional"],
  uint64_param: [5, "uint64", "optional"],
});

const inferTensorContents: MessageType<InferTensorContents> = message<InferTensorContents>({
  bool_contents: [1, "bool", "repeated"],
  int_contents: [2, "int32", "repeated"],
  int64_contents: [3, "int64", "repeated"],
  uint_contents: [4, "uint32", "repeated"],
  uint64_contents: [5, "uint64", "repeated"],
  fp32_contents: [6, "float", "repeated"],
  fp64_contents: [7, "double", "repeated"],
  bytes_contents: [8, "bytes", "repeated"],
});

const inferTensor: MessageType<InferTensor> = message<InferTensor>({
  name: [1, "string"],
  datatype: [2, "string"],
  shape: [3, "int64", "repeated"],
  parameters: [4, inferParameter, "map"],
  contents: [5, inferTensorContents],
});

const inferRequestedOutput: MessageType<InferRequestedOutput> = message<InferRequestedOutput>({
  name: [1, "string"],
  parameters: [2, inferParameter, "map"],
});

/** Codec of {@linkcode ModelInferRequest}. */
export const modelInferRequest: MessageType<ModelInferRequest> = message<ModelInferRequest>({
  model_name: [1, "string"],
  model_version: [2, "string"],
  id: [3, "string"],
  parameters: [4, inferParameter, "map"],
  inputs: [5, inferTensor, "repeated"],
  outputs: [6, inferRequestedOutput, "repeated"],
  raw_input_contents: [7, "bytes", "repeated"],
});

/** Codec of {@linkcode ModelInferResponse}. */
export const modelInferResponse: MessageType<ModelInferResponse> = message<ModelInferResponse>({
  model_name: [1, "string"],
  model_version: [2, "string"],
  id: [3, "string"],
  parameters: [4, inferParameter, "map"],
  outputs: [5, inferTensor, "repeated"],
  raw_output_contents: [6, "bytes", "repeated"],
});

/** Codec of {@linkcode ModelStreamInferResponse}. */
export const modelStreamInferResponse: MessageType<ModelStreamInferResponse> = message<
  ModelStreamInferResponse
>({
  error_message: [1, "string"],
  infer_response: [2, modelInferResponse],
});

/** Codec of {@linkcode ModelQuery}. */
export const modelQuery: MessageType<ModelQuery> = message<ModelQuery>({
  name: [1, "string"],
  version: [2, "string"],
});

/** Codec of {@linkcode ReadyResponse}. */
export const readyResponse: MessageType<ReadyResponse> = message<ReadyResponse>({
  ready: [1, "bool"],
});

const tensorMetadata: MessageType<TensorMetadata> = message<TensorMetadata>({
  name: [1, "string"],
  datatype: [2, "string"],
  shape: [3, "int64", "repeated"],
});

/** Codec of {@linkcode ModelMetadata}. */
export const modelMetadataResponse: MessageType<ModelMetadata> = message<ModelMetadata>({
  name: [1, "string"],
  versions: [2, "string", "repeated"],
  platform: [3, "string"],
  inputs: [4, tensorMetadata, "repeated"],
  outputs: [5, tensorMetadata, "repeated"],
});

const modelInstanceGroup: MessageType<ModelInstanceGroup> = message<ModelInstanceGroup>({
  name: [1, "string"],
  count: [2, "int32"],
  gpus: [3, "int32", "repeated"],
  kind: [4, "enum"],
});

const modelParameter: MessageType<ModelParameter> = message<ModelParameter>({
  string_value: [1, "string"],
});

const modelTransactionPolicy: MessageType<ModelTransactionPolicy> = message<ModelTransactionPolicy>(
  { decoupled: [1, "bool"] },
);

const modelConfig: MessageType<ModelConfig> = message<ModelConfig>({
  name: [1, "string"],
  platform: [2, "string"],
  max_batch_size: [4, "int32"],
  instance_group: [7, modelInstanceGroup, "repeated"],
  parameters: [14, modelParameter, "map"],
  backend: [17, "string"],
  model_transaction_policy: [19, modelTransactionPolicy],
});

/** Codec of {@linkcode ModelConfigResponse}. */
export const modelConfigResponse: MessageType<ModelConfigResponse> = message<ModelConfigResponse>({
  config: [1, modelConfig],
});
