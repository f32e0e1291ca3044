import { assertEquals, assertGreater, assertMatch, assertStringIncludes } from "@std/assert";
import { type HttpExchange, type SimPort, startHttpServer } from "../backends/sim_http.ts";
import { openTimeline } from "../backends/sim_timeline.ts";
import { post, talk } from "./support/raw_client.ts";
import { testOnLoops } from "./support/sim_loops.ts";

/** Runs a server with this handler for the time of a test. */
type WithServer = (
  onRequest: (exchange: HttpExchange) => void,
  test: (server: SimPort) => Promise<void>,
) => Promise<void>;

function test(name: string, fn: (withServer: WithServer) => Promise<void>): void {
  testOnLoops(name, (loop) =>
    fn(async (onRequest, use) => {
      const timeline = openTimeline(loop);
      const address = { host: "127.0.0.1", port: 0 };
      const server = await startHttpServer({ ...address, loop, timeline, onRequest });
      try {
        await use(server);
      } finally {
        await server.stop();
        await timeline.stop();
      }
    }));
}

/** Answers with method, path and body of the request, in one chunk. */
function echo(exchange: HttpExchange): void {
  const { method, path, query, body } = exchange.request;
  exchange.head(200, { headers: { "content-type": "text/plain" }, body: "chunked" });
  exchange.body(`${method} ${path} ${query.get("q")} ${new TextDecoder().decode(body)}`);
  exchange.finish();
}

const LAST_CHUNK = "\r\n0\r\n\r\n";
const answers = (text: string) => text.split(LAST_CHUNK).length - 1;

test("startHttpServer reads a request however it is cut", async (withServer) => {
  const request = post("/a?q=1", "é!", ["X-Odd:  value "]);
  await withServer(echo, async ({ port }) => {
    for (const pieces of [[request], [...request]]) {
      const { text } = await talk(port, pieces, (so_far) => answers(so_far) === 1);
      assertStringIncludes(text, "HTTP/1.1 200 OK\r\ncontent-type: text/plain\r\n");
      // 13 bytes, of which the é takes two.
      assertStringIncludes(text, `\r\n\r\nd\r\nPOST /a 1 é!${LAST_CHUNK}`);
    }
  });
});

test("startHttpServer keeps a connection for many requests, pipelined ones too", async (withServer) => {
  const seen: [number, number][] = [];
  const handler = (exchange: HttpExchange) => {
    seen.push([exchange.arrival.connection, exchange.arrival.clientPort]);
    // Answered later, so that the second request waits.
    setTimeout(() => echo(exchange), 0);
  };
  await withServer(handler, async (server) => {
    const both = post("/1", "one") + post("/2", "two");
    const { text } = await talk(server.port, [both], (soFar) => answers(soFar) === 2);
    assertMatch(text, /POST \/1 null one[^]*POST \/2 null two/);
    assertEquals(seen.map(([connection]) => connection), [1, 1]);
    assertEquals(seen[0]?.[1], seen[1]?.[1]);
    await talk(server.port, [post("/3", "")], (soFar) => answers(soFar) === 1);
    assertEquals(seen.at(-1)?.[0], 2);
    assertEquals(server.connections().accepted, 2);
  });
});

test("startHttpServer closes when the client asks for it or speaks HTTP/1.0", async (withServer) => {
  await withServer(echo, async ({ port }) => {
    for (const request of [post("/", "", ["Connection: close"]), "GET / HTTP/1.0\r\n\r\n"]) {
      const { text, end } = await talk(port, [request]);
      assertEquals(end, "closed");
      assertStringIncludes(text, "connection: close\r\n");
    }
  });
});

test("startHttpServer refuses what it cannot read", async (withServer) => {
  const cases: [string, string][] = [
    ["NONSENSE\r\n\r\n", "400"],
    ["POST / HTTP/1.1\r\ncontent-length: many\r\n\r\n", "400"],
    ["POST / HTTP/1.1\r\ntransfer-encoding: chunked\r\n\r\n", "411"],
    ["POST / HTTP/1.1\r\ncontent-length: 99999999999\r\n\r\n", "413"],
  ];
  await withServer(echo, async ({ port }) => {
    for (const [request, status] of cases) {
      const { text, end } = await talk(port, [request]);
      assertEquals([text.slice(9, 12), end], [status, "closed"]);
    }
  });
});

test("startHttpServer answers 100-continue before the body comes", async (withServer) => {
  const [head = "", body = ""] = post("/", "late", ["Expect: 100-continue"]).split("\r\n\r\n");
  await withServer(echo, async ({ port }) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    const buffer = new Uint8Array(1000);
    const read = async () => {
      const count = await connection.read(buffer);
      return new TextDecoder().decode(buffer.subarray(0, count ?? 0));
    };
    await connection.write(new TextEncoder().encode(`${head}\r\n\r\n`));
    assertEquals(await read(), "HTTP/1.1 100 Continue\r\n\r\n");
    await connection.write(new TextEncoder().encode(body));
    assertStringIncludes(await read(), "HTTP/1.1 200 OK");
  });
});

