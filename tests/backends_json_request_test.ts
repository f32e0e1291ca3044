import { assertEquals, assertStrictEquals } from "@std/assert";
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
