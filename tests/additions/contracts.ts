/**
 * The shared suites of protocols and transports on the two that are added; run by
 * `one_file_one_line_test.ts` in a copy of the repository whose registries list them.
 *
 * @module
 */
import { protocolContract } from "../support/protocol_contract.ts";
import { transportContract } from "../support/transport_contract.ts";
import { ollama } from "./protocol_ollama.ts";
import { tracedTransport } from "./transport_traced.ts";

const TOKENS = ["One", " two", " three", " four"];

const BODY =
  TOKENS.map((content) =>
    `${JSON.stringify({ model: "m-1", message: { role: "assistant", content }, done: false })}\n`
  ).join("") + `${
    JSON.stringify({
      model: "m-1",
      message: { role: "assistant", content: "" },
      done: true,
      done_reason: "length",
      prompt_eval_count: 3,
      eval_count: 4,
    })
  }\n`;

protocolContract({
  protocol: ollama,
  bodies: [
    {
      name: "stream",
      body: BODY,
      expected: {
        text: TOKENS.join(""),
        tokens: 4,
        source: "usage",
        ticks: [1, 2, 3, 4],
        tickSource: "event",
        events: 5,
        finishReason: "length",
        promptTokens: 3,
      },
    },
    {
      name: "stream that breaks off",
      body: BODY.slice(
        0,
        BODY.indexOf('{"model":"m-1","message":{"role":"assistant","content":""}'),
      ),
      expected: { outcome: "truncated", text: TOKENS.join("") },
    },
    {
      name: "error in the stream",
      body: '{"error":"model runner has stopped"}\n',
      expected: { outcome: "engine_error", message: "model runner has stopped" },
    },
    {
      name: "unknown model",
      status: 404,
      body: '{"error":"model \\"m-1\\" not found"}',
      expected: { outcome: "http_error", message: 'model "m-1" not found' },
    },
  ],
});

transportContract(tracedTransport, {
  seesBrokenChunks: true,
  connectionsPerUser: 1,
  reusesAfterTrailers: true,
  attempts: 2,
  knowsConnections: true,
});
