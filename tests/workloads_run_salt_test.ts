import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import type { Run } from "../metrics/run.ts";
import { type BenchOptions, measureBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";
import { inTempFolder } from "./support/run_cli.ts";

const QUIET: BenchOptions = {
  ...{ gpu: "off", witness: false, noCalibration: true, transport: "fetch", timeout: 30 },
  ...{ concurrency: [1], outputTokens: 2, workers: 0 },
};

/** A server whose cache forgets nothing and shares single tokens. */
async function cached<T>(
  work: (bench: (options: BenchOptions) => Promise<Run>) => Promise<T>,
  options: Parameters<typeof startSimServer>[0] = {},
): Promise<T> {
  const server = await startSimServer({
    ...{ ttft: "0", itl: "0", prefixCache: true, cacheBlock: 1 },
    ...options,
  });
  try {
    return await work((options) => measureBench(server.url, { ...QUIET, ...options }));
  } finally {
    await server.stop();
  }
}

/** Prompt tokens that measured requests found in the cache, by load. */
function cachedByLoad({ header, records }: Run): number[] {
  return header.loads.map((_, number) =>
    records.filter(({ load, phase }) => load === number && phase === "measure")
      .reduce((sum, { cachedTokens = 0, outcome }) => {
        assertEquals(outcome, { kind: "ok" });
        return sum + cachedTokens;
      }, 0)
  );
}

const QUESTION = "What is the longest river of the country with the most lakes?";

/** Files with the same row in each form, whose prompts share everything. */
const FILES: Readonly<Record<string, string>> = {
  "prompts.jsonl": JSON.stringify({ prompt: QUESTION, max_tokens: 2 }),
  "batch.jsonl": JSON.stringify({
    custom_id: "1",
    url: "/v1/chat/completions",
    body: { messages: [{ role: "system", content: QUESTION }, { role: "user", content: "Go" }] },
  }),
  "parts.jsonl": JSON.stringify({
    messages: [{ role: "user", content: [{ type: "text", text: QUESTION }] }],
  }),
  "prompts.txt": QUESTION,
  "chats.json": JSON.stringify([
    { conversations: [{ from: "human", value: QUESTION }, { from: "gpt", value: QUESTION }] },
  ]),
};

/** Commands of every dataset, or some; each sends the same in every run but for its salt. */
async function withCommands(
  work: (name: string, options: BenchOptions) => Promise<void>,
  some?: readonly string[],
) {
  await inTempFolder(async (folder) => {
    const protocol = "openai-completions";
    const commands: Record<string, BenchOptions> = {};
    const files = {
      ...FILES,
      "ids.jsonl": JSON.stringify({ prompt: [1, 7, 9, 4, 8, 7, 3, 9, 5] }),
    };
    for (const [name, text] of Object.entries(files)) {
      await Deno.writeTextFile(`${folder}/${name}`, text);
      commands[name] = { datasetPath: `${folder}/${name}`, once: true };
    }
    commands["ids.jsonl"] = { ...commands["ids.jsonl"], protocol };
    commands.sample = { requests: 3, systemPromptFile: `${folder}/prompts.txt` };
    commands.synthetic = { dataset: "synthetic", requests: 3, prefixTokens: 20 };
    commands["synthetic ids"] = { ...commands.synthetic, protocol, tokenIds: true, vocab: 32_000 };
    for (const name of some ?? Object.keys(commands)) await work(name, commands[name]!);
  });
}

Deno.test("the second run of a command shares nothing with the first, whatever the dataset", async () => {
  await cached(async (bench) => {
    await withCommands(async (name, options) => {
      await bench(options);
      const { header, records } = await bench({ ...options, requests: 1 });
      const [first] = records.filter(({ phase }) => phase === "measure");
      const { cachedTokens = 0, outcome } = first!;
      assertEquals(outcome, { kind: "ok" }, name);
      // Marks of few ids may begin alike, behind the id that a model begins every prompt with; the first
      // token of two marks of letters is the same once in half a million times.
      assert(cachedTokens <= (name === "ids.jsonl" ? 9 : 1), `${name}: ${cachedTokens} cached`);
      assertEquals(header.saltScope, "load");
      // Without a mark it is known from before, or this test could not fail.
      const none = { ...options, saltScope: "none" } as const;
      await bench(none);
      const again = await bench(none);
      assert(cachedByLoad(again)[0]! > 2, name);
      assertEquals(again.header.saltScope, "none");
    });
  });
});

Deno.test("each load of a run has a mark of its own, which its prompts share", async () => {
  await cached(async (bench) => {
    await inTempFolder(async (folder) => {
      const path = `${folder}/prompts.txt`;
      await Deno.writeTextFile(
        path,
        "one two three four five six\none two three four five eleven\n",
      );
      const run = await bench({ datasetPath: path, once: true, concurrency: [1, 1, 1] });
      const [first, second, third] = cachedByLoad(run);
      assert(first! > 2);
      assertEquals([second, third], [first, first]);
      // So has a warm-up, of whatever kind.
      for (const warmup of [undefined, 1]) {
        const warmed = await bench({
          ...{ datasetPath: path, requests: 2, concurrency: [1, 1] },
          ...(warmup === undefined ? {} : { warmup }),
        });
        assertEquals(cachedByLoad(warmed), [first, first], `warm-up ${warmup}`);
      }
    });
  });
});

/** The texts of the prompts that a server was sent, in their order. */
async function sent(options: BenchOptions): Promise<readonly string[]> {
  const bodies: string[] = [];
  const server = Deno.serve({ port: 0, onListen: () => {} }, async (request) => {
    if (request.method === "GET") return Response.json({ data: [{ id: "m" }] });
    const { messages, prompt } = await request.json();
    bodies.push(JSON.stringify(messages ?? prompt));
    const usage = { prompt_tokens: 1, completion_tokens: 2 };
    const choice = { index: 0, delta: { content: "a" }, text: "a" };
    const events = [
      { choices: [choice] },
      { choices: [{ ...choice, finish_reason: "length" }], usage },
    ].map((event) => `data: ${JSON.stringify(event)}\n\n`);
    return new Response(events.join("") + "data: [DONE]\n\n", {
      headers: { "content-type": "text/event-stream" },
    });
  });
  try {
    await measureBench(`http://127.0.0.1:${server.addr.port}`, { ...QUIET, ...options });
    return bodies;
  } finally {
    await server.shutdown();
  }
}

Deno.test("--salt sends an earlier run's prompts again, byte for byte", async () => {
  await withCommands(async (name, options) => {
    const both = { ...options, salt: "abc" };
    const [one, other] = [await sent(both), await sent(both)];
    assert(one.length >= 2, name);
    assertEquals(one, other, name);
  });
});

Deno.test("--salt-scope none sends files as they are, and synthetic prompts by the seed alone", async () => {
  await withCommands(async (name, options) => {
    const none = { ...options, saltScope: "none" } as const;
    const bodies = await sent(none);
    assertEquals(bodies, await sent(none), name);
    if (options.datasetPath !== undefined && name !== "ids.jsonl") {
      assert(bodies.at(-1)!.includes(`:"${QUESTION}"`), bodies.at(-1));
    }
  }, ["batch.jsonl", "parts.jsonl", "prompts.txt", "chats.json", "synthetic"]);
});

Deno.test("--salt-scope request: no two requests begin alike, however small the pool", async () => {
  await cached(async (bench) => {
    await inTempFolder(async (folder) => {
      const path = `${folder}/prompts.txt`;
      await Deno.writeTextFile(path, `${QUESTION}\n${QUESTION}\n`);
      const run = await bench({
        ...{ datasetPath: path, requests: 5, concurrency: [1, 2], saltScope: "request" },
      });
      assertEquals(cachedByLoad(run), [0, 0]);
      assertEquals(run.records.filter(({ phase }) => phase === "measure").length, 10);
      assertEquals(new Set(run.records.map(({ promptId }) => promptId)).has("2"), true);
    });
  });
});

Deno.test("a mark adds its tokens to a file's prompts and takes the place of synthetic ones", async () => {
  await cached(async (bench) => {
    await withCommands(async (name, options) => {
      const tokensOf = async (saltScope: "load" | "none") => {
        const { records, header } = await bench({ ...options, saltScope, concurrency: [1, 1] });
        assertEquals(
          (header.dataset.remarks ?? []).some((one) => one.includes("mark")),
          saltScope === "load",
        );
        return records.filter(({ phase }) => phase === "measure")
          .map(({ promptTokens }) => promptTokens?.tokens ?? 0);
      };
      const [marked, plain] = [await tokensOf("load"), await tokensOf("none")];
      const added = name.startsWith("synthetic") ? 0 : name === "ids.jsonl" ? undefined : 2;
      if (added === undefined) return assert(marked[0]! > plain[0]!);
      // The sim rounds up the bytes of a whole prompt.
      assertEquals(marked, plain.map((tokens) => tokens + added), name);
    }, ["prompts.jsonl", "parts.jsonl", "ids.jsonl", "synthetic", "synthetic ids"]);
  });
});

Deno.test("scopes and salts that would have no effect are refused", async () => {
  const refused = async (options: BenchOptions) =>
    (await assertRejects(() => measureBench("http://127.0.0.1:9", options), UserError)).message;
  assertStringIncludes(await refused({ saltScope: "none", salt: "a" }), "there are no marks");
  assertStringIncludes(await refused({ salt: "none" }), "--salt-scope none");
  assertStringIncludes(await refused({ saltScope: "session" }), "no sessions");
  assertStringIncludes(await refused({ saltScope: "request", duration: 1 }), "--requests N");
  assertStringIncludes(
    await refused({ saltScope: "request", dataset: "synthetic", prefixTokens: 4 }),
    "use --salt-scope load",
  );
});
