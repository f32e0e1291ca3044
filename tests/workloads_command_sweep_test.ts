import {
  assert,
  assertEquals,
  assertMatch,
  assertRejects,
  assertStringIncludes,
} from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { archiveSweep, dateText, sweepFiles, timeText } from "../workloads/sweep_archive.ts";
import { sweepCases } from "../workloads/sweep_cases.ts";
import { SWEEP_OPTIONS, sweepValues } from "../workloads/sweep_options.ts";
import { SWEEP_COLUMNS } from "../workloads/sweep_results.ts";
import { completeValues } from "../workloads/option_parse.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import type { Values } from "../workloads/command.ts";
import { UserError } from "../workloads/user_error.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";

const SWEEP = { name: "sweep", options: SWEEP_OPTIONS };

const QUICK = [
  ...["--model-size=7", "--tp=1", "--mode=fp16", "--prompts=3", "--stop-time=0"],
  ...["--ramp-up-time=0", "--sharegpt-output-len=4", "--workers=0", "--backend=vllm"],
];

interface Swept {
  readonly folder: string;
  run(argv: readonly string[], overrides?: Parameters<typeof runCli>[1]): Promise<Ran>;
  read(path: string): Promise<string>;
}

async function withSweeps(
  use: (swept: Swept) => Promise<void>,
  options: { readonly apiKey?: string } = {},
): Promise<void> {
  const server = await startSimServer({ ttft: "1", itl: "0", ...options });
  try {
    await inTempFolder(async (folder) => {
      await use({
        folder,
        run: (argv, overrides) =>
          runCli(
            ["sweep", "--base-url", server.url, "--folder", folder, ...QUICK, ...argv],
            overrides,
          ),
        read: (path) => Deno.readTextFile(`${folder}/${path}`),
      });
    });
  } finally {
    await server.stop();
  }
}

const CSV = "result/benchmark_vllm_all_cuda_result.csv";
const CASES = "result/benchmark_vllm_all_cuda_cases.jsonl";
const STATE = "result/benchmark_vllm_all_cuda_cases.jsonl";
const LOG = "log/benchmark_all_cuda.log";

async function list(folder: string): Promise<string[]> {
  return (await Array.fromAsync(Deno.readDir(folder), ({ name }) => name)).toSorted();
}

Deno.test("sweep names a failed case with its reason and goes on (T42)", async () => {
  await withSweeps(async ({ folder, run, read }) => {
    const file = `${folder}/cases.json`;
    // No conversation of the sample has a hundred turns.
    const cases = [{ clients: 1 }, { clients: 2, turns: 50 }, { clients: 2, prompts: 2 }];
    await Deno.writeTextFile(file, JSON.stringify({ cases }));
    const { code, out, err } = await run(["--cases", file]);
    assertEquals(code, 1, err);
    const lines = out.trimEnd().split("\n");
    assertEquals(lines.length, 6, out);
    const title = (turns: number, clients: number) =>
      `[BENCHMARK 7B TP1 TURNS${turns} CLIENTS${clients} RAMP_UP_TIME0 STOP_TIME0 FP16 BACKENDvllm]`;
    assertEquals([lines[0], lines[2], lines[4]], [title(1, 1), title(50, 2), title(1, 2)]);
    assertMatch(
      lines[3]!,
      /^\[FAILED\] Cannot take a prompt from the built-in sample: .*100 messages/,
    );
    const csv = (await read(CSV)).trimEnd().split("\n");
    assertEquals(csv[0], SWEEP_COLUMNS.join(","));
    assertEquals(csv.slice(1), [
      `7,1,1,fp16,${lines[1]!.slice("[OK] ".length)}`,
      `7,1,2,fp16,${lines[5]!.slice("[OK] ".length)}`,
    ]);
    const log = (await read(LOG)).trimEnd().split("\n");
    assertMatch(log[0]!, /^\[INFO\] benchmark_all_cuda\.sh started at \d{14}$/);
    assertEquals(
      log.slice(1).map((line) => line.replace(/\d{4}-\d\d-\d\d \d\d:\d\d:\d\d/, "T")),
      lines.map((line) => `[${line.startsWith("[FAILED]") ? "ERROR" : "INFO"}] T ${line}`),
    );
    // What failed gets another chance, and nothing else does.
    const again = await run(["--cases", file, "--resume"]);
    assertEquals(again.out.match(/TURNS\d+/g), ["TURNS50"], again.out);
    assertEquals((await read(CSV)).trimEnd().split("\n"), csv);
  });
});

