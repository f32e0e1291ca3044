import { assertEquals, assertThrows } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { socketTransport } from "../backends/socket.ts";
import { startRawServer } from "./raw_server.ts";
import { runChild } from "./transport_child.ts";
import { transportContract } from "./transport_contract.ts";

transportContract(socketTransport, {
  seesBrokenChunks: true,
  connectionsPerUser: 1,
  reusesAfterTrailers: true,
  attempts: 2,
  knowsConnections: true,
});

Deno.test("socket accepts any certificate with insecure", async () => {
  const read = (name: string) =>
    Deno.readTextFile(new URL(`./fixtures/tls_${name}.pem`, import.meta.url));
  const server = await startRawServer(
    () => ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"],
    { tls: { cert: await read("cert"), key: await read("key") } },
  );
  const transport = socketTransport.open({ clock: systemClock, insecure: true });
  for (const connection of ["new", "reused"]) {
    const exchange = await transport.send(
      { method: "GET", url: server.url, headers: {} },
      { timeoutMs: 5000 },
    );
    assertEquals([exchange.end.kind, exchange.connection], ["complete", connection]);
  }
  await transport.close();
  await server.close();
});

Deno.test("socket refuses authorities that are not PEM", () => {
  for (const caCert of ["/path/to/ca.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n"]) {
    assertThrows(() => socketTransport.open({ clock: systemClock, caCert }), TypeError);
  }
});

Deno.test("socket knows no proxy (T47)", async () => {
  const server = await startRawServer(() => [
    "HTTP/1.1 200 OK\r\nconnection: close\r\ncontent-length: 6\r\n\r\ndirect",
  ]);
  const { bodies } = await runChild(
    { transport: "socket", urls: [server.url], timeoutMs: 5000 },
    { env: { HTTP_PROXY: "http://127.0.0.1:9" } },
  );
  await server.close();
  assertEquals(bodies, ["direct"]);
});

Deno.test("socket rehearses without a server", async () => {
  const transport = socketTransport.open({ clock: systemClock });
  const rehearsal = transport.rehearsal!();
  const request = { method: "GET", url: "http://127.0.0.1:1/", headers: {} } as const;
  for (let i = 0; i < 3; i++) {
    const { end, readMs, status } = await rehearsal.send(request, { timeoutMs: 0 });
    assertEquals([end.kind, status, readMs.length > 10], ["complete", 200, true]);
  }
  await rehearsal.close();
  await transport.close();
});
