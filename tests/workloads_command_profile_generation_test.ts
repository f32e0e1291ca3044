import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { readRecordFile } from "../workloads/record_file.ts";
import { startCompletionsServer } from "./support/completions_server.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";
import { writeTinyModel } from "./support/tiny_model.ts";
import { runWithoutLock, WITHOUT_TRANSFORMERS } from "./support/transformers_cache.ts";

interface Profiled extends Ran {
  readonly bodies: readonly Record<string, unknown>[];
  readonly folder: string;
  readonly csv: string;
}

/** Runs the command against a completions server. */
async function profiled(argv: readonly string[], failEvery?: number): Promise<Profiled> {
  const server = startCompletionsServer(failEvery === undefined ? {} : { failEvery });
  try {
    return await inTempFolder(async (folder) => {
      const ran = await runCli([
        ...["profile_generation", server.url, "--csv", `${folder}/r.csv`],
        ...argv,
      ]);
      const csv = await Deno.readTextFile(`${folder}/r.csv`).catch(() => "");
      return { ...ran, bodies: server.bodies.slice(1), folder, csv };
    });
  } finally {
    await server.stop();
  }
}

const SMALL = [
  ...["--concurrency", "1", "2", "--prompt-tokens", "3", "5", "--completion-tokens", "4", "2"],
  ...["--test-round", "2", "--warmup-round", "1"],
];

Deno.test("profile-generation runs each number of users with each pair of lengths", async () => {
  const { code, out, err, bodies, csv } = await profiled(SMALL);
  assertEquals(code, 0, err);
  const cases = [...out.matchAll(
    /^profiling \.\.\. concurrency: (\d), n_prompt_token: (\d), n_completion_token: (\d), test_round: 2, warmup_round: 1$/gm,
  )].map(([, ...numbers]) => numbers.join(" "));
  assertEquals(cases, ["1 3 4", "1 5 2", "2 3 4", "2 5 2"]);
  // (1 + 2) rounds of 1, 1, 2 and 2 users; the lengths are those asked for.
  assertEquals(
    bodies.map(({ prompt, max_tokens }) => `${(prompt as number[]).length} ${max_tokens}`).sort(),
    [...Array(9).fill("3 4"), ...Array(9).fill("5 2")],
  );
  assertMatch(out, /concurrency: 2, test_round: 2\ninput_tokens: 5, output_tokens: 2\n/);
  assertEquals(out.split("As the script computes it").length, 5);
  const rows = csv.split("\r\n");
  assertEquals(rows.slice(1).map((row) => row.split(",").slice(0, 3).join(" ")), [...cases, ""]);
  assertMatch(rows[0] ?? "", /^batch,prompt_tokens,completion_tokens,1st_token_latency\(min\)/);
  assertStringIncludes(err, "GPU memory is not measured");
  // A reason to doubt is told once, with all cases that it is one for.
  const doubts = [...err.matchAll(/^warning \(.*?\): (.*)$/gm)].map(([, reason]) => reason);
  assert(doubts.length > 0, err);
  assertEquals(new Set(doubts).size, doubts.length, err);
});

Deno.test("profile-generation sends other ids for each user, round and case, by the seed (T30)", async () => {
  const argv = [
    "--concurrency=3,2",
    "--prompt-tokens=6",
    "--completion-tokens=2",
    "--test-round=2",
  ];
  const promptsOf = async (...more: string[]) =>
    (await profiled([...argv, "--warmup-round=1", ...more])).bodies
      .map(({ prompt }) => (prompt as number[]).join());
  const first = await promptsOf();
  assertEquals(first.length, 15);
  assertEquals(new Set(first).size, 15);
  assertEquals((await promptsOf()).sort(), first.toSorted());
  const other = await promptsOf("--seed=1");
  assertEquals(first.filter((prompt) => other.includes(prompt)), []);
  const few = await promptsOf("--vocab=16");
  assert(few.flatMap((prompt) => prompt.split(",")).every((id) => Number(id) < 16));
});

Deno.test("profile-generation: each option changes the request or the run (T24)", async () => {
  const one = ["--concurrency=1", "-pt", "4", "-ct", "3", "-tr", "1", "-w", "0"];
  const bodyOf = async (...more: string[]) => {
    const { bodies: [body = {}], code, err } = await profiled([...one, ...more]);
    assertEquals(code, 0, err);
    return body;
  };
  const { prompt: _, ...plain } = await bodyOf();
  assertEquals([plain.top_k, plain.top_p, plain.temperature], [1, 1, 1]);
  assertEquals([plain.max_tokens, plain.ignore_eos], [3, true]);
  const newer = await bodyOf("--script-version=v0.2.6");
  assertEquals([newer.top_p, newer.temperature], [0.8, 0.8]);
  const chosen = await bodyOf("--top_k=5", "--top_p=0.5", "--temperature=0.1");
  assertEquals([chosen.top_k, chosen.top_p, chosen.temperature], [5, 0.5, 0.1]);
  assertEquals((await bodyOf("--model=other")).model, "other");
  assertEquals((await bodyOf("--extra-body", '{"n": 1}')).n, 1);
  const { err } = await profiled([...one, "--tp=2", "--log-level=INFO"]);
  assertStringIncludes(err, "--tp 2 is for the start of an engine");
  assertStringIncludes(err, "--log-level is for a model in this program");
});