Deno.test("sweep has as many names as values in its rows (T35)", () => {
  assertEquals(SWEEP_COLUMNS.length, 43);
  assertEquals(
    SWEEP_COLUMNS.slice(0, 6).join(),
    "model_size(B),tp,num_clients,mode,completed,success_rate",
  );
});

Deno.test("sweep warms up outside of the rows, and lists no case twice by default (T21)", async () => {
  const cases = await sweepCases(completeValues(SWEEP, {}));
  const clients = cases.map(({ clients }) => clients);
  assertEquals(clients, [1, 5, 10, 20, 30, 40, 50, 100, 200, 300]);
  assertEquals(cases[7], { clients: 100, turns: 1, prompts: 1024, rampUpTime: 10, stopTime: 300 });
  await withSweeps(async ({ folder, run, read }) => {
    await run(["--clients=2"]);
    const row = (await read(CSV)).split("\n")[1]!.split(",");
    assertEquals(row.slice(0, 5).join(), "7,1,2,fp16,6");
    const records = `${folder}/result/benchmark_vllm_all_cuda_records/1_2clients.jsonl`;
    const phases = (await readRecordFile(records)).records.map(({ phase }) => phase);
    assertEquals(phases.filter((phase) => phase === "warmup").length, 2);
    assertEquals(phases.length, 8);
  });
});

