import { assertEquals, assertThrows } from "@std/assert";
import { type Clock, systemClock } from "../backends/clock.ts";
import { SocketTransport } from "../backends/socket_transport.ts";
import { socketTransport } from "../backends/transport_socket.ts";
import { openSocket as openNodeSocket } from "../backends/socket_node.ts";
import { type OpenSocket, READ_BYTES } from "../backends/socket_events.ts";
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
    const read = (text: string, atMs: number, arrivedMs?: number, widthMs?: number) => {
      nowMs = atMs;
      const bytes = new TextEncoder().encode(text);
      const stamp = arrivedMs === undefined ? undefined : { arrivedMs, widthMs: widthMs ?? NaN };
      events.onBytes(bytes, bytes.length, stamp);
    };
    queueMicrotask(() => events.onConnected());
    return {
      writableLength: 0,
      write: () =>
        queueMicrotask(() => {
          read("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\na", 1010, 1004, -1);
          read("b", 1020);
          read("c", 1030, 1015, -1);
          read("d", 1040, 1033, -3);
        }),
      destroy: () => queueMicrotask(() => events.onClose()),
    };
  });
  const request = { method: "GET", url: "http://nowhere/", headers: {} } as const;
  const exchange = await transport.send(request, { timeoutMs: 0 });
  await transport.close();
  assertEquals([...exchange.readMs], [1004, 1020, 1020, 1033]);
  assertEquals([...exchange.readWidthMs!], [-1, NaN, 6, -3]);
  assertEquals([exchange.sentMs, exchange.firstByteMs, exchange.endMs], [1000, 1004, 1033]);
  assertEquals([counters[COUNTER_READS], counters[COUNTER_STAMPED]], [4, 3]);
});

Deno.test("socket: what a full buffer left behind is of the same read, as wide as both", async () => {
  const full = "x".repeat(READ_BYTES);
  /** What is read: a text, its stamp, its width; and what comes of it: stamp, width, end. */
  type Case = readonly [
    pieces: readonly (readonly [text: string, atMs: number, widthMs: number])[],
    reads: readonly (readonly [atMs: number, widthMs: number, end: number])[],
  ];
  const cases: readonly Case[] = [
    [[[full, 10, 0.5], ["yy", 10.25, 0.125]], [[10.25, 0.75, READ_BYTES + 2]]],
    [[[full, 10, -0.5], ["yy", 10.25, -0.125]], [[10.25, -0.75, READ_BYTES + 2]]],
    [[[full, 10, NaN], ["yy", 10.25, NaN]], [[10.25, NaN, READ_BYTES + 2]]],
    [[["x", 10, 0.5], ["yy", 10.25, 0.125]], [[10, 0.5, 1], [10.25, 0.125, 3]]],
    // It goes on and on.
    [[[full, 10, 0.5], [full, 14.5, 0.5], ["yy", 15.5, 0.5]], [
      [14.5, 5, 2 * READ_BYTES],
      [15.5, 0.5, 2 * READ_BYTES + 2],
    ]],
  ];
  for (const [pieces, expected] of cases) {
    const clock: Clock = { now: () => 5, sleepUntil: () => new Promise(() => {}) };
    const transport = new SocketTransport({ clock }, (_origin, events) => {
      const read = (text: string, atMs: number, widthMs: number) => {
        const bytes = new TextEncoder().encode(text);
        events.onBytes(bytes, bytes.length, { arrivedMs: atMs, widthMs });
      };
      queueMicrotask(() => events.onConnected());
      return {
        writableLength: 0,
        write: () =>
          queueMicrotask(() => {
            const length = pieces.reduce((sum, [text]) => sum + text.length, 0);
            read(`HTTP/1.1 200 OK\r\ncontent-length: ${length}\r\n\r\n`, 9, 0.1);
            for (const piece of pieces) read(...piece);
          }),
        destroy: () => queueMicrotask(() => events.onClose()),
      };
    });
    const request = { method: "GET", url: "http://nowhere/", headers: {} } as const;
    const { readMs, readWidthMs, readEnds } = await transport.send(request, { timeoutMs: 0 });
    await transport.close();
    const came = Array.from(readMs, (atMs, i) => [atMs, readWidthMs![i], readEnds[i]]);
    assertEquals<unknown>(came, expected);
  }
});

