/** Situations that users reported: a server refuses, and the program says what cures it, or does it. */
import { createSecureServer } from "node:http2";
import type { AddressInfo } from "node:net";
import { gzipSync } from "node:zlib";
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { startSimServer } from "../backends/sim_server.ts";
import { openTransport } from "../backends/transports.ts";
import { makeCertificates } from "./support/certificates.ts";
import {
  latin1,
  type RawRequest,
  type RawServer,
  startRawServer,
  type Step,
} from "./support/raw_server.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";

const QUICK = [
  ...["--no-save", "--no-witness", "--no-calibration", "--quiet", "--requests=2", "--warmup=0"],
  ...["--concurrency=1", "--workers=0", "--output-tokens=4"],
];

type Answer = readonly Step[];
type Body = Readonly<Record<string, unknown>>;

/** A whole answer; `head`: lines of its head, each with its line end. */
function answer(status: number, body: unknown, head = ""): Answer {
  const text = typeof body === "string" ? body : JSON.stringify(body);
  const bytes = new TextEncoder().encode(text);
  return [`HTTP/1.1 ${status} X\r\n${head}content-length: ${bytes.length}\r\n\r\n`, bytes];
}

function refused(message: string, rest: Body = {}): Body {
  return { error: { message, type: "invalid_request_error", ...rest } };
}

/** A stream of so many tokens, as they were asked for. */
function stream(body: Body): Answer {
  const count = Number(body.max_tokens ?? body.max_completion_tokens);
  const field = "messages" in body ? "delta" : "text";
  const event = (value: unknown) => `data: ${JSON.stringify(value)}\n\n`;
  const tokens = Array.from({ length: count }, (_, i) =>
    event({
      choices: [{
        [field]: field === "delta" ? { content: " x" } : " x",
        finish_reason: i === count - 1 ? "length" : null,
      }],
    }));
  const usage = "stream_options" in body
    ? event({ choices: [], usage: { prompt_tokens: 3, completion_tokens: count } })
    : "";
  return answer(
    200,
    `${tokens.join("")}${usage}data: [DONE]\n\n`,
    "content-type: text/event-stream\r\n",
  );
}

function bodyOf({ body }: RawRequest): Body {
  return JSON.parse(new TextDecoder().decode(body));
}

const MODELS = answer(200, { data: [{ id: "org/model-7b" }] });

/** A server that lists a model; `post` answers everything else, `undefined` = with a stream. */
function serving(
  post: (body: Body, request: RawRequest) => Answer | undefined,
): (request: RawRequest) => Answer {
  return (request) => {
    if (request.method === "GET") return MODELS;
    const body = bodyOf(request);
    return post(body, request) ?? stream(body);
  };
}

/** Runs `bench` against such a server; `URL` in an argument is the server's address. */
async function bench(
  script: (request: RawRequest) => Answer,
  argv: readonly string[] = [],
  look: (server: RawServer) => void = () => {},
): Promise<Ran> {
  const server = await startRawServer(script);
  try {
    const given = argv.map((argument) => argument.replace("URL", server.url));
    const place = given.some((argument) => argument.startsWith(server.url)) ? [] : [server.url];
    const ran = await runCli(["bench", ...place, ...QUICK, ...given]);
    look(server);
    return ran;
  } finally {
    await server.close();
  }
}

function posts({ requests }: RawServer): RawRequest[] {
  return requests.filter(({ method }) => method === "POST");
}

const MAX_TOKENS = refused(
  "Unsupported parameter: 'max_tokens' is not supported with this model. Use " +
    "'max_completion_tokens' instead.",
  { param: "max_tokens" },
);

Deno.test("case 18: max_completion_tokens is found out, and each prompt keeps its length", () =>
  inTempFolder(async (folder) => {
    const lengths = `${folder}/lengths.jsonl`;
    await Deno.writeTextFile(
      lengths,
      [3, 5, 8].map((n) => JSON.stringify({ prompt: `Count to ${n}`, output_tokens: n })).join(
        "\n",
      ),
    );
    const script = serving((body) => "max_tokens" in body ? answer(400, MAX_TOKENS) : undefined);
    for (const protocol of ["openai-chat", "openai-completions"]) {
      for (const [argv, notes] of [[[], true], [["--max-completion-tokens"], false]] as const) {
        const server = await startRawServer(script);
        const ran = await runCli([
          ...["bench", server.url, ...QUICK.slice(0, -1), "--requests=3", ...argv],
          ...[`--dataset-path=${lengths}`, `--protocol=${protocol}`],
        ].filter((argument) => argument !== "--requests=2"));
        const sent = posts(server).slice(-3).map((request) => bodyOf(request));
        await server.close();
        assertEquals(ran.code, 0, ran.err);
        assertEquals(ran.err.includes("takes max_completion_tokens"), notes);
        assertEquals(sent.map((body) => body.max_completion_tokens).toSorted(), [3, 5, 8]);
        assert(sent.every((body) => !("max_tokens" in body)));
      }
    }
  }));

