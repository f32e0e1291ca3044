import { assertEquals } from "@std/assert";
import { amsv2 } from "../backends/protocol_amsv2.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

const FIRST = 'data:{"generated_text":"Hel","details":null}\n\n';
const LAST = 'data:{"generated_text":"lo","details":{"generated_tokens":3}}\n\n';

protocolContract({
  protocol: amsv2,
  bodies: [
    {
      name: "deltas, the total in the last",
      body: FIRST + LAST,
      expected: {
        text: "Hello",
        tokens: 3,
        source: "usage",
        ticks: [1, 2],
        tickSource: "event",
        events: 2,
      },
    },
    {
      name: "no details at all: the end of the body ends it",
      body: FIRST,
      expected: { text: "Hel", tokens: 1, source: "event" },
    },
    {
      name: "connection lost",
      body: FIRST,
      end: { kind: "cut", message: "connection reset" },
      expected: { outcome: "truncated" },
    },
    {
      name: "error in the stream",
      body: `${FIRST}data:{"error":"quota used up"}\n\n`,
      expected: { outcome: "engine_error", message: "quota used up" },
    },
    {
      name: "whole answer",
      stream: false,
      body: '{"generated_text":"Hello","details":{"generated_tokens":3,"finish_reason":"length"}}',
      expected: { text: "Hello", tokens: 3, source: "usage", finishReason: "length" },
    },
    { name: "nothing", body: "", expected: { outcome: "wrong_length", message: "0 tokens" } },
  ],
});

Deno.test("amsv2 appends its path unless the address already ends with it", () => {
  const wanted = "http://ams.local/api/text-generation/generate_stream";
  for (const path of ["", "/", "/text-generation", "/text-generation/generate_stream"]) {
    const target = { baseUrl: `http://ams.local/api${path}`, headers: {} };
    assertEquals(amsv2.buildRequest(cannedRequest(), target).url, wanted);
  }
});

Deno.test("amsv2 sends the script's parameters when they are given", () => {
  const { body } = amsv2.buildRequest(
    cannedRequest({
      sampling: { temperature: 0.8, topK: 50, topP: 0.7 },
      extraBody: { parameters: { repetition_penalty: 1.1 } },
    }),
    { baseUrl: "http://ams.local", headers: {} },
  );
  assertEquals(JSON.parse(new TextDecoder().decode(body)), {
    inputs: "Hello there",
    parameters: {
      do_sample: true,
      max_new_tokens: 4,
      temperature: 0.8,
      top_k: 50,
      top_p: 0.7,
      repetition_penalty: 1.1,
    },
  });
});
