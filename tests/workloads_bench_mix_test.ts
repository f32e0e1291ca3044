/** What a plan makes of --mix, --models, --url and --session-header, before anything is sent. */
import { assertEquals, assertRejects } from "@std/assert";
import { inTempFolder } from "./support/run_cli.ts";
import { type BenchOptions, planBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";

const A = "http://127.0.0.1:9";

async function refused(options: BenchOptions, why: string, urls: string | string[] = A) {
  await assertRejects(() => planBench(urls, options), UserError, why);
}

Deno.test("--mix reads classes with files of any kind, or with lengths", async () => {
  await inTempFolder(async (folder) => {
    const path = `${folder}/a,b c.jsonl`;
    await Deno.writeTextFile(path, '{"prompt": "hello there"}\n');
    const { classes, dataset } = await planBench(A, {
      mix: `chat:70=${path}, code:30=synthetic:512/uniform:8:16,rest=sample`,
    });
    assertEquals(dataset, "mix");
    assertEquals(classes, [
      { name: "chat", weight: 70, dataset: "jsonl", extra: {}, path },
      {
        ...{ name: "code", weight: 30, dataset: "synthetic" },
        ...{ extra: { inputTokens: "512" }, outputTokens: "uniform:8:16" },
      },
      { name: "rest", weight: 1, dataset: "sample", extra: {} },
    ]);
  });
});

Deno.test("--mix gives an option of a dataset to the classes that have it", async () => {
  const { classes } = await planBench(A, { mix: "a=synthetic,b=sample", prefixTokens: 32 });
  assertEquals(classes?.map(({ extra }) => extra), [{ prefixTokens: 32 }, {}]);
  await refused({ mix: "a=sample,b:2=sample", prefixTokens: 32 }, "which no class is from");
});

Deno.test("--mix says what is wrong with it", async () => {
  await refused(
    { mix: "chat" },
    'Cannot use "chat" in --mix: write each class as NAME:WEIGHT=FILE',
  );
  await refused({ mix: "chat:70=" }, "write each class as");
  await refused({ mix: "a=sample,a=synthetic" }, 'Cannot use "a" twice in --mix');
  await refused({ mix: "a:x=synthetic:12/13/14" }, "write it as synthetic:512/128");
  await refused({ mix: "a=synthetic:many" }, "--mix with a length");
  await refused({ mix: "a=sample:12" }, "sample has lengths of its own");
  await refused({ mix: "a=sample", dataset: "synthetic" }, "its classes have their own files");
  await refused({ mix: "a=sample", datasetPath: "x.jsonl" }, "its classes have their own files");
  await refused({ mix: "a=sample", once: true }, "Cannot use --once with --mix");
});

Deno.test("--models: the first is the one to ask questions for, and --model none beside it", async () => {
  const plan = await planBench(A, { models: "base:70,sql:20,chat:10" });
  assertEquals([plan.model, plan.modelAssignment], ["base", "random"]);
  await refused({ models: "a,b", modelAssignment: "recorded" }, "without a recording");
  assertEquals(plan.models?.map(({ weight }) => weight), [70, 20, 10]);
  await refused({ models: "a,b", model: "a" }, "Cannot use --model a and --models together");
  await refused({ models: "a:3" }, "give several, or --model NAME");
  await refused({ models: "a:3,b", modelAssignment: "round-robin" }, "the models take turns");
  await refused({ modelAssignment: "round-robin" }, "add --models");
});

Deno.test("several servers: each once, and the first is the one that reports name", async () => {
  const urls = ["127.0.0.1:9/", "http://localhost:10?key=1"];
  const plan = await planBench(urls);
  assertEquals([plan.url, plan.query], ["http://127.0.0.1:9", undefined]);
  assertEquals(plan.urls, [
    { url: "http://127.0.0.1:9" },
    { url: "http://localhost:10", query: "key=1" },
  ]);
  assertEquals((await planBench(A)).urls, undefined);
  await refused({}, "Cannot use the server http://127.0.0.1:9 twice", [A, `${A}/`]);
  await refused({}, 'Cannot use "ftp://x"', [A, "ftp://x"]);
});

Deno.test("users of mixed traffic take turns at one queue, so that shares are exact", async () => {
  const sequence = async (options: BenchOptions, urls: string | string[] = A) => {
    const [load] = (await planBench(urls, options)).loads;
    return load?.kind === "closed" && load.sequence;
  };
  assertEquals(await sequence({}), "disjoint");
  assertEquals(await sequence({ models: "a,b" }), "shared");
  assertEquals(await sequence({ mix: "a=sample,b=synthetic" }), "shared");
  assertEquals(await sequence({}, [A, "http://127.0.0.1:8"]), "shared");
});

Deno.test("--session-header is the name of a header that nobody else writes", async () => {
  const { sessionHeader } = await planBench(A, { sessionHeader: "X-Session-ID" });
  assertEquals(sessionHeader, "x-session-id");
  await refused({ sessionHeader: "X Session" }, "give the name of a header");
  await refused({ sessionHeader: "X-Session: 1" }, "give the name of a header");
  await refused({ sessionHeader: "Content-Length" }, "the request has one of its own");
  const header = ["x-session-id: 7"];
  await refused({ sessionHeader: "X-Session-ID", header }, "--header has it, too");
});
