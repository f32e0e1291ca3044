/**
 * The protocols that requests can be sent in.
 *
 * @module
 */
import { amsv2 } from "./protocol_amsv2.ts";
import { lightllm } from "./protocol_lightllm.ts";
import { lightllmTgi } from "./protocol_lightllm_tgi.ts";
import { llamacpp } from "./protocol_llamacpp.ts";
import { lmdeployGenerate } from "./protocol_lmdeploy_generate.ts";
import { lmdeployInteractive } from "./protocol_lmdeploy_interactive.ts";
import { lmdeployNul } from "./protocol_lmdeploy_nul.ts";
import { lmdeployChat, lmdeployCompletions } from "./protocol_lmdeploy_openai.ts";
import { openaiChat } from "./protocol_openai_chat.ts";
import { openaiCompletions } from "./protocol_openai_completions.ts";
import { ppl } from "./protocol_ppl.ts";
import { pplV1 } from "./protocol_ppl_v1.ts";
import type { Protocol } from "./protocol.ts";
import { sglang } from "./protocol_sglang.ts";
import { tgi } from "./protocol_tgi.ts";
import { transformers } from "./protocol_transformers.ts";
import { tritonTurbomind } from "./protocol_triton_grpc.ts";
import { tritonTrtllm, tritonVllm } from "./protocol_triton_http.ts";

/**
 * Every protocol, in the order of the help; a new one is a file and a line here.
 *
 * @example
 * ```ts
 * import { assert } from "@std/assert";
 * import { PROTOCOLS } from "@tokometer/tokometer";
 *
 * const exact = PROTOCOLS.filter(({ forcesLength }) => forcesLength).map(({ name }) => name);
 * assert(exact.includes("openai-completions"));
 * ```
 */
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
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { findProtocol } from "@tokometer/tokometer";
 *
 * assertEquals(findProtocol("openai-chat").path, "/v1/chat/completions");
 * ```
 */
export function findProtocol(name: string): Protocol {
  const found = PROTOCOLS.find((protocol) => protocol.name === name);
  if (found !== undefined) return found;
  throw new TypeError(`Cannot find the protocol "${name}": known are ${namesOf(PROTOCOLS)}`);
}

/**
 * Checks that a protocol can send prompts that are given as token ids.
 *
 * @throws {TypeError} when it takes text only; the message lists the protocols that take ids.
 */
export function checkTakesTokenIds({ name, takesTokenIds }: Protocol): void {
  if (takesTokenIds) return;
  const others = namesOf(PROTOCOLS.filter((protocol) => protocol.takesTokenIds));
  throw new TypeError(`Cannot send token ids to ${name}: protocols that take them are ${others}`);
}

function namesOf(protocols: readonly Protocol[]): string {
  return protocols.map(({ name }) => name).join(", ");
}
