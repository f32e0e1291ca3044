/** Skipped by name where there is no Linux or no `--allow-ffi`. */
import {
  assertEquals,
  assertGreater,
  assertLessOrEqual,
  assertMatch,
  assertThrows,
} from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { epollTransport } from "../backends/transport_epoll.ts";
import { socketTransport } from "../backends/transport_socket.ts";
import {
  COUNTER_READS,
  COUNTER_STAMPED,
  type Exchange,
  TRANSPORT_COUNTERS,
} from "../backends/transport.ts";
import { startRawServer } from "./support/raw_server.ts";
import { runChild } from "./support/transport_child.ts";
import { transportContract } from "./support/transport_contract.ts";

const CAN = Deno.build.os === "linux" &&
  Deno.permissions.querySync({ name: "ffi" }).state === "granted";

if (CAN) {
  transportContract(epollTransport, {
    seesBrokenChunks: true,
    connectionsPerUser: 1,
    reusesAfterTrailers: true,
    attempts: 2,
    knowsConnections: true,
    secure: false,
  });
} else Deno.test.ignore("epoll: the transport contract (needs Linux and --allow-ffi)", () => {});

function test(name: string, fn: () => Promise<void>): void {
  Deno.test({ name, fn, ignore: !CAN });
}

test("epoll says that it has no TLS", async () => {
  const transport = epollTransport.open({ clock: systemClock });
  const { end } = await transport.send(
    { method: "GET", url: "https://127.0.0.1:9/", headers: {} },
    { timeoutMs: 5000 },
  );
  await transport.close();
  assertEquals(end.kind, "connect_error");
  assertMatch(JSON.stringify(end), /no TLS: use --transport socket/);
});

test("epoll tries every address of a host", async () => {
  // The name may mean ::1 first, where nobody listens.
  const server = await startRawServer(() => ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]);
  const transport = epollTransport.open({ clock: systemClock });
  const url = server.url.replace("127.0.0.1", "localhost");
  const { end } = await transport.send({ method: "GET", url, headers: {} }, { timeoutMs: 5000 });
  assertEquals(end, { kind: "complete" });
  const nowhere = await transport.send(
    { method: "GET", url: "http://no-such-host.invalid/", headers: {} },
    { timeoutMs: 20_000 },
  );
  assertEquals(nowhere.end, { kind: "connect_error", message: "host name not found" });
  await transport.close();
  await server.close();
});

test("epoll gives the body, status and end that socket gives, on the same clock", async () => {
  const server = await startRawServer(({ index }) => [
    `HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n`,
    ...Array.from({ length: 10 }, () => [2, `8\r\ndata: ${index % 1}\n\r\n`]).flat(),
    "0\r\n\r\n",
  ]);
  const beforeMs = systemClock.now();
  const [one, other] = await Promise.all([socketTransport, epollTransport].map(async (kind) => {
    const transport = kind.open({ clock: systemClock });
    const exchange = await transport.send(
      { method: "POST", url: server.url, headers: {}, body: new Uint8Array(2) },
      { timeoutMs: 5000 },
    );
    await transport.close();
    return exchange;
  })) as [Exchange, Exchange];
  await server.close();
  const essence = ({ body, status, contentType, end, connection }: Exchange) => ({
    ...{ body, status, contentType, end, connection },
  });
  assertEquals(essence(one), essence(other));
  for (const { sentMs, readMs, endMs } of [one, other]) {
    const stamps = [beforeMs, sentMs, ...readMs, endMs, systemClock.now()];
    assertEquals(stamps, stamps.toSorted((a, b) => a - b));
  }
});

test("epoll counts the reads that the kernel stamped", async () => {
  const server = await startRawServer(() => [
    "HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n",
    ...Array.from({ length: 10 }, () => [5, "3\r\nabc\r\n"]).flat(),
    "0\r\n\r\n",
  ]);
  const counters = new Uint32Array(TRANSPORT_COUNTERS);
  const transport = epollTransport.open({ clock: systemClock, counters });
  for (let i = 0; i < 3; i++) {
    const request = { method: "GET", url: server.url, headers: {} } as const;
    await transport.send(request, { timeoutMs: 5000 });
  }
  await transport.close();
  await server.close();
  // The very first packets of a system that did not stamp before can be without.
  assertGreater(counters[COUNTER_STAMPED]!, 15);
  assertLessOrEqual(counters[COUNTER_STAMPED]!, counters[COUNTER_READS]!);
});

test("epoll sends a request that the kernel cannot take at once", async () => {
  const length = 24 << 20;
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const serving = (async () => {
    const connection = await listener.accept();
    const buffer = new Uint8Array(1 << 20);
    // Only the first read holds a head.
    for (let head = -1, left = length; left > 0;) {
      const count = await connection.read(buffer) ?? left;
      if (head < 0) head = new TextDecoder("latin1").decode(buffer).indexOf("\r\n\r\n") + 4;
      left -= count - head;
      head = 0;
    }
    await connection.write(new TextEncoder().encode("HTTP/1.1 204 All of it\r\n\r\n"));
    return connection;
  })();
  const transport = epollTransport.open({ clock: systemClock });
  const { status, end } = await transport.send(
    {
      method: "POST",
      url: `http://127.0.0.1:${listener.addr.port}/`,
      headers: {},
      body: new Uint8Array(length),
    },
    { timeoutMs: 5000 },
  );
  await transport.close();
  (await serving).close();
  listener.close();
  assertEquals([status, end.kind], [204, "complete"]);
});

test("epoll without the permission names the flag", async () => {
  const server = await startRawServer(() => []);
  let message = "";
  try {
    await runChild(
      { transport: "epoll", urls: [server.url], timeoutMs: 1000 },
      { permissions: ["--allow-net", "--allow-read", "--allow-env", "--allow-sys"] },
    );
  } catch (error) {
    message = String(error);
  }
  await server.close();
  assertMatch(message, /--allow-ffi/);
});

test("epoll refuses authorities that are not PEM", () => {
  assertThrows(() => epollTransport.open({ clock: systemClock, caCert: "x" }), TypeError);
  return Promise.resolve();
});
