/**
 * What every gRPC transport must do, as one suite against servers that answer, refuse, stop and break
 * off as the test wants.
 *
 * @module
 */
import {
  assert,
  assertEquals,
  assertFalse,
  assertGreaterOrEqual,
  assertLessOrEqual,
  assertMatch,
  assertStringIncludes,
} from "@std/assert";
import { systemClock } from "../../backends/clock.ts";
import { cutGrpcFrames, grpcFrame } from "../../backends/grpc_frames.ts";
import { grpcRequest } from "../../backends/grpc_request.ts";
import { GRPC_STATUS_NAMES } from "../../backends/grpc_status.ts";
import type { WireRequest } from "../../backends/protocol.ts";
import type { SimCertificate } from "../../backends/sim_certificate.ts";
import type { SimPort } from "../../backends/sim_http.ts";
import { type GrpcCall, startGrpcServer } from "../../backends/sim_grpc_call.ts";
import {
  COUNTER_BYTES,
  COUNTER_READS,
  type Exchange,
  type SendOptions,
  type Transport,
  type TransportKind,
  type TransportOptions,
} from "../../backends/transport.ts";
import { makeCertificates } from "./certificates.ts";

/** The method that every test calls. */
export const PATH = "/test.Service/Method";
const encoder = new TextEncoder();
const decoder = new TextDecoder();

/** A server, a transport, and a call from one to the other. */
export interface GrpcBench {
  readonly server: SimPort;
  readonly transport: Transport;
  readonly origin: string;
  send(
    text?: string,
    options?: Partial<SendOptions & Pick<WireRequest, "headers">>,
  ): Promise<Exchange>;
}

/** A server that answers every call with `onCall`, a transport, and both ended afterwards. */
export async function withGrpcServer(
  kind: TransportKind,
  onCall: (call: GrpcCall) => void,
  use: (bench: GrpcBench) => Promise<void>,
  { tls, ...transportOptions }: Partial<TransportOptions> & { readonly tls?: SimCertificate } = {},
): Promise<void> {
  const server = await startGrpcServer({
    host: "127.0.0.1",
    port: 0,
    clock: systemClock,
    ...(tls !== undefined && { tls }),
    onCall,
  });
  const transport = kind.open({ clock: systemClock, ...transportOptions });
  const origin = `${tls === undefined ? "grpc" : "grpcs"}://127.0.0.1:${server.port}`;
  try {
    await use({
      server,
      transport,
      origin,
      send: (text = "", { headers = {}, timeoutMs = 5000, ...rest } = {}) =>
        transport.send(wire(origin, text, headers), { timeoutMs, ...rest }),
    });
  } finally {
    await transport.close();
    await server.stop();
  }
}

/** A call with a text as its message. */
export function wire(
  origin: string,
  text: string,
  headers: WireRequest["headers"] = {},
): WireRequest {
  return grpcRequest({ baseUrl: origin, headers }, PATH, encoder.encode(text));
}

/** The texts of an answer. */
export function messages({ body }: Exchange): string[] {
  const found: string[] = [];
  cutGrpcFrames(body, (message) => found.push(decoder.decode(message)));
  return found;
}

/** Ends the call well after these messages. */
export function answer(call: GrpcCall, ...texts: readonly string[]): void {
  for (const text of texts) call.send(encoder.encode(text));
  call.end(0);
}

/** Lets others run. */
export function turn(): Promise<void> {
  return new Promise((resolve) => setTimeout(resolve, 5));
}

/** Waits for what the other side notices. */
export async function until(holds: () => boolean): Promise<void> {
  for (let i = 0; i < 1000 && !holds(); i++) await turn();
  assert(holds(), "it happened within 1000 turns");
}

/** Runs a script of this test's own in a fresh Deno; returns its exit code and output. */
export async function runScript(
  script: string,
  { flags, env = {} }: { readonly flags: string[]; readonly env?: Record<string, string> },
): Promise<{ code: number; stdout: string; stderr: string }> {
  const root = new URL("../..", import.meta.url);
  const source = script.replaceAll("ROOT/", root.href);
  const url = `data:application/typescript,${encodeURIComponent(source)}`;
  const config = new URL("deno.json", root).pathname;
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--no-lock", "--no-prompt", "--quiet", `--config=${config}`, ...flags, url],
    env: { NO_COLOR: "1", ...env },
    signal: AbortSignal.timeout(30_000),
  }).output();
  return { code, stdout: decoder.decode(stdout), stderr: decoder.decode(stderr) };
}