test("HttpExchange closes, resets or keeps connections", async (withServer) => {
  const endings: Record<string, (exchange: HttpExchange) => void> = {
    "/close": (exchange) => exchange.close(),
    "/reset": (exchange) => exchange.reset(),
    "/finish": (exchange) => exchange.finish({ close: true }),
  };
  const handler = (exchange: HttpExchange) => {
    exchange.head(200, { headers: {}, body: "chunked" });
    exchange.body("half");
    // A reset overtakes bytes that the client has not read yet.
    setTimeout(() => {
      endings[exchange.request.path]?.(exchange);
      assertEquals(exchange.closed, true);
      exchange.body("never sent");
    }, 5);
  };
  await withServer(handler, async ({ port }) => {
    const closed = await talk(port, [post("/close", "")]);
    assertEquals([closed.end, closed.text.endsWith("half\r\n")], ["closed", true]);
    assertEquals((await talk(port, [post("/reset", "")])).end, "reset");
    const finished = await talk(port, [post("/finish", "")]);
    assertEquals([finished.end, finished.text.endsWith(`half${LAST_CHUNK}`)], ["closed", true]);
    assertStringIncludes(finished.text, "connection: keep-alive");
  });
});

test("HttpExchange calls onGone only when the client leaves before the end", async (withServer) => {
  const gone: string[] = [];
  const left = Promise.withResolvers<void>();
  const handler = (exchange: HttpExchange) => {
    exchange.onGone = () => {
      gone.push(exchange.request.path);
      left.resolve();
    };
    if (exchange.request.path === "/whole") echo(exchange);
    else exchange.head(200, { headers: {}, body: "chunked" });
  };
  await withServer(handler, async ({ port }) => {
    await talk(port, [post("/whole", "")], (soFar) => answers(soFar) === 1);
    await talk(port, [post("/half", "")], (soFar) => soFar.includes("\r\n\r\n"));
    await left.promise;
  });
  assertEquals(gone, ["/half"]);
});

test("HttpExchange sends a slow head in pieces and what follows after it", async (withServer) => {
  const held: boolean[] = [];
  const handler = (exchange: HttpExchange) => {
    // Long enough for the test to see the first piece alone on a busy machine.
    const slowMs = exchange.request.path === "/first" ? 1000 : 20;
    exchange.head(200, { headers: { "x-test": "1" }, body: "chunked", slowMs });
    held.push(exchange.holding);
    exchange.body("after");
    exchange.finish();
  };
  await withServer(handler, async ({ port }) => {
    const { text } = await talk(port, [post("/", "")], (soFar) => answers(soFar) === 1);
    assertMatch(text, /^HTTP\/1\.1 200 OK\r\nx-test: 1\r\n[^]*\r\n\r\n5\r\nafter\r\n0\r\n\r\n$/);
    const early = await talk(port, [post("/first", "")], (soFar) => soFar.length > 0);
    assertEquals(early.text, "HTTP/1.");
  });
  assertEquals(held, [true, true]);
});

test("HttpExchange buffers what the client does not read at once, in order", async (withServer) => {
  const chunks = 3000;
  const scratch = new Uint8Array(4096 + 8);
  const behind = Promise.withResolvers<number>();
  const handler = (exchange: HttpExchange) => {
    exchange.head(200, { headers: {}, body: "chunked" });
    const [head, tail] = ["1000\r\n", "\r\n"].map((text) => new TextEncoder().encode(text));
    for (let i = 0; i < chunks; i++) {
      scratch.set(head!);
      scratch.fill(65 + i % 26, 6, 6 + 4096);
      scratch.set(tail!, 6 + 4096);
      exchange.chunk(scratch, scratch.length);
      // Whoever lends bytes may overwrite them.
      scratch.fill(33);
    }
    exchange.body("the end");
    behind.resolve(exchange.buffered);
    exchange.finish({ close: true });
  };
  await withServer(handler, async ({ port }) => {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port });
    await connection.write(new TextEncoder().encode(post("/", "")));
    assertGreater(await behind.promise, 2 ** 20);
    const text = await new Response(connection.readable).text();
    const bodies = text.split("\r\n\r\n").slice(1).join("\r\n\r\n").split("1000\r\n").slice(1);
    assertEquals(bodies.length, chunks);
    bodies.slice(0, -1).forEach((body, i) =>
      assertEquals(body, String.fromCharCode(65 + i % 26).repeat(4096) + "\r\n")
    );
    assertMatch(text, /\r\n7\r\nthe end\r\n0\r\n\r\n$/);
  });
});