Deno.test("sweep --resume leaves out lines that cannot be used, and runs their cases again", async () => {
  await withSweeps(async ({ folder, run, read }) => {
    await run(["--clients=1,2,3"]);
    const path = `${folder}/${CASES}`;
    const lines = (await read(CASES)).split("\n");
    lines[2] = lines[2]!.replace('"index":1', '"index":"one"');
    lines[3] = lines[3]!.replace('"row":["7"', '"row":["=1+1"');
    await Deno.writeTextFile(path, lines.join("\n"));
    const resumed = await run(["--clients=1,2,3", "--resume"]);
    assertStringIncludes(
      resumed.err,
      `${CASES}, line 3 is left out, and its case runs again: index is "one", not a whole number`,
    );
    assertEquals(resumed.out.match(/CLIENTS\d/g), ["CLIENTS2"]);
    // What the file claims is no formula in the table.
    assertMatch(await read(CSV), /^'=1\+1,1,3,/m);
    await Deno.writeTextFile(path, `${lines[0]!.replace('"cases":[', '"cases":[1,')}\n`);
    const { code, err } = await run(["--clients=1,2,3", "--resume"]);
    assertEquals(code, 2);
    assertStringIncludes(err, "it is not the state of a sweep (cases[0] is 1, not an object)");
  });
});

Deno.test("sweep goes on where it was interrupted, with --resume", async () => {
  await withSweeps(async ({ folder, run, read }) => {
    let signal = () => {};
    const first = await run(["--clients=1,2,3"], {
      onSignal: (listener) => {
        signal = listener;
        return () => {};
      },
      // Ctrl-C when the second case begins.
      stdout: (text) => {
        if (text.includes("CLIENTS2 ")) signal();
      },
    });
    assertEquals(first.code, 130, first.err);
    assertStringIncludes(first.err, "--resume");
    const before = await read(CSV);
    assertEquals(before.trimEnd().split("\n").length, 2);

    const other = await run(["--clients=1,2", "--resume"]);
    assertEquals(other.code, 2);
    assertStringIncludes(other.err, "Cannot resume: the cases differ");
    const otherSeed = await run(["--clients=1,2,3", "--resume", "--seed=4"]);
    assertStringIncludes(otherSeed.err, "Cannot resume: --seed differ");

    // As if it had been killed between the two files, and in the middle of a line.
    await Deno.writeTextFile(`${folder}/${CSV}`, "half a ro");
    await Deno.writeTextFile(`${folder}/${STATE}`, '{"index": 1, "ro', { append: true });
    const resumed = await run(["--clients=1,2,3", "--resume"]);
    assertEquals(resumed.code, 0, resumed.err);
    assertEquals(resumed.out.match(/CLIENTS\d/g), ["CLIENTS2", "CLIENTS3"]);
    const rows = (await read(CSV)).trimEnd().split("\n");
    assertEquals(`${rows.slice(0, 2).join("\n")}\n`, before);
    assertEquals(rows.slice(1).map((row) => row.split(",")[2]), ["1", "2", "3"]);
    assertEquals((await run(["--clients=1,2,3", "--resume"])).out, "");
  });
});

Deno.test("sweep archives the previous one under the date of its start", async () => {
  await withSweeps(async ({ folder, run, read }) => {
    await run(["--clients=1"]);
    const csv = await read(CSV);
    const log = await read(LOG);
    const date = /(\d{14})/.exec(log)![1]!;
    const { err } = await run(["--clients=2"]);
    assertStringIncludes(err, `The previous sweep is in ${folder}/result/${date}`);
    assertEquals(await list(`${folder}/result/${date}`), [
      `benchmark_all_cuda_${date}.log`,
      "benchmark_vllm_all_cuda_cases.jsonl",
      "benchmark_vllm_all_cuda_records",
      "benchmark_vllm_all_cuda_result.csv",
    ]);
    assertEquals(await read(`result/${date}/benchmark_vllm_all_cuda_result.csv`), csv);
    assertEquals(await read(`log/benchmark_all_cuda_${date}.log`), log);
    assertEquals((await read(CSV)).split("\n")[1]!.startsWith("7,1,2,"), true);
  });
});

Deno.test("archiveSweep dates results without a log, and overwrites no archive (T41)", async () => {
  await inTempFolder(async (folder) => {
    const files = sweepFiles(`${folder}/`, "ppl");
    assertEquals(await archiveSweep(files), undefined);
    await Deno.mkdir(files.resultFolder);
    const at = new Date(2024, 8, 24, 10, 15, 30);
    const leave = async () => {
      await Deno.writeTextFile(files.csv, "a");
      await Deno.utime(files.csv, at, at);
      await Deno.writeTextFile(`${files.resultFolder}/mine.txt`, "not ours");
    };
    await leave();
    assertEquals(await archiveSweep(files), `${files.resultFolder}/20240924101530`);
    await leave();
    assertEquals(await archiveSweep(files), `${files.resultFolder}/20240924101530-2`);
    // A log that does not begin with a date, and one that does.
    await leave();
    await Deno.mkdir(files.logFolder);
    await Deno.writeTextFile(files.log, "cut off");
    assertEquals(await archiveSweep(files), `${files.resultFolder}/20240924101530-3`);
    await leave();
    await Deno.writeTextFile(files.log, "[INFO] benchmark_all_cuda.sh started at 20230102030405\n");
    assertEquals(await archiveSweep(files), `${files.resultFolder}/20230102030405`);
    assertEquals(await list(files.resultFolder), [
      "20230102030405",
      "20240924101530",
      "20240924101530-2",
      "20240924101530-3",
      "mine.txt",
    ]);
  });
});

Deno.test("timeText and dateText are local time in the script's forms", () => {
  const ms = new Date(2024, 0, 2, 3, 4, 5).getTime();
  assertEquals([timeText(ms), dateText(ms)], ["2024-01-02 03:04:05", "20240102030405"]);
});

Deno.test("sweepValues takes what env_setup.sh exports", async () => {
  const environment = {
    BACKEND: "ppl",
    MODEL_SIZE: "7",
    TP_SIZE: "2",
    MODE: "fp16",
    ENABLE_SYSTEM_PROMPT: "1",
    SYSTEM_PROMPT_PATH: "prompt.txt",
    DATASET_PATH: "samples_1024.json",
    BENCHMARK_TOKENIZER_PATH: "llama",
    PPL_SERVER_URL: "127.0.0.1:23333",
    VLLM_SERVER_URL: "http://127.0.0.1:8000",
  };
  const known = async (values: Values, more: Record<string, string> = {}) => {
    const given = completeValues(SWEEP, values);
    const result: Values = await sweepValues(given, { ...environment, ...more });
    const keys = ["backend", "modelSize", "tp", "mode", "datasetPath", "tokenizer", "baseUrl"];
    return [...keys, "systemPromptPath"].map((key) => result[key] ?? "none").join(" ");
  };
  assertEquals(
    await known({}),
    "ppl 7 2 fp16 samples_1024.json llama 127.0.0.1:23333 prompt.txt",
  );
  assertEquals(
    await known({ backend: "vllm", tp: "8" }, { ENABLE_SYSTEM_PROMPT: "0" }),
    "vllm 7 8 fp16 samples_1024.json llama http://127.0.0.1:8000 none",
  );
  assertStringIncludes(await known({}, { SERVER_URL: "h:1" }), " h:1 ");
  const { MODE: _, ...without } = environment;
  await assertRejects(() => sweepValues(completeValues(SWEEP, {}), without), UserError, "set MODE");
  await assertRejects(() => known({}, { BACKEND: "p" }), UserError, "Cannot use BACKEND=p");
  await assertRejects(
    () => sweepValues(completeValues(SWEEP, { backend: "sglang" }), environment),
    UserError,
    "set SGLANG_SERVER_URL or SERVER_URL",
  );
});

Deno.test("sweepCases reads a file, and says what is wrong in it", async () => {
  await inTempFolder(async (folder) => {
    const file = `${folder}/cases.json`;
    const cases = async (text: string) => {
      await Deno.writeTextFile(file, text);
      return await sweepCases(completeValues(SWEEP, { cases: file }));
    };
    assertEquals(await cases('[{"clients": 7}, {"clients": 2, "turns": 3, "stop-time": 9.5}]'), [
      { clients: 7, turns: 1, prompts: 1024, rampUpTime: 0.7, stopTime: 300 },
      { clients: 2, turns: 3, prompts: 1024, rampUpTime: 0.2, stopTime: 9.5 },
    ]);
    const wrong: readonly (readonly [string, string])[] = [
      ["[", "Cannot read --cases"],
      ["[]", "give a list like"],
      ['[{"turns": 1}]', 'has no "clients"'],
      ['[{"clients": 0}]', "a whole number of at least 1"],
      ['[{"clients": 1, "turn": 2}]', "did you mean turns?"],
      ['[{"clients": 1, "toString": 2}]', 'Cannot use "toString" in case 1'],
    ];
    for (const [text, message] of wrong) await assertRejects(() => cases(text), UserError, message);
  });
});

Deno.test("sweep writes a key into none of its files (T38)", async () => {
  const key = "sk-very-secret-0123456789";
  await withSweeps(async ({ folder, run }) => {
    const { code, out, err } = await run(["--clients=1", "--api-key", key]);
    assertEquals(code, 0, err);
    assert(!`${out}${err}`.includes(key));
    let files = 0;
    const look = async (path: string): Promise<void> => {
      for await (const { name, isDirectory } of Deno.readDir(path)) {
        if (isDirectory) await look(`${path}/${name}`);
        else {
          files++;
          assert(!(await Deno.readTextFile(`${path}/${name}`)).includes(key), name);
        }
      }
    };
    await look(folder);
    assertEquals(files, 4);
  }, { apiKey: key });
});
