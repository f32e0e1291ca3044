import { assert, assertEquals, assertFalse } from "@std/assert";
import type { Outcome } from "../backends/record.ts";
import { findProxy, isProxied, proxyRefusal } from "../workloads/server_proxy.ts";

const PROXY = "http://proxy.example:3128";

const proxied = (
  url: string,
  variables: Readonly<Record<string, string>>,
  proxyLocal = false,
): boolean => isProxied(url, { proxyLocal, read: (name) => variables[name] });

Deno.test("isProxied goes by the scheme's own variables", () => {
  const server = "://llm.example:8000/v1";
  const cases: [url: string, variable: string, expected: boolean][] = [
    [`http${server}`, "http_proxy", true],
    [`http${server}`, "HTTP_PROXY", true],
    [`http${server}`, "https_proxy", false],
    [`https${server}`, "HTTPS_PROXY", true],
    [`https${server}`, "http_proxy", false],
    [`https${server}`, "all_proxy", true],
    [`grpc${server}`, "grpc_proxy", true],
    [`grpcs${server}`, "http_proxy", true],
    [`grpc${server}`, "all_proxy", false],
  ];
  for (const [url, variable, expected] of cases) {
    assertEquals(proxied(url, { [variable]: PROXY }), expected, `${url} ${variable}`);
    assertEquals(proxied(url, { [variable]: "" }), false);
  }
  assertEquals(proxied("/models/tiny", { http_proxy: PROXY }), false);
});

Deno.test("findProxy names host and port, never a password", () => {
  const cases: [value: string, address: string][] = [
    ["http://proxy.example:3128", "proxy.example:3128"],
    ["http://user:s3cret@proxy.example:3128/", "proxy.example:3128"],
    ["user:s3cret@proxy.example:3128", "proxy.example:3128"],
    ["proxy.example", "proxy.example:80"],
    ["https://proxy.example", "proxy.example:443"],
    ["socks5://u:s3cret@proxy.example", "proxy.example:1080"],
    ["http://[2001:db8::1]:3128", "[2001:db8::1]:3128"],
    ["http://user:s3cret@@:/bad url", "(its address cannot be read)"],
  ];
  for (const [value, address] of cases) {
    const found = findProxy("http://llm.example", {
      proxyLocal: false,
      read: (name) => name === "HTTP_PROXY" ? value : undefined,
    });
    assertEquals(found, { address, variable: "HTTP_PROXY" }, value);
  }
});

Deno.test("proxyRefusal speaks where it may be the proxy that refused", () => {
  const proxy = { address: "proxy.example:3128", variable: "http_proxy" };
  const message = "";
  const says = (outcome: Outcome) => proxyRefusal(outcome, proxy) !== undefined;
  for (const status of [407, 502, 503, 504]) assert(says({ kind: "http_error", status, message }));
  for (const status of [400, 401, 404, 500]) {
    assertFalse(says({ kind: "http_error", status, message }));
  }
  assert(says({ kind: "connect_error", message }));
  assertFalse(says({ kind: "truncated", message }));
  assertEquals(proxyRefusal({ kind: "connect_error", message }, undefined), undefined);
});

Deno.test("isProxied: local addresses only with --proxy-local", () => {
  for (
    const host of ["127.0.0.1:8000", "127.9.9.9", "localhost:1", "[::1]:1", "0.0.0.0:1", "[::]:1"]
  ) {
    assertEquals(proxied(`http://${host}`, { http_proxy: PROXY }), false, host);
    assertEquals(proxied(`http://${host}`, { http_proxy: PROXY }, true), true, host);
  }
});

Deno.test("isProxied: no_proxy lists names, addresses and ranges", () => {
  const cases: [host: string, list: string, exempt: boolean][] = [
    ["llm.example", "other.example, llm.example", true],
    ["a.llm.example", "llm.example", true],
    ["a.llm.example", ".llm.example", true],
    ["a.llm.example", "*.llm.example", true],
    ["xllm.example", "llm.example", false],
    ["llm.example", "*", true],
    ["llm.example", ",", false],
    ["10.1.2.3", "10.0.0.0/8", true],
    ["11.1.2.3", "10.0.0.0/8", false],
    ["10.1.2.3", "10.1.2.3", true],
    ["10.1.2.3", "10.1.2.0/30", true],
    ["10.1.2.4", "10.1.2.0/30", false],
  ];
  for (const [host, list, exempt] of cases) {
    const variables = { http_proxy: PROXY, NO_PROXY: list };
    assertEquals(proxied(`http://${host}:8000`, variables), !exempt, `${host} in ${list}`);
  }
  const grpc = { http_proxy: PROXY, no_grpc_proxy: "b.example", no_proxy: "a.example" };
  assertEquals(proxied("grpc://a.example", grpc), true);
  assertEquals(proxied("grpc://b.example", grpc), false);
});
