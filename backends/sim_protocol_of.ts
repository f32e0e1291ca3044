/**
 * The simulated side of one protocol, without loading those of all others.
 *
 * @module
 */
import type { SimProtocol } from "./sim_protocol.ts";

/** How each is loaded, by the client protocol that it serves; a new one is a line here. */
const LOADERS: Readonly<Record<string, () => Promise<SimProtocol>>> = {
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
};

/** Loads it; `undefined` = there is none. */
export async function loadSimProtocol(protocol: string): Promise<SimProtocol | undefined> {
  return Object.hasOwn(LOADERS, protocol) ? await LOADERS[protocol]!() : undefined;
}
