import { assertEquals, assertStringIncludes } from "@std/assert";
import type { SimOptions } from "../backends/sim_options.ts";
import { startSimServer } from "../backends/sim_server.ts";

const READS = ["/truth", "/stats", "/clock"];
const CHANGES = ["/truth/reset"];

interface Answer {
  readonly status: number;
  readonly text: string;
}

type Ask = (method: string, path: string, headers?: Record<string, string>) => Promise<Answer>;

/** Asks as only a raw client can: with whatever Host header, or none. */
async function withServer(
  options: Partial<SimOptions>,
  use: (ask: Ask, port: number) => Promise<void>,
): Promise<void> {
  const server = await startSimServer({ ttft: "0", itl: "0", ...options });
  try {
    await use(async (method, path, headers = { host: `127.0.0.1:${server.port}` }) => {
      using connection = await Deno.connect({ hostname: "127.0.0.1", port: server.port });
      const lines = Object.entries({ ...headers, connection: "close", "content-length": "0" })
        .map(([name, value]) => `${name}: ${value}\r\n`);
      await connection.write(
        new TextEncoder().encode(`${method} ${path} HTTP/1.1\r\n${lines.join("")}\r\n`),
      );
      const text = await new Response(connection.readable).text();
      return { status: Number(/^HTTP\/1\.1 (\d+)/.exec(text)?.[1]), text };
    }, server.port);
  } finally {
    await server.stop();
  }
}

Deno.test("the simulated server's own calls want the key that requests want", () =>
  withServer({ apiKey: "secret" }, async (ask, port) => {
    const host = `127.0.0.1:${port}`;
    for (const [paths, method] of [[READS, "GET"], [CHANGES, "POST"]] as const) {
      for (const path of paths) {
        const statusWith = async (authorization?: string) =>
          (await ask(method, path, { host, ...(authorization && { authorization }) })).status;
        assertEquals(await statusWith(), 401, path);
        assertEquals(await statusWith("Bearer other"), 401, path);
        assertEquals(await statusWith("Bearer secret"), 200, path);
      }
    }
    // Scrapers and balancers have no key, and learn nothing from these.
    assertEquals((await ask("GET", "/health")).status, 200);
  }));

Deno.test("the simulated server's own calls change something by POST only", () =>
  withServer({}, async (ask) => {
    for (const path of CHANGES) {
      assertEquals((await ask("POST", path)).status, 200, path);
      for (const method of ["GET", "HEAD", "PUT"]) {
        assertEquals((await ask(method, path)).status, 405, `${method} ${path}`);
      }
    }
    for (const path of READS) {
      assertEquals((await ask("POST", path)).status, 405, path);
      assertEquals((await ask("GET", path)).status, 200, path);
    }
    // A name of every object is no call.
    assertEquals((await ask("GET", "/constructor")).status, 404);
  }));

Deno.test("the simulated server's own calls are not for web pages of other names", async () => {
  const names: readonly (readonly [Partial<SimOptions>, string[], string[]])[] = [
    [
      {},
      ["127.0.0.1", "127.9.9.9:1", "localhost", "LOCALHOST:80", "a.localhost", "[::1]:8000"],
      ["evil.example", "evil.example:8000", "127.0.0.1.evil.example", "localhost.evil.example"],
    ],
    [{}, ["localhost."], ["10.0.0.1", "[fe80::1]", "0.0.0.0", "", "evil.example#127.0.0.1"]],
    [{ host: "0.0.0.0" }, ["10.0.0.1:8000", "[fd00::1]", "localhost"], ["evil.example", "node7"]],
    [{ allowedHosts: ["Node7", "[fd00::1]"] }, ["node7:8000", "[fd00::1]:1"], ["node8", "node77"]],
  ];
  for (const [options, good, bad] of names) {
    await withServer(options, async (ask) => {
      for (const path of READS) {
        for (const host of good) {
          assertEquals((await ask("GET", path, { host })).status, 200, `${path} ${host}`);
        }
        for (const host of bad) {
          const { status, text } = await ask("GET", path, { host });
          assertEquals(status, 403, `${path} ${host}`);
          assertStringIncludes(text, "--allowed-host");
        }
      }
      const own = { host: "localhost" };
      const foreign = { ...own, origin: "https://evil.example" };
      assertEquals((await ask("POST", "/truth/reset", foreign)).status, 403);
      assertEquals((await ask("POST", "/truth/reset", { ...own, origin: "null" })).status, 403);
      const page = { ...own, origin: "http://localhost:5173" };
      assertEquals((await ask("POST", "/truth/reset", page)).status, 200);
      // What the engine itself serves is reached under any name, as behind a proxy.
      assertEquals((await ask("GET", "/v1/models", { host: "evil.example" })).status, 200);
    });
  }
});
