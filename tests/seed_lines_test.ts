/**
 * The command lines of the documents that this program rebuilds, word for word: the interpreter and
 * `.py` dropped. Where this machine lets us have a network of our own, they go to the documents' own
 * addresses; else to those of simulated servers.
 */
import { assert, assertEquals } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { completeValues, readCommandLine } from "../workloads/option_parse.ts";
import { findCommand } from "../workloads/commands.ts";
import type { Values } from "../workloads/command.ts";
import { ALONE, canBeAlone } from "./support/own_network.ts";
import { inTempFolder } from "./support/run_cli.ts";
import { shellCommands } from "./support/shell_words.ts";
import { sharegptText, TOKENIZER } from "./support/sharegpt_file.ts";

const CLI = new URL("../cli.ts", import.meta.url).href;
const CONFIG = new URL("../deno.json", import.meta.url).pathname;

/** `python3 ./profile_serving.py a b` → `["profile_serving", "a", "b"]`. */
function wordsOf(line: string): string[] {
  const words = shellCommands(line)[0]!;
  const [script = "", ...rest] = words.filter((word) => !/^(\$|python3?|bash)$/.test(word));
  return [script.replace(/^.*\//, "").replace(/\.(py|sh)$/, ""), ...rest];
}

const RESTFUL = "python3 ./profile_restful_api.py http://0.0.0.0:23333 " +
  "./internlm-7b/triton_models/tokenizer ./ShareGPT_V3_unfiltered_cleaned_split.json";
const SERVING = "python3 ./profile_serving.py 0.0.0.0:33337 " +
  "./internlm-7b/triton_models/tokenizer ./ShareGPT_V3_unfiltered_cleaned_split.json";
const CLIENTS = "$ python python/benchmark_serving_num_clients.py --base-url YOUR_SERVER_URL " +
  "--backend vllm --model PATH_TO_HF_MODEL --dataset-path datasets/samples_1024.json " +
  "--num-requests 1024 --num-turns 1 --num-threads 100 --ramp-up-time 10 --thread-stop-time 300 ";
const ALL = "$ bash benchmark_all_cuda.sh";

/** Values of a line, with defaults. */
async function valuesOf(line: string): Promise<Values> {
  const [name, ...argv] = wordsOf(line);
  const scenario = await findCommand(name!).load();
  return completeValues(scenario, readCommandLine(scenario, argv).given);
}

function picked(values: Values, names: readonly string[]): unknown[] {
  return names.map((name) => values[name]);
}

Deno.test("seed lines mean what their documents say", async () => {
  const profile = ["serverAddr", "tokenizerPath", "dataset", "concurrency", "numPrompts", "csv"];
  assertEquals(picked(await valuesOf(RESTFUL), [...profile, "streamOutput", "seed"]), [
    "http://0.0.0.0:23333",
    "./internlm-7b/triton_models/tokenizer",
    "./ShareGPT_V3_unfiltered_cleaned_split.json",
    64,
    2000,
    "./profile_api_server.csv",
    false,
    0,
  ]);
  assertEquals(picked(await valuesOf(SERVING), profile), [
    "0.0.0.0:33337",
    "./internlm-7b/triton_models/tokenizer",
    "./ShareGPT_V3_unfiltered_cleaned_split.json",
    32,
    1000,
    "./profile_tis.csv",
  ]);
  const clients = ["baseUrl", "backend", "model", "datasetPath", "numRequests", "numTurns"];
  assertEquals(
    picked(await valuesOf(CLIENTS), [...clients, "numClients", "rampUpTime", "stopTime"]),
    ["YOUR_SERVER_URL", "vllm", "PATH_TO_HF_MODEL", "datasets/samples_1024.json", 1024, 1].concat(
      [100, 10, 300],
    ),
  );
  assertEquals((await valuesOf(ALL)).prompts, 1024);
});

Deno.test("seed lines take lists and flags in the scripts' spellings (T46)", async () => {
  const [, ...base] = wordsOf(RESTFUL);
  const scenario = await findCommand("profile-restful-api").load();
  const given = (...argv: string[]) => readCommandLine(scenario, [...base, ...argv]).given;
  for (const flag of ["--stream_output", "--stream-output=True", "--stream_output True"]) {
    assertEquals(given(...flag.split(" ")).streamOutput, true, flag);
  }
  assertEquals(given("--nostream_output").streamOutput, false);
  assertEquals(given("--num_prompts=7", "--top_p", "0.8").numPrompts, 7);
  const sweep = await findCommand("sweep").load();
  // A list of three is a list, not a start, a stop and a step.
  for (const list of ["1 16 32", "1,16,32", "[1, 16, 32]"]) {
    const { clients } = readCommandLine(sweep, ["--clients", ...list.split(" ")]).given;
    assertEquals(clients, [1, 16, 32], list);
  }
});

interface Ended {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

/** Runs a line as a program in a folder that has what the documents assume. */
async function runLine(
  words: readonly string[],
  folder: string,
  env: Readonly<Record<string, string>> = {},
): Promise<Ended> {
  const { code, stdout, stderr } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", "--config", CONFIG, CLI, ...words],
    cwd: folder,
    env: { ...env, NO_COLOR: "1" },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
  return { code, out: text(stdout), err: text(stderr) };
}

/** The tokenizer and the data sets under the documents' names. */
async function furnish(folder: string): Promise<void> {
  for (const place of ["internlm-7b/triton_models/tokenizer", "PATH_TO_HF_MODEL"]) {
    await Deno.mkdir(`${folder}/${place}`, { recursive: true });
    for (const name of ["tokenizer.json", "tokenizer_config.json"]) {
      await Deno.copyFile(`${TOKENIZER}/${name}`, `${folder}/${place}/${name}`);
    }
  }
  await Deno.mkdir(`${folder}/datasets`);
  const data = sharegptText(30);
  await Deno.writeTextFile(`${folder}/ShareGPT_V3_unfiltered_cleaned_split.json`, data);
  await Deno.writeTextFile(`${folder}/datasets/samples_1024.json`, sharegptText(3));
}

Deno.test("seed lines run", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0", engine: "lmdeploy", grpcPort: 0 });
  const vllm = await startSimServer({ ttft: "1", itl: "0", anyModel: true });
  const at = (line: string, address: string, url: string) =>
    wordsOf(line).map((word) => word === address ? url : word);
  try {
    await inTempFolder(async (folder) => {
      await furnish(folder);
      const grpc = server.grpcUrl!.slice("grpc://".length);
      // A tenth of the document's ramp-up: the test is not to take ten seconds.
      const clients = at(CLIENTS, "YOUR_SERVER_URL", vllm.url)
        .map((word, i, words) => words[i - 1] === "--ramp-up-time" ? "1" : word);
      const lines: readonly (readonly string[])[] = [
        at(RESTFUL, "http://0.0.0.0:23333", server.url),
        at(SERVING, "0.0.0.0:33337", grpc),
        clients,
      ];
      const [restful, serving, users] = await Promise.all(
        lines.map((words) => runLine(words, folder)),
      );
      for (const ended of [restful!, serving!, users!]) assertEquals(ended.code, 0, ended.err);
      assertEquals(restful!.out.match(/^concurrency: 64$/gm)?.length, 2);
      assertEquals(serving!.out.match(/^concurrency: 32$/gm)?.length, 2);
      assert(users!.out.includes("CSV format output:300,1.000,"), users!.out);
      for (const name of ["profile_api_server.csv", "profile_tis.csv"]) {
        assert((await Deno.readTextFile(`${folder}/${name}`)).startsWith("batch,num_prompts,"));
      }
      const swept = await runLine(
        [...wordsOf(ALL), "--clients", "1", "2", "--ramp-up-time", "0", "--stop-time", "0"],
        folder,
        {
          BACKEND: "vllm",
          MODEL_SIZE: "7",
          TP_SIZE: "1",
          MODE: "fp16",
          ENABLE_SYSTEM_PROMPT: "0",
          DATASET_PATH: `${folder}/datasets/samples_1024.json`,
          BENCHMARK_TOKENIZER_PATH: `${folder}/PATH_TO_HF_MODEL`,
          VLLM_SERVER_URL: vllm.url,
        },
      );
      assertEquals(swept.code, 0, swept.err);
      const csv = await Deno.readTextFile(`${folder}/result/benchmark_vllm_all_cuda_result.csv`);
      assertEquals(csv.match(/^7,1,(1|2),fp16,/gm)?.length, 2, csv);
    });
  } finally {
    await server.stop();
    await vllm.stop();
  }
});

/** Both servers of the documents on all addresses, and the lines as they stand there. */
const OWN_ADDRESSES = `ip link set lo up
exec 2>&1
tokometer simulate --engine lmdeploy --host 0.0.0.0 --port 23333 --grpc-port 33337 \\
  --ttft 1 --itl 0 --max-seconds 90 >server.txt &
until grep -q http: server.txt; do sleep 0.05; done
tokometer ${wordsOf(RESTFUL).join(" ")} --num_prompts 70
tokometer ${wordsOf(SERVING).join(" ")} --num_prompts 40
tokometer probe 0.0.0.0:33337 --protocol ppl --output-tokens 2
tokometer bench 0.0.0.0:33337 --protocol ppl --transport grpc-socket --requests 2 --concurrency 1 \\
  --warmup 0 --output-tokens 2 --quiet --no-save
kill $!
wait`;

Deno.test({
  name: canBeAlone()
    ? "seed lines run with their own addresses, beside a proxy for others (T47)"
    : "seed lines run with their own addresses (skipped: unshare or ip is not permitted here)",
  ignore: Deno.build.os !== "linux" || !canBeAlone(),
  fn: async () => {
    await inTempFolder(async (folder) => {
      await furnish(folder);
      const program = `${folder}/tokometer`;
      const words = [Deno.execPath(), "run", "-A", "--quiet", "--config", CONFIG, CLI];
      await Deno.writeTextFile(program, `#!/bin/sh\nexec ${words.join(" ")} "$@"\n`, {
        mode: 0o755,
      });
      const [command, ...args] = ALONE;
      const { success, stdout } = await new Deno.Command(command!, {
        args: [...args, OWN_ADDRESSES],
        cwd: folder,
        // Nothing listens there: what took it would fail.
        env: {
          PATH: `${folder}:${Deno.env.get("PATH")}`,
          NO_COLOR: "1",
          ...{ http_proxy: "http://127.0.0.1:9", grpc_proxy: "http://127.0.0.1:9" },
        },
      }).output();
      const out = new TextDecoder().decode(stdout);
      assert(success, out);
      assertEquals(out.match(/^concurrency: 64$/gm)?.length, 2, out);
      assertEquals(out.match(/^concurrency: 32$/gm)?.length, 2, out);
      assert(out.includes("outcome        ok"), out);
      assert(out.includes("2 of 2 completed"), out);
    });
  },
});
