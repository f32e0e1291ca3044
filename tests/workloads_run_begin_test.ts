import { assert, assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { type BenchOptions, measureBench } from "../workloads/run_bench.ts";
import { EXIT, UserError } from "../workloads/user_error.ts";
import {
  type CompletionsServerOptions,
  startCompletionsServer,
} from "./support/completions_server.ts";
import { refusedPort } from "./support/raw_server.ts";
import { inTempFolder } from "./support/run_cli.ts";

const QUIET: BenchOptions = {
  ...{ protocol: "openai-completions", gpu: "off", witness: false, noCalibration: true },
  // A request that is never answered fails, and does not hang.
  timeout: 30,
};

/** A load on such a server: what it was asked, and the records. */
async function benched(options: BenchOptions, server: CompletionsServerOptions = {}) {
  const { url, bodies, stop } = startCompletionsServer(server);
  try {
    const { records } = await measureBench(url, { ...QUIET, ...options });
    return { asked: bodies.map(({ max_tokens: tokens }) => tokens), bodies, records };
  } finally {
    await stop();
  }
}

const kinds = (records: readonly RequestRecord[]) =>
  records.map(({ phase, outcome }) => `${phase} ${outcome.kind}`);

Deno.test("before a load: a check of few tokens, then a short answer for each user, all at once", async () => {
  let together = 0;
  const all = Promise.withResolvers<void>();
  const load = { concurrency: [4], requests: 5, outputTokens: 20 };
  const { asked, bodies, records } = await benched(load, {
    hold({ prompt }) {
      if (!String(prompt).startsWith("Warm-up 1. ")) return undefined;
      // None is answered before the last one has come.
      if (++together === 4) all.resolve();
      return all.promise;
    },
  });
  assertEquals(asked, [8, ...Array(4).fill(8), ...Array(5).fill(20)]);
  assertEquals(kinds(records), [...Array(4).fill("warmup ok"), ...Array(5).fill("measure ok")]);
  const texts = bodies.map(({ prompt }) => String(prompt));
  assertEquals(new Set(texts).size, texts.length);
});

Deno.test("--warmup N sends whole requests of the pool, 0 none", async () => {
  const load = { concurrency: [2], requests: 3, outputTokens: 20 };
  const whole = await benched({ ...load, warmup: 2 });
  assertEquals(whole.asked, [8, 20, 20, 20, 20, 20]);
  assertEquals((await benched({ ...load, warmup: 0 })).asked, [8, 20, 20, 20]);
});

Deno.test("an engine that refuses few tokens is asked for as many as the load, in the warm-up too", async () => {
  const load = { concurrency: [2], requests: 2, outputTokens: 20 };
  const { asked, records } = await benched(load, { leastTokens: 16 });
  assertEquals(asked, [8, 20, 20, 20, 20, 20]);
  assertEquals(kinds(records), ["warmup ok", "warmup ok", "measure ok", "measure ok"]);
});

Deno.test("prompts are made while the check waits for its answer", async () => {
  for (const workers of [0, 1]) {
    const made = Promise.withResolvers<void>();
    const { url, stop } = startCompletionsServer({
      hold: ({ prompt }) => String(prompt).startsWith("Checking") ? made.promise : undefined,
    });
    const load = { concurrency: [2], requests: 200, duration: 0.01, outputTokens: 2, workers };
    let prompts = 0;
    try {
      await measureBench(url, { ...QUIET, ...load, dataset: "synthetic", warmup: 0 }, {
        onDataset(dataset) {
          prompts = dataset.prompts.length;
          made.resolve();
        },
      });
    } finally {
      await stop();
    }
    assert(prompts >= 200);
  }
});

/** The second prompt cannot be sent over this protocol. */
const BAD = [
  { prompt: "Hi", output_tokens: 4 },
  { messages: [{ role: "user", content: [{ type: "image_url", image_url: { url: "data:," } }] }] },
].map((row) => `${JSON.stringify(row)}\n`).join("");

Deno.test("a prompt that cannot be sent is told while the check still waits, and before an absent server", async () => {
  await inTempFolder(async (folder) => {
    const datasetPath = `${folder}/rows.jsonl`;
    await Deno.writeTextFile(datasetPath, BAD);
    const held = Promise.withResolvers<void>();
    const { url, stop } = startCompletionsServer({ hold: () => held.promise });
    const options = { ...QUIET, dataset: "jsonl", datasetPath, requests: 2, concurrency: [1] };
    try {
      const error = await assertRejects(() => measureBench(url, options), UserError);
      assertStringIncludes(error.message, "prompt");
      assertEquals(error.exitCode, EXIT.usage);
    } finally {
      held.resolve();
      await stop();
    }
    const gone = `http://127.0.0.1:${await refusedPort()}`;
    const error = await assertRejects(
      () => measureBench(gone, { ...options, model: "m" }),
      UserError,
    );
    assertEquals(error.exitCode, EXIT.usage);
  });
});

Deno.test("a server that is not there is told, with all prompts in order", async () => {
  const gone = `http://127.0.0.1:${await refusedPort()}`;
  const error = await assertRejects(
    () => measureBench(gone, { ...QUIET, model: "m", dataset: "synthetic", requests: 300 }),
    UserError,
    "Cannot reach",
  );
  assertEquals(error.exitCode, EXIT.unreachable);
});