const certificates = await makeCertificates();

/** Registers the suite for one transport. */
export function grpcContract(kind: TransportKind): void {
  const test = (does: string, run: () => Promise<void>) => Deno.test(`${kind.name} ${does}`, run);
  const withServer = (
    onCall: (call: GrpcCall) => void,
    use: (bench: GrpcBench) => Promise<void>,
    options: Parameters<typeof withGrpcServer>[3] = {},
  ) => withGrpcServer(kind, onCall, use, options);

  test("reaches a server in plaintext by an address that is not this machine's name", async () => {
    await withServer((call) => answer(call, "a"), async ({ server, transport }) => {
      // All systems but Windows take it for themselves.
      if (Deno.build.os === "windows") return;
      const request = wire(`grpc://0.0.0.0:${server.port}`, "");
      assertEquals((await transport.send(request, { timeoutMs: 5000 })).end, { kind: "complete" });
    });
  });

  test("tells of the first message once", async () => {
    let told = 0;
    const onFirst = () => void told++;
    await withServer((call) => answer(call, "a", "", "ccc"), async ({ send }) => {
      await send("ask", { onFirst });
      assertEquals(told, 1);
    });
    await withServer((call) => answer(call), async ({ send }) => {
      await send("ask", { onFirst });
      assertEquals(told, 1);
    });
  });

  test("keeps messages with their frames, stamped in order", async () => {
    const counters = new Uint32Array(2);
    const seen: [number, string][] = [];
    await withServer((call) => answer(call, "a", "", "ccc"), async ({ send }) => {
      const exchange = await send("ask", {
        onRead: (atMs, bytes) => seen.push([atMs, bytes.toHex()]),
      });
      assertEquals(exchange.end, { kind: "complete" });
      assertEquals(exchange.status, 0);
      assertEquals(exchange.contentType, "application/grpc");
      assertEquals(exchange.body.toHex(), "000000000161" + "0000000000" + "0000000003636363");
      assertEquals(exchange.readEnds.at(-1), 19);
      const { sentMs, firstByteMs, readMs, endMs } = exchange;
      const stamps = [sentMs, firstByteMs!, ...readMs, endMs];
      assertEquals(stamps, stamps.toSorted((a, b) => a - b));
      assertEquals([...new Set(seen.map(([atMs]) => atMs))], [...readMs]);
      assertEquals(seen.map(([, hex]) => hex).join(""), exchange.body.toHex());
      assertEquals([counters[COUNTER_READS], counters[COUNTER_BYTES]], [readMs.length, 19]);
    }, { counters });
  });

  test("takes a body of the largest size, and drops a larger one", async () => {
    const onCall = (call: GrpcCall) => {
      for (let i = 0; i < 5; i++) call.send(encoder.encode("x".repeat(195)));
      if (decoder.decode(call.request.body) !== "large") return call.end(0);
      // It never ends.
      call.send(encoder.encode("x"));
    };
    await withServer(onCall, async ({ send }) => {
      const fits = await send("fits", { maxBytes: 1000 });
      assertEquals([fits.end.kind, fits.body.length], ["complete", 1000]);
      const { end, body } = await send("large", { maxBytes: 1000 });
      const message = "the answer is larger than 1000 bytes (--max-answer)";
      assertEquals([end, body.length], [{ kind: "malformed", message }, 0]);
    });
  });

  test("takes what was handed over in one wake-up as one read", async () => {
    const texts = Array.from({ length: 8 }, (_, i) => `token ${i}`);
    const onCall = async (call: GrpcCall) => {
      for (let group = 0; group < 3; group++) {
        for (const text of texts) call.send(encoder.encode(text));
        await new Promise((resolve) => setTimeout(resolve, 25));
      }
      call.end(0);
    };
    let nowMs = 0;
    // Its reads are microseconds apart, however busy the machine is.
    const clock = { now: () => nowMs += 0.001, sleepUntil: systemClock.sleepUntil };
    await withServer(onCall, async ({ send }) => {
      const exchange = await send("ask", { timeoutMs: 0 });
      assertEquals(messages(exchange), [...texts, ...texts, ...texts]);
      const bytes = 8 * grpcFrame(encoder.encode(texts[0]!)).length;
      assertEquals([...exchange.readEnds], [bytes, 2 * bytes, 3 * bytes]);
    }, { clock });
  });

  test("sends the message as it is, and reads as one however it is split", async () => {
    const frames = [grpcFrame(encoder.encode("one")), grpcFrame(encoder.encode("two"))];
    const bytes = Uint8Array.from(frames.flatMap((frame) => [...frame]));
    const asked: string[] = [];
    let split = 0;
    const onCall = async (call: GrpcCall) => {
      asked.push(decoder.decode(call.request.body));
      call.sendRaw(bytes.subarray(0, split));
      await turn();
      call.sendRaw(bytes.subarray(split));
      call.end(0);
    };
    await withServer(onCall, async ({ send }) => {
      for (split = 0; split <= bytes.length; split++) {
        const exchange = await send(`at ${split}`);
        assertEquals(messages(exchange), ["one", "two"], `split at ${split}`);
        assertEquals(exchange.end.kind, "complete");
      }
    });
    assertEquals(asked.length, bytes.length + 1);
    assertEquals(asked[3], "at 3");
  });

  test("reports every status but OK, with and without messages before", async () => {
    let code = 0;
    let before = 0;
    let read = () => {};
    const onCall = async (call: GrpcCall) => {
      for (let i = 0; i < before; i++) {
        // The library drops messages that come together with a failure.
        const seen = new Promise<void>((resolve) => read = resolve);
        call.send(encoder.encode("x"));
        await seen;
      }
      call.end(code, "100 % ü\nkaputt");
    };
    await withServer(onCall, async ({ send }) => {
      for (before of [0, 2]) {
        for (code = 1; code < GRPC_STATUS_NAMES.length; code++) {
          const exchange = await send("", { onRead: () => read() });
          const message = `${GRPC_STATUS_NAMES[code]}: 100 % ü\nkaputt`;
          assertEquals(exchange.end, { kind: "grpc_status", status: code, message });
          assertEquals(exchange.status, code);
          assertEquals(exchange.readMs.length, before);
        }
      }
    });
  });

  test("distinguishes the server's own deadline from ours", async () => {
    await withServer((call) => call.end(4, "too slow"), async ({ send }) => {
      const { end } = await send();
      assertEquals(end, { kind: "grpc_status", status: 4, message: "DEADLINE_EXCEEDED: too slow" });
    });
  });

  test("gives up after timeoutMs, and the server sees it", async () => {
    const gone: string[] = [];
    let timeouts: string[] = [];
    const onCall = (call: GrpcCall) => {
      const text = decoder.decode(call.request.body);
      timeouts.push(call.request.headers["grpc-timeout"] ?? "none");
      call.onGone = () => gone.push(text);
      if (text === "one message") call.send(encoder.encode("x"));
    };
    await withServer(onCall, async ({ send }) => {
      const silent = await send("silent", { timeoutMs: 60 });
      assertEquals(silent.end, { kind: "timeout", message: "no answer within 60 ms" });
      assertGreaterOrEqual(silent.endMs - silent.sentMs, 60);
      const one = await send("one message", { timeoutMs: 200 });
      assertEquals(one.end.kind, "timeout");
      assertEquals(messages(one), ["x"]);
      await until(() => gone.length === 2);
      assertEquals(gone, ["silent", "one message"]);
      // For the server's own use; the decision is ours.
      assertMatch(timeouts[0]!, /^\d+[mnSu]$/);
      timeouts = [];
      const forever = send("for ever", { timeoutMs: 0, signal: AbortSignal.timeout(30) });
      assertEquals((await forever).end.kind, "cancelled");
      assertEquals(timeouts, ["none"]);
    });
  });

  test("cancels before, during and after a call, and goes on", async () => {
    const gone: string[] = [];
    const onCall = (call: GrpcCall) => {
      const text = decoder.decode(call.request.body);
      call.onGone = () => gone.push(text);
      if (text === "short") answer(call, "y");
      else call.send(encoder.encode("x"));
    };
    await withServer(onCall, async ({ send }) => {
      const before = await send("never sent", { signal: AbortSignal.abort() });
      assertEquals(before.end.kind, "cancelled");
      const controller = new AbortController();
      const during = await send("long", {
        timeoutMs: 0,
        signal: controller.signal,
        onRead: () => controller.abort(),
      });
      assertEquals(during.end.kind, "cancelled");
      assertEquals(messages(during), ["x"]);
      await until(() => gone.length === 1);
      assertEquals(gone, ["long"]);
      const late = new AbortController();
      assertEquals((await send("short", { signal: late.signal })).end.kind, "complete");
      late.abort();
      assertEquals((await send("short")).end.kind, "complete");
      assertEquals(gone, ["long"], "a completed call is not a cancelled one");
    });
  });

  test("reports a cut when the server is killed in the middle, not CANCELLED", async () => {
    let read = () => {};
    const onCall = async (call: GrpcCall) => {
      const seen = new Promise<void>((resolve) => read = resolve);
      call.send(encoder.encode("x"));
      await seen;
      const how = decoder.decode(call.request.body);
      if (how === "kill") call.cut();
      else if (how === "reset") call.reset();
      else if (how === "reset as cancelled") call.reset(8);
      else call.endWithoutStatus();
    };
    await withServer(onCall, async ({ send }) => {
      for (const how of ["reset", "reset as cancelled", "no status", "kill", "kill"]) {
        const exchange = await send(how, { onRead: () => read() });
        assertEquals(exchange.end.kind, "cut", how);
        assertEquals(messages(exchange), ["x"], how);
      }
    });
  });

  test("reports connect_error when no answer began", async () => {
    let port = 0;
    await withServer((call) => call.cut(), async ({ send, server }) => {
      const { end } = await send();
      assertEquals(end.kind, "connect_error");
      port = server.port;
    });
    const transport = kind.open({ clock: systemClock });
    const refused = await transport.send(wire(`grpc://127.0.0.1:${port}`, ""), { timeoutMs: 2000 });
    assertEquals(refused.end, { kind: "connect_error", message: "connection refused" });
    assertEquals([refused.connection, refused.connectMs, refused.body.length], [
      "new",
      undefined,
      0,
    ]);
    await transport.close();
  });

  for (const closes of [true, false]) {
    test(`reports connect_error when the server speaks HTTP/1${closes ? ", and closes" : ""}`, async () => {
      const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
      const serving = (async () => {
        for await (const connection of listener) {
          const refusal = encoder.encode("HTTP/1.1 400 Bad Request\r\n\r\n");
          await connection.write(refusal).catch(() => {});
          // To the end of what the client has to say.
          if (!closes) await connection.readable.pipeTo(new WritableStream()).catch(() => {});
          else connection.close();
        }
      })();
      const { port } = listener.addr as Deno.NetAddr;
      const transport = kind.open({ clock: systemClock });
      const { end } = await transport.send(wire(`grpc://127.0.0.1:${port}`, ""), {
        timeoutMs: 2000,
      });
      assertEquals(end.kind, "connect_error");
      const { message } = end as Extract<typeof end, { message: string }>;
      // In our own words, without the library's.
      assertFalse(/Resolution|Last error|\d{4}-\d\d/.test(message), message);
      if (!closes) assertStringIncludes(message, "the server does not speak HTTP/2");
      await transport.close();
      listener.close();
      await serving;
    });
  }

  test("sends headers as metadata", async () => {
    let metadata: Readonly<Record<string, string>> = {};
    const onCall = (call: GrpcCall) => {
      metadata = call.request.headers;
      answer(call);
    };
    await withServer(onCall, async ({ transport, origin }) => {
      const headers = { "X-Team": "blue", "x-raw-bin": "AQID", "Host": "llm.example", "TE": "no" };
      const target = { baseUrl: origin, headers, apiKey: "k-1" };
      await transport.send(grpcRequest(target, PATH, new Uint8Array(0)), { timeoutMs: 5000 });
    });
    assertEquals(
      ["x-team", "x-raw-bin", "authorization", "te", "content-type"].map((name) => metadata[name]),
      ["blue", "AQID", "Bearer k-1", "trailers", "application/grpc"],
    );
    assertStringIncludes(metadata["user-agent"]!, "tokometer");
  });

  test("reuses one connection for all calls, and knows which was new (T17)", async () => {
    const onCall = async (call: GrpcCall) => {
      await turn();
      answer(call, "x");
    };
    await withServer(onCall, async ({ send, server }) => {
      const first = await send();
      assertEquals(first.connection, "new");
      assertLessOrEqual(first.connectMs!, first.endMs - first.sentMs);
      for (let i = 0; i < 20; i++) {
        const { connection, connectMs } = await send();
        assertEquals([connection, connectMs], ["reused", undefined]);
      }
      const many = await Promise.all(Array.from({ length: 64 }, () => send()));
      assertEquals(new Set(many.map(({ end }) => end.kind)), new Set(["complete"]));
      assertEquals(server.connections().accepted, 1);
    });
  });

  test("carries messages above the usual limit of 4 MiB, both ways", async () => {
    const large = "x".repeat(5 * 2 ** 20);
    await withServer(
      (call) => answer(call, decoder.decode(call.request.body)),
      async ({ send }) => {
        const exchange = await send(large, { timeoutMs: 60_000 });
        assertEquals(exchange.end.kind, "complete");
        assert(messages(exchange)[0] === large, "the same text");
      },
    );
  });

  Deno.test({
    name: `${kind.name} leaves no descriptor open`,
    ignore: Deno.build.os !== "linux",
    async fn() {
      const count = () => [...Deno.readDirSync("/proc/self/fd")].length;
      // The library is loaded, and the machinery of its first connection made, before counting.
      await withServer((call) => answer(call), async ({ send }) => void await send());
      await turn();
      const before = count();
      for (let round = 0; round < 5; round++) {
        await withServer(
          (call) => round === 0 ? call.cut() : answer(call, "x"),
          async ({ send }) => {
            await Promise.all(Array.from({ length: 8 }, () => send()));
          },
        );
      }
      await turn();
      assertLessOrEqual(count(), before);
    },
  });

  Deno.test({
    name: `${kind.name} speaks TLS${certificates === undefined ? " (skipped: no openssl)" : ""}`,
    ignore: certificates === undefined,
    async fn() {
      const { ca, otherCa, cert, key } = certificates!;
      const rows: readonly [string, Partial<TransportOptions>, string, Exchange["end"]["kind"]][] =
        [
          ["own authority, host name", { caCert: ca }, "localhost", "complete"],
          ["own authority, IP address", { caCert: ca }, "127.0.0.1", "complete"],
          ["unknown authority", { caCert: otherCa }, "localhost", "connect_error"],
          [
            "unknown authority, not checked",
            { caCert: otherCa, insecure: true },
            "127.0.0.1",
            "complete",
          ],
        ];
      for (const [name, options, host, expected] of rows) {
        await withServer((call) => answer(call, "x"), async ({ transport, server }) => {
          const request = wire(`grpcs://${host}:${server.port}`, "");
          const { end } = await transport.send(request, { timeoutMs: 3000 });
          assertEquals(end.kind, expected, `${name}: ${JSON.stringify(end)}`);
        }, { ...options, tls: { cert, key } });
      }
      await withServer((call) => answer(call), async ({ transport, server }) => {
        const other = wire(`grpcs://127.0.0.1:${server.port}`, "", { host: "wrong.example" });
        const { end } = await transport.send(other, { timeoutMs: 3000 });
        assertEquals(end.kind, "connect_error", "the name is checked");
        const plain = wire(`grpc://127.0.0.1:${server.port}`, "");
        assertEquals((await transport.send(plain, { timeoutMs: 3000 })).end.kind, "connect_error");
        const remote = await transport.send(wire("grpcs://192.0.2.1:9", ""), { timeoutMs: 3000 });
        assertStringIncludes((remote.end as { message: string }).message, '"host: NAME"');
      }, { caCert: ca, tls: { cert, key } });
    },
  });

  test("survives servers that go away while it is idle", async () => {
    // In a process of its own: without node_http2.ts, Deno 2.9 does not fail here, it crashes.
    const { code, stdout } = await runScript(
      `import { openTransport } from "ROOT/backends/transports.ts";
      import { systemClock } from "ROOT/backends/clock.ts";
      import { startGrpcServer } from "ROOT/backends/sim_grpc_call.ts";
      const options = { host: "127.0.0.1", port: 0, clock: systemClock };
      for (let i = 0; i < 60; i++) {
        const server = await startGrpcServer({ ...options, onCall: (call) => call.end(0) });
        const transport = await openTransport("${kind.name}", { clock: systemClock });
        const url = "grpc://127.0.0.1:" + server.port + "/a.B/C";
        const request = { method: "POST", url, headers: {}, body: new Uint8Array(1) } as const;
        await transport.send(request, { timeoutMs: 60_000 });
        await server.stop();
        const { end } = await transport.send(request, { timeoutMs: 60_000 });
        if (end.kind !== "connect_error") console.log(end);
        await transport.close();
      }
      console.log("alive");`,
      { flags: ["-A"] },
    );
    assertEquals([code, stdout], [0, "alive\n"]);
  });

  test("survives a GOAWAY while it is idle, whatever its reason", async () => {
    const { code, stdout, stderr } = await runScript(
      `import http2 from "node:http2";
      import { openTransport } from "ROOT/backends/transports.ts";
      import { systemClock } from "ROOT/backends/clock.ts";
      import { H2_CODE } from "ROOT/backends/h2_frames.ts";
      import { closeLate } from "ROOT/backends/node_http2.ts";
      const server = http2.createServer();
      server.on("session", (session) => {
        session.on("error", () => {});
        closeLate(session);
      });
      let session;
      const head = { ":status": 200, "content-type": "application/grpc", "grpc-status": "0" };
      server.on("stream", (stream) => {
        session = stream.session;
        stream.respond(head, { endStream: true });
      });
      await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
      const url = "grpc://127.0.0.1:" + server.address().port + "/a.B/C";
      const request = { method: "POST", url, headers: {}, body: new Uint8Array(1) } as const;
      for (let i = 0; i < 60; i++) {
        const code = [H2_CODE.NO_ERROR, H2_CODE.INTERNAL_ERROR, H2_CODE.ENHANCE_YOUR_CALM][i % 3];
        const transport = await openTransport("${kind.name}", { clock: systemClock });
        await transport.send(request, { timeoutMs: 60_000 });
        // The client has its answer, and nothing else goes on until it has hung up.
        const hungUp = new Promise((resolve) => session.once("close", resolve));
        session.goaway(code);
        await hungUp;
        const { end } = await transport.send(request, { timeoutMs: 60_000 });
        if (end.kind !== "complete") console.log(end);
        await transport.close();
      }
      console.log("alive");
      Deno.exit();`,
      { flags: ["-A", "--no-check"] },
    );
    assertEquals([code, stderr, stdout], [0, "", "alive\n"]);
  });

  test("is not loaded by naming it, and lets the process end", async () => {
    const script = `import { TRANSPORTS } from "ROOT/backends/transports.ts";
      import { systemClock } from "ROOT/backends/clock.ts";
      import { startGrpcServer } from "ROOT/backends/sim_grpc_call.ts";
      const kind = TRANSPORTS.find((each) => each.name === "${kind.name}")!;
      if (Deno.args.length > 0) {
        const server = await startGrpcServer({ host: "127.0.0.1", port: 0, clock: systemClock,
          onCall: (call) => call.end(0) });
        const transport = (await kind.load()).open({ clock: systemClock });
        const request = { method: "POST", url: "grpc://127.0.0.1:" + server.port + "/a.B/C",
          headers: {}, body: new Uint8Array(0) } as const;
        const { end } = await transport.send(request, { timeoutMs: 60_000 });
        console.log(end.kind, Deno.env.get("GRPC_DEFAULT_SSL_ROOTS_FILE_PATH"));
        await transport.close();
        await server.stop();
      }`;
    const named = await runScript(script, { flags: ["--allow-import"] });
    assertEquals([named.code, named.stderr], [0, ""]);
    const used = await runScript(`Deno.args.push("x");${script}`, {
      flags: ["-A"],
      env: {
        GRPC_DEFAULT_SSL_ROOTS_FILE_PATH: "/nowhere.pem",
        // Local servers are not behind the proxy.
        http_proxy: "http://127.0.0.1:9",
        no_proxy: "",
      },
    });
    assertEquals([used.stdout, used.stderr, used.code], ["complete /nowhere.pem\n", "", 0]);
  });
}
