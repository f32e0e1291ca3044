import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import { systemClock } from "../backends/clock.ts";
import { MEASURE_OPTIONS } from "../workloads/bench_options.ts";
import { planMix } from "../workloads/bench_mix.ts";
import type { OptionTable, Values } from "../workloads/command.ts";
import { dropFiles, fetchFiles, offerFiles } from "../workloads/fleet_files.ts";
import type { FleetFile } from "../workloads/fleet_messages.ts";
import { hashOf } from "../workloads/fleet_moving.ts";
import { loadTokenizer } from "../workloads/tokenizer.ts";
import { UserError } from "../workloads/user_error.ts";
import { MemoryServer } from "./support/memory_bus.ts";
import { inTempFolder } from "./support/run_cli.ts";

const TOKENIZER = "tests/fixtures/tokenizers/byte_level";
const MOVING = { signal: new AbortController().signal };
const table: OptionTable = MEASURE_OPTIONS;

/** A leader's machine with files, an agent's without, and a server between them. */
async function inFleet(
  use: (fleet: {
    readonly leader: string;
    readonly cache: string;
    readonly server: MemoryServer;
    readonly offer: (values: Values) => ReturnType<typeof offerFiles>;
    readonly fetch: (
      plan: { readonly options: Values; readonly files: readonly FleetFile[] },
    ) => ReturnType<typeof fetchFiles>;
    /** The leader's files are on its machine only. */
    readonly part: () => Promise<void>;
    readonly loads: string[];
  }) => Promise<void>,
): Promise<void> {
  await inTempFolder(async (folder) => {
    const server = new MemoryServer(systemClock);
    const bus = server.connect();
    const loads: string[] = [];
    const agent = {
      load: (name: string) => {
        loads.push(name);
        return bus.load(name);
      },
    };
    await Deno.mkdir(`${folder}/leader`);
    await use({
      ...{ leader: `${folder}/leader`, cache: `${folder}/cache`, server, loads },
      offer: (values) => offerFiles(bus, { table, values }, MOVING),
      fetch: (plan) => fetchFiles(agent, { table, ...plan, folder: `${folder}/cache` }, MOVING),
      part: () => Deno.rename(`${folder}/leader`, `${folder}/elsewhere`),
    });
  });
}

Deno.test("files of all options arrive by content, each once, under names that mean the same", () =>
  inFleet(async ({ leader, server, offer, fetch, part, loads }) => {
    await Deno.writeTextFile(`${leader}/chat.jsonl`, '{"prompt": "a"}\n');
    await Deno.writeTextFile(`${leader}/again.jsonl`, '{"prompt": "a"}\n');
    await Deno.writeTextFile(`${leader}/system.txt`, "be brief");
    await Deno.writeTextFile(`${leader}/empty.pem`, "");
    await Deno.mkdir(`${leader}/llama`);
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      await Deno.copyFile(`${TOKENIZER}/${name}`, `${leader}/llama/${name}`);
    }
    await Deno.writeTextFile(`${leader}/llama/model.safetensors`, "x".repeat(1000));
    const mix = `chat:70=${leader}/chat.jsonl,made:10=synthetic:64/8, x:2=${leader}/again.jsonl`;
    const values = {
      ...{ mix, tokenizer: `${leader}/llama`, systemPromptFile: `${leader}/system.txt` },
      ...{ caCert: `${leader}/empty.pem`, apiKey: "sk-secret", header: ["A: secret"], seed: 4 },
    };
    const offered = await offer(values);
    assertEquals(Object.keys(offered.options).sort(), [
      ...["caCert", "mix", "seed", "systemPromptFile", "tokenizer"],
    ]);
    assert(!JSON.stringify(offered).includes("secret"));
    // Two files of one content are one.
    assertEquals(server.files.size, 5);
    assertEquals(
      offered.files.find(({ option }) => option === "tokenizer")?.parts.map(({ name }) => name),
      ["tokenizer.json", "tokenizer_config.json"],
    );
    const before = await loadTokenizer(`${leader}/llama`);

    assertEquals(await fetch(offered), offered.options);
    assertEquals(loads, []);
    await part();
    const own = await fetch(offered);
    assertEquals(loads.length, 6);
    const { classes } = await planMix(String(own.mix), {});
    assertEquals(classes.map(({ name }) => name), ["chat", "made", "x"]);
    assertEquals(classes.map(({ path }) => path?.replace(/^.*\//, "")), [
      ...["chat.jsonl", undefined, "again.jsonl"],
    ]);
    assertEquals(await Deno.readTextFile(classes[0]!.path!), '{"prompt": "a"}\n');
    assertEquals(await Deno.readTextFile(String(own.systemPromptFile)), "be brief");
    assertEquals((await loadTokenizer(String(own.tokenizer))).name, before.name);
    assertEquals(own.seed, 4);
    // What was fetched once is there for the next run.
    assertEquals(await fetch(offered), own);
    assertEquals(loads.length, 6);
    await dropFiles(server.connect(), offered.files);
    assertEquals(server.files.size, 0);
    assertEquals(await fetch(offered), own);
  }));

