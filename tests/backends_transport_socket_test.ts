import { assertEquals, assertThrows } from "@std/assert";
import { type Clock, systemClock } from "../backends/clock.ts";
import { SocketTransport, socketTransport } from "../backends/transport_socket.ts";
import { COUNTER_READS, COUNTER_STAMPED, TRANSPORT_COUNTERS } from "../backends/transport.ts";
import { startRawServer } from "./support/raw_server.ts";
import { runChild } from "./support/transport_child.ts";
import { transportContract } from "./support/transport_contract.ts";

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

Deno.test("socket uses the stamps of the kernel, and never lets them run backwards", async () => {
  let nowMs = 1000;
  const clock: Clock = { now: () => nowMs, sleepUntil: () => new Promise(() => {}) };
  const counters = new Uint32Array(TRANSPORT_COUNTERS);
  const transport = new SocketTransport({ clock, counters }, (_origin, events) => {
    const read = (text: string, atMs: number, arrivedMs?: number) => {
      nowMs = atMs;
      const bytes = new TextEncoder().encode(text);
      events.onBytes(bytes, bytes.length, arrivedMs);
    };
    queueMicrotask(() => events.onConnected());
    return {
      writableLength: 0,
      write: () =>
        queueMicrotask(() => {
          read("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\na", 1010, 1004);
          read("b", 1020);
          read("c", 1030, 1015);
          read("d", 1040, 1033);
        }),
      destroy: () => queueMicrotask(() => events.onClose()),
    };
  });
  const request = { method: "GET", url: "http://nowhere/", headers: {} } as const;
  const exchange = await transport.send(request, { timeoutMs: 0 });
  await transport.close();
  assertEquals([...exchange.readMs], [1004, 1020, 1020, 1033]);
  assertEquals([exchange.sentMs, exchange.firstByteMs, exchange.endMs], [1000, 1004, 1033]);
  assertEquals([counters[COUNTER_READS], counters[COUNTER_STAMPED]], [4, 3]);
});
