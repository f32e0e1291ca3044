import { assertThrows } from "@std/assert";
import { lmdeployNul } from "../backends/protocol_lmdeploy_nul.ts";
import { cannedRequest, protocolContract } from "./support/protocol_contract.ts";

protocolContract({
  protocol: lmdeployNul,
  withoutSampling: {
    seed: "the call has no seed",
    stop: "its `stop` is a flag that cancels a session",
  },
  bodies: [
    {
      name: "NUL after every text",
      body: '{"text":"Hel","tokens":1,"finish_reason":null}\0' +
        '{"text":"lo","tokens":2,"finish_reason":null}\0' +
        '{"text":"","tokens":2,"finish_reason":"length"}\0',
      request: { outputTokens: 2, length: "forced" },
      expected: { text: "Hello", tokens: 2, source: "counter", ticks: [1, 2], events: 3 },
    },
    {
      name: "line ends inside a text do not cut it",
      body:
        '{"text":"a\\nb","tokens":1,\n"finish_reason":null}\0{"text":"","tokens":1,"finish_reason":"stop"}\0',
      expected: { text: "a\nb", tokens: 1, events: 2, finishReason: "stop" },
    },
    {
      name: "no finish reason",
      body: '{"text":"Hel","tokens":1,"finish_reason":null}\0',
      expected: { outcome: "truncated", tokens: 1 },
    },
    {
      name: "last text cut off",
      body: '{"text":"Hel","tokens":1,"finish_reason":null}\0{"text":"lo","tok',
      expected: { outcome: "truncated", tokens: 1 },
    },
    {
      name: "whole answer",
      stream: false,
      body: '{"text":"Hello","tokens":2,"finish_reason":"stop"}',
      expected: { text: "Hello", tokens: 2, finishReason: "stop" },
    },
  ],
});

Deno.test("lmdeployNul refuses what these servers do not know", () => {
  const target = { baseUrl: "http://127.0.0.1:1", headers: {} };
  for (const sampling of [{ seed: 1 }, { stop: ["x"] }]) {
    assertThrows(() => lmdeployNul.buildRequest(cannedRequest({ sampling }), target), TypeError);
  }
});
