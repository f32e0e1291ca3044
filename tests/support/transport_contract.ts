/**
 * What every HTTP transport must do, as one suite: the same bytes give the same body, status and
 * end, connections are reused, and nothing is leaked.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertGreater,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { systemClock } from "../../backends/clock.ts";
import type { WireRequest } from "../../backends/protocol.ts";
import {
  COUNTER_BYTES,
  COUNTER_READS,
  COUNTER_REPLACED,
  type Exchange,
  type SendOptions,
  type Transport,
  type TransportKind,
  type TransportOptions,
} from "../../backends/transport.ts";
import {
  FIN,
  latin1,
  type RawServer,
  refusedPort,
  RST,
  startRawServer,
  type Step,
} from "./raw_server.ts";
import { startSlowReader } from "./slow_reader.ts";
import { runChild } from "./transport_child.ts";

/** Where transports may differ, and why. */
export interface TransportTraits {
  /** A broken chunk is distinguished from a broken connection; `fetch` words both alike. */
  readonly seesBrokenChunks: boolean;
  /** Connections that N users may open: `fetch` may return one to its pool too late for the next. */
  readonly connectionsPerUser: 1 | 2;
  /** A connection is reused after trailers; `fetch` drops it. */
  readonly reusesAfterTrailers: boolean;
  /** How often a request is sent that meets closed connections only: `fetch` tries once more. */
  readonly attempts: 2 | 3;
  /** New or reused is known for every exchange, and so is the time of connecting. */
  readonly knowsConnections: boolean;
  /** Speaks TLS. Default true. */
  readonly secure?: boolean;
}

const OK = "HTTP/1.1 200 OK\r\n";
const CHUNKED = `${OK}Content-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n`;

/** Text as one chunk. */
function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

/** A whole answer of these chunks. */
function chunks(...texts: string[]): string {
  return CHUNKED + texts.map(chunk).join("") + "0\r\n\r\n";
}

function body(exchange: Exchange): string {
  return new TextDecoder("latin1").decode(exchange.body);
}

/** Text of each read. */
function reads(exchange: Exchange): string[] {
  return Array.from(
    exchange.readEnds,
    (end, i) => body(exchange).slice(i === 0 ? 0 : exchange.readEnds[i - 1], end),
  );
}

/** Holds for every exchange, however it ended. */
function assertSound(exchange: Exchange): void {
  const { readMs, readEnds, sentMs, firstByteMs, endMs } = exchange;
  assertEquals(readMs.length, readEnds.length);
  assertEquals(readEnds.at(-1) ?? 0, exchange.body.length);
  for (let i = 0; i < readMs.length; i++) {
    assertGreater(readEnds[i]!, readEnds[i - 1] ?? 0);
    assertGreaterOrEqual(readMs[i]!, readMs[i - 1] ?? firstByteMs!);
    assertLessOrEqual(readMs[i]!, endMs);
  }
  assertGreaterOrEqual(firstByteMs ?? sentMs, sentMs);
  assertGreaterOrEqual(endMs, firstByteMs ?? sentMs);
}

/** A case of the table: what the server sends, and what must come of it. */
interface Case {
  readonly what: string;
  readonly steps: readonly Step[];
  readonly end: Exchange["end"]["kind"];
  readonly status?: number;
  readonly body?: string;
  /** Part of the message. */
  readonly message?: RegExp;
  /** The end where broken chunks are not seen as such. */
  readonly blindEnd?: Exchange["end"]["kind"];
}

const manyHeaders = Array.from({ length: 90 }, (_, i) => `x-${i}: ${i}\r\n`).join("");

