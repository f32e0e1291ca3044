import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { textOf } from "./support/html_text.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { talk } from "./support/raw_client.ts";
import { createLiveBoard, type LiveBoard } from "../workloads/live_board.ts";
import { type LiveSite, startLiveServer } from "../workloads/live_server.ts";
import type { LiveStop } from "../workloads/live_status.ts";
import { keepSecret } from "../workloads/secret.ts";
import { UserError } from "../workloads/user_error.ts";

interface Served {
  readonly site: LiveSite;
  readonly board: LiveBoard;
  readonly port: number;
  readonly token: string;
  /** How often it was asked to stop. */
  readonly stops: () => number;
}

/** A page whose run is a board that the test fills. */
async function serve(use: (served: Served) => Promise<void>): Promise<void> {
  const board = createLiveBoard();
  let stops = 0;
  const site = await startLiveServer({
    ...{ port: 0, board, stop: () => void stops++ },
    stopping: () => (["no", "draining", "at once"] as const satisfies LiveStop[])[stops] ?? "no",
    metrics: (accept) => ({ contentType: "text/plain; version=0.0.4", body: `# ${accept}\n` }),
  });
  const { port, searchParams } = new URL(site.url);
  const token = searchParams.get("token")!;
  try {
    await use({ ...{ site, board, port: Number(port), token }, stops: () => stops });
  } finally {
    await site.finish({ exitCode: 0 });
  }
}

/** A whole answer to a request with these lines; every connection ends after one. */
async function ask(port: number, lines: readonly string[]): Promise<string> {
  return (await talk(port, [[...lines, "", ""].join("\r\n")])).text;
}

function status(answer: string): number {
  return Number(/^HTTP\/1\.1 (\d+)/.exec(answer)?.[1]);
}

const HERE = "Host: 127.0.0.1";

/** The JSON of the event of this name. */
function eventOf(text: string, name: string) {
  const data = new RegExp(`^event: ${name}\\ndata: (.*)$`, "m").exec(text)?.[1];
  return data === undefined ? undefined : JSON.parse(data);
}

Deno.test("page, events and stop want the token, and all want a name of this machine", async () => {
  await serve(async ({ port, token, stops }) => {
    const withToken = `Authorization: Bearer ${token}`;
    const page = await ask(port, [`GET /?token=${token} HTTP/1.1`, HERE]);
    assertEquals(status(page), 200);
    assert(!page.includes(token), "the page itself does not hold it");
    for (
      const header of [
        ...["cache-control: no-store", "x-frame-options: DENY", "referrer-policy: no-referrer"],
        ...["x-content-type-options: nosniff", "content-security-policy: default-src 'none'; "],
      ]
    ) assertStringIncludes(page, `\r\n${header}`);
    assertStringIncludes(page, "frame-ancestors 'none'");
    assert(!/https?:\/\/(?!www\.w3\.org)/.test(page.split("\r\n\r\n")[1]!), "nothing foreign");
    const cases: readonly (readonly [number, ...string[]])[] = [
      [401, "GET / HTTP/1.1", HERE],
      [401, "GET /?token=x HTTP/1.1", HERE],
      [401, "GET /events HTTP/1.1", HERE],
      [401, "POST /stop HTTP/1.1", HERE, "Content-Length: 0"],
      [421, `GET /?token=${token} HTTP/1.1`, "Host: evil.example"],
      [421, "GET /status HTTP/1.1", "Host: evil.example"],
      [421, "GET /metrics HTTP/1.0"],
      [403, "POST /stop HTTP/1.1", HERE, withToken, "Origin: http://evil.example"],
      [405, "GET /stop HTTP/1.1", HERE, withToken],
      [404, "GET //stop HTTP/1.1", HERE, withToken],
      [200, "GET /status HTTP/1.1", "Host: localhost:9000"],
      [200, "GET /metrics HTTP/1.1", HERE],
    ];
    for (const [code, ...lines] of cases) {
      assertEquals(status(await ask(port, lines)), code, lines.join(", "));
    }
    assertEquals(stops(), 0);
    const head = await ask(port, ["HEAD /status HTTP/1.1", HERE]);
    assertEquals([status(head), head.split("\r\n\r\n")[1]], [200, ""]);
    for (const stopping of ["draining", "at once"]) {
      const stopped = await ask(port, ["POST /stop HTTP/1.1", HERE, withToken]);
      assertEquals(status(stopped), 202);
      assertStringIncludes(stopped, `{"stopping":"${stopping}"}`);
    }
    assertEquals(stops(), 2);
  });
});

Deno.test("/status says null for what is unknown, and docs/live.md names every field", async () => {
  const docs = await Deno.readTextFile(new URL("../docs/live.md", import.meta.url));
  await serve(async ({ port, board }) => {
    const get = async () => await (await fetch(`http://127.0.0.1:${port}/status`)).json();
    const before = await get();
    assertEquals(
      [before.schema, before.run, before.over, before.total, before.stopping],
      ["tokometer.live/1", null, null, null, "no"],
    );
    const run = createRun([createRecord(), createFailure("http_error", { index: 1 })]);
    board.onHeader(run.header);
    for (const record of run.records) board.onRecord(record);
    for (const end of run.ends) board.onLoadEnd(end);
    const after = await get();
    assertEquals(Object.keys(after), Object.keys(before));
    assertEquals(after.run.loads, ["1 user"]);
    assertEquals([after.ended[0].completed, after.ended[0].failed], [1, 1]);
    for (const field of [...Object.keys(after), ...Object.keys(after.run)]) {
      assertStringIncludes(docs, `\`${field}\``, `docs/live.md: ${field}`);
    }
  });
});

