import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { grpcFrame } from "../backends/grpc_frames.ts";
import { ppl } from "../backends/protocol_ppl.ts";
import { pplBatch, pplBatchV1, type PplRequest } from "../backends/protocol_ppl_messages.ts";
import { pplV1 } from "../backends/protocol_ppl_v1.ts";
import type { GenerationRequest, Target } from "../backends/protocol.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

const PROCESSING = "0a101085081a0420776f722a050d000000bf";
const EMPTY_TEXT = "0a0c10850822050a03afe9012a00";
const FINISHED = "0a1008011085081a026c642a050d000080be";
/** Version 1 has no detail. */
const FINISHED_V1 = "0a0908011085081a026c64";
const FAILED = "0a050802108508";
/** Two ids in one response, as a server that batches would send them. */
const TWO_IDS = "0a0d1085081a026f6b22040a02 0506".replaceAll(" ", "");

function body(...messages: readonly string[]): Uint8Array {
  const frames = messages.map((hex) => grpcFrame(Uint8Array.fromHex(hex)));
  return Uint8Array.fromHex(frames.map((frame) => frame.toHex()).join(""));
}

const TARGET: Target = { baseUrl: "grpc://127.0.0.1:9000", headers: {} };
const GREETING: Partial<GenerationRequest> = {
  messages: [{ role: "user", content: "Hello" }],
  outputTokens: 16,
  length: "forced",
  requestId: 1029n,
};

for (const protocol of [ppl, pplV1]) {
  protocolContract({
    protocol,
    withoutSampling: {
      stop: "stop texts are refused, see below",
      ...(protocol === pplV1 && {
        topP: "refused, see below",
        topK: "refused, see below",
        seed: "refused, see below",
      }),
    },
    bodies: [
      {
        name: "one response per token, the last one is FINISHED",
        body: body(PROCESSING, PROCESSING, FINISHED),
        request: { outputTokens: 3, length: "forced" },
        expected: {
          text: " wor world",
          tokens: 3,
          source: "ids",
          ticks: [1, 2, 3],
          events: 3,
          finishReason: "length",
        },
      },
      {
        name: "tokens without text are tokens (T9)",
        body: body(EMPTY_TEXT, EMPTY_TEXT, FINISHED),
        request: { outputTokens: 3, length: "forced" },
        expected: { text: "ld", tokens: 3, source: "ids", ticks: [1, 2, 3] },
      },
      {
        name: "FINISHED without a reason",
        body: body(FINISHED_V1),
        expected: { text: "ld", tokens: 1, ticks: [1] },
      },
      {
        name: "ids are counted where a response holds several",
        body: body(TWO_IDS, FINISHED),
        expected: { text: "okld", tokens: 3, ticks: [2, 3] },
      },
      {
        name: "FAILED under status OK (T5, T25)",
        body: body(FAILED),
        expected: { outcome: "engine_error", message: "FAILED for request 7" },
      },
      {
        name: "FAILED after tokens",
        body: body(PROCESSING, FAILED),
        expected: { outcome: "engine_error", tokens: 1 },
      },
      {
        name: "a status other than OK although it was FINISHED",
        body: body(PROCESSING, FINISHED),
        end: { kind: "grpc_status", status: 14, message: "UNAVAILABLE: gone" },
        expected: { outcome: "truncated", message: "UNAVAILABLE: gone", tokens: 2 },
      },
      {
        name: "a status before anything",
        body: body(),
        end: { kind: "grpc_status", status: 8, message: "RESOURCE_EXHAUSTED: no slots" },
        expected: { outcome: "http_error", message: "no slots" },
      },
      {
        name: "a clean end without FINISHED",
        body: body(PROCESSING, PROCESSING),
        expected: { outcome: "truncated", tokens: 2 },
      },
      {
        name: "fewer than forced",
        body: body(PROCESSING, FINISHED),
        request: { outputTokens: 3, length: "forced" },
        expected: { outcome: "wrong_length", message: "2 tokens delivered" },
      },
      {
        name: "a message that is none",
        body: body(PROCESSING, "0aff"),
        expected: { outcome: "protocol_error" },
      },
    ],
  });
}

Deno.test("ppl builds the golden request, greedy", () => {
  const request = cannedRequest({ ...GREETING, sampling: { temperature: 0 } });
  const { url, body } = ppl.buildRequest(request, TARGET);
  assertEquals(url, "grpc://127.0.0.1:9000/ppl.llm.proto.LLMService/Generation");
  assertEquals(body?.toHex(), "0a19088508120548656c6c6f220710013d0000803f2a0408101801");
});

Deno.test("ppl builds the golden request, sampled, with a field of the user's (T24)", () => {
  const request = cannedRequest({
    ...GREETING,
    sampling: { temperature: 0.8, topK: 40, topP: 0.7 },
    extraBody: { repetition_penalty: 1.05 },
  });
  assertEquals(
    ppl.buildRequest(request, TARGET).body?.toHex(),
    "0a25088508120548656c6c6f22130dcdcc4c3f10281d3333333f28013d6666863f2a0408101801",
  );
});