Deno.test("case 18: max_tokens refused in other words is the same", async () => {
  for (
    const words of [
      "Unrecognized request argument supplied: max_tokens",
      "Unknown parameter: 'max_tokens'",
    ]
  ) {
    const ran = await bench(
      serving((body) => "max_tokens" in body ? answer(400, refused(words)) : undefined),
    );
    assertEquals(ran.code, 0, ran.err);
  }
  // A length that is too large is another matter.
  const large = await bench(
    serving(() =>
      answer(
        400,
        refused(
          "'max_tokens' or 'max_completion_tokens' is too large: 4. This model's " +
            "maximum context length is 2 tokens",
        ),
      )
    ),
  );
  assertMatch(large.err, /model's context: --max-total-tokens 2 /);
});

Deno.test("case 19: the parameter that is refused is named, and its cure works", async () => {
  const forced = serving((body) => {
    const bad = ["ignore_eos", "min_tokens"].filter((name) => name in body);
    const list = bad.map((name) =>
      `{'type': 'extra_forbidden', 'loc': ('body', '${name}'), 'msg': 'Extra inputs are not permitted'}`
    );
    return bad.length === 0
      ? undefined
      : answer(400, { object: "error", message: `[${list.join(", ")}]` });
  });
  const first = await bench(forced);
  assertEquals(first.code, 3);
  assertMatch(first.err, /does not take ignore_eos: use --length cap/);
  assertEquals((await bench(forced, ["--length=cap"])).code, 0);

  const options = serving((body) =>
    "stream_options" in body
      ? answer(422, {
        detail: [{ loc: ["body", "stream_options"], msg: "extra fields not permitted" }],
      })
      : undefined
  );
  const second = await bench(options);
  assertEquals(second.code, 3);
  assert(!second.err.includes("--length cap"), second.err);
  const [, cure = ""] = /--extra-body '([^']+)'/.exec(second.err) ?? [];
  assertEquals(cure, '{"stream_options":null}');
  assertEquals((await bench(options, [`--extra-body=${cure}`])).code, 0);
});

Deno.test("case 21: a rate limit is waited out where that is short, else told", async () => {
  const limited = (head: string, times: number) => {
    let number = 0;
    return serving(() =>
      number++ < times ? answer(429, refused("Rate limit reached"), head) : undefined
    );
  };
  const short = await bench(limited("retry-after-ms: 20\r\nRetry-After: 1\r\n", 2));
  assertEquals(short.code, 0, short.err);
  assertMatch(short.err, /asks to wait 20\.0 ms \(Retry-After\)/);

  const date = new Date(Date.now() + 3_600_000).toUTCString();
  for (const [after, when] of [["30", "30.0 s"], [date, "(59|60) min"]] as const) {
    let asked = 0;
    const long = await bench(
      limited(`Retry-After: ${after}\r\n`, Infinity),
      [],
      (server) => asked = posts(server).length,
    );
    assertEquals([long.code, asked], [3, 1]);
    assertMatch(long.err, new RegExp(`status 429, Rate limit reached; .*come back in ${when}`));
    assert(!long.err.includes("--length"), long.err);
  }

  const models = await bench(() => answer(429, refused("Slow down"), "retry-after: 40\r\n"));
  assertMatch(models.err, /status 429, Slow down; .*come back in 40\.0 s/);
});