Deno.test("what others wrote is escaped on the page, and secrets are masked everywhere", async () => {
  keepSecret("sk-live-0123456789");
  await serve(async ({ port, token, board }) => {
    const evil = `<img src=x onerror=alert(1)> "&'\nevent: over\ndata: {}`;
    const run = createRun([], {
      header: { model: evil, name: "sk-live-0123456789" },
      loads: [{ label: `${evil} sk-live-0123456789` }],
    });
    board.onHeader(run.header);
    board.onRecord(createRecord());
    board.onRecord(
      createFailure("http_error", { index: 1, message: `${evil} sk-live-0123456789` }),
    );
    board.onProgress({
      ...{ phase: "measuring", load: 0, label: evil, done: 2, failed: 1 },
      ...{ inFlight: 0, elapsedMs: 1000 },
    });
    const lines = ["GET /events HTTP/1.1", HERE, `Authorization: Bearer ${token}`, "", ""];
    const isThere = (text: string) => /event: frame[^]*\n\n/.test(text);
    const { text } = await talk(port, [lines.join("\r\n")], isThere);
    const { title, said, parts } = eventOf(text, "frame");
    assertStringIncludes(parts.head, "&#60;img src=x");
    const markup = Object.values(parts).join("");
    assert(!markup.includes("<img"), markup);
    assertStringIncludes(textOf(markup), '<img src=x onerror=alert(1)> "&');
    assert(!`${title}${said}`.includes("\n"));
    assertEquals(eventOf(text, "over"), undefined, "no event of others");
    const all = text + await (await fetch(`http://127.0.0.1:${port}/status`)).text();
    assert(!all.includes("sk-live"), "a secret is shown");
    assertStringIncludes(all, "***");
  });
});

Deno.test("readers that are half there, too slow, or speak no HTTP do not hold up the end", async () => {
  const connections: Deno.Conn[] = [];
  let last = "";
  try {
    await serve(async ({ port, token, board }) => {
      const open = async (text: string) => {
        const connection = await Deno.connect({ hostname: "127.0.0.1", port });
        connections.push(connection);
        await connection.write(new TextEncoder().encode(text));
        return connection;
      };
      const events = `GET /events HTTP/1.1\r\n${HERE}\r\nAuthorization: Bearer ${token}\r\n\r\n`;
      await open("");
      await open("GET / HTTP/1.1\r\nHost: 127");
      await open(`POST /stop HTTP/1.1\r\n${HERE}\r\nContent-Length: 1000000\r\n\r\nx`);
      // It never reads what it asks for.
      await open(events);
      const rubbish = ["\0\x01\x02\r\n\r\n", `GET / HTTP/1.1\r\nX: ${"x".repeat(50_000)}\r\n\r\n`];
      for (const text of rubbish) {
        const { text: answer, end } = await talk(port, [text]);
        assertEquals([answer, end === "open"], ["", false]);
      }
      // More than there is room for: they are turned away, and those before them are served.
      const many = Array.from({ length: 20 }, () => talk(port, [events], (text) => text !== ""));
      const heard = (await Promise.all(many)).map(({ text }) => text);
      assert(heard.some((text) => text.startsWith("HTTP/1.1 200")));
      board.onRecord(createRecord());
      const reader = await open(events);
      const decoder = new TextDecoder();
      const buffer = new Uint8Array(65_536);
      // The rest is read when the run is over.
      last = decoder.decode(buffer.subarray(0, await reader.read(buffer) ?? 0));
      assertStringIncludes(last, "text/event-stream");
    });
    const reader = connections.at(-1)!;
    const buffer = new Uint8Array(65_536);
    for (let count = await reader.read(buffer); count !== null; count = await reader.read(buffer)) {
      last += new TextDecoder().decode(buffer.subarray(0, count));
    }
    const over = eventOf(last.replace(/\r\n[\da-f]+\r\n/g, ""), "over");
    assertEquals(over.stopping, "over");
    assertStringIncludes(textOf(over.parts.over), "The run is over Exit code 0");
  } finally {
    for (const connection of connections) connection.close();
  }
});

Deno.test("a port that another program has is refused with what would work", async () => {
  using taken = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = taken.addr as Deno.NetAddr;
  await assertRejects(
    () =>
      startLiveServer({
        ...{ port, board: createLiveBoard(), stop: () => {}, stopping: () => "no" },
        metrics: () => ({ contentType: "", body: "" }),
      }),
    UserError,
    `Cannot serve the live page at 127.0.0.1:${port}: another program listens there`,
  );
});

Deno.test("what cannot be drawn costs the page its news, and the run nothing", async () => {
  const fail = (): never => {
    throw new TypeError("a mistake of ours");
  };
  const site = await startLiveServer({
    ...{ port: 0, board: { header: undefined, state: fail }, stop: () => {}, stopping: () => "no" },
    metrics: fail,
  });
  const { port, searchParams } = new URL(site.url);
  const withToken = `Authorization: Bearer ${searchParams.get("token")}`;
  for (const path of ["/status", "/metrics"]) {
    assertEquals(await ask(Number(port), [`GET ${path} HTTP/1.1`, HERE]), "");
  }
  {
    using connection = await Deno.connect({ hostname: "127.0.0.1", port: Number(port) });
    await connection.write(
      new TextEncoder().encode(`GET /events HTTP/1.1\r\n${HERE}\r\n${withToken}\r\n\r\n`),
    );
    const buffer = new Uint8Array(4096);
    const text = new TextDecoder().decode(buffer.subarray(0, await connection.read(buffer) ?? 0));
    assertEquals(status(text), 200);
    await site.finish({ exitCode: 0 });
  }
});
