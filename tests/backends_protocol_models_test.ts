import { assertEquals, assertRejects } from "@std/assert";
import { listOpenaiModels } from "../backends/protocol_models.ts";
import type { WireRequest } from "../backends/protocol.ts";

function answering(status: number, body: string, seen: WireRequest[] = []) {
  return (request: WireRequest) => {
    seen.push(request);
    return Promise.resolve({ status, body: new TextEncoder().encode(body) });
  };
}

Deno.test("listOpenaiModels() asks /v1/models from every form of the address, with the key", async () => {
  const list = '{"object":"list","data":[{"id":"m-1"},{"id":"m-2"},{"name":"x"}]}';
  for (const base of ["http://h:1", "http://h:1/v1", "http://h:1/v1/completions", "h:1/"]) {
    const seen: WireRequest[] = [];
    const target = { baseUrl: base, apiKey: "k", headers: { "X-A": "1" }, endpoint: "/other" };
    const ids = await listOpenaiModels("/v1/completions", target, answering(200, list, seen));
    assertEquals(ids, ["m-1", "m-2"]);
    assertEquals(seen, [{
      method: "GET",
      url: "http://h:1/v1/models",
      headers: { authorization: "Bearer k", "x-a": "1" },
    }]);
  }
});

Deno.test("listOpenaiModels() reports the answer and what would help", async () => {
  const cases = [
    [401, '{"error":"bad key"}', 'answered 401, "bad key"'],
    [200, "<html>", "HTML page without a title, not JSON; check the base URL"],
    [200, "{}", '"{}": check the base URL'],
    [200, '{"data":[]}', "http://h/v1/models lists none"],
  ] as const;
  for (const [status, body, part] of cases) {
    const target = { baseUrl: "http://h", headers: {} };
    await assertRejects(
      () => listOpenaiModels("/v1/completions", target, answering(status, body)),
      Error,
      part,
    );
  }
});