const CASES: readonly Case[] = [
  {
    what: "content-length",
    steps: [`${OK}content-length: 5\r\n\r\nhello`],
    end: "complete",
    body: "hello",
  },
  { what: "an empty body", steps: [`${OK}content-length: 0\r\n\r\n`], end: "complete", body: "" },
  { what: "chunks", steps: [chunks("hel", "lo")], end: "complete", body: "hello" },
  {
    what: "a body that ends with the connection",
    steps: [`${OK}\r\nhel`, 5, "lo", FIN],
    end: "complete",
    body: "hello",
  },
  {
    what: "HTTP/1.0",
    steps: ["HTTP/1.0 200 OK\r\n\r\nhello", FIN],
    end: "complete",
    body: "hello",
  },
  {
    what: "bare line feeds in the head",
    steps: ["HTTP/1.1 200 OK\ncontent-length: 5\n\nhello"],
    end: "complete",
    body: "hello",
  },
  {
    what: "an empty line before the status line",
    steps: [`\r\n${OK}content-length: 5\r\n\r\nhello`],
    end: "complete",
    body: "hello",
  },
  {
    what: "no reason phrase",
    steps: ["HTTP/1.1 200\r\ncontent-length: 5\r\n\r\nhello"],
    end: "complete",
    body: "hello",
  },
  {
    what: "names in capitals and no space after the colon",
    steps: [`${OK}CONTENT-LENGTH:5\r\n\r\nhello`],
    end: "complete",
    body: "hello",
  },
  {
    what: "content-length given twice alike",
    steps: [`${OK}content-length: 5\r\ncontent-length: 5\r\n\r\nhello`],
    end: "complete",
    body: "hello",
  },
  {
    what: "chunk extensions, trailers and sizes in capitals with zeros",
    steps: [
      `${CHUNKED}5;a=b;c="d"\r\nhello\r\n0A \r\n0123456789\r\n000;q\r\nx-sum: 1\r\ny: 2\r\n\r\n`,
    ],
    end: "complete",
    body: "hello0123456789",
  },
  {
    what: "chunks that hold line ends and sizes",
    steps: [chunks("\r\n0\r\n\r\n", "5\r\n")],
    end: "complete",
    body: "\r\n0\r\n\r\n5\r\n",
  },
  {
    what: "chunked in spite of a length",
    steps: [`${OK}content-length: 99\r\ntransfer-encoding: chunked\r\n\r\n${chunk("hi")}0\r\n\r\n`],
    end: "complete",
    body: "hi",
  },
  {
    what: "ninety header lines",
    steps: [`${OK}${manyHeaders}content-length: 5\r\n\r\nhello`],
    end: "complete",
    body: "hello",
  },
  {
    what: "100 Continue first",
    steps: ["HTTP/1.1 100 Continue\r\n\r\n", 5, `${OK}content-length: 5\r\n\r\nhello`],
    end: "complete",
    body: "hello",
  },
  {
    what: "103 Early Hints first",
    steps: [`HTTP/1.1 103 Early Hints\r\nlink: x\r\n\r\n${OK}content-length: 5\r\n\r\nhello`],
    end: "complete",
    body: "hello",
  },
  {
    what: "bytes after the answer",
    steps: [`${OK}content-length: 5\r\n\r\nhelloHTTP/1.1 500 No\r\n\r\n`],
    end: "complete",
    body: "hello",
  },
  { what: "204", steps: ["HTTP/1.1 204 No Content\r\n\r\n"], end: "complete", status: 204 },
  {
    what: "304 with a length",
    steps: ["HTTP/1.1 304 Not Modified\r\ncontent-length: 5\r\n\r\n"],
    end: "complete",
    status: 304,
  },
  {
    what: "503 with its body",
    steps: ["HTTP/1.1 503 Busy\r\ncontent-length: 4\r\n\r\nbusy"],
    end: "complete",
    status: 503,
    body: "busy",
  },
  {
    what: "a redirect, not followed",
    steps: ["HTTP/1.1 307 Elsewhere\r\nlocation: /other\r\ncontent-length: 2\r\n\r\ngo"],
    end: "complete",
    status: 307,
    body: "go",
  },
  { what: "a status that is no number", steps: ["HTTP/1.1 2x0 OK\r\n\r\n", FIN], end: "malformed" },
  { what: "another protocol", steps: ["SSH-2.0-OpenSSH_9.6\r\n\r\n", FIN], end: "malformed" },
  // Both wait for more of us, and never end the connection.
  { what: "a banner that waits", steps: ["SSH-2.0-OpenSSH_9.6\r\n"], end: "malformed" },
  {
    what: "an HTTP/2 server that waits",
    steps: [Uint8Array.of(0, 0, 6, 4, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 100)],
    end: "malformed",
    message: /HTTP\/2/,
  },
  { what: "HTTP/3.7", steps: ["HTTP/3.7 200 OK\r\n\r\n", FIN], end: "malformed" },
  { what: "a header without a colon", steps: [`${OK}hello\r\n\r\n`, FIN], end: "malformed" },
  { what: "a space before the colon", steps: [`${OK}a : b\r\n\r\n`, FIN], end: "malformed" },
  {
    what: "a header on two lines",
    steps: [`${OK}a: b\r\n c\r\ncontent-length: 0\r\n\r\n`, FIN],
    end: "malformed",
  },
  { what: "a NUL in a header", steps: [`${OK}a: b\0c\r\n\r\n`, FIN], end: "malformed" },
  {
    what: "a length that is no number",
    steps: [`${OK}content-length: five\r\n\r\nhello`, FIN],
    end: "malformed",
  },
  {
    what: "a negative length",
    steps: [`${OK}content-length: -5\r\n\r\nhello`, FIN],
    end: "malformed",
  },
  {
    what: "two different lengths",
    steps: [`${OK}content-length: 5\r\ncontent-length: 6\r\n\r\nhello`, FIN],
    end: "malformed",
  },
  {
    what: "chunks in HTTP/1.0",
    steps: ["HTTP/1.0 200 OK\r\ntransfer-encoding: chunked\r\n\r\n0\r\n\r\n", FIN],
    end: "malformed",
  },
  {
    what: "a head of a megabyte",
    steps: [`${OK}x: ${"x".repeat(1 << 20)}\r\n\r\n`, FIN],
    end: "malformed",
    message: /"the response head is larger than \d+ KiB/,
  },
  {
    what: "two hundred header lines",
    steps: [`${OK}${manyHeaders}${manyHeaders}${manyHeaders}\r\n`, FIN],
    end: "malformed",
    message: /"the response head .*has more than 100 lines"/,
  },
  {
    what: "a chunk size that is no number",
    steps: [`${CHUNKED}${chunk("hello")}zz\r\nabc`, FIN],
    end: "malformed",
    blindEnd: "cut",
    status: 200,
    body: "hello",
  },
  {
    what: "a missing chunk size",
    steps: [`${CHUNKED}\r\nhello\r\n0\r\n\r\n`, FIN],
    end: "malformed",
    blindEnd: "cut",
    status: 200,
  },
  {
    what: "a chunk longer than its size",
    steps: [`${CHUNKED}5\r\nhello!!\r\n0\r\n\r\n`, FIN],
    end: "malformed",
    blindEnd: "cut",
    status: 200,
    body: "hello",
  },
  {
    what: "a chunk size beyond all memory",
    steps: [`${CHUNKED}fffffffffffffffff\r\nhello`, FIN],
    end: "malformed",
    blindEnd: "cut",
    status: 200,
  },
  {
    what: "a bare line feed after a chunk size",
    steps: [`${CHUNKED}5\nhello\r\n0\r\n\r\n`, FIN],
    end: "malformed",
    blindEnd: "cut",
    status: 200,
  },
  {
    what: "an endless chunk extension",
    steps: [`${CHUNKED}5;${"x".repeat(100_000)}\r\nhello\r\n0\r\n\r\n`, FIN],
    end: "malformed",
    blindEnd: "cut",
    status: 200,
  },
  {
    what: "a cut in the body",
    steps: [`${OK}content-length: 10\r\n\r\nhello`, FIN],
    end: "cut",
    status: 200,
    body: "hello",
  },
  {
    what: "a cut in a chunk",
    steps: [`${CHUNKED}a\r\nhello`, FIN],
    end: "cut",
    status: 200,
    body: "hello",
  },
  {
    what: "a cut between chunks",
    steps: [`${CHUNKED}${chunk("hello")}`, FIN],
    end: "cut",
    status: 200,
    body: "hello",
  },
  {
    what: "a cut in the very last line",
    steps: [`${CHUNKED}${chunk("hello")}0\r\n`, FIN],
    end: "cut",
    status: 200,
    body: "hello",
  },
  {
    what: "a reset in the body",
    steps: [`${CHUNKED}${chunk("hello")}`, 30, RST],
    end: "cut",
    status: 200,
    body: "hello",
  },
  { what: "a close without an answer", steps: [FIN], end: "connect_error" },
  { what: "a reset without an answer", steps: [RST], end: "connect_error" },
  { what: "a cut in the head", steps: [`${OK}content-le`, FIN], end: "connect_error" },
];