Deno.test("profile-generation has the defaults of the seed's release and of later ones", async () => {
  const rounds = async (...argv: string[]) => {
    const small = ["--concurrency=1", "--prompt-tokens=1", "--completion-tokens=1", ...argv];
    const { out, bodies, csv } = await profiled(small);
    const [, test, warmup] = /test_round: (\d+), warmup_round: (\d+)/.exec(out) ?? [];
    assertEquals(bodies.length, Number(test) + Number(warmup));
    return [test, warmup, csv.split("\r\n")[0]?.includes("total tok/s")];
  };
  assertEquals(await rounds(), ["10", "2", false]);
  assertEquals(await rounds("--script-version=v0.1.0"), ["6", "1", false]);
  assertEquals(await rounds("--script-version=v0.6.0"), ["3", "1", true]);
});

Deno.test("profile-generation keeps failures out of the numbers and the records whole (T26)", async () => {
  const server = startCompletionsServer({ failEvery: 4 });
  try {
    await inTempFolder(async (folder) => {
      const { code, err, out } = await runCli([
        ...["profile-generation", server.url, "--no-csv", "--out", `${folder}/out`],
        ...["--concurrency=2", "--prompt-tokens=3", "--completion-tokens=2", "--test-round=6"],
        "--warmup-round=0",
      ]);
      assertEquals(code, 1, err);
      assertStringIncludes(err, "3 of 12 requests with 2 users failed");
      const run = await readRecordFile(`${folder}/out/records.jsonl`);
      assertEquals(run.header.loads[0]?.label, "2 users, 3 → 2");
      assertEquals(run.records.length, 12);
      assertEquals(run.records.filter(({ outcome }) => outcome.kind === "ok").length, 9);
      assert(!out.includes("NaN"));
    });
  } finally {
    await server.stop();
  }
});

Deno.test("profile-generation says in one sentence what cannot be", async () => {
  await inTempFolder(async (folder) => {
    const refusal = async (...argv: string[]) => {
      const { code, err } = await runCli(["profile-generation", ...argv, "--no-csv"]);
      assertEquals(code, 2, err);
      assertEquals(err.split("\n").filter((line) => line.startsWith("error: ")).length, 1, err);
      return err.split("\n")[0] ?? "";
    };
    assertMatch(await refusal(folder), /holds no ONNX model.*--launch.*URL$/);
    assertMatch(await refusal(`${folder}/internlm-7b`), /no such folder.*--launch.*URL$/);
    assertMatch(
      await refusal("http://127.0.0.1:9", "--prompt-tokens", "1", "2", "--completion-tokens=1"),
      /2 prompt lengths with 1 answer/,
    );
    await writeTinyModel(folder, { contextTokens: 64 });
    assertMatch(
      await refusal(folder, "--concurrency=1", "--prompt-tokens=60", "--completion-tokens=5"),
      /context is 64 tokens/,
    );
    assertMatch(await refusal(folder, "--dtype=q4"), /onnx\/model_q4\.onnx.*there are/);
    assertMatch(await refusal(folder, "--workers=2"), /--workers 2/);
    await Deno.remove(`${folder}/tokenizer_config.json`);
    assertMatch(await refusal(folder), /Cannot find tokenizer_config\.json/);
  });
});

Deno.test({
  name: "profile-generation and bench run a model folder in process",
  ignore: WITHOUT_TRANSFORMERS,
  fn: async () => {
    await inTempFolder(async (folder) => {
      await writeTinyModel(`${folder}/tiny`);
      const { code, out, err } = await runWithoutLock("cli.ts", [
        ...["profile-generation", "./tiny", "--concurrency", "1", "3", "-pt", "5", "-ct", "8"],
        ...["--test-round=4", "--warmup-round=1", "--threads=1", "--max-batch-size=2", "--out=out"],
      ], folder);
      assertEquals(code, 0, err);
      assertEquals(out.match(/^input_tokens: 5, output_tokens: 8$/gm)?.length, 4);
      assertMatch(out, /first_token latency\(min, max, ave\): 0\.\d+s/);
      const run = await readRecordFile(`${folder}/out/records.jsonl`);
      const measured = run.records.filter(({ phase }) => phase === "measure");
      assertEquals(measured.length, 4 + 12);
      for (const record of measured) {
        assertEquals(record.outcome, { kind: "ok" });
        assertEquals(record.promptTokens, { tokens: 5, source: "usage" });
        assertEquals(Array.from(record.tickTokens), [1, 2, 3, 4, 5, 6, 7, 8]);
        assertEquals(record.connection, "reused");
        // The engine's own stamps, on our clock: after sending, in order.
        assert(record.firstTokenMs! > record.sentMs!);
        assert(record.endMs! >= record.lastTokenMs!);
      }
      assertEquals(run.header.transport, "inprocess");
      assertMatch(await Deno.readTextFile(`${folder}/profile_generation.csv`), /\r\n3,5,8,0\.\d+/);

      const benched = await runWithoutLock("cli.ts", [
        ...["bench", "tiny", "--backend=transformers", "--requests=4", "--concurrency=2"],
        ...["--output-tokens=6", "--format=json", "--no-save"],
      ], folder);
      assertEquals(benched.code, 0, benched.err);
      const [load] = JSON.parse(benched.out).loads;
      assertEquals([load.counts.completed, load.tokens.output.total], [4, 24]);
    });
  },
});