Deno.test("a file of the same path and other content is not used, nor a cached one that was changed", () =>
  inFleet(async ({ leader, offer, fetch }) => {
    const datasetPath = `${leader}/a.jsonl`;
    await Deno.writeTextFile(datasetPath, '{"prompt": "a"}\n');
    const offered = await offer({ datasetPath });
    await Deno.writeTextFile(datasetPath, '{"prompt": "b"}\n');
    const own = String((await fetch(offered)).datasetPath);
    assert(own !== datasetPath);
    assertEquals(await Deno.readTextFile(own), '{"prompt": "a"}\n');
    await Deno.writeTextFile(own, "changed");
    const error = await assertRejects(() => fetch(offered), UserError);
    assertStringIncludes(error.message, "it is not what was fetched; delete it");
  }));

Deno.test("a tokenizer's file comes with its configuration, and is called as on the leader", () =>
  inFleet(async ({ leader, offer, fetch, part }) => {
    await Deno.mkdir(`${leader}/llama`);
    await Deno.copyFile(
      `${TOKENIZER}/tokenizer.json`,
      `${leader}/llama/tokenizer.json`,
    );
    await Deno.writeTextFile(`${leader}/llama/tokenizer_config.json`, "{}");
    const offered = await offer({ tokenizer: `${leader}/llama/tokenizer.json` });
    await part();
    const own = String((await fetch(offered)).tokenizer);
    assert(own.endsWith("/llama/tokenizer.json"), own);
    assertEquals((await loadTokenizer(own)).name, "llama");
    await Deno.stat(own.replace("tokenizer.json", "tokenizer_config.json"));
  }));

