import { assertEquals, assertStringIncludes } from "@std/assert";
import { decodeExchange } from "../backends/decode.ts";
import { amsv2 } from "../backends/protocol_amsv2.ts";
import { lightllm } from "../backends/protocol_lightllm.ts";
import { lightllmTgi } from "../backends/protocol_lightllm_tgi.ts";
import { openaiChat } from "../backends/protocol_openai_chat.ts";
import { tgi } from "../backends/protocol_tgi.ts";
import { tritonTrtllm, tritonVllm } from "../backends/protocol_triton_http.ts";
import type { Protocol } from "../backends/protocol.ts";
import type { Outcome } from "../backends/record.ts";
import { cannedExchange, cannedOptions, cannedRequest } from "./support/protocol_contract.ts";

const PROTOCOLS: readonly Protocol[] = [
  ...[lightllm, lightllmTgi, tgi, amsv2, tritonTrtllm, tritonVllm],
];

/** The token in front of an error, in each engine's shape. */
const TOKEN: Readonly<Record<string, string>> = {
  lightllm: '{"token":{"text":"Hi","count_output_tokens":1},"finished":false}',
  "lightllm-tgi": '{"token":{"text":"Hi","count_output_tokens":1},"finished":false}',
  tgi: '{"token":{"text":"Hi","id":5,"special":false},"generated_text":null}',
  amsv2: '{"generated_text":"Hi","details":null}',
  "triton-trtllm": '{"text_output":"Hi"}',
  "triton-vllm": '{"text_output":"Hi","num_output_tokens":1}',
};

const WORDS = "worker 3 ran out of memory";

/** What servers, and what stands before them, send where an answer should be. */
const SHAPES: readonly string[] = [
  `{"error":"${WORDS}"}`,
  `{"error":{"message":"${WORDS}","code":500}}`,
  `{"message":"${WORDS}"}`,
  `{"detail":"${WORDS}"}`,
  `{"object":"error","message":"${WORDS}"}`,
  `[{"error":"${WORDS}"}]`,
  `[{"error":{"code":500,"message":"${WORDS}","status":"INTERNAL"}}]`,
  `{"code":500,"msg":"${WORDS}"}`,
  `{"detail":[{"loc":["body"],"msg":"${WORDS}"}]}`,
];

function outcomeOf(protocol: Protocol, body: string, stream = true): Outcome {
  const exchange = cannedExchange(body);
  return decodeExchange(exchange, protocol, cannedRequest({ stream }), cannedOptions()).outcome;
}

function assertSaid(outcome: Outcome, where: string): void {
  assertEquals(outcome.kind, "engine_error", `${where}: ${JSON.stringify(outcome)}`);
  assertStringIncludes("message" in outcome ? outcome.message : "", WORDS, where);
}

Deno.test("errors under status 200 keep the server's words, in every shape (T5, T6)", () => {
  for (const protocol of PROTOCOLS) {
    const token = `data: ${TOKEN[protocol.name]}\n\n`;
    for (const shape of SHAPES) {
      const where = `${protocol.name} ${shape}`;
      assertSaid(outcomeOf(protocol, `data: ${shape}\n\n`), where);
      assertSaid(outcomeOf(protocol, `${token}data: ${shape}\n\n`), `${where} after a token`);
      assertSaid(outcomeOf(protocol, shape), `${where} in place of the stream`);
      assertSaid(outcomeOf(protocol, shape, false), `${where} as a whole answer`);
    }
  }
});

Deno.test("a list of errors keeps its words over OpenAI's protocol, too (T6)", () => {
  const token = 'data: {"choices":[{"index":0,"delta":{"content":"Hi"}}]}\n\n';
  for (const shape of SHAPES.filter((shape) => shape.startsWith("["))) {
    assertSaid(outcomeOf(openaiChat, `${token}data: ${shape}\n\n`), shape);
    assertSaid(outcomeOf(openaiChat, shape), `${shape} in place of the stream`);
    assertSaid(outcomeOf(openaiChat, shape, false), `${shape} as a whole answer`);
  }
  // A list of something else is not the protocol.
  assertEquals(outcomeOf(openaiChat, "[1, 2]").kind, "protocol_error");
});
