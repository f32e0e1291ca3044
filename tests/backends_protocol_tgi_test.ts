import { assertEquals, assertRejects } from "@std/assert";
import { tgi } from "../backends/protocol_tgi.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

const FIRST = 'data:{"index":1,"token":{"id":278,"text":" the","logprob":-0.6,"special":false},' +
  '"generated_text":null,"details":null}\n\n';
const LAST = 'data:{"index":2,"token":{"id":2,"text":"</s>","logprob":-0.1,"special":true},' +
  '"generated_text":" the","details":{"finish_reason":"eos_token","generated_tokens":2,' +
  '"seed":null,"input_length":6}}\n\n';

protocolContract({
  protocol: tgi,
  bodies: [
    {
      name: "one event per token; the special one counts and has no text",
      body: FIRST + LAST,
      expected: {
        text: " the",
        tokens: 2,
        source: "ids",
        ticks: [1, 2],
        events: 2,
        promptTokens: 6,
        finishReason: "eos_token",
      },
    },
    {
      name: "keep-alive comments, CRLF",
      body: `:\r\n\r\n${(FIRST + ":\n\n" + LAST).replaceAll("\n", "\r\n")}`,
      expected: { text: " the", tokens: 2, events: 2 },
    },
    {
      name: "without details",
      body: FIRST + LAST.replace(/"details":\{.*\}\}/, '"details":null}'),
      expected: { text: " the", tokens: 2, source: "ids" },
    },
    {
      name: "error in the stream under status 200 (T6)",
      body:
        `${FIRST}data:{"error":"Request failed during generation","error_type":"generation"}\n\n`,
      expected: {
        outcome: "engine_error",
        message: "Request failed during generation (generation)",
      },
    },
    {
      name: "overloaded before the first token",
      body: 'data:{"error":"Model is overloaded","error_type":"overloaded"}\n\n',
      expected: { outcome: "engine_error", message: "Model is overloaded (overloaded)" },
    },
    { name: "breaks off", body: FIRST, expected: { outcome: "truncated", tokens: 1 } },
    {
      name: "whole answer",
      stream: false,
      body: '{"generated_text":" the","details":{"finish_reason":"length","generated_tokens":2}}',
      expected: { text: " the", tokens: 2, source: "usage", finishReason: "length" },
    },
    {
      name: "status 422",
      status: 422,
      body: '{"error":"Input validation error: `temperature` must be strictly positive",' +
        '"error_type":"validation"}',
      expected: { outcome: "http_error", message: "must be strictly positive" },
    },
  ],
});

Deno.test("tgi leaves out the values that the engine refuses", () => {
  const rows = [
    [{}, { do_sample: false }],
    [{ temperature: 0, topP: 1, topK: -1 }, { do_sample: false }],
    [{ temperature: 1, topP: 1 }, { do_sample: true, temperature: 1 }],
    [{ topP: 0.5, topK: 3 }, { do_sample: true, top_p: 0.5, top_k: 3 }],
  ] as const;
  for (const [sampling, expected] of rows) {
    const { body } = tgi.buildRequest(
      cannedRequest({ sampling }),
      { baseUrl: "http://127.0.0.1:3000", headers: {} },
    );
    assertEquals(JSON.parse(new TextDecoder().decode(body)).parameters, {
      max_new_tokens: 4,
      details: true,
      decoder_input_details: false,
      ...expected,
    });
  }
});

Deno.test("tgi asks /info for the model", async () => {
  const target = { baseUrl: "http://127.0.0.1:3000/generate_stream", headers: {} };
  const answer = (text: string) =>
    Promise.resolve({ status: 200, body: new TextEncoder().encode(text) });
  const names = await tgi.listModels?.(target, ({ url }) => {
    assertEquals(url, "http://127.0.0.1:3000/info");
    return answer('{"model_id":"bigscience/bloom"}');
  });
  assertEquals(names, ["bigscience/bloom"]);
  await assertRejects(() => tgi.listModels!(target, () => answer("{}")), TypeError, "--model");
  await assertRejects(() => tgi.listModels!(target, () => answer("<p>")), SyntaxError, "<p>");
});
