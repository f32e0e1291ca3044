/**
 * The engines that the simulated server can play. Paths such as `/generate` mean different things
 * to different engines, so a server plays one of them; every engine also speaks OpenAI.
 *
 * @module
 */
import { simAmsv2 } from "./sim_amsv2.ts";
import { simLightllm, simLightllmTgi } from "./sim_lightllm.ts";
import { simLlamacpp } from "./sim_llamacpp.ts";
import {
  simLmdeployChat,
  simLmdeployCompletions,
  simLmdeployGenerate,
  simLmdeployInteractive,
} from "./sim_lmdeploy.ts";
import { simOpenaiChat, simOpenaiCompletions, simOpenaiModels } from "./sim_openai.ts";
import { simPpl, simPplV1 } from "./sim_ppl.ts";
import type { SimProtocol } from "./sim_protocol.ts";
import { simSglang } from "./sim_sglang.ts";
import { simTgi } from "./sim_tgi.ts";
import { simTritonGrpc } from "./sim_triton_grpc.ts";
import { simTritonHttp } from "./sim_triton_http.ts";

/** An engine to play. */
export interface SimEngineKind {
  /** As on the command line. */
  readonly name: string;
  readonly description: string;
  /** Its own calls; they take precedence over those that all engines share. */
  readonly protocols: readonly SimProtocol[];
  /** How it refuses what is too long (see `CONTEXT_WORDS`); default as vLLM. */
  readonly contextWords?: string;
}

/** Calls that every engine answers. */
const SHARED: readonly SimProtocol[] = [simOpenaiChat, simOpenaiCompletions, simOpenaiModels];

/** Calls over gRPC, served on a separate port whatever the engine. */
const GRPC: readonly SimProtocol[] = [simPpl, simPplV1, simTritonGrpc];

/** Every engine that can be played; a new one is a file and a line here. */
export const SIM_ENGINES: readonly SimEngineKind[] = [
  {
    name: "openai",
    description: "vLLM: OpenAI completions and chat",
    protocols: [],
  },
  {
    name: "lmdeploy",
    description: "LMDeploy: /v1/chat/interactive, /generate of both ages, its OpenAI calls",
    protocols: [
      simLmdeployInteractive,
      simLmdeployGenerate,
      simLmdeployChat,
      simLmdeployCompletions,
    ],
    contextWords: "lmdeploy",
  },
  {
    name: "lightllm",
    description: "LightLLM: /generate_stream",
    protocols: [simLightllm],
    contextWords: "lightllm",
  },
  {
    name: "lightllm-tgi",
    description: "LightLLM with --use_tgi_api",
    protocols: [simLightllmTgi],
    contextWords: "lightllm",
  },
  {
    name: "sglang",
    description: "SGLang: /generate",
    protocols: [simSglang],
    contextWords: "sglang",
  },
  {
    name: "tgi",
    description: "Text Generation Inference: /generate_stream",
    protocols: [simTgi],
    contextWords: "tgi",
  },
  {
    name: "llama.cpp",
    description: "llama.cpp: /completion",
    protocols: [simLlamacpp],
    contextWords: "llama.cpp",
  },
  {
    name: "amsv2",
    description: "AMSv2: /text-generation/generate_stream",
    protocols: [simAmsv2],
    contextWords: "vllm",
  },
  {
    name: "triton",
    description: "Triton: /v2/models/NAME/generate_stream of TensorRT-LLM and vLLM",
    protocols: [simTritonHttp],
    contextWords: "trtllm",
  },
];

/**
 * Looks up an engine.
 *
 * @throws {RangeError} when no engine has this name.
 */
export function simEngineKind(engine: string): SimEngineKind {
  const kind = SIM_ENGINES.find(({ name }) => name === engine);
  if (kind === undefined) {
    const known = SIM_ENGINES.map(({ name }) => name).join(", ");
    throw new RangeError(`Cannot play the engine ${JSON.stringify(engine)}: known are ${known}`);
  }
  return kind;
}

/**
 * The protocols of an engine over HTTP, in the order in which they are tried.
 *
 * @throws {RangeError} when no engine has this name.
 */
export function simProtocolsOf(engine: string): readonly SimProtocol[] {
  return [...simEngineKind(engine).protocols, ...SHARED];
}

/** The protocols over gRPC. PPL's two versions share a path, so only one of them is served. */
export function simGrpcProtocols(pplVersion: 1 | 2): readonly SimProtocol[] {
  const other = pplVersion === 1 ? simPpl : simPplV1;
  return GRPC.filter((protocol) => protocol !== other);
}

/** Every protocol, once. */
export const SIM_PROTOCOLS: readonly SimProtocol[] = [
  ...new Set([...SIM_ENGINES.flatMap(({ protocols }) => protocols), ...SHARED, ...GRPC]),
];

/** The simulated side of a client protocol; `undefined` when there is none. */
export function findSimProtocol(protocol: string): SimProtocol | undefined {
  return SIM_PROTOCOLS.find(({ name, serves = [name] }) => serves.includes(protocol));
}
