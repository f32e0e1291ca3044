/**
 * The simulated side of one protocol, without loading those of all others.
 *
 * @module
 */
import type { SimProtocol } from "./sim_protocol.ts";

/** How most are loaded by themselves; what is not here is found in the list of all. */
const LOADERS: Readonly<Record<string, () => Promise<SimProtocol | undefined>>> = {
  "openai-completions": async () => (await import("./sim_openai.ts")).simOpenaiCompletions,
  "openai-chat": async () => (await import("./sim_openai.ts")).simOpenaiChat,
  "lmdeploy-chat": async () => (await import("./sim_lmdeploy.ts")).simLmdeployChat,
  "lmdeploy-completions": async () => (await import("./sim_lmdeploy.ts")).simLmdeployCompletions,
  "lmdeploy-interactive": async () => (await import("./sim_lmdeploy.ts")).simLmdeployInteractive,
  "lmdeploy-generate": async () => (await import("./sim_lmdeploy.ts")).simLmdeployGenerate,
  "lmdeploy-nul": async () => (await import("./sim_lmdeploy.ts")).simLmdeployGenerate,
  "lightllm": async () => (await import("./sim_lightllm.ts")).simLightllm,
  "lightllm-tgi": async () => (await import("./sim_lightllm.ts")).simLightllmTgi,
  "sglang": async () => (await import("./sim_sglang.ts")).simSglang,
  "tgi": async () => (await import("./sim_tgi.ts")).simTgi,
  "llamacpp": async () => (await import("./sim_llamacpp.ts")).simLlamacpp,
  "amsv2": async () => (await import("./sim_amsv2.ts")).simAmsv2,
  "triton-trtllm": async () => (await import("./sim_triton_http.ts")).simTritonHttp,
  "triton-vllm": async () => (await import("./sim_triton_http.ts")).simTritonHttp,
  "triton-turbomind": async () => (await import("./sim_triton_grpc.ts")).simTritonGrpc,
  // Its versions share a path, so a server speaks one of them.
  "ppl": async () => (await import("./sim_ppl.ts")).simPpl,
  "ppl-v1": () => Promise.resolve(undefined),
};

/** Loads it; `undefined` = there is none. */
export async function loadSimProtocol(protocol: string): Promise<SimProtocol | undefined> {
  if (Object.hasOwn(LOADERS, protocol)) return await LOADERS[protocol]!();
  const { findSimProtocol } = await import("./sim_protocols.ts");
  return findSimProtocol(protocol);
}
