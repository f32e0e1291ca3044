import { assertEquals, assertMatch, assertNotEquals } from "@std/assert";
import { createToken, type GuardedRequest, refusalOf } from "../workloads/live_guard.ts";

const TOKEN = "AbCdEfGhIjKlMnOpQrStUv";

function request(
  line: string,
  headers: GuardedRequest["headers"] = {},
  queryToken: string | undefined = undefined,
): GuardedRequest {
  const [method = "", path = ""] = line.split(" ");
  return { method, path, queryToken, headers: { host: "127.0.0.1:8123", ...headers } };
}

const BEARER = { authorization: `Bearer ${TOKEN}` };

Deno.test("who may look at a run and stop it", () => {
  const cases: readonly (readonly [string, GuardedRequest, number | undefined])[] = [
    ["the page with its token", request("GET /", {}, TOKEN), undefined],
    ["the page without", request("GET /"), 401],
    ["a wrong token", request("GET /", {}, "AbCdEfGhIjKlMnOpQrStUw"), 401],
    ["the start of it", request("GET /", {}, "AbC"), 401],
    ["more than it", request("GET /", {}, `${TOKEN}x`), 401],
    ["an empty one", request("GET /", {}, ""), 401],
    ["letters beyond ASCII", request("GET /", {}, "ÁbCdEfGhIjKlMnOpQrStUv"), 401],
    ["events by a header", request("GET /events", BEARER), undefined],
    ["another scheme", request("GET /events", { authorization: `Basic ${TOKEN}` }), 401],
    // The header counts, so that a wrong one is not helped by a good address.
    ["both, one wrong", request("GET /events", { authorization: "Bearer x" }, TOKEN), 401],
    ["events without", request("GET /events"), 401],
    ["stop", request("POST /stop", BEARER), undefined],
    ["stop without", request("POST /stop"), 401],
    ["stop by a link", request("GET /stop", BEARER), 405],
    ["status", request("GET /status"), undefined],
    ["metrics", request("HEAD /metrics"), undefined],
    ["status, changed", request("PUT /status"), 405],
    ["nothing", request("GET /favicon.ico", {}, TOKEN), 404],
    ["a name of every object", request("GET constructor", {}, TOKEN), 404],
    ["through a tunnel", request("GET /status", { host: "localhost:9000" }), undefined],
    ["by IPv6", request("GET /status", { host: "[::1]:8123" }), undefined],
    ["without a port", request("GET /status", { host: "LOCALHOST" }), undefined],
    ["a name that points here", request("GET /status", { host: "evil.example:8123" }), 421],
    ["the same with the token", request("GET /", { host: "evil.example" }, TOKEN), 421],
    ["a name that begins so", request("GET /status", { host: "127.0.0.1.evil.example" }), 421],
    ["a user before it", request("GET /status", { host: "localhost@evil.example" }), 421],
    ["no name", request("GET /status", { host: undefined }), 421],
    ["two names", request("GET /status", { host: ["localhost", "evil.example"] }), 421],
    [
      "our own page",
      request("POST /stop", {
        ...BEARER,
        ...{ origin: "http://127.0.0.1:8123", "sec-fetch-site": "same-origin" },
      }),
      undefined,
    ],
    ["a site", request("POST /stop", { ...BEARER, origin: "https://evil.example" }), 403],
    ["another port", request("POST /stop", { ...BEARER, origin: "http://127.0.0.1:3000" }), 403],
    ["a file", request("POST /stop", { ...BEARER, origin: "null" }), 403],
    ["a picture of a site", request("GET /status", { "sec-fetch-site": "cross-site" }), 403],
    ["of another port", request("GET /metrics", { "sec-fetch-site": "same-site" }), 403],
    ["typed", request("GET /status", { "sec-fetch-site": "none" }), undefined],
    [
      "a link in a web terminal",
      request("GET /", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }, TOKEN),
      undefined,
    ],
    [
      "a frame of a site, which has no token",
      request("GET /", { "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate" }),
      401,
    ],
  ];
  for (const [name, asked, status] of cases) {
    assertEquals(refusalOf(asked, TOKEN)?.status, status, name);
  }
  assertEquals(refusalOf(request("GET /stop"), TOKEN)?.allow, "POST");
});

Deno.test("a token is random and stands in an address as it is", () => {
  assertMatch(createToken(), /^[\w-]{22}$/);
  assertNotEquals(createToken(), createToken());
});
