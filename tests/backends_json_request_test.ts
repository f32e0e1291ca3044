import { assertEquals, assertStrictEquals } from "@std/assert";
import type { GenerationRequest, Target } from "../backends/protocol.ts";
import { PROTOCOLS } from "../backends/protocols.ts";
import { callUrl, mergeBody, requestHeaders, serverRoot } from "../backends/json_request.ts";

Deno.test("callUrl() repeats nothing that the base URL already holds", () => {
  const path = "/v1/chat/completions";
  const table: readonly [base: string, endpoint: string | undefined, url: string][] = [
    ["http://h:1", undefined, "http://h:1/v1/chat/completions"],
    ["http://h:1/", undefined, "http://h:1/v1/chat/completions"],
    ["h:1", undefined, "http://h:1/v1/chat/completions"],
    ["HTTPS://h", undefined, "HTTPS://h/v1/chat/completions"],
    ["http://h:1/v1", undefined, "http://h:1/v1/chat/completions"],
    ["http://h:1/v1/", undefined, "http://h:1/v1/chat/completions"],
    ["http://h:1/v1/chat/completions", undefined, "http://h:1/v1/chat/completions"],
    ["http://h:1/gate/m", undefined, "http://h:1/gate/m/v1/chat/completions"],
    ["http://h:1/gate/v1", undefined, "http://h:1/gate/v1/chat/completions"],
    // Whole segments only: /xv1 is not /v1.
    ["http://h:1/xv1", undefined, "http://h:1/xv1/v1/chat/completions"],
    ["http://v1", undefined, "http://v1/v1/chat/completions"],
    ["http://h:1", "/my/call", "http://h:1/my/call"],
    ["http://h:1", "my/call", "http://h:1/my/call"],
    ["http://h:1/my", "/my/call", "http://h:1/my/call"],
    ["http://h:1/v1/chat/completions", "/my/call", "http://h:1/my/call"],
  ];
  for (const [baseUrl, endpoint, url] of table) {
    const target = { baseUrl, headers: {}, ...(endpoint !== undefined && { endpoint }) };
    assertStrictEquals(callUrl(target, path), url, `${baseUrl} ${endpoint}`);
  }
});

Deno.test("callUrl() takes full addresses of calls that stand elsewhere, with their queries", () => {
  const chat = "/v1/chat/completions";
  const azure = "https://h/openai/deployments/d/chat/completions";
  const table: readonly [path: string, target: Omit<Target, "headers">, url: string][] = [
    [chat, { baseUrl: azure, query: "api-version=1" }, `${azure}?api-version=1`],
    [chat, { baseUrl: "http://h/openai/chat/completions" }, "http://h/openai/chat/completions"],
    [chat, { baseUrl: "http://h/v1", query: "a=b" }, `http://h${chat}?a=b`],
    [chat, { baseUrl: "http://h", endpoint: "/x?a=b" }, "http://h/x?a=b"],
    [chat, { baseUrl: "http://h", endpoint: "/x?a=b", query: "c=d" }, "http://h/x?a=b&c=d"],
    [chat, { baseUrl: "http://h", endpoint: "https://g/x?a=b" }, "https://g/x?a=b"],
    ["/v1/completions", { baseUrl: "http://h/api/completions" }, "http://h/api/completions"],
    // That is the address of another call.
    [
      "/v1/completions",
      { baseUrl: "http://h/api/chat/completions" },
      "http://h/api/chat/completions/v1/completions",
    ],
    ["/generate", { baseUrl: "http://h/x/generate" }, "http://h/x/generate"],
  ];
  for (const [path, target, url] of table) {
    assertStrictEquals(callUrl({ ...target, headers: {} }, path), url);
  }
});

Deno.test("null in the user's own fields removes any field that a protocol sends", () => {
  for (const protocol of PROTOCOLS.filter(({ carrier }) => carrier === "http")) {
    const request: GenerationRequest = {
      model: "m",
      messages: [{ role: "user", content: "Hi" }],
      outputTokens: 4,
      length: protocol.forcesLength ? "forced" : "cap",
      stream: true,
      sampling: { temperature: 0.5, topP: 0.9, topK: 5 },
      requestId: 1n,
    };
    const bodyOf = (extraBody?: Record<string, unknown>): Record<string, unknown> => {
      const wire = protocol.buildRequest(
        { ...request, ...(extraBody && { extraBody }) },
        { baseUrl: "http://h", headers: {} },
      );
      return JSON.parse(new TextDecoder().decode(wire.body));
    };
    for (const name of Object.keys(bodyOf())) {
      assertEquals(name in bodyOf({ [name]: null }), false, `${protocol.name} ${name}`);
    }
  }
});

Deno.test("serverRoot() keeps what is not part of the call", () => {
  assertStrictEquals(serverRoot("http://h/gate/v1", "/v1/completions"), "http://h/gate");
});

Deno.test("mergeBody() merges objects, replaces all else, removes by null", () => {
  const body = { a: 1, b: { c: 1, d: [1, 2] }, e: "x", f: undefined };
  assertEquals(mergeBody(body, { b: { c: null, d: [3], g: { h: null, i: 1 } }, e: null, j: 0 }), {
    a: 1,
    b: { d: [3], g: { i: 1 } },
    j: 0,
  });
  assertEquals(body.b, { c: 1, d: [1, 2] }, "the input stays");
});

Deno.test("requestHeaders() lets the user's headers win and sends no empty key (T38)", () => {
  const own = { "content-type": "application/json" };
  assertEquals(requestHeaders({ baseUrl: "", apiKey: "", headers: {} }, own), own);
  assertEquals(
    requestHeaders({ baseUrl: "", apiKey: "k", headers: { Authorization: "Basic x" } }, own),
    { "content-type": "application/json", authorization: "Basic x" },
  );
});
