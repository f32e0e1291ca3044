import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { startCompletionsServer } from "./support/completions_server.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";
import { TOKENIZER, writeSharegpt } from "./support/sharegpt_file.ts";
import { writeTinyModel } from "./support/tiny_model.ts";
import { runWithoutLock, WITHOUT_TRANSFORMERS } from "./support/transformers_cache.ts";

interface Profiled extends Ran {
  readonly bodies: readonly Record<string, unknown>[];
  readonly csv: string;
  readonly scriptCsv: string;
}

/** Runs the command on ten conversations against a completions server. */
async function profiled(argv: readonly string[]): Promise<Profiled> {
  const server = startCompletionsServer();
  try {
    return await inTempFolder(async (folder) => {
      const dataset = await writeSharegpt(folder, 10);
      const ran = await runCli([
        ...["profile_throughput", dataset, server.url, "--tokenizer", TOKENIZER],
        ...argv.includes("--no-csv") ? argv : ["--csv", `${folder}/r.csv`, ...argv],
      ]);
      const read = (name: string) => Deno.readTextFile(`${folder}/${name}`).catch(() => "");
      return {
        ...ran,
        bodies: server.bodies.slice(1),
        csv: await read("r.csv"),
        scriptCsv: await read("r_script.csv"),
      };
    });
  } finally {
    await server.stop();
  }
}

Deno.test("profile-throughput sends each prompt once and prints both blocks", async () => {
  const { code, out, err, bodies, csv, scriptCsv } = await profiled([
    ...["--concurrency=3", "--num_prompts=6", "--stream_output", "True"],
  ]);
  assertEquals(code, 0, err);
  assertEquals(new Set(bodies.map(({ prompt }) => prompt)).size, 6);
  assertEquals(
    bodies.every(({ stream, ignore_eos }) => stream === true && ignore_eos === true),
    true,
  );
  const [ours = "", theirs = ""] = out.split("As the script computes it");
  for (const part of [ours, theirs]) {
    assertMatch(part, /concurrency: 3\nelapsed_time: \d+\.\d{3}s\n\nfirst token latency\(s\)/);
    assertMatch(part, /per-token latency\(s\) percentile\(50, 75, 95, 99\): \[.*\]\n\n/);
    assertMatch(part, /RPM \(request per minute\): \d+\.\d{3} req\/min\n-{50}\n/);
  }
  for (const text of [csv, scriptCsv]) {
    const [header, row, ...rest] = text.split("\r\n");
    assertEquals(header?.startsWith("batch,num_promts,RPS,RPM,FTL(ave)(s)"), true);
    assertEquals(row?.split(",").length, 13);
    assertEquals(rest, [""]);
  }
});

Deno.test("profile-throughput clamps users and tells of too few prompts (T27, T28)", async () => {
  const { code, err, bodies } = await profiled(["--no-csv"]);
  assertEquals(code, 0, err);
  // The defaults of the seed: 256 users, 5000 prompts; the file has ten, and none goes twice.
  assertEquals(bodies.length, 10);
  assertMatch(err, /5000/);
  const { err: few } = await profiled(["--num-prompts=2", "--no-csv"]);
  assertStringIncludes(few, "Using 2 users instead of 256");
});

Deno.test("profile-throughput: each option changes the request (T24)", async () => {
  const bodyOf = async (...argv: string[]) => {
    const { code, err, bodies: [body = {}] } = await profiled([
      ...["-c", "1", "-n", "1", "--no-csv", ...argv],
    ]);
    assertEquals(code, 0, err);
    return body;
  };
  const plain = await bodyOf();
  assertEquals([plain.top_k, plain.top_p, plain.temperature], [1, 1, 1]);
  const chosen = await bodyOf("--top_k=9", "--top_p=0.7", "--temperature=0.2", "--model=z");
  assertEquals([chosen.top_k, chosen.top_p, chosen.temperature], [9, 0.7, 0.2]);
  assertEquals(chosen.model, "z");
  const prompts = new Set<unknown>();
  for (const seed of [0, 1, 2, 3]) prompts.add((await bodyOf(`--seed=${seed}`)).prompt);
  assertEquals(prompts.size > 1, true);
});

Deno.test("profile-throughput without streaming has no token's latency", async () => {
  const { code, out, err, bodies, csv } = await profiled([
    ...["--concurrency=2", "--num-prompts=4", "--no-stream-output", "--no-script-numbers"],
    ...["--csv-layout=v0.1.0a1"],
  ]);
  assertEquals(code, 0, err);
  assertEquals(bodies.every(({ stream }) => stream !== true), true);
  assertEquals(/first token|per-token|As the script/.test(out), false);
  assertMatch(csv.split("\r\n")[1] ?? "", /^2,4,\d+\.0,\d+\.0,-,-,-,\d/);
});

Deno.test({
  name: "profile-throughput runs a model folder in process, prompts tokenized beforehand (T17)",
  ignore: WITHOUT_TRANSFORMERS,
  fn: async () => {
    await inTempFolder(async (folder) => {
      await writeTinyModel(`${folder}/tiny`);
      await writeSharegpt(folder, 10);
      const { code, out, err } = await runWithoutLock("cli.ts", [
        ...["profile-throughput", "sharegpt.json", "tiny", "-c", "2", "-n", "4", "--threads=1"],
      ], folder);
      assertEquals(code, 0, err);
      assertMatch(out, /number of completion tokens: [1-9]/);
      assertMatch(await Deno.readTextFile(`${folder}/profile_throughput.csv`), /\r\n2,4,\d/);
    });
  },
});
