import { assertEquals, assertThrows } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { fetchTransport } from "../backends/transport_fetch.ts";
import { startRawServer } from "./support/raw_server.ts";
import { runChild } from "./support/transport_child.ts";
import { transportContract } from "./support/transport_contract.ts";

transportContract(fetchTransport, {
  seesBrokenChunks: false,
  connectionsPerUser: 2,
  reusesAfterTrailers: false,
  attempts: 3,
  knowsConnections: false,
});

Deno.test("fetch refuses insecure and names the transport that accepts it", () => {
  assertThrows(
    () => fetchTransport.open({ clock: systemClock, insecure: true }),
    RangeError,
    "--transport socket",
  );
});

Deno.test("fetch refuses authorities that are not PEM", () => {
  for (const caCert of ["/path/to/ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n"]) {
    assertThrows(() => fetchTransport.open({ clock: systemClock, caCert }), TypeError);
  }
});

Deno.test("fetch explains a port that browsers may not use", async () => {
  const transport = fetchTransport.open({ clock: systemClock });
  const { end } = await transport.send(
    { method: "GET", url: "http://127.0.0.1:6000/", headers: {} },
    { timeoutMs: 5000 },
  );
  await transport.close();
  assertEquals(end, {
    kind: "connect_error",
    message: "fetch does not connect to this port: use --transport socket",
  });
});

const OK = "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: ";

Deno.test("fetch asks local servers directly, others through the proxy of the environment (T47)", async () => {
  const server = await startRawServer(() => [`${OK}6\r\n\r\ndirect`]);
  const proxy = await startRawServer(() => [`${OK}5\r\n\r\nproxy`]);
  // A listener on all addresses is asked at 0.0.0.0 by the scripts' documents.
  const local = ["127.0.0.1", "localhost", "0.0.0.0"]
    .map((host) => server.url.replace("127.0.0.1", host));
  const orders = {
    transport: "fetch",
    urls: [...local, "http://engine.invalid/", "http://near.invalid/"],
    timeoutMs: 5000,
  };
  const proxied = { HTTP_PROXY: proxy.url };
  try {
    const direct = await runChild(orders, { env: proxied });
    assertEquals(direct.bodies, ["direct", "direct", "direct", "proxy", "proxy"]);
    assertEquals(direct.noProxy, null, "the variable is as it was");

    for (const variable of ["NO_PROXY", "no_proxy"]) {
      const listed = await runChild(orders, { env: { ...proxied, [variable]: "near.invalid" } });
      assertEquals(listed.bodies, ["direct", "direct", "direct", "proxy", ""]);
      assertEquals(listed.noProxy, variable === "NO_PROXY" ? "near.invalid" : null);
    }

    const asked = await runChild({ ...orders, proxyLocal: true }, { env: proxied });
    assertEquals(asked.bodies, ["proxy", "proxy", "proxy", "proxy", "proxy"]);
  } finally {
    await proxy.close();
    await server.close();
  }
});