Deno.test("case 22: a template's refusal comes without a word about lengths", async () => {
  const ran = await bench(
    serving(() =>
      answer(400, refused("Conversation roles must alternate user/assistant/user/assistant/..."))
    ),
  );
  assertEquals(ran.code, 3);
  assertMatch(ran.err, /must alternate user\/assistant\/user\/assistant\/\.\.\.; the model's chat/);
  assert(!/--length|--output-tokens|--max-total/.test(ran.err), ran.err);
});

/** A deployment as Azure serves it: its own path, a query, a header of its own, no list. */
function azure({ method, path, head }: RawRequest): Answer | undefined {
  if (method === "GET" || path !== "/openai/deployments/gpt-x/chat/completions?api-version=2024") {
    return answer(404, refused("Resource not found"));
  }
  if (/\r\napi-key: sesame\r\n/i.test(head)) return undefined;
  return answer(401, refused("Access denied due to invalid subscription key"));
}

Deno.test("case 25: full addresses with a query, and keys in headers of other names", () =>
  inTempFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/key`, "sesame\n");
    Deno.env.set("TOKOMETER_CASE_25", "sesame");
    const script = (request: RawRequest) => azure(request) ?? stream(bodyOf(request));
    const address = "URL/openai/deployments/gpt-x/chat/completions?api-version=2024";
    try {
      for (const source of ["env:TOKOMETER_CASE_25", `file:${folder}/key`]) {
        const ran = await bench(script, [address, `--header=api-key: ${source}`]);
        assertEquals(ran.code, 0, ran.err);
        assert(!`${ran.out}${ran.err}`.includes("sesame"));
      }
    } finally {
      Deno.env.delete("TOKOMETER_CASE_25");
    }
    const locked = await bench(script, [address]);
    assertMatch(locked.err, /no key was sent: give the key with --header "api-key: env:NAME"/);
    const wrong = await bench(script, [address, "--api-key=other"]);
    assertMatch(wrong.err, /authorization \(--api-key\) did not satisfy it/);
    assert(!wrong.err.includes("other in"), wrong.err);
    const base = await bench(script, ["--model=m"]);
    assertMatch(base.err, /Resource not found; .*\?api-version=.*--endpoint PATH/);

    // Where only the prefix differs, the list of models stands beside the call.
    const webui = ({ path, ...rest }: RawRequest): Answer =>
      path === "/openai/models"
        ? MODELS
        : path === "/openai/chat/completions"
        ? stream(bodyOf({ path, ...rest }))
        : answer(404, { detail: "Not Found" });
    assertEquals((await bench(webui, ["URL/openai/chat/completions"])).code, 0);
    assertMatch((await bench(webui)).err, /no such call: \/v1\/models: .*--endpoint PATH/);
    const moved = ["--model=m", "--endpoint=/openai/chat/completions"];
    assertEquals((await bench(webui, moved)).code, 0);
    assertEquals(
      (await bench(webui, ["--model=m", "--endpoint=URL/openai/chat/completions"])).code,
      0,
    );
  }));

Deno.test("case 25: a value that somebody forgot to fill in is sent nowhere", async () => {
  const forgotten = [
    "$KEY",
    "${KEY}",
    "env:",
    "<key>",
    "YOUR_KEY",
    "{{api_key}}",
    "%KEY%",
    "sk-...",
  ];
  for (const value of forgotten) {
    for (
      const option of [`--header=api-key: ${value}`, `--header=Authorization: Bearer ${value}`]
    ) {
      const ran = await runCli(["bench", "http://127.0.0.1:1", ...QUICK, option]);
      assertEquals(ran.code, 2, option);
      assertMatch(ran.err, /placeholder|Cannot use --header env:/);
    }
  }
  for (const value of ["$KEY", "<key>", "your-api-key"]) {
    const ran = await runCli(["bench", "http://127.0.0.1:1", ...QUICK, `--api-key=${value}`]);
    assertMatch(ran.err, /Cannot use --api-key with ".*", a placeholder: env:NAME/);
  }
  for (const value of ["EMPTY", "my-key", "sk-abc", "token-abc123", "a$b"]) {
    const ran = await runCli(["bench", "http://127.0.0.1:1", ...QUICK, `--api-key=${value}`]);
    assertEquals(ran.code, 3, value);
  }
});

const certificates = await makeCertificates();

Deno.test({
  name: "case 29: a self-signed certificate works with --ca-cert, or the cure is named",
  ignore: certificates === undefined,
  fn: () =>
    inTempFolder(async (folder) => {
      for (const [kind, own] of Object.entries(certificates!.selfSigned)) {
        const path = `${folder}/${kind}.pem`;
        await Deno.writeTextFile(path, own.cert);
        const server = await startRawServer(serving(() => undefined), { tls: own });
        try {
          const run = (...argv: string[]) => runCli(["bench", server.url, ...QUICK, ...argv]);
          const plain = await run();
          assertEquals(plain.code, 3);
          assertMatch(plain.err, /not signed by an authority .*--ca-cert FILE.*--insecure/);
          assertEquals((await run(`--ca-cert=${path}`)).code, 0, "auto");
          assertEquals((await run(`--ca-cert=${path}`, "--transport=socket")).code, 0);
          const fetched = await run(`--ca-cert=${path}`, "--transport=fetch");
          assertEquals(fetched.code, kind === "ca" ? 3 : 0, fetched.err);
          if (kind === "ca") assertMatch(fetched.err, /use --transport socket/);
          if (kind !== "ca") continue;
          assertEquals((await run("--insecure")).code, 0);
          const epoll = await run(`--ca-cert=${path}`, "--transport=epoll");
          assertMatch(epoll.err, /has no TLS: use --transport socket/);
          const http = server.url.replace("https", "http");
          for (const transport of ["fetch", "socket"]) {
            const mixed = await runCli(["bench", http, ...QUICK, `--transport=${transport}`]);
            assertStringIncludes(mixed.err, `HTTPS is spoken there`);
            assertStringIncludes(mixed.err, `use ${server.url}`);
          }
        } finally {
          await server.close();
        }
      }
    }),
});

Deno.test({
  name: "case 29: over gRPC, too",
  ignore: certificates === undefined,
  async fn() {
    for (const own of Object.values(certificates!.selfSigned)) {
      const server = createSecureServer(own, (_, response) => {
        response.writeHead(200, { "content-type": "application/grpc" });
        response.addTrailers({ "grpc-status": "0" });
        response.end();
      });
      await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
      const url = `grpcs://127.0.0.1:${(server.address() as AddressInfo).port}/a.B/C`;
      for (const name of ["grpc", "grpc-socket"]) {
        const transport = await openTransport(name, { clock: systemClock, caCert: own.cert });
        const wire = { method: "POST", url, headers: {}, body: new Uint8Array(0) } as const;
        const { end } = await transport.send(wire, { timeoutMs: 5000 });
        await transport.close();
        assertEquals(end, { kind: "complete" }, name);
      }
      await new Promise<void>((resolve) => server.close(() => resolve()));
    }
  },
});