Deno.test("a plan can make an agent read or write nothing else, and what is stored is not believed", async (t) => {
  const content = "stored";
  const good: FleetFile = {
    option: "datasetPath",
    path: "/nowhere/a.jsonl",
    parts: [{ name: "", sha256: hashOf(content), bytes: content.length }],
  };
  const [one] = good.parts;
  const plan = (file: Partial<FleetFile>, datasetPath = good.path) => ({
    options: { datasetPath },
    files: [{ ...good, ...file }],
  });
  const cases: readonly (readonly [string, ReturnType<typeof plan>, string])[] = [
    [
      "another path",
      plan({}, "/etc/hostname"),
      "its --dataset-path names a file that it does not list",
    ],
    ["another option", plan({ option: "caCert" }), "its --dataset-path names a file"],
    ["no parts", plan({ parts: [] }), "its --dataset-path names a file"],
    ["a way out", plan({ parts: [{ ...one!, name: ".." }] }), "is not the name of a file"],
    ["a way down", plan({ parts: [{ ...one!, name: "a/b" }] }), "is not the name of a file"],
    ["no hash", plan({ parts: [{ ...one!, sha256: "../x" }] }), "is no SHA-256"],
    ["too large", plan({ parts: [{ ...one!, bytes: 2 ** 50 }] }), "not a whole number"],
    [
      "not stored",
      plan({ parts: [{ ...one!, sha256: hashOf("x") }] }),
      "it is not stored any more",
    ],
    ["larger", plan({ parts: [{ ...one!, bytes: 3 }] }), "it is larger than was said"],
  ];
  for (const [name, files, message] of cases) {
    await t.step(name, () =>
      inFleet(async ({ server, cache, fetch }) => {
        server.files.set(hashOf(content), new TextEncoder().encode(content));
        const error = await assertRejects(() => fetch(files), UserError);
        assertStringIncludes(error.message, message);
        // Nothing half is left.
        const left = await Array.fromAsync(Deno.readDir(cache)).catch(() => []);
        assertEquals(left, []);
      }));
  }
  await t.step("other content", () =>
    inFleet(async ({ server, fetch }) => {
      server.files.set(hashOf(content), new TextEncoder().encode("STORED"));
      const error = await assertRejects(() => fetch(plan({})), UserError);
      assertStringIncludes(error.message, "it is not what was offered");
    }));
  await t.step(
    "a path that climbs stays in the folder",
    () =>
      inFleet(async ({ server, cache, fetch }) => {
        server.files.set(hashOf(content), new TextEncoder().encode(content));
        for (const path of ["../../../../x.jsonl", "..", "/", "a/..\\..\\b\u0000.jsonl"]) {
          const own = await fetch({ options: { datasetPath: path }, files: [{ ...good, path }] });
          const real = await Deno.realPath(String(own.datasetPath));
          assert(real.startsWith(await Deno.realPath(cache)), real);
        }
      }),
  );
});

Deno.test("a cut while a file is stored or fetched is tried again, Ctrl-C is not", () =>
  inTempFolder(async (folder) => {
    const server = new MemoryServer(systemClock);
    const bus = server.connect();
    const datasetPath = `${folder}/a.jsonl`;
    await Deno.writeTextFile(datasetPath, "a".repeat(200_000));
    let [stores, loads] = [0, 0];
    const cut = {
      remove: (name: string) => bus.remove(name),
      async store(name: string, content: ReadableStream<Uint8Array>) {
        if (stores++ > 0) return await bus.store(name, content);
        await content.cancel();
        throw new Error("cut");
      },
      async load(name: string) {
        const content = await bus.load(name);
        if (loads++ > 0) return content;
        const reader = content!.getReader();
        return new ReadableStream<Uint8Array>({
          async start(controller) {
            controller.enqueue((await reader.read()).value!.slice(0, 100));
            await reader.cancel();
            controller.error(new Error("cut"));
          },
        });
      },
    };
    const offered = await offerFiles(cut, { table, values: { datasetPath } }, MOVING);
    await Deno.remove(datasetPath);
    const wanted = { table, ...offered, folder: `${folder}/cache` };
    const own = await fetchFiles(cut, wanted, MOVING);
    assertEquals((await Deno.stat(String(own.datasetPath))).size, 200_000);
    assertEquals([stores, loads], [2, 2]);

    const stop = new AbortController();
    const stopping = {
      load() {
        stop.abort();
        return Promise.reject(new Error("cut"));
      },
    };
    await assertRejects(
      () => fetchFiles(stopping, { ...wanted, folder: `${folder}/other` }, { signal: stop.signal }),
    );
  }));

Deno.test("files that cannot be sent are refused with their option", () =>
  inFleet(async ({ leader, offer }) => {
    for (
      const [values, message] of [
        [{ datasetPath: `${leader}/none` }, "Cannot read"],
        [{ datasetPath: leader }, "neither a file nor a folder of files"],
        [{ tokenizer: leader }, `Cannot send "${leader}" of --tokenizer`],
      ] as const
    ) {
      const error = await assertRejects(() => offer(values), UserError);
      assertStringIncludes(error.message, message);
    }
  }));
