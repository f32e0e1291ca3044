/**
 * The protocols that requests can be sent in.
 *
 * @module
 */
import { amsv2 } from "./amsv2.ts";
import { lightllm } from "./lightllm.ts";
import { lightllmTgi } from "./lightllm_tgi.ts";
import { llamacpp } from "./llamacpp.ts";
import { lmdeployGenerate } from "./lmdeploy_generate.ts";
import { lmdeployInteractive } from "./lmdeploy_interactive.ts";
import { lmdeployNul } from "./lmdeploy_nul.ts";
import { lmdeployChat, lmdeployCompletions } from "./lmdeploy_openai.ts";
import { openaiChat } from "./openai_chat.ts";
import { openaiCompletions } from "./openai_completions.ts";
import { ppl } from "./ppl.ts";
import { pplV1 } from "./ppl_v1.ts";
import type { Protocol } from "./protocol.ts";
import { sglang } from "./sglang.ts";
import { tgi } from "./tgi.ts";
import { transformers } from "./transformers.ts";
import { tritonTurbomind } from "./triton_grpc.ts";
import { tritonTrtllm, tritonVllm } from "./triton_http.ts";

/** Every protocol, in the order of the help; a new one is a file and a line here. */
export const PROTOCOLS: readonly Protocol[] = [
  openaiCompletions,
  openaiChat,
  lmdeployChat,
  lmdeployCompletions,
  lmdeployInteractive,
  lmdeployGenerate,
  lmdeployNul,
  lightllm,
  lightllmTgi,
  sglang,
  tgi,
  llamacpp,
  amsv2,
  tritonTrtllm,
  tritonVllm,
  tritonTurbomind,
  ppl,
  pplV1,
  transformers,
];

/**
 * The protocol of that name.
 *
 * @throws {TypeError} when there is none; the message lists the names.
 */
export function findProtocol(name: string): Protocol {
  const found = PROTOCOLS.find((protocol) => protocol.name === name);
  if (found === undefined) {
    throw new TypeError(
      `Cannot find the protocol "${name}": known are ${
        PROTOCOLS.map((protocol) => protocol.name).join(", ")
      }`,
    );
  }
  return found;
}