Deno.test("ppl-v1 builds the golden request (T39)", () => {
  const request = cannedRequest({ ...GREETING, sampling: { temperature: 0 } });
  const { body } = pplV1.buildRequest(request, TARGET);
  assertEquals(body?.toHex(), "0a100885081a0548656c6c6f2a0408101801");
  const misread = assertThrows(() => pplBatch.decode(body!), SyntaxError);
  assertStringIncludes(misread.message, "wire type", "v2 reads the prompt as a message");
});

Deno.test("ppl merges extraBody by the names of the fields", () => {
  const rows: readonly [Record<string, unknown>, (request: PplRequest) => unknown, unknown][] = [
    [{ max_new_tokens: 3 }, (one) => one.stopping_parameters?.max_new_tokens, 3],
    [{ ignore_eos_token: null }, (one) => one.stopping_parameters?.ignore_eos_token, false],
    [{ stopping_parameters: null }, (one) => one.stopping_parameters, undefined],
    [{ choosing_parameters: { watermark: true } }, (one) => one.choosing_parameters, {
      temperature: 0,
      top_k: 1,
      top_p: 0,
      typical_p: 0,
      do_sample: false,
      seed: 0n,
      repetition_penalty: 1,
      presence_penalty: 0,
      frequency_penalty: 0,
      watermark: true,
    }],
    [{ choosing_parameters: { seed: 5 } }, (one) => one.choosing_parameters?.seed, 5n],
    [{ prompt: "other" }, (one) => one.prompt, "other"],
    [{ id: 12 }, (one) => one.id, 12n],
  ];
  for (const [extraBody, field, expected] of rows) {
    const request = cannedRequest({ ...GREETING, sampling: { temperature: 0 }, extraBody });
    const [built] = pplBatch.decode(ppl.buildRequest(request, TARGET).body!).req;
    assertEquals(field(built!), expected, JSON.stringify(extraBody));
  }
});

Deno.test("ppl refuses fields that it does not have, and numbers that do not fit", () => {
  const rows: readonly [Partial<GenerationRequest>, string][] = [
    [{ extraBody: { topk: 1 } }, 'Cannot send the field "topk" to PPL: known are id, prompt'],
    [{ extraBody: { stopping_parameters: { eos: 1 } } }, 'the field "eos"'],
    [{ extraBody: { top_k: -1 } }, "top_k: Cannot encode -1 as uint32"],
    [{ sampling: { stop: ["\n\n"] } }, 'the stop text "\\n\\n"'],
  ];
  for (const [overrides, part] of rows) {
    const error = assertThrows(() => ppl.buildRequest(cannedRequest(overrides), TARGET), Error);
    assertStringIncludes(error.message, part);
  }
});

Deno.test("ppl-v1 refuses sampling parameters that it cannot send", () => {
  for (const sampling of [{ topK: 1 }, { topP: 0.5 }, { seed: 1 }]) {
    assertThrows(
      () => pplV1.buildRequest(cannedRequest({ sampling }), TARGET),
      TypeError,
      "ppl-v1",
    );
  }
});

Deno.test("ppl sends token ids instead of a text", () => {
  const request = cannedRequest({ promptTokenIds: [1, 15043] });
  for (
    const built of [
      pplBatch.decode(ppl.buildRequest(request, TARGET).body!).req[0],
      pplBatchV1.decode(pplV1.buildRequest(request, TARGET).body!).req[0],
    ]
  ) {
    assertEquals([built?.prompt, built?.tokens?.ids], ["", [1, 15043]]);
  }
});

Deno.test("ppl sends every bit of the request's id (T32)", () => {
  const request = cannedRequest({ requestId: 2n ** 64n - 1n });
  assertEquals(pplBatch.decode(ppl.buildRequest(request, TARGET).body!).req[0]?.id, 2n ** 64n - 1n);
});

Deno.test("ppl accepts addresses in every form, and refuses those without a port", () => {
  const build = (baseUrl: string) =>
    ppl.buildRequest(cannedRequest(), { baseUrl, headers: {} }).url;
  for (const base of ["127.0.0.1:9000", "http://127.0.0.1:9000", "grpc://127.0.0.1:9000/"]) {
    assertStringIncludes(build(base), "grpc://127.0.0.1:9000/ppl");
  }
  assertStringIncludes(build("https://[::1]:9000"), "grpcs://[::1]:9000/ppl");
  for (const base of ["grpc://127.0.0.1", "ftp://h:1", "grpc://h:1/path", "grpc://u@h:1", ""]) {
    assertThrows(() => build(base), TypeError, `Cannot reach "${base}" over gRPC`);
  }
});

Deno.test("ppl refuses headers that cannot be metadata", () => {
  const target = { ...TARGET, headers: { "x team": "blue" } };
  assertThrows(() => ppl.buildRequest(cannedRequest(), target), TypeError, 'the header "x team"');
});