/** Registers the suite for one transport. */
export function transportContract(kind: TransportKind, traits: TransportTraits): void {
  const test = (does: string, run: () => Promise<void>) => Deno.test(`${kind.name} ${does}`, run);

  /** Opens server and transport, and closes both whatever happens. */
  async function serve(
    script: Parameters<typeof startRawServer>[0],
    run: (fixture: Fixture) => Promise<void>,
    options: Partial<TransportOptions> = {},
  ): Promise<void> {
    const server = await startRawServer(script);
    const counters = new Uint32Array(3);
    const transport = kind.open({ clock: systemClock, counters, ...options });
    const send = async (request: Partial<WireRequest> = {}, sending: Partial<SendOptions> = {}) => {
      const exchange = await transport.send(
        {
          method: "POST",
          url: `${server.url}/generate`,
          headers: {},
          body: latin1("{}"),
          ...request,
        },
        { timeoutMs: 20_000, ...sending },
      );
      assertSound(exchange);
      return exchange;
    };
    try {
      await run({ server, transport, counters, send });
    } finally {
      await transport.close();
      await server.close();
    }
  }

  test("has its connection back in the pool when the next request asks for one", () =>
    serve(() => [chunks("hello")], async ({ server, transport }) => {
      const { url } = server;
      const request = { method: "POST", url, headers: {}, body: latin1("{}") } as const;
      // Nothing runs between an answer and the next request, as in a closed loop.
      await Promise.all(Array.from({ length: 20 }, async () => {
        for (let i = 0; i < 20; i++) await transport.send(request, { timeoutMs: 0 });
      }));
      // First of the suite, because only a process still cold shows it: a client that asks too
      // early has opened 40; a few more than 20 may be a busy machine.
      assertLessOrEqual(server.accepted, 30);
    }));

  for (const one of CASES) {
    test(`reads ${one.what}`, () =>
      serve(() => one.steps, async ({ server, send }) => {
        const exchange = await send();
        const end = traits.seesBrokenChunks ? one.end : one.blindEnd ?? one.end;
        assertEquals(exchange.end.kind, end, JSON.stringify(exchange.end));
        if (one.message !== undefined) assertMatch(JSON.stringify(exchange.end), one.message);
        assertEquals(exchange.status, one.status ?? (end === "complete" ? 200 : 0));
        assertEquals(body(exchange), one.body ?? "");
        assertEquals(exchange.firstByteMs !== undefined, exchange.status > 0);
        assertEquals(server.requests.length, 1);
      }));
  }

  test("gives the same body wherever the answer is split", async () => {
    const answer = latin1(
      `HTTP/1.1 100 Continue\r\n\r\n${CHUNKED}5;x\r\nhello\r\n1\r\n,\r\n6\r\n world\r\n0\r\nt: 1\r\n\r\n`,
    );
    // TCP glues slices together when it likes; the parser's own test feeds every split directly.
    await serve(
      ({ index }) => [answer.subarray(0, index + 1), 0, answer.subarray(index + 1)],
      async ({ server, send }) => {
        for (let i = 0; i < answer.length - 1; i++) {
          const exchange = await send();
          assertEquals(
            [exchange.end.kind, body(exchange)],
            ["complete", "hello, world"],
            `split ${i}`,
          );
        }
        if (traits.reusesAfterTrailers) assertEquals(server.accepted, 1);
      },
    );
  });

  test("stamps each read and reports how many bytes had come", () =>
    serve(
      () => [CHUNKED, 20, chunk("one"), 20, chunk("two"), 20, chunk("three"), 20, "0\r\n\r\n"],
      async ({ send, counters }) => {
        const seen: [number, string][] = [];
        const exchange = await send({}, {
          onRead: (atMs, bytes) => seen.push([atMs, new TextDecoder().decode(bytes)]),
        });
        assertEquals(reads(exchange), ["one", "two", "three"]);
        assertEquals(seen, reads(exchange).map((text, i) => [exchange.readMs[i]!, text]));
        assert(exchange.firstByteMs! < exchange.readMs[0]!);
        assert(exchange.readMs[2]! < exchange.endMs);
        assertGreaterOrEqual(counters[COUNTER_READS]!, 3);
        assertGreaterOrEqual(counters[COUNTER_BYTES]!, 11);
        assertEquals(exchange.contentType, "text/event-stream");
      },
    ));

  test("tells of the first bytes of a body once, and of none", async () => {
    const seen: string[] = [];
    const options = {
      onFirst: () => void seen.push("first"),
      onRead: () => void seen.push("read"),
    };
    await serve(
      () => [CHUNKED, 20, chunk("one"), 20, chunk("two"), 20, "0\r\n\r\n"],
      async ({ send }) => {
        await send({}, options);
        assertEquals(seen, ["first", "read", "read"]);
        await send({}, { onFirst: options.onFirst });
        assertEquals(seen.slice(3), ["first"]);
      },
    );
    await serve(() => ["HTTP/1.1 200 OK\r\ncontent-length: 0\r\n\r\n"], async ({ send }) => {
      assertEquals((await send({}, options)).body.length, 0);
      assertEquals(seen.length, 4);
    });
  });

  test("takes what was handed over in one wake-up as one read", () => {
    const groups = ["abcdefgh", "ijklmnop", "qrstuvwx"];
    const steps = groups.flatMap((letters) => [25, [...letters].map(chunk).join("")]);
    let nowMs = 0;
    return serve(() => [CHUNKED, ...steps, 25, "0\r\n\r\n"], async ({ send }) => {
      const seen: [number, string][] = [];
      const exchange = await send({}, {
        timeoutMs: 0,
        onRead: (atMs, bytes) => seen.push([atMs, new TextDecoder().decode(bytes)]),
      });
      assertEquals(reads(exchange), groups);
      assertEquals(seen.map(([, text]) => text).join(""), groups.join(""));
      assertEquals([...new Set(seen.map(([atMs]) => atMs))], [...exchange.readMs]);
      // Its reads are microseconds apart, however busy the machine is.
    }, { clock: { now: () => nowMs += 0.001, sleepUntil: systemClock.sleepUntil } });
  });

  test("keeps the reads of a fast stream apart", () => {
    const tokens = Array.from({ length: 60 }, (_, i) => chunk(`token ${i}`));
    return serve(
      () => [CHUNKED, ...tokens.flatMap((token) => [1, token]), "0\r\n\r\n"],
      async ({ send }) => {
        // On a busy machine some come together.
        assertGreater((await send()).readMs.length, 20);
      },
    );
  });

  test("reads a chunk a byte", () => {
    const text = "abcdefghij".repeat(200);
    return serve(() => [chunks(...text)], async ({ send }) => {
      assertEquals(body(await send()), text);
    });
  });

  test("writes 24 MiB unharmed to a server that reads slowly, and reads others meanwhile", async () => {
    const big = new Uint8Array(24 << 20);
    for (let i = 0, x = 1; i < big.length; i++) big[i] = (x = (x * 48271) % 0x7fffffff) & 0xff;
    const slow = await startSlowReader(big.length);
    await serve(() => [chunks("hello")], async ({ send }) => {
      const ends: string[] = [];
      const large = send({ url: slow.url, body: big }).then(({ end }) => ends.push(end.kind));
      // Leaves later, and does not wait for the large one.
      ends.push(body(await send()));
      await large;
      assertEquals(ends, ["hello", "complete"]);
    });
    const received = await slow.received;
    assertEquals(received.length, big.length);
    assert(received.every((byte, i) => byte === big[i]));
    await slow.close();
  });

  test("reads 8 MiB unharmed", () => {
    const big = new Uint8Array(8 << 20);
    for (let i = 0, x = 1; i < big.length; i++) big[i] = (x = (x * 48271) % 0x7fffffff) & 0xff;
    return serve(
      () => [`${OK}content-length: ${big.length}\r\n\r\n`, big],
      async ({ send }) => {
        const exchange = await send();
        assertEquals(exchange.end.kind, "complete");
        assertEquals(exchange.body.length, big.length);
        assert(exchange.body.every((byte, i) => byte === big[i]));
      },
    );
  });

  test("keeps interleaved streams apart", () =>
    serve(
      (
        { path },
      ) => [CHUNKED, ...Array.from({ length: 40 }, () => [1, chunk(path)]).flat(), "0\r\n\r\n"],
      async ({ server, send }) => {
        const paths = Array.from({ length: 30 }, (_, i) => `/stream-${i}`);
        const exchanges = await Promise.all(
          paths.map((path) => send({ url: `${server.url}${path}` })),
        );
        assertEquals(exchanges.map(body), paths.map((path) => path.repeat(40)));
      },
    ));

  test("sends method, path, query, headers and body as given", () =>
    serve(() => [`${OK}content-length: 0\r\n\r\n`], async ({ server, send }) => {
      await send({
        url: `${server.url}/a/b?c=d%20e`,
        headers: { "X-One": "1", "Authorization": "Bearer key" },
        body: new Uint8Array([0, 255, 10]),
      });
      const [request] = server.requests;
      assertEquals([request!.method, request!.path], ["POST", "/a/b?c=d%20e"]);
      assertEquals([...request!.body], [0, 255, 10]);
      const head = request!.head.toLowerCase();
      assertStringIncludes(head, "\r\nx-one: 1\r\n");
      assertStringIncludes(head, "\r\nauthorization: bearer key\r\n");
      assertStringIncludes(head, `\r\nhost: 127.0.0.1:${server.port}\r\n`);
      assertStringIncludes(head, "\r\naccept-encoding: identity\r\n");
      assertStringIncludes(head, "\r\nuser-agent: tokometer\r\n");
    }));

  test("lets the request name its own host and agent, and sends GET without a body", () =>
    serve(() => [`${OK}content-length: 0\r\n\r\n`], async ({ server, transport }) => {
      await transport.send({
        method: "GET",
        url: `${server.url}/health`,
        headers: { "Host": "engine.test", "User-Agent": "me" },
      }, { timeoutMs: 5000 });
      const head = server.requests[0]!.head.toLowerCase();
      assertMatch(head, /^get \/health http\/1\.1\r\n/);
      assertStringIncludes(head, "\r\nhost: engine.test\r\n");
      assertStringIncludes(head, "\r\nuser-agent: me\r\n");
      assertEquals(head.match(/\r\n(host|user-agent):/g)!.length, 2);
      assert(!head.includes("content-length"));
    }));

  test("sends a megabyte in a request", () =>
    serve(({ body }) => [`${OK}content-length: 7\r\n\r\n${body.length}`], async ({ send }) => {
      assertEquals(body(await send({ body: new Uint8Array(1 << 20) })), "1048576");
    }));

  test("uses one connection for 20 requests, each read to its end", () =>
    serve(
      // The last chunk comes late: who stops at the end mark would find the connection unusable.
      () => [CHUNKED, chunk("data: [DONE]\n\n"), 5, "0\r\n\r\n"],
      async ({ server, send }) => {
        const connections: string[] = [];
        for (let i = 0; i < 20; i++) connections.push((await send()).connection);
        assertEquals(new Set(server.requests.map(({ clientPort }) => clientPort)).size, 1);
        assertEquals(connections[0], "new");
        if (traits.knowsConnections) {
          assertEquals(connections.slice(1), Array(19).fill("reused"));
        } else assert(!connections.slice(1).includes("new"));
      },
    ));

  test("does not reuse a connection on which more came than was asked for", () =>
    serve(() => [`${OK}content-length: 2\r\n\r\nok!`], async ({ server, send }) => {
      for (let i = 0; i < 3; i++) assertEquals(body(await send()), "ok");
      assertEquals(server.accepted, 3);
    }));

  test(`opens at most ${20 * traits.connectionsPerUser} connections for 20 users`, () =>
    serve(() => [CHUNKED, 1, chunk("data: x\n\n"), "0\r\n\r\n"], async ({ server, send }) => {
      await Promise.all(Array.from({ length: 20 }, async () => {
        for (let i = 0; i < 20; i++) assertEquals((await send()).end.kind, "complete");
      }));
      assertEquals(server.requests.length, 400);
      assertGreaterOrEqual(server.accepted, 20);
      assertLessOrEqual(server.accepted, 20 * traits.connectionsPerUser);
    }));

  if (traits.knowsConnections) {
    test("knows how long connecting took, once for each connection", () =>
      serve(() => [`${OK}content-length: 0\r\n\r\n`], async ({ send }) => {
        const first = await send();
        assertGreater(first.connectMs!, 0);
        assertLessOrEqual(first.connectMs!, first.firstByteMs! - first.sentMs);
        assertEquals((await send()).connectMs, undefined);
      }));
  }

  test("obeys connection: close", () =>
    serve(
      () => [`${OK}connection: close\r\ncontent-length: 2\r\n\r\nok`],
      async ({ server, send }) => {
        for (let i = 0; i < 3; i++) assertEquals(body(await send()), "ok");
        assertEquals(server.accepted, 3);
      },
    ));

  test("loses none of 100 requests to a server that promises keep-alive and closes", () =>
    serve(
      () => [`${OK}content-length: 2\r\nconnection: keep-alive\r\n\r\nok`, FIN],
      async ({ server, send }) => {
        for (let i = 0; i < 100; i++) {
          const exchange = await send();
          assertEquals([exchange.end.kind, body(exchange)], ["complete", "ok"], `request ${i}`);
        }
        assertEquals(server.accepted, 100);
      },
    ));

  test("loses none when the connection closes at the next request", () =>
    serve(
      // Every second request of a connection meets a close instead of an answer.
      (() => {
        const served = new Set<number>();
        return ({ clientPort }) => {
          if (served.has(clientPort)) return [FIN];
          served.add(clientPort);
          return [`${OK}content-length: 2\r\n\r\nok`];
        };
      })(),
      async ({ send, counters }) => {
        for (let i = 0; i < 20; i++) assertEquals((await send()).end, { kind: "complete" });
        // What `fetch` retries by itself is not counted.
        if (traits.knowsConnections) assertEquals(counters[COUNTER_REPLACED], 19);
      },
    ));

  test("loses none of 20 users' requests to a server that closes soon after each answer", () =>
    serve(
      ({ index }) => [`${OK}content-length: 2\r\n\r\nok`, index % 3, FIN],
      async ({ send }) => {
        await Promise.all(Array.from({ length: 20 }, async () => {
          for (let i = 0; i < 20; i++) assertEquals((await send()).end, { kind: "complete" });
        }));
      },
    ));

  test("replaces a lost connection by a new one, not by another idle one", () => {
    const served = new Set<number>();
    return serve(
      ({ clientPort }) => {
        if (served.has(clientPort)) return [FIN];
        served.add(clientPort);
        return [`${OK}content-length: 2\r\n\r\nok`];
      },
      async ({ server, send }) => {
        await Promise.all(Array.from({ length: 5 }, () => send()));
        assertEquals(served.size, 5);
        assertEquals((await send()).end, { kind: "complete" });
        assertEquals([served.size, server.accepted], [6, 6]);
      },
    );
  });

  test("replaces a lost connection once only", () =>
    serve(
      ({ index }) => index === 0 ? [`${OK}content-length: 2\r\n\r\nok`] : [FIN],
      async ({ server, send }) => {
        await send();
        assertEquals((await send()).end.kind, "connect_error");
        assertEquals(server.requests.length, 1 + traits.attempts);
      },
    ));

  test("reports a refused connection", async () => {
    const transport = kind.open({ clock: systemClock });
    const exchange = await transport.send(
      { method: "GET", url: `http://127.0.0.1:${await refusedPort()}/`, headers: {} },
      { timeoutMs: 5000 },
    );
    await transport.close();
    assertEquals(exchange.end, { kind: "connect_error", message: "connection refused" });
    assertEquals([exchange.status, exchange.body.length], [0, 0]);
  });

  test("reports an address that is invalid", async () => {
    const transport = kind.open({ clock: systemClock });
    for (const url of ["not an address", "ftp://127.0.0.1/"]) {
      const { end } = await transport.send({ method: "GET", url, headers: {} }, {
        timeoutMs: 5000,
      });
      assertEquals(end.kind, "connect_error");
    }
    await transport.close();
  });

  test("reports a header that cannot be sent", () =>
    serve(() => [], async ({ server, send }) => {
      assertEquals((await send({ headers: { "x": "a\r\nb: c" } })).end.kind, "connect_error");
      assertEquals((await send({ headers: { "x y": "z" } })).end.kind, "connect_error");
      assertEquals(server.requests.length, 0);
    }));

  test("takes a body of the largest size, and drops a larger one", () => {
    const piece = chunk("x".repeat(500));
    // The larger one never ends.
    const steps = (pieces: number) => [CHUNKED, ...Array(pieces).fill(piece)];
    return serve(
      ({ index }) => index === 0 ? [...steps(5), "0\r\n\r\n"] : [...steps(6), 10_000],
      async ({ server, send }) => {
        const fits = await send({}, { maxBytes: 2500 });
        assertEquals([fits.end.kind, fits.body.length], ["complete", 2500]);
        const large = await send({}, { maxBytes: 2500 });
        assertEquals(large.end, {
          kind: "malformed",
          message: "the answer is larger than 2500 bytes (--max-answer)",
        });
        assertEquals([large.status, large.body.length, large.readMs.length], [200, 0, 0]);
        await server.idle();
      },
    );
  });

  test("drops one of the larger ones where all answers together are too large", () =>
    serve(
      ({ path }) => [CHUNKED, chunk(path === "/small" ? "x" : "x".repeat(900)), 20_000],
      async ({ server, send }) => {
        const over = new AbortController();
        const sending = { maxBytes: 1000, signal: over.signal };
        const small = send({ url: `${server.url}/small` }, sending);
        // Together they may take 64,000 bytes, which is 71 of them.
        let left = 9;
        const large = Array.from({ length: 80 }, async () => {
          const { end } = await send({}, sending);
          if (end.kind === "malformed" && --left === 0) over.abort();
          return end;
        });
        const ends = await Promise.all(large);
        assertEquals(ends.filter(({ kind }) => kind === "cancelled").length, 71);
        assertEquals(ends.find(({ kind }) => kind !== "cancelled"), {
          kind: "malformed",
          message: "the answers in flight take more than 64000 bytes " +
            "(64 × --max-answer 1000 bytes), and this is one of the larger ones",
        });
        assertEquals((await small).end.kind, "cancelled");
      },
    ));

  test("gives up at the deadline while bytes keep coming", () =>
    serve(
      () => [CHUNKED, ...Array(3000).fill([chunk("x".repeat(5000)), 0]).flat()],
      async ({ server, send }) => {
        const exchange = await send({}, { timeoutMs: 150 });
        assertEquals(exchange.end.kind, "timeout");
        assertGreater(exchange.body.length, 5000);
        await server.idle();
      },
    ));

  test("gives up when the head is late", () =>
    serve(() => [10_000], async ({ server, send }) => {
      const exchange = await send({}, { timeoutMs: 60 });
      assertEquals(exchange.end, { kind: "timeout", message: "no answer within 60 ms" });
      assertEquals([exchange.status, exchange.firstByteMs], [0, undefined]);
      assertGreaterOrEqual(exchange.endMs - exchange.sentMs, 60);
      await server.idle();
    }));

  test("gives up when the stream stalls, and keeps what came", () =>
    serve(() => [CHUNKED, chunk("hello"), 10_000], async ({ server, send }) => {
      const exchange = await send({}, { timeoutMs: 120 });
      assertEquals(exchange.end.kind, "timeout");
      assertStringIncludes(JSON.stringify(exchange.end), "5 bytes");
      assertEquals([exchange.status, body(exchange)], [200, "hello"]);
      await server.idle();
    }));

  test("gives up each request at its own deadline", () =>
    serve(() => [10_000], async ({ send }) => {
      const order: number[] = [];
      await Promise.all([150, 50, 100].map(async (timeoutMs) => {
        assertEquals((await send({}, { timeoutMs })).end.kind, "timeout");
        order.push(timeoutMs);
      }));
      assertEquals(order, [50, 100, 150]);
    }));

  test("cancels before the head", async () => {
    const stop = new AbortController();
    await serve(() => [() => stop.abort(), 10_000], async ({ server, send }) => {
      const exchange = await send({}, { signal: stop.signal });
      assertEquals([exchange.end.kind, exchange.status], ["cancelled", 0]);
      await server.idle();
    });
  });

  test("cancels in the body, also when garbage was collected meanwhile", async () => {
    const stop = new AbortController();
    let begun = 0;
    await serve(() => [CHUNKED, chunk("hello"), 10_000], async ({ server, send }) => {
      const onRead = () => {
        if (++begun < 20) return;
        setTimeout(() => {
          // Deno forgets to abort a fetch whose Response was collected; make it collect.
          for (let i = 0; i < 300; i++) new Uint8Array(1 << 20).fill(i);
          setTimeout(() => stop.abort(), 5);
        }, 5);
      };
      const exchanges = await Promise.all(
        Array.from(
          { length: 20 },
          () => send({}, { signal: stop.signal, onRead, timeoutMs: 5000 }),
        ),
      );
      for (const exchange of exchanges) {
        assertEquals([exchange.end.kind, exchange.status, body(exchange)], [
          "cancelled",
          200,
          "hello",
        ]);
      }
      await server.idle();
    });
  });

  test("cancels 50 streams with one signal and lets others live", async () => {
    const stop = new AbortController();
    let begun = 0;
    await serve(
      ({ path }) =>
        path === "/stay"
          ? [CHUNKED, chunk("a"), 60, chunk("b"), "0\r\n\r\n"]
          : [CHUNKED, () => ++begun === 50 && stop.abort(), 10_000],
      async ({ server, send }) => {
        const stay = send({ url: `${server.url}/stay` });
        const gone = await Promise.all(
          Array.from({ length: 50 }, () => send({}, { signal: stop.signal })),
        );
        assertEquals(new Set(gone.map(({ end }) => end.kind)), new Set(["cancelled"]));
        assertEquals(body(await stay), "ab");
      },
    );
  });

  test("sends nothing when it is cancelled already", () =>
    serve(() => [], async ({ server, send }) => {
      assertEquals((await send({}, { signal: AbortSignal.abort() })).end.kind, "cancelled");
      assertEquals(server.accepted, 0);
    }));

  test("works again after a cancelled and a timed out request", async () => {
    const stop = new AbortController();
    await serve(
      ({ path }) =>
        path === "/ok"
          ? [`${OK}content-length: 2\r\n\r\nok`]
          : [CHUNKED, chunk("x"), () => path === "/stop" && stop.abort(), 10_000],
      async ({ server, send }) => {
        const at = (path: string) => ({ url: `${server.url}${path}` });
        await send(at("/stop"), { signal: stop.signal });
        await send(at("/late"), { timeoutMs: 50 });
        assertEquals(body(await send(at("/ok"))), "ok");
      },
    );
  });

  test("cancels what is in flight when it is closed", () =>
    serve(() => [CHUNKED, chunk("x"), 10_000], async ({ server, transport, send }) => {
      let close: Promise<void> | undefined;
      const exchange = await send({}, { onRead: () => close ??= transport.close() });
      assertEquals(exchange.end.kind, "cancelled");
      await close;
      await server.idle();
    }));

  test("gives every descriptor back", async () => {
    const before = await openDescriptors();
    const stop = new AbortController();
    await serve(
      ({ path }) =>
        path === "/ok"
          ? [`${OK}content-length: 2\r\n\r\nok`]
          : path === "/cut"
          ? [CHUNKED, chunk("x"), RST]
          : [CHUNKED, chunk("x"), 10_000],
      async ({ server, send }) => {
        const at = (path: string) => ({ url: `${server.url}${path}` });
        await Promise.all([
          ...Array.from({ length: 30 }, () => send(at("/ok"))),
          ...Array.from({ length: 10 }, () => send(at("/cut"))),
          ...Array.from({ length: 10 }, () => send(at("/late"), { timeoutMs: 80 })),
          ...Array.from(
            { length: 10 },
            () => send(at("/stop"), { signal: stop.signal, onRead: () => stop.abort() }),
          ),
        ]);
      },
    );
    // The platform closes sockets on its own threads: wait until the number is back.
    for (let i = 0; i < 200 && await openDescriptors() > before; i++) {
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    assertLessOrEqual(await openDescriptors(), before);
  });

  const testTls = traits.secure === false ? () => {} : test;
  testTls("accepts the authority of --ca-cert, and nobody else's", async () => {
    const read = (name: string) =>
      Deno.readTextFile(new URL(`../fixtures/tls_${name}.pem`, import.meta.url));
    const server = await startRawServer(
      () => [CHUNKED, chunk("secret"), "0\r\n\r\n"],
      { tls: { cert: await read("cert"), key: await read("key") } },
    );
    const caCert = await read("ca");
    const get = async (transport: Transport, url: string) => {
      const exchange = await transport.send({ method: "GET", url, headers: {} }, {
        timeoutMs: 5000,
      });
      assertSound(exchange);
      return exchange;
    };
    const trusting = kind.open({ clock: systemClock, caCert });
    assertEquals(body(await get(trusting, server.url)), "secret");
    assertEquals(body(await get(trusting, server.url.replace("127.0.0.1", "localhost"))), "secret");
    assertEquals(body(await get(trusting, server.url)), "secret");
    assertEquals(server.accepted, 2);
    await trusting.close();
    const wary = kind.open({ clock: systemClock });
    const { end } = await get(wary, server.url);
    assertEquals(end.kind, "connect_error");
    assertMatch(JSON.stringify(end), /certificate/i);
    await wary.close();
    await server.close();
  });

  test("explains too many open files", async () => {
    const server = await startRawServer(() => [CHUNKED, 10_000]);
    const result = await runChild({
      transport: kind.name,
      urls: Array.from({ length: 150 }, () => server.url),
      timeoutMs: 1000,
    }, { descriptors: 128 });
    await server.close();
    const refused = result.ends.filter(({ kind }) => kind === "connect_error");
    assertEquals(
      new Set(refused.map(({ message }) => message)),
      new Set([
        'too many open files: raise the limit ("ulimit -n") or send fewer requests at once',
      ]),
    );
    assertEquals(
      new Set(result.ends.map(({ kind }) => kind)),
      new Set(["connect_error", "timeout"]),
    );
  });

  test("connects to IPv6 addresses", async () => {
    const server = await startRawServer(() => [`${OK}content-length: 2\r\n\r\nok`], {
      hostname: "::1",
    });
    const transport = kind.open({ clock: systemClock });
    const exchange = await transport.send({ method: "GET", url: server.url, headers: {} }, {
      timeoutMs: 5000,
    });
    assertEquals(body(exchange), "ok");
    assertStringIncludes(server.requests[0]!.head.toLowerCase(), `host: [::1]:${server.port}`);
    await transport.close();
    await server.close();
  });
}

interface Fixture {
  readonly server: RawServer;
  readonly transport: Transport;
  readonly counters: Uint32Array;
  readonly send: (
    request?: Partial<WireRequest>,
    options?: Partial<SendOptions>,
  ) => Promise<Exchange>;
}

async function openDescriptors(): Promise<number> {
  let count = 0;
  for await (const _ of Deno.readDir("/proc/self/fd")) count++;
  return count;
}
