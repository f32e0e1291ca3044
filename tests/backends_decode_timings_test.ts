import { assertEquals } from "@std/assert";
import { readServerTimings } from "../backends/decode_timings.ts";
import { findProtocol } from "../backends/protocols.ts";

const request = {
  ...{ model: "m", messages: [], outputTokens: 4, length: "cap" as const, stream: true },
  ...{ sampling: {}, requestId: 1n },
};

function timingsOf(protocol: string, event: unknown) {
  const { timings } = findProtocol(protocol).readEvent(JSON.stringify(event), request);
  return timings === undefined ? undefined : readServerTimings(timings);
}

Deno.test("server timings: vLLM's metrics, whose TTFT begins when the request is taken up", () => {
  const event = {
    choices: [],
    usage: { prompt_tokens: 17, completion_tokens: 24 },
    metrics: {
      ...{ time_to_first_token_ms: 112.25, generation_time_ms: 1407, queue_time_ms: 0.03 },
      ...{ mean_itl_ms: 61, tokens_per_second: 16 },
      speculative_decoding: { num_draft_tokens: 42, num_accepted_draft_tokens: 18 },
    },
  };
  const expected = {
    ...{ queueMs: 0.03, prefillMs: 112.25, decodeMs: 1407 },
    ...{ draftTokens: 42, acceptedTokens: 18 },
  };
  assertEquals(timingsOf("openai-completions", event), expected);
  assertEquals(timingsOf("openai-chat", event), expected);
  // Where nothing was measured it sends null.
  const empty = { choices: [], metrics: { queue_time_ms: null, speculative_decoding: null } };
  assertEquals(timingsOf("openai-chat", empty), undefined);
});

Deno.test("server timings: llama.cpp's own and over OpenAI's calls", () => {
  const timings = {
    ...{ cache_n: 5, prompt_n: 8, prompt_ms: 13.8, predicted_n: 4, predicted_ms: 9.5 },
    ...{ draft_n: 6, draft_n_accepted: 2 },
  };
  const expected = { prefillMs: 13.8, decodeMs: 9.5, draftTokens: 6, acceptedTokens: 2 };
  assertEquals(timingsOf("llamacpp", { content: "", stop: true, timings }), expected);
  assertEquals(timingsOf("openai-chat", { choices: [], timings }), expected);
});

Deno.test("server timings: SGLang's seconds", () => {
  const meta_info = {
    ...{ completion_tokens: 4, prompt_tokens: 2, finish_reason: { type: "length" } },
    ...{ e2e_latency: 1.5, queue_time: 0.25, spec_verify_ct: 2 },
    ...{ spec_num_proposed_drafts: 6, spec_num_correct_drafts: 3 },
  };
  assertEquals(timingsOf("sglang", { text: "abcd", meta_info }), {
    ...{ queueMs: 250, e2eMs: 1500, draftTokens: 6, acceptedTokens: 3 },
  });
});

Deno.test("server timings: what cannot be true is left out", () => {
  assertEquals(readServerTimings({}), undefined);
  assertEquals(readServerTimings({ cache_n: 3 }), undefined);
  assertEquals(
    readServerTimings({ prompt_ms: -1, predicted_ms: Infinity, draft_n: 1.5 }),
    undefined,
  );
  assertEquals(readServerTimings({ prompt_ms: NaN, predicted_ms: 2 }), { decodeMs: 2 });
});