/** The widths of an answer that is read in these pieces, each as wide as given. */
async function widthsOf(head: string, reads: readonly (readonly [string, number])[]) {
  const clock: Clock = { now: () => 1000, sleepUntil: () => new Promise(() => {}) };
  const transport = new SocketTransport({ clock }, (_origin, events) => {
    const read = (text: string, widthMs?: number) => {
      const bytes = new TextEncoder().encode(text);
      events.onBytes(bytes, bytes.length, { arrivedMs: 1000, widthMs: widthMs ?? NaN });
    };
    queueMicrotask(() => events.onConnected());
    return {
      writableLength: 0,
      write: () =>
        queueMicrotask(() => {
          read(`HTTP/1.1 200 OK\r\n${head}\r\n\r\n`);
          for (const [text, widthMs] of reads) read(text, widthMs);
        }),
      destroy: () => queueMicrotask(() => events.onClose()),
    };
  });
  const request = { method: "GET", url: "http://nowhere/", headers: {} } as const;
  const { end, readWidthMs } = await transport.send(request, { timeoutMs: 0 });
  await transport.close();
  assertEquals(end.kind, "complete");
  return [...readWidthMs!];
}

Deno.test("socket keeps what a read leaves open", async () => {
  const length = await widthsOf("content-length: 4", [["a", 0.5], ["b", NaN], ["cd", -0.25]]);
  assertEquals(length, [0.5, NaN, -0.25]);
  // The end of its chunk leaves with the body, what is behind it may have come later.
  const chunked = await widthsOf("transfer-encoding: chunked", [
    ["1\r\na\r\n", -0.5],
    ["1\r\nb", -0.5],
    ["\r\n2\r\nc", -0.5],
    ["d\r", -0.5],
    ["\n1\r\ne\r\n2", -0.5],
    ["\r\nfg\r\n0\r\n\r\n", -0.5],
  ]);
  assertEquals(chunked, [-0.5, -0.5, -0.5, -0.5, 0.5, 0.5]);
});

Deno.test("socket knows when a request had left, over the connection that carried it", async () => {
  let nowMs = 1000;
  const clock: Clock = { now: () => nowMs, sleepUntil: () => new Promise(() => {}) };
  let opened = 0;
  const answer = new TextEncoder().encode("HTTP/1.1 200 OK\r\ncontent-length: 1\r\n\r\na");
  const transport = new SocketTransport({ clock }, (_origin, events) => {
    const first = opened++ === 0;
    let writes = 0;
    queueMicrotask(() => events.onConnected());
    return {
      writableLength: 0,
      write() {
        writes++;
        if (first && writes === 2) {
          events.onDeparted!(nowMs + 1);
          queueMicrotask(() => events.onEnd());
        } else {
          if (first) events.onDeparted!(nowMs + 2);
          queueMicrotask(() => events.onBytes(answer, answer.length));
        }
      },
      destroy: () => queueMicrotask(() => events.onClose()),
    };
  });
  const request = { method: "GET", url: "http://nowhere/", headers: {} } as const;
  const departed = async () => (await transport.send(request, { timeoutMs: 0 })).departedMs;
  assertEquals(await departed(), 1002);
  nowMs = 2000;
  // Lost with the old connection, and carried by one that does not say.
  assertEquals(await departed(), undefined);
  assertEquals(opened, 2);
  await transport.close();
});

Deno.test("socket opens connections ahead, and requests do not wait for them", async () => {
  let connections = 0;
  const openSocket: OpenSocket = (origin, events) => {
    connections++;
    return openNodeSocket(origin, events);
  };
  const server = await startRawServer(() => ["HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok"]);
  const transport = new SocketTransport({ clock: systemClock }, openSocket);
  const request = { method: "GET", url: server.url, headers: {} } as const;
  await transport.connect(request, 3);
  assertEquals(connections, 3);
  // Those that stand count.
  await transport.connect(request, 3);
  assertEquals(connections, 3);
  const all = await Promise.all(
    Array.from({ length: 3 }, () => transport.send(request, { timeoutMs: 5000 })),
  );
  assertEquals(all.map(({ end, connection }) => `${end.kind} ${connection}`), [
    "complete reused",
    "complete reused",
    "complete reused",
  ]);
  assertEquals([connections, all[0]!.connectMs], [3, undefined]);
  await transport.close();
  await server.close();
});

Deno.test("socket does not wait for connections that are refused, nor for a bad address", async () => {
  const transport = new SocketTransport({ clock: systemClock }, openNodeSocket);
  const server = await startRawServer(() => []);
  await server.close();
  await transport.connect({ method: "GET", url: server.url, headers: {} }, 100);
  await transport.connect({ method: "GET", url: "nowhere", headers: {} }, 100);
  const { end } = await transport.send(
    { method: "GET", url: server.url, headers: {} },
    { timeoutMs: 5000 },
  );
  assertEquals(end.kind, "connect_error");
  await transport.close();
});