Deno.test("a port that speaks another protocol is recognized", async () => {
  const http = await startRawServer(() => answer(404, ""));
  try {
    const address = (scheme: string) => http.url.replace("http", scheme);
    for (const transport of ["grpc", "grpc-socket"]) {
      const ran = await runCli([
        ...["bench", address("grpc"), ...QUICK, "--protocol=triton-turbomind"],
        `--transport=${transport}`,
      ]);
      assertMatch(ran.err, /HTTP\/1 is spoken there and gRPC was asked: take its gRPC port/);
    }
  } finally {
    await http.close();
  }
  const engine = await startSimServer({ grpcPort: 0 });
  try {
    for (const transport of ["fetch", "socket"]) {
      const url = engine.grpcUrl!.replace("grpc", "http");
      const ran = await runCli(["bench", url, ...QUICK, `--transport=${transport}`]);
      assertMatch(ran.err, /HTTP\/2 only on this port, as gRPC ports do.*or a gRPC --protocol/);
    }
  } finally {
    await engine.stop();
  }
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const greeting = latin1("SSH-2.0-OpenSSH_9.2p1\r\n");
  const serving = (async () => {
    for await (const connection of listener) {
      await connection.write(greeting);
      await connection.read(new Uint8Array(1)).catch(() => {});
      connection.close();
    }
  })();
  const { port } = listener.addr as Deno.NetAddr;
  const ssh = await runCli(["bench", `http://127.0.0.1:${port}`, ...QUICK, "--transport=socket"]);
  assertMatch(ssh.err, /no HTTP is spoken there, it says "SSH-2\.0/);
  listener.close();
  await serving;
});

Deno.test("case 37: one bounded wait, and --wait for a server that is starting", async () => {
  let asked = 0;
  const silent = await bench(
    serving(() => []),
    ["--model=m", "--timeout=0.2"],
    (server) => asked = posts(server).length,
  );
  assertEquals([silent.code, asked], [3, 1]);
  assertMatch(silent.err, /no answer within 200 ms; .*--wait SECONDS/);

  // It listens, loads its model, and only then answers.
  let number = 0;
  const loading = serving(() =>
    number++ < 4 ? answer(503, refused("Loading model"), "retry-after-ms: 9\r\n") : undefined
  );
  assertEquals((await bench(loading, ["--wait=20"])).code, 0);
  assertEquals(number, 7);
  number = 0;
  const unwaited = await bench(loading);
  assertEquals([unwaited.code, number], [3, 3]);
  assertMatch(unwaited.err, /status 503, Loading model; .*--wait SECONDS/);

  // It does not listen yet.
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  const url = `http://127.0.0.1:${port}`;
  const absent = await runCli(["bench", url, ...QUICK]);
  assertMatch(absent.err, /connection refused; is the server running there\? --wait SECONDS/);
  const waiting = runCli(["bench", url, ...QUICK, "--wait=20"]);
  await new Promise((resolve) => setTimeout(resolve, 300));
  const late = Deno.serve(
    { hostname: "127.0.0.1", port, onListen: () => {} },
    async (request) => {
      if (request.method === "GET") return Response.json({ data: [{ id: "m" }] });
      const [, body] = stream(await request.json());
      return new Response(body as Uint8Array<ArrayBuffer>);
    },
  );
  const ran = await waiting;
  await late.shutdown();
  assertEquals(ran.code, 0, ran.err);
});

Deno.test("case 42: what leaves all prompts out is named by its option", () =>
  inTempFolder(async (folder) => {
    const path = `${folder}/good.json`;
    const turns = [
      { from: "human", value: "Tell me more about the number seven" },
      { from: "gpt", value: "Seven is a number that people like for many reasons" },
    ];
    await Deno.writeTextFile(path, JSON.stringify([{ id: "a", conversations: turns }]));
    const run = (...argv: string[]) =>
      runCli(["bench", "http://h", "--dry-run", `--dataset-path=${path}`, ...argv]);
    const long = await run("--output-tokens=2048");
    assertEquals(long.code, 2);
    assertMatch(long.err, /prompt and answer over 2048 tokens; --max-total-tokens N/);
    assertEquals((await run("--output-tokens=2048", "--max-total-tokens=4096")).code, 0);
    assertMatch((await run("--max-prompt-tokens=4")).err, /--max-prompt-tokens N/);
  }));

Deno.test("several models, a redirect, a web page and a compressed answer are told", async () => {
  const list = answer(200, { data: ["a", "b", "c"].map((id) => ({ id })) });
  const several = await bench((request) =>
    request.method === "GET" ? list : stream(bodyOf(request))
  );
  assertEquals(several.code, 0, several.err);
  assertMatch(several.err, /lists 3 models: a is taken, 2 others not \(b, c\); --model NAME/);

  const unknown = await bench(
    (request) =>
      request.method === "GET" ? list : answer(404, refused("The model `x` does not exist.")),
    ["--model=x"],
  );
  assertMatch(unknown.err, /does not serve the model x: it serves a, b, c: give one by --model/);

  const redirect = await bench(({ path }) =>
    answer(308, "", `location: https://elsewhere.example${path}\r\n`)
  );
  assertMatch(
    redirect.err,
    /redirects to https:\S+\/v1\/models: use https:\/\/elsewhere\.example\n/,
  );

  const page = "<!doctype html><html><head><title>Open WebUI</title></head></html>";
  for (const status of [200, 404]) {
    const ran = await bench(serving(() => answer(status, page, "content-type: text/html\r\n")));
    assertMatch(ran.err, /HTML page "Open WebUI".*--endpoint PATH/);
  }

  for (const transport of ["fetch", "socket"]) {
    const ran = await bench(
      serving(() => answer(200, "\x1f\x8b", "Content-Encoding: gzip\r\n")),
      [`--transport=${transport}`],
    );
    assertMatch(ran.err, /answers are compressed \(gzip\).*turn compression off/);
    // Questions and refusals are not timed: they are read.
    const zipped = (status: number, body: unknown): Answer => {
      const bytes = new Uint8Array(gzipSync(JSON.stringify(body)));
      const lines = `content-encoding: gzip\r\ncontent-length: ${bytes.length}`;
      return [`HTTP/1.1 ${status} X\r\n${lines}\r\n\r\n`, bytes];
    };
    const refusing = await bench(
      ({ method }) =>
        method === "GET"
          ? zipped(200, { data: [{ id: "m" }] })
          : zipped(400, refused("Unknown parameter: 'min_tokens'")),
      [`--transport=${transport}`],
    );
    assertMatch(refusing.err, /status 400, Unknown parameter: 'min_tokens'; .*--length cap/);
  }
});
