import {
  assert,
  assertEquals,
  assertGreater,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { grpcFrame } from "../backends/grpc_frames.ts";
import { percentDecode } from "../backends/grpc_response.ts";
import { GrpcSocketTransport, grpcSocketTransport } from "../backends/transport_grpc_socket.ts";
import { READ_BYTES } from "../backends/socket_events.ts";
import {
  FLAG,
  FRAME,
  FRAME_HEAD_BYTES,
  makeFrame,
  rstStream,
  SETTING,
  windowUpdate,
} from "../backends/h2_frames.ts";
import { encodeHpack, type Field } from "../backends/hpack.ts";
import { COUNTER_REPLACED, type Exchange, type SendOptions } from "../backends/transport.ts";
import {
  answer,
  grpcContract,
  messages,
  runScript,
  turn,
  wire,
  withGrpcServer,
} from "./support/grpc_contract.ts";
import { data, type H2Server, headers, hello, openH2, trailers } from "./support/h2_server.ts";
import { startGrpcServer } from "../backends/sim_grpc_call.ts";

grpcContract(grpcSocketTransport);

const encoder = new TextEncoder();

/** A message and its frame, as hex. */
const framed = (text: string) => grpcFrame(encoder.encode(text)).toHex();

interface Bench {
  readonly servers: readonly H2Server[];
  readonly counters: Uint32Array;
  send(text?: string, options?: Partial<SendOptions>): Promise<Exchange>;
  /** Lets the client write and connect. */
  settle(): Promise<void>;
}

/** A transport whose servers are played by the test. */
async function withBench(
  use: (bench: Bench) => Promise<void>,
  onServer: (server: H2Server) => void = (server) => server.say(hello()),
): Promise<void> {
  const servers: H2Server[] = [];
  const counters = new Uint32Array(3);
  const openSocket = openH2((server) => {
    servers.push(server);
    onServer(server);
  });
  const transport = new GrpcSocketTransport({ clock: systemClock, counters }, openSocket);
  try {
    await use({
      servers,
      counters,
      send: (text = "", options = {}) =>
        transport.send(wire("grpc://test:1", text), { timeoutMs: 0, ...options }),
      settle: turn,
    });
  } finally {
    await transport.close();
    for (const server of servers) assert(server.destroyed, "every connection is closed");
  }
}

/** Sends one call, has the server answer it, and returns what the transport reports. */
async function exchange(
  say: (server: H2Server) => void,
  options: Partial<SendOptions> = {},
): Promise<Exchange> {
  let result: Exchange | undefined;
  await withBench(async ({ send, settle, servers }) => {
    const sent = send("ask", options);
    await settle();
    say(servers[0]!);
    result = await sent;
  });
  return result!;
}

Deno.test("grpc-socket sends the preface, its settings, and a call in one piece", () =>
  withBench(async ({ send, settle, servers }) => {
    const sent = send("ask", { timeoutMs: 5000 });
    await settle();
    const [server] = servers;
    assertEquals(
      server!.frames.map(({ type, flags, streamId }) => [type, flags, streamId]),
      [
        [FRAME.settings, 0, 0],
        [FRAME.windowUpdate, 0, 0],
        [FRAME.headers, FLAG.endHeaders, 1],
        [FRAME.data, FLAG.endStream, 1],
        [FRAME.settings, FLAG.ack, 0],
      ],
    );
    assertEquals(server!.frames[0]!.payload, "000200000000" + "000400800000");
    assertEquals(
      server!.frames[1]!.payload,
      (64 * 1024 * 1024 - 65_535).toString(16).padStart(8, "0"),
    );
    assertEquals(server!.frames[3]!.payload, framed("ask"));
    assertEquals(server!.requests().get(1), {
      ":method": "POST",
      ":scheme": "http",
      ":path": "/test.Service/Method",
      ":authority": "test:1",
      "grpc-timeout": "6000m",
      "te": "trailers",
      "content-type": "application/grpc",
      "user-agent": "tokometer",
      "grpc-accept-encoding": "identity",
    });
    server!.say(headers(1), data(1, framed("x")), trailers(1));
    assertEquals((await sent).end, { kind: "complete" });
  }));

Deno.test("grpc-socket reads the same however the frames are split", async () => {
  const bytes = [
    headers(1),
    data(1, framed("one").slice(0, 8)),
    data(1, "02" + framed("one").slice(8) + "0000", FLAG.padded),
    makeFrame(0x77, new Uint8Array(20), { flags: 0xff, streamId: 1 }),
    makeFrame(FRAME.priority, new Uint8Array(5), { streamId: 1 }),
    data(1, framed("two")),
    trailers(1, "0", ""),
  ];
  const all = Uint8Array.from(bytes.flatMap((piece) => [...piece]));
  const check = (got: Exchange, what: string) => {
    assertEquals(got.end, { kind: "complete" }, what);
    assertEquals(messages(got), ["one", "two"], what);
    assertEquals(got.readEnds.at(-1), got.body.length, what);
  };
  check(await exchange((server) => server.stammer(...bytes)), "a byte at a time");
  const whole = await exchange((server) => server.say(...bytes));
  check(whole, "in one read");
  assertEquals(whole.readMs.length, 1, "one read is one stamp");
  for (let at = 1; at < all.length; at++) {
    const split = (server: H2Server) => {
      server.say(all.subarray(0, at));
      server.say(all.subarray(at));
    };
    check(await exchange(split), `split at ${at}`);
  }
});

Deno.test("grpc-socket gives all streams of a read the same stamp, each its own bytes", () =>
  withBench(async ({ send, settle, servers, counters }) => {
    const sent = ["a", "b"].map((text) => send(text));
    await settle();
    const [server] = servers;
    server!.say(
      ...[headers(1), headers(3)],
      ...[data(1, framed("1")), data(3, framed("3")), data(1, framed("2")), data(3, framed("4"))],
    );
    server!.say(data(3, framed("5")), trailers(3), data(1, framed("6")), trailers(1));
    const [one, two] = await Promise.all(sent);
    assertEquals(messages(one!), ["1", "2", "6"]);
    assertEquals(messages(two!), ["3", "4", "5"]);
    assertEquals([...one!.readMs], [...two!.readMs]);
    assertEquals([...one!.readEnds], [12, 18]);
    assertEquals(one!.endMs, one!.readMs[1]);
    assertEquals([...counters.subarray(0, 2)], [4, 36]);
  }));

Deno.test("grpc-socket reports every end of an answer", async () => {
  const head = headers(1);
  const x = data(1, framed("x"));
  const page: readonly Field[] = [[":status", "502"], ["content-type", "text/html"]];
  const rows: readonly [string, (server: H2Server) => void, Exchange["end"], string[]][] = [
    ["OK", (s) => s.say(head, x, trailers(1)), { kind: "complete" }, ["x"]],
    [
      "messages and failure in one read",
      (s) => s.say(head, x, trailers(1, "8", "100 %25 %C3%BC%0A")),
      { kind: "grpc_status", status: 8, message: "RESOURCE_EXHAUSTED: 100 % ü\n" },
      ["x"],
    ],
    [
      "trailers only",
      (s) =>
        s.say(headers(1, [
          [":status", "200"],
          ["content-type", "application/grpc"],
          ["grpc-status", "12"],
        ], FLAG.endStream)),
      { kind: "grpc_status", status: 12, message: "UNIMPLEMENTED" },
      [],
    ],
    [
      "a status that is no number",
      (s) => s.say(head, trailers(1, "fine")),
      {
        kind: "grpc_status",
        status: 2,
        message: "UNKNOWN: grpc-status is not a number: fine",
      },
      [],
    ],
    [
      "a status that does not exist",
      (s) => s.say(head, trailers(1, "77")),
      { kind: "grpc_status", status: 77, message: "not a gRPC status" },
      [],
    ],
    [
      "a proxy's page",
      (s) => s.say(headers(1, page), data(1, "3c703e", FLAG.endStream)),
      { kind: "grpc_status", status: 14, message: "UNAVAILABLE: Received HTTP status code 502" },
      [],
    ],
    [
      "another content type",
      (s) =>
        s.say(
          headers(1, [[":status", "200"], ["content-type", "text/html"]]),
          data(1, "3c703e", FLAG.endStream),
        ),
      {
        kind: "grpc_status",
        status: 2,
        message: 'UNKNOWN: the answer is not gRPC but "text/html"',
      },
      [],
    ],
    [
      "a content type with a suffix",
      (s) =>
        s.say(
          headers(1, [[":status", "200"], ["content-type", "application/grpc+proto"]]),
          x,
          trailers(1),
        ),
      { kind: "complete" },
      ["x"],
    ],
    [
      "interim responses",
      (s) =>
        s.say(
          headers(1, [[":status", "103"]]),
          headers(1, [[":status", "100"]]),
          head,
          x,
          trailers(1),
        ),
      { kind: "complete" },
      ["x"],
    ],
    [
      "an end without trailers",
      (s) => s.say(head, data(1, framed("x"), FLAG.endStream)),
      { kind: "cut", message: "the stream broke off: it ended without a gRPC status" },
      ["x"],
    ],
    [
      "a reset in the middle",
      (s) => s.say(head, x, rstStream(1, 2)),
      { kind: "cut", message: "the stream broke off: stream reset with code 2 (INTERNAL_ERROR)" },
      ["x"],
    ],
    [
      "a reset at once",
      (s) => s.say(rstStream(1, 8)),
      {
        kind: "connect_error",
        message: "no answer came: stream reset with code 8 (CANCEL)",
      },
      [],
    ],
    [
      "too many requests",
      (s) => s.say(rstStream(1, 11)),
      {
        kind: "grpc_status",
        status: 8,
        message: "RESOURCE_EXHAUSTED: stream reset with code 11 (ENHANCE_YOUR_CALM)",
      },
      [],
    ],
    [
      "not safe enough",
      (s) => s.say(rstStream(1, 12)),
      {
        kind: "grpc_status",
        status: 7,
        message: "PERMISSION_DENIED: stream reset with code 12 (INADEQUATE_SECURITY)",
      },
      [],
    ],
    [
      "a reset after the end",
      (s) => s.say(head, x, trailers(1), rstStream(1, 0)),
      { kind: "complete" },
      ["x"],
    ],
    [
      "the end of the connection",
      (s) => {
        s.say(head, x);
        s.end();
      },
      { kind: "cut", message: "the stream broke off: connection closed by the server" },
      ["x"],
    ],
    [
      "an error of the connection",
      (s) => s.fail("ECONNRESET gone"),
      { kind: "connect_error", message: "connection reset by the server" },
      [],
    ],
  ];
  for (const [what, say, end, texts] of rows) {
    const got = await exchange(say);
    assertEquals([got.end, messages(got)], [end, texts], what);
    assertEquals(got.status, end.kind === "grpc_status" ? end.status : 0, what);
  }
});

Deno.test("grpc-socket names what is malformed, and leaves the connection", async () => {
  const head = headers(1);
  const raw = (hex: string) => Uint8Array.fromHex(hex);
  const rows: readonly [string, Uint8Array, string][] = [
    ["a frame that is too long", raw("004001" + "0000" + "00000001"), "a frame of 16385 bytes"],
    [
      "padding beyond the frame",
      raw(head.toHex() + data(1, "05aa", FLAG.padded).toHex()),
      "padding is longer",
    ],
    ["data before the head", data(1, framed("x")), "data before the head"],
    ["data of a stream that never was", data(5, "00"), "stream 5, which never was"],
    ["a head of a stream that never was", headers(4), "stream 4, which never was"],
    ["a reset of a stream that never was", rstStream(9, 0), "stream 9, which never was"],
    ["a short reset", makeFrame(FRAME.rstStream, raw("00"), { streamId: 1 }), "wrong length"],
    ["a short ping", makeFrame(FRAME.ping, raw("00")), "wrong length"],
    ["short settings", makeFrame(FRAME.settings, raw("00")), "wrong length"],
    ["settings of a stream", makeFrame(FRAME.settings, raw(""), { streamId: 1 }), "for a stream"],
    ["a short GOAWAY", makeFrame(FRAME.goaway, raw("00")), "wrong length"],
    ["a pushed stream", makeFrame(FRAME.pushPromise, raw("00000002")), "PUSH_PROMISE"],
    ["a window that grows by 0", windowUpdate(0, 0), "grows by 0"],
    ["a window that is too large", windowUpdate(0, 0x7fffffff), "too large"],
    ["a stream's window that is too large", windowUpdate(1, 0x7fffffff), "too large"],
    ["an initial window that is too large", hello([[4, 0x80000000]]), "too large"],
    ["a frame size that is too small", hello([[5, 1]]), "cannot be agreed on"],
    ["a block of nonsense", makeFrame(FRAME.headers, raw("ff"), { streamId: 1, flags: 4 }), "cut"],
    [
      "a CONTINUATION alone",
      makeFrame(FRAME.continuation, raw(""), { streamId: 1 }),
      "interrupted",
    ],
    [
      "an interrupted block",
      raw("000001" + "0100" + "00000001" + "82" + "000000" + "0401" + "00000000"),
      "interrupted",
    ],
    [
      "padding beyond the block",
      makeFrame(FRAME.headers, raw("0982"), { streamId: 1, flags: 12 }),
      "longer than",
    ],
  ];
  for (const [what, bytes, cause] of rows) {
    const { end } = await exchange((server) => server.say(bytes));
    assertEquals(end.kind, "malformed", `${what}: ${JSON.stringify(end)}`);
    assertStringIncludes((end as { message: string }).message, cause, what);
  }
  const twice = await exchange((server) => server.say(head, head));
  assertEquals(twice.end.kind, "malformed");
  const interim = headers(1, [[":status", "103"]], FLAG.endStream);
  assertEquals((await exchange((server) => server.say(interim))).end.kind, "malformed");
  const endless = makeFrame(FRAME.headers, new Uint8Array(16_000), { streamId: 1 });
  const more = makeFrame(FRAME.continuation, new Uint8Array(16_000), { streamId: 1 });
  const { end } = await exchange((server) => server.say(endless, ...Array(17).fill(more)));
  assertEquals(end, { kind: "malformed", message: "a header block is larger than 256 KiB" });
});

Deno.test("grpc-socket ends a connection whose frames bring nothing, whatever their type", async () => {
  const message = "more than 10,000 frames without a part of an answer";
  const floods: readonly [string, Uint8Array][] = [
    ["pings", makeFrame(FRAME.ping, new Uint8Array(8))],
    ["settings", hello([[4, 1000]])],
    ["windows", windowUpdate(0, 1)],
    ["empty data", data(1, "")],
    ["interim responses", headers(1, [[":status", "102"]])],
    ["unknown frames", makeFrame(0x77, new Uint8Array(1))],
    [
      "a header block in empty parts",
      makeFrame(FRAME.continuation, new Uint8Array(0), {
        streamId: 1,
      }),
    ],
  ];
  for (const [what, frame] of floods) {
    const many = new Uint8Array(frame.length * 1001);
    for (let i = 0; i < 1001; i++) many.set(frame, i * frame.length);
    const { end } = await exchange((server) => {
      if (what === "a header block in empty parts") {
        server.say(makeFrame(FRAME.headers, new Uint8Array(0), { streamId: 1 }));
      } else if (what === "empty data") server.say(headers(1));
      for (let i = 0; i < 11 && !server.destroyed; i++) server.sayAll(many);
    });
    assertEquals(end, { kind: "malformed", message }, what);
  }
});

Deno.test("grpc-socket lets a server make room for each frame of a request", () =>
  withBench(async ({ send, settle, servers }) => {
    const update = windowUpdate(0, 1);
    const many = new Uint8Array(update.length * 10_004);
    for (let i = 0; i < 10_004; i++) many.set(update, i * update.length);
    const sent = send("x".repeat(60_000));
    await settle();
    // It came in four frames.
    assertEquals(servers[0]!.seen(FRAME.data).length, 4);
    servers[0]!.sayAll(many);
    servers[0]!.say(headers(1), trailers(1));
    assertEquals((await sent).end, { kind: "complete" });
  }));

Deno.test("grpc-socket starts to count anew with each part of an answer", async () => {
  const ping = makeFrame(FRAME.ping, new Uint8Array(8), { flags: FLAG.ack });
  const many = new Uint8Array(ping.length * 6000);
  for (let i = 0; i < 6000; i++) many.set(ping, i * ping.length);
  const got = await exchange((server) => {
    server.sayAll(many);
    server.say(headers(1));
    server.sayAll(many);
    server.say(data(1, framed("x")));
    server.sayAll(many);
    server.say(trailers(1));
  });
  assertEquals([got.end, messages(got)], [{ kind: "complete" }, ["x"]]);
});

Deno.test("grpc-socket lets other streams go on when one is malformed", () =>
  withBench(async ({ send, settle, servers }) => {
    const sent = ["a", "b"].map((text) => send(text));
    await settle();
    servers[0]!.say(data(1, framed("x")), headers(3), data(3, framed("y")), trailers(3));
    const [one, two] = await Promise.all(sent);
    assertEquals([one!.end.kind, two!.end.kind], ["malformed", "complete"]);
    assertEquals(messages(two!), ["y"]);
    await settle();
    assertEquals(servers[0]!.seen(FRAME.rstStream), [
      { type: FRAME.rstStream, flags: 0, streamId: 1, payload: "00000001" },
    ]);
  }));

Deno.test("grpc-socket gives the server the reason for leaving", () =>
  withBench(async ({ send, settle, servers }) => {
    const sent = send();
    await settle();
    servers[0]!.say(makeFrame(FRAME.ping, new Uint8Array(3)));
    assertEquals((await sent).end.kind, "malformed");
    assertEquals(servers[0]!.seen(FRAME.goaway)[0]!.payload, "00000000" + "00000006");
  }));

Deno.test("grpc-socket does not take just anybody for a server of HTTP/2", async () => {
  for (const first of [encoder.encode("HTTP/1.1 400 Bad Request\r\n\r\n"), headers(1)]) {
    await withBench(async ({ send }) => {
      const { end } = await send();
      assertEquals(end.kind, "connect_error");
      assertMatch((end as { message: string }).message, /^the server does not speak HTTP\/2: /);
    }, (server) => server.say(first));
  }
});

Deno.test("grpc-socket puts header blocks together, padded and prioritized or not", async () => {
  const block = encodeHpack([
    [":status", "200"],
    ["content-type", "application/grpc"],
    ["x-long", "x".repeat(3000)],
  ]);
  const padded = (payload: Uint8Array) =>
    Uint8Array.of(3, 0, 0, 0, 1, 9, ...payload, 255, 255, 255);
  const part = (type: number, from: number, to: number, flags = 0) =>
    makeFrame(type, block.subarray(from, to), { flags, streamId: 1 });
  const { continuation, headers: head } = FRAME;
  const rows: readonly Uint8Array[][] = [
    [part(head, 0, 1), part(continuation, 1, 9), part(continuation, 9, block.length, 4)],
    [part(head, 0, 0), part(continuation, 0, block.length, 4)],
    [part(head, 0, block.length), part(continuation, 0, 0, 4)],
    [makeFrame(head, padded(block), { flags: 4 | 8 | 32, streamId: 1 })],
    [
      makeFrame(head, padded(block.subarray(0, 20)), { flags: 8 | 32, streamId: 1 }),
      part(continuation, 20, block.length, 4),
    ],
  ];
  for (const [i, pieces] of rows.entries()) {
    for (const how of ["say", "stammer"] as const) {
      const got = await exchange((s) => s[how](...pieces, data(1, framed("x")), trailers(1)));
      assertEquals([got.end, messages(got)], [{ kind: "complete" }, ["x"]], `row ${i}, ${how}`);
    }
  }
});

Deno.test("grpc-socket sends long header blocks in several frames", async () => {
  let seen = "";
  const transport = new GrpcSocketTransport(
    { clock: systemClock },
    openH2((server) => {
      server.say(hello());
      seen = server.requests().get(1)!["x-long"]!;
      assertEquals(server.seen(FRAME.continuation).length, 2);
      server.say(headers(1), trailers(1));
    }),
  );
  const long = "y".repeat(40_000);
  const request = wire("grpc://test:1", "", { "x-long": long });
  assertEquals((await transport.send(request, { timeoutMs: 0 })).end.kind, "complete");
  assert(seen === long, "the same text");
  await transport.close();
});

Deno.test("grpc-socket answers PING, and nothing to its answer", () =>
  withBench(async ({ send, settle, servers }) => {
    const sent = send();
    await settle();
    const ping = Uint8Array.fromHex("0102030405060708");
    servers[0]!.say(
      makeFrame(FRAME.ping, ping),
      makeFrame(FRAME.ping, ping, { flags: FLAG.ack }),
    );
    await settle();
    assertEquals(servers[0]!.seen(FRAME.ping), [
      { type: FRAME.ping, flags: FLAG.ack, streamId: 0, payload: "0102030405060708" },
    ]);
    servers[0]!.say(headers(1), trailers(1));
    assertEquals((await sent).end.kind, "complete");
  }));

Deno.test("grpc-socket sends no more than the server has room for", () =>
  withBench(async ({ send, settle, servers }) => {
    // The first call may use what HTTP/2 begins with; then the server's word is known.
    const first = send();
    await settle();
    const [server] = servers;
    server!.say(headers(1), trailers(1));
    await first;
    const text = "0123456789";
    const sent = send(text);
    await settle();
    const frames = () => server!.seen(FRAME.data).filter(({ streamId }) => streamId === 3);
    const body = () => frames().map(({ payload }) => payload);
    assertEquals(body(), [framed(text).slice(0, 6)], "three bytes");
    server!.say(windowUpdate(3, 1));
    await settle();
    server!.say(windowUpdate(0, 100), windowUpdate(3, 2));
    await settle();
    assertEquals(body().map((hex) => hex.length / 2), [3, 1, 2]);
    // A window may become negative, and is then paid back first.
    server!.say(hello([[SETTING.initialWindowSize, 0]]), windowUpdate(3, 3));
    await settle();
    assertEquals(body().length, 3);
    server!.say(hello([[SETTING.initialWindowSize, 100]]));
    await settle();
    assertEquals(body().join(""), framed(text));
    assertEquals(frames().map(({ flags }) => flags), [0, 0, 0, FLAG.endStream]);
    server!.say(headers(3), trailers(3));
    assertEquals((await sent).end.kind, "complete");
  }, (server) => server.say(hello([[SETTING.initialWindowSize, 3]]))));

Deno.test("grpc-socket shares the window of a connection among its streams", () =>
  withBench(async ({ send, settle, servers }) => {
    const sent = ["a", "b"].map((each) => send(each.repeat(40_000)));
    await settle();
    const [server] = servers;
    const sizes = () =>
      [1, 3].map((id) =>
        server!.seen(FRAME.data).filter(({ streamId }) => streamId === id)
          .reduce((sum, { payload }) => sum + payload.length / 2, 0)
      );
    assertEquals(sizes(), [40_005, 65_535 - 40_005]);
    assert(server!.seen(FRAME.data).every(({ payload }) => payload.length / 2 <= 16_384));
    server!.say(windowUpdate(0, 1_000_000));
    await settle();
    assertEquals(sizes(), [40_005, 40_005]);
    server!.say(headers(1), trailers(1), headers(3), trailers(3));
    for (const each of sent) assertEquals((await each).end.kind, "complete");
  }));

Deno.test("grpc-socket leaves out the rest of a request that is answered already", () =>
  withBench(async ({ send, settle, servers }) => {
    const sent = send("x".repeat(70_000));
    await settle();
    servers[0]!.say(headers(1), trailers(1, "3", "too long"));
    assertEquals((await sent).end.kind, "grpc_status");
    await settle();
    assertEquals(servers[0]!.seen(FRAME.rstStream).map(({ payload }) => payload), ["00000008"]);
  }));

Deno.test("grpc-socket makes room for what it has read", () =>
  withBench(async ({ send, settle, servers }) => {
    const sent = send();
    await settle();
    const [server] = servers;
    const before = server!.seen(FRAME.windowUpdate).length;
    const block = "00".repeat(16_384);
    server!.say(headers(1));
    for (let i = 0; i < 256; i++) server!.say(data(1, block));
    await settle();
    assertEquals(
      server!.seen(FRAME.windowUpdate).slice(before).map(({ streamId, payload }) => [
        streamId,
        payload,
      ]),
      [[1, "00400000"]],
    );
    // What nobody wants any more counts for the connection all the same.
    server!.say(trailers(1));
    await sent;
    for (let i = 0; i < 7 * 256; i++) server!.say(data(1, block));
    await settle();
    assertEquals(server!.seen(FRAME.windowUpdate).at(-1), {
      ...{ type: FRAME.windowUpdate, flags: 0, streamId: 0 },
      payload: "02000000",
    });
  }));

Deno.test("grpc-socket opens another connection where one allows no more streams", () =>
  withBench(async ({ send, settle, servers }) => {
    const sent = Array.from({ length: 7 }, (_, i) => send(`${i}`));
    await settle();
    await settle();
    // Begun before the limit was known: those above it are the server's to refuse.
    assertEquals(servers.length, 1);
    const late = Array.from({ length: 3 }, (_, i) => send(`${7 + i}`));
    await settle();
    await settle();
    assertEquals(servers.map((server) => server.requests().size), [7, 3]);
    servers[0]!.say(...[5, 7, 9, 11, 13].map((id) => rstStream(id, 7)));
    await settle();
    await settle();
    assertEquals(servers.length, 3, "two have room for 2 more of the 5");
    for (const server of servers) {
      for (const id of server.requests().keys()) server.say(headers(id), trailers(id));
    }
    for (const each of [...sent, ...late]) assertEquals((await each).end.kind, "complete");
  }, (server) => server.say(hello([[SETTING.maxConcurrentStreams, 4]]))));

Deno.test("grpc-socket waits until it knows how many streams beyond a hundred are allowed", () =>
  withBench(async ({ send, settle, servers, counters }) => {
    const controller = new AbortController();
    const sent = Array.from(
      { length: 150 },
      (_, i) => send("", i === 120 ? { signal: controller.signal } : {}),
    );
    await settle();
    assertEquals(servers.map((server) => server.requests().size), [100]);
    controller.abort();
    assertEquals((await sent[120]!).end.kind, "cancelled");
    servers[0]!.say(hello([[SETTING.maxConcurrentStreams, 1000]]));
    await settle();
    const [server] = servers;
    assertEquals([servers.length, server!.requests().size], [1, 149]);
    for (const id of server!.requests().keys()) server!.say(headers(id), trailers(id));
    const ends = await Promise.all(sent);
    assertEquals(new Set(ends.map(({ connection }) => connection)), new Set(["new"]));
    assertEquals(ends.filter(({ end }) => end.kind === "complete").length, 149);
    assertEquals(counters[COUNTER_REPLACED], 0);
  }, () => {}));

Deno.test("grpc-socket fails what waits for a connection that never stood", async () => {
  const transport = new GrpcSocketTransport({ clock: systemClock }, (_origin, events) => {
    queueMicrotask(() => events.onError("ECONNREFUSED"));
    return {
      writableLength: 0,
      write: () => {},
      destroy: () => queueMicrotask(() => events.onClose()),
    };
  });
  const sent = Array.from(
    { length: 130 },
    () => transport.send(wire("grpc://test:1", ""), { timeoutMs: 0 }),
  );
  const ends = new Set((await Promise.all(sent)).map(({ end }) => JSON.stringify(end)));
  assertEquals([...ends], ['{"kind":"connect_error","message":"connection refused"}']);
  await transport.close();
});

Deno.test("grpc-socket reports connect_error where the platform refuses to connect", async () => {
  const transport = grpcSocketTransport.open({ clock: systemClock });
  for (let i = 0; i < 2; i++) {
    const { end } = await transport.send(wire("grpc://127.0.0.1:99999", ""), { timeoutMs: 0 });
    assertEquals(end.kind, "connect_error", JSON.stringify(end));
  }
  await transport.close();
});

const goaway = (lastId: number, code: number, text = "") =>
  makeFrame(
    FRAME.goaway,
    Uint8Array.of(0, 0, 0, lastId, 0, 0, 0, code, ...encoder.encode(text)),
  );

Deno.test("grpc-socket sends again what a leaving server has not begun, and drains the rest", () =>
  withBench(async ({ send, settle, servers, counters }) => {
    const sent = ["a", "b", "c"].map((text) => send(text));
    await settle();
    servers[0]!.say(headers(1), data(1, framed("x")), goaway(3, 0));
    await settle();
    assertEquals(servers.length, 2);
    assertEquals(counters[COUNTER_REPLACED], 1);
    assertEquals(servers[1]!.seen(FRAME.data).map(({ payload }) => payload), [framed("c")]);
    // A new call does not go to the old connection either.
    sent.push(send("d"));
    await settle();
    assertEquals(servers.map((server) => server.requests().size), [3, 2]);
    servers[1]!.say(headers(1), trailers(1), headers(3), trailers(3));
    assert(!servers[0]!.destroyed, "streams are left");
    servers[0]!.say(data(1, framed("y")), trailers(1), headers(3), trailers(3));
    const ends = await Promise.all(sent);
    assertEquals(ends.map(({ end }) => end.kind), Array(4).fill("complete"));
    assertEquals(messages(ends[0]!), ["x", "y"]);
    await settle();
    assert(servers[0]!.destroyed, "nothing is left");
    assert(!servers[1]!.destroyed);
  }));

Deno.test("grpc-socket does not send a call a third time", () =>
  withBench(async ({ send }) => {
    const { end } = await send();
    assertEquals(end, {
      kind: "connect_error",
      message: "the server goes away: code 11 (ENHANCE_YOUR_CALM), too_many_pings",
    });
  }, (server) => {
    server.say(hello());
    queueMicrotask(() => server.say(goaway(0, 11, "too_many_pings")));
  }));

Deno.test("grpc-socket gives the reason that a server announced for closing", async () => {
  const { end } = await exchange((server) => {
    server.say(headers(1), data(1, framed("x")), goaway(1, 2, "out of memory"));
    server.end();
  });
  assertEquals(end, {
    kind: "cut",
    message: "the stream broke off: the server goes away: code 2 (INTERNAL_ERROR), " +
      "out of memory; connection closed by the server",
  });
});

Deno.test("grpc-socket cancels a stream, and reads on", () =>
  withBench(async ({ send, settle, servers }) => {
    const controller = new AbortController();
    const [one, two] = [send("a", { signal: controller.signal }), send("b")];
    await settle();
    const [server] = servers;
    server!.say(headers(1), data(1, framed("x")));
    controller.abort();
    assertEquals((await one).end.kind, "cancelled");
    await settle();
    assertEquals(server!.seen(FRAME.rstStream), [
      { type: FRAME.rstStream, flags: 0, streamId: 1, payload: "00000008" },
    ]);
    // Still under way when the server heard of it; its fields belong to the table of both.
    const indexed = Uint8Array.fromHex("4001610131");
    server!.say(
      data(1, framed("y")),
      makeFrame(FRAME.headers, indexed, { flags: FLAG.endHeaders | FLAG.endStream, streamId: 1 }),
      headers(3),
      makeFrame(FRAME.headers, Uint8Array.of(0xbe, ...encodeHpack([["grpc-status", "0"]])), {
        flags: FLAG.endHeaders | FLAG.endStream,
        streamId: 3,
      }),
    );
    assertEquals((await two).end, { kind: "complete" });
  }));

Deno.test("grpc-socket may be stopped by the receiver of a read", () =>
  withBench(async ({ send, settle, servers }) => {
    const [controller, other] = [new AbortController(), new AbortController()];
    const sent = [
      send("a", {
        signal: controller.signal,
        onRead: () => {
          controller.abort();
          other.abort();
        },
      }),
      // The read that shows the first call's bytes has brought some for this one as well.
      send("b", { signal: other.signal, onRead: () => assert(false, "it is stopped already") }),
    ];
    await settle();
    const [server] = servers;
    server!.say(
      ...[headers(1), headers(3)],
      ...[data(1, framed("x")), data(3, framed("z")), data(1, framed("y")), trailers(1)],
    );
    const [one, two] = await Promise.all(sent);
    assertEquals([one!.end.kind, two!.end.kind], ["cancelled", "cancelled"]);
    assertEquals(messages(one!), ["x", "y"]);
    // What they were kept in was given back once: the next calls do not share it.
    const next = ["c", "d", "e"].map((text) => send(text));
    await settle();
    server!.say(headers(5), headers(7), headers(9));
    server!.say(data(5, framed("5")), data(7, framed("7")), data(9, framed("9")));
    server!.say(trailers(5), trailers(7), trailers(9));
    assertEquals((await Promise.all(next)).map(messages), [["5"], ["7"], ["9"]]);
  }));

Deno.test("percentDecode() undoes what gRPC does to a message", () => {
  const rows: readonly [string, string][] = [
    ["plain", "plain"],
    ["%C3%BC %25%0a%2F", "ü %\n/"],
    ["100 % %zz %4", "100 % %zz %4"],
    ["\xc3\xbc", "ü"],
    ["%ff", "\ufffd"],
    ["%EF%BB%BFa", "\ufeffa"],
  ];
  for (const [given, expected] of rows) assertEquals(percentDecode(given), expected);
});

Deno.test("grpc-socket writes long deadlines in seconds, in eight digits", async () => {
  const seen: string[] = [];
  const transport = new GrpcSocketTransport(
    { clock: systemClock },
    openH2((server) => {
      server.say(hello());
      for (const [id, fields] of server.requests()) {
        seen.push(fields["grpc-timeout"] ?? "none");
        server.say(headers(id), trailers(id));
      }
    }),
  );
  await Promise.all(
    [0.5, 99_998_999, 99_999_000, 1e15].map((timeoutMs) =>
      transport.send(wire("grpc://test:1", ""), { timeoutMs })
    ),
  );
  assertEquals(seen, ["1001m", "99999999m", "100000S", "99999999S"]);
  await transport.close();
});

Deno.test("grpc-socket needs no more than the network", async () => {
  const server = await startGrpcServer({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    onCall: (call) => answer(call, "x"),
  });
  try {
    const { code, stdout, stderr } = await runScript(
      `import { grpcSocketTransport } from "ROOT/backends/transport_grpc_socket.ts";
       import { systemClock } from "ROOT/backends/clock.ts";
       const transport = grpcSocketTransport.open({ clock: systemClock });
       const url = "grpc://127.0.0.1:${server.port}/a.B/C";
       const request = { method: "POST", url, headers: {}, body: new Uint8Array(1) } as const;
       console.log((await transport.send(request, { timeoutMs: 9000 })).end.kind);
       await transport.close();`,
      { flags: ["--allow-net", "--allow-import"] },
    );
    assertEquals([code, stdout, stderr], [0, "complete\n", ""]);
  } finally {
    await server.stop();
  }
});

Deno.test("grpc-socket refuses headers that would break the block", () =>
  withBench(async ({ servers }) => {
    const transport = grpcSocketTransport.open({ clock: systemClock });
    const request = wire("grpc://127.0.0.1:1", "", { "x-a": "ü" });
    const got = await transport.send(request, { timeoutMs: 0 });
    assertEquals(got.end.kind, "connect_error");
    assertStringIncludes((got.end as { message: string }).message, '"x-a"');
    assertGreater(got.sentMs, 0);
    assertEquals(servers.length, 0);
    await transport.close();
  }));

Deno.test("grpc-socket rehearses without a server", () =>
  withBench(async ({ servers, counters }) => {
    const transport = grpcSocketTransport.open({ clock: systemClock, counters });
    const rehearsal = transport.rehearsal!();
    // Nobody listens there, and nobody has to.
    const { end, readMs, body } = await rehearsal.send(wire("grpc://127.0.0.1:1", "x"), {
      timeoutMs: 0,
    });
    assertEquals(end, { kind: "complete" });
    assertGreater(readMs.length, 10);
    assertGreater(body.length, 400);
    await rehearsal.close();
    await transport.close();
    assertEquals([servers.length, ...counters], [0, 0, 0, 0]);
  }));

Deno.test("grpc-socket: what a full buffer left behind is of the same read", async () => {
  for (const missing of [0, 1]) {
    const message = grpcFrame(new Uint8Array(70_000));
    const head = headers(1);
    // As many frames as fit into one read, or a byte less.
    const pieces = [head];
    let sent = 0;
    for (let left = READ_BYTES - missing - head.length; left > 0;) {
      const bytes = Math.min(16_384, left - FRAME_HEAD_BYTES);
      pieces.push(data(1, message.subarray(sent, sent + bytes).toHex()));
      sent += bytes;
      left -= FRAME_HEAD_BYTES + bytes;
    }
    const { end, readEnds } = await exchange((server) => {
      server.say(...pieces);
      server.say(data(1, message.subarray(sent).toHex()));
      server.say(trailers(1));
    });
    assertEquals(end, { kind: "complete" });
    const expected = missing === 0 ? [message.length] : [sent, message.length];
    assertEquals([...readEnds], expected);
  }
});

Deno.test("grpc-socket says what its stamps leave open", async () => {
  let calledMs = 0;
  await withGrpcServer(grpcSocketTransport, (call) => {
    calledMs = systemClock.now();
    answer(call, "a", "b");
  }, async ({ send }) => {
    for (const text of ["", "x".repeat(300_000)]) {
      const { sentMs, departedMs, firstByteMs, readWidthMs } = await send(text);
      // The server runs on this thread: it was called in a turn after that of the last write.
      assert(sentMs <= departedMs! && departedMs! <= calledMs && calledMs <= firstByteMs!);
      assert(readWidthMs!.length > 0 && readWidthMs!.every((widthMs) => widthMs > 0));
    }
  });
});
