/** `--launch` on every command that measures a server, with an executable that plays the engines. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { LAUNCH_ENGINES } from "../backends/launch_engines.ts";
import { type ProcessIdentity, processTree } from "../backends/process_tree.ts";
import { LAUNCH_OPTIONS } from "../workloads/server_launch_options.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { findCommand } from "../workloads/commands.ts";
import { LLAMA_SERVER, writeRandomModel } from "./support/llama_server.ts";
import { inTempFolder, type Ran, runCli } from "./support/run_cli.ts";
import { TOKENIZER, writeSharegpt } from "./support/sharegpt_file.ts";

const FAKE = new URL("support/fake_engine.ts", import.meta.url).pathname;
/** Processes are told apart by what Linux says of them. */
const LINUX = { ignore: Deno.build.os !== "linux" };

/** What each command needs besides, for a run of a moment. */
const QUICK: Readonly<Record<string, readonly string[]>> = {
  "bench": ["--requests=4", "--concurrency=2", "--output-tokens=4"],
  "num-clients": ["--num-requests=2", "--num-clients=2", "--ramp-up-time=0"],
  "request-rate": ["--num-requests=4"],
  "sweep": ["--clients=2", "--prompts=2", "--stop-time=0", "--ramp-up-time=0", "--model-size=7"],
  "profile-restful-api": [TOKENIZER, "DATASET", "--num-prompts=4", "--concurrency=2"],
  "profile-serving": [TOKENIZER, "DATASET", "--num-prompts=4", "--concurrency=2"],
  "profile-generation": ["-c", "2", "-pt", "4", "-ct", "4", "-tr", "1", "-w", "0"],
  "profile-throughput": ["DATASET", "--num-prompts=4", "--concurrency=2"],
};

/** The command line of a command that launches the fake engine, and where its records will be. */
async function launchLine(
  folder: string,
  command: string,
  engine: string,
  more: readonly string[],
): Promise<string[]> {
  const dataset = await writeSharegpt(folder, 8);
  const csv = command.startsWith("profile-") ? [`--csv=${folder}/out.csv`] : [];
  const records = command === "sweep" ? [`--folder=${folder}`] : [`--out=${folder}/out`];
  return [
    command,
    ...more.map((word) => word === "DATASET" ? dataset : word),
    ...[
      "--launch",
      engine,
      "--model-path=M.gguf",
      "--launch-port=0",
      `--launch-executable=${FAKE}`,
    ],
    ...[`--launch-log=${folder}/engine.log`, ...csv, ...records],
  ];
}

async function launched(
  folder: string,
  command: string,
  engine: string,
  ...more: readonly string[]
): Promise<Ran> {
  const line = await launchLine(folder, command, engine, [...QUICK[command]!, ...more]);
  return await runCli([...line, "--quiet"]);
}

function serverOf(text: string): ProcessIdentity {
  const [, pid] = /Started \S+ as process (\d+)/.exec(text) ?? [];
  assert(pid !== undefined, text);
  return { pid: Number(pid), mark: "" };
}

/** Protocols that the commands speak with an engine; others are asked in the engine's own. */
const PROTOCOLS_OF: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  // Prompts of token ids cannot be sent as a chat.
  "profile-generation": { lmdeploy: "lmdeploy-generate" },
};

for (const command of Object.keys(QUICK)) {
  Deno.test({
    ...LINUX,
    name: `${command} --launch starts a server, measures it in its own protocol and ends it`,
    fn: () =>
      inTempFolder(async (folder) => {
        const engines = command === "profile-generation"
          // Triton's container listens on a port of its own choice, which may be taken.
          ? LAUNCH_ENGINES.map(({ name }) => name).filter((name) => name !== "triton")
          : [command.includes("-r") ? "lmdeploy" : "ppl"];
        for (const engine of engines) {
          const { code, out, err } = await launched(folder, command, engine);
          assertEquals(code, 0, `${engine}: ${err}`);
          assertEquals(processTree(serverOf(err)), []);
          assert(out.length > 0);
          const records = command === "sweep"
            ? `${folder}/result/benchmark_${engine}_all_cuda_records/1_2clients.jsonl`
            : `${folder}/out/records.jsonl`;
          const { header, records: rows } = await readRecordFile(records);
          const own = LAUNCH_ENGINES.find(({ name }) => name === engine)!.protocol;
          assertEquals(header.protocol, PROTOCOLS_OF[command]?.[engine] ?? own);
          assertEquals(new Set(rows.map(({ outcome }) => outcome.kind)), new Set(["ok"]));
          if (command !== "sweep") {
            // What repeats the run must not also hold the address of the server that is gone.
            assertEquals(header.options.launch, engine);
            for (const name of ["url", "base-url", "server-addr"]) {
              assert(!(name in header.options), name);
            }
          }
          await Deno.remove(`${folder}/${command === "sweep" ? "result" : "out"}`, {
            recursive: true,
          });
        }
      }),
  });
}

Deno.test("every command that measures a server can launch it, with the same options", async () => {
  for (const command of Object.keys(QUICK)) {
    const scenario = await findCommand(command).load();
    const keys = Object.keys(scenario.options);
    for (const key of Object.keys(LAUNCH_OPTIONS)) assert(keys.includes(key), `${command} ${key}`);
  }
});

Deno.test({
  ...LINUX,
  name: "--launch passes the settings to the engine, in every command",
  fn: () =>
    inTempFolder(async (folder) => {
      const asked = [
        ...["--tp=2", "--model-format=hf", "--cache-count=0.5", "--session-len=4096"],
        ...["--launch-args=--fake-children 1"],
      ];
      for (const command of ["num-clients", "sweep", "profile-restful-api", "profile-generation"]) {
        const level = command === "profile-generation" ? "--log-level=ERROR" : "--log-level=error";
        const sweepLabels = command === "sweep" ? ["--mode=fp16"] : [];
        const { code, err } = await launched(
          folder,
          command,
          "lmdeploy",
          ...[...asked, level, ...sweepLabels],
        );
        assertEquals(code, 0, err);
        const log = await Deno.readTextFile(`${folder}/engine.log`);
        assertMatch(
          log,
          /loading the model, serve api_server M\.gguf --server-port \d+ --tp 2 --model-format hf --cache-max-entry-count 0\.5 --session-len 4096 --log-level ERROR --fake-children 1$/m,
        );
        for (const name of ["out", "engine.log", "result", "log"]) {
          await Deno.remove(`${folder}/${name}`, { recursive: true }).catch(() => {});
        }
      }
    }),
});

Deno.test({
  ...LINUX,
  name:
    "--launch lmdeploy is started with the defaults of the scripts' documents, where they have some",
  fn: () =>
    inTempFolder(async (folder) => {
      const cases: readonly (readonly [command: string, more: string[], line: RegExp])[] = [
        [
          ...["profile-throughput", []] as [string, string[]],
          /--tp 1 --model-format hf --cache-max-entry-count 0\.5 --log-level ERROR$/m,
        ],
        [
          ...["profile-generation", ["--model-format=None"]] as [string, string[]],
          /--tp 1 --cache-max-entry-count 0\.5 --log-level ERROR$/m,
        ],
        [
          "profile-throughput",
          ["--cache-count=0.7", "--log-level=INFO", "--mode=w4a16"],
          /--tp 1 --model-format awq --cache-max-entry-count 0\.7 --log-level INFO$/m,
        ],
        ["profile-restful-api", ["--model-format=None"], /--tp 1$/m],
      ];
      for (const [command, more, line] of cases) {
        const { code, err } = await launched(folder, command, "lmdeploy", ...more);
        assertEquals(code, 0, err);
        assertMatch(await Deno.readTextFile(`${folder}/engine.log`), line);
        for (const name of ["out", "engine.log"]) {
          await Deno.remove(`${folder}/${name}`, { recursive: true });
        }
      }
    }),
});

Deno.test({
  ...LINUX,
  name: "--launch leaves out what this version of the engine does not know, and says so",
  fn: () =>
    inTempFolder(async (folder) => {
      const engines: Readonly<Record<string, readonly [lacks: string[], left: string[]]>> = {
        vllm: [["--swap-space", "--disable-log-requests"], [
          "--swap-space 16",
          "--disable-log-requests",
        ]],
        lightllm: [["--tokenizer_mode"], ["--tokenizer_mode fast"]],
        sglang: [["--disable-radix-cache"], ["--disable-radix-cache"]],
      };
      for (const [engine, [lacks, left]] of Object.entries(engines)) {
        const program = `${folder}/${engine}`;
        await Deno.writeTextFile(program, `#!/bin/sh\nFAKE_LACKS=${lacks} exec ${FAKE} "$@"\n`);
        await Deno.chmod(program, 0o755);
        const line = await launchLine(folder, "bench", engine, QUICK.bench!);
        const { code, err } = await runCli([
          ...line.map((word) => word.replace(FAKE, program)),
          "--quiet",
        ]);
        assertEquals(code, 0, err);
        const said = err.split("\n").filter((one) => one.includes("does not know"));
        assertEquals(said, [
          `warning: started without ${left.join(" and ")}, which this version of ${engine} does ` +
          "not know",
        ]);
        const log = await Deno.readTextFile(`${folder}/engine.log`);
        assertMatch(log, /loading the model/);
        for (const name of lacks) assert(!log.includes(name), log);
        for (const name of ["out", "engine.log"]) {
          await Deno.remove(`${folder}/${name}`, { recursive: true });
        }
      }
    }),
});

Deno.test({
  ...LINUX,
  name: "--launch refuses a setting that this version of the engine does not know",
  fn: () =>
    inTempFolder(async (folder) => {
      const program = `${folder}/vllm`;
      await Deno.writeTextFile(
        program,
        `#!/bin/sh\nFAKE_LACKS=--max-model-len exec ${FAKE} "$@"\n`,
      );
      await Deno.chmod(program, 0o755);
      const line = await launchLine(folder, "bench", "vllm", QUICK.bench!);
      const { code, err } = await runCli([
        ...line.map((word) => word.replace(FAKE, program)),
        ...["--quiet", "--session-len=4096"],
      ]);
      assertEquals(code, 2, err);
      assertStringIncludes(
        err,
        "error: Cannot start vllm with a session length of 4096: the version installed here knows " +
          "no --max-model-len",
      );
    }),
});

Deno.test("--launch is checked like everything else before a server is started", () =>
  inTempFolder(async (folder) => {
    const refused = async (command: string, ...more: string[]) => {
      const { code, out, err } = await launched(folder, command, "vllm", ...more);
      assertEquals([code, out], [2, ""], err);
      // Nothing was started, hence no log.
      await Deno.stat(`${folder}/engine.log`).then(() => assert(false, err), () => {});
      return err.split("\n").find((line) => line.startsWith("error: ")) ?? "";
    };
    for (const command of Object.keys(QUICK)) {
      assertMatch(
        await refused(command, "--tp=3"),
        /Cannot share a model among 3 GPUs: give a power of two/,
        command,
      );
      assertMatch(await refused(command, "--session-len=0"), /--session-len 0/);
      assertMatch(await refused(command, "--cache-max-entry-count=0"), /--cache-max-entry-count 0/);
      assertMatch(await refused(command, "--model-format=xml"), /hf, llama, awq/);
      assertMatch(await refused(command, "--model-format=hf"), /no option for it/);
      assertMatch(await refused(command, "--log-level=loud"), /give one of/);
      assertMatch(await refused(command, "--extra-body={"), /--extra-body/);
      // There the address is the model's path: see the next test.
      if (/generation|throughput/.test(command)) continue;
      const address = `${command === "sweep" ? "--base-url=" : ""}http://127.0.0.1:9`;
      const line = await launchLine(folder, command, "vllm", [address, ...QUICK[command]!]);
      assertMatch(
        (await runCli(line)).err,
        /^error: .*http:\/\/127\.0\.0\.1:9 and --launch together: give one of them$/m,
      );
    }
  }));

Deno.test("--launch: files that cannot be read or written are reported before a server is started", () =>
  inTempFolder(async (folder) => {
    await Deno.writeTextFile(`${folder}/bad.json`, "[{");
    const launch = ["--launch=vllm", "--model-path=M", `--launch-log=${folder}/engine.log`];
    const cases: (readonly [string[], RegExp])[] = [
      [["profile-throughput", `${folder}/no.json`], /no\.json/],
      [["profile-throughput", `${folder}/bad.json`], /bad\.json/],
      [["num-clients", `--dataset-path=${folder}/bad.json`], /bad\.json/],
      [["bench", `--dataset-path=${folder}/no.jsonl`], /no\.jsonl/],
      [["profile-restful-api", `${folder}/nowhere`, `${folder}/bad.json`], /nowhere/],
      [["profile-generation", `--csv=${folder}/nowhere/a.csv`], /no folder .*nowhere/],
      [["profile-generation", `--csv=${folder}`], /it is a folder/],
      [["bench", `--out=${folder}`], /--out .*exists already/],
    ];
    for (const [words, message] of cases) {
      const { code, err } = await runCli([...words, ...launch, "--quiet"]);
      assertEquals(code, 2, err);
      assertMatch(err.split("\n").find((line) => line.startsWith("error: ")) ?? "", message);
      await Deno.stat(`${folder}/engine.log`).then(() => assert(false, err), () => {});
    }
  }));

Deno.test("profile-generation and profile-throughput take no URL beside --launch", () =>
  inTempFolder(async (folder) => {
    const dataset = await writeSharegpt(folder, 2);
    for (const words of [["profile-generation"], ["profile-throughput", dataset]]) {
      const { code, err } = await runCli([...words, "http://u:p@127.0.0.1:9", "--launch=vllm"]);
      assertEquals(code, 2);
      assertMatch(err, /^error: Cannot use <model-path> http:\/\/\S+ and --launch together/);
      assert(!err.includes("u:p@"), err);
    }
    const { err } = await runCli([
      ...["profile-generation", "M", "--launch=vllm", "--protocol=transformers"],
    ]);
    assertMatch(err, /^error: Cannot use --protocol transformers and --launch together/);
  }));

Deno.test("without --launch its options are errors, where the scripts have no such ones", async () => {
  const url = "http://127.0.0.1:9";
  for (const command of ["bench", "num-clients", "request-rate"]) {
    const { code, err } = await runCli([command, url, "--tp=2"]);
    assertEquals(code, 2);
    assertMatch(err, /^error: Cannot use --tp without --launch/);
  }
  const { code, err } = await runCli(["profile-generation", url, "--launch-port=0", "-c", "1"]);
  assertEquals(code, 2);
  assertMatch(err, /^error: Cannot use --launch-port without --launch/);
  const three = await runCli(["profile-generation", url, "--tp=3"]);
  assertEquals(three.code, 2);
  assertMatch(three.err, /^error: Cannot share a model among 3 GPUs/);
});

Deno.test({
  ...LINUX,
  name: "--launch leaves the choice of a protocol to who has made it",
  fn: () =>
    inTempFolder(async (folder) => {
      const choices = {
        // What would be asked for without an engine is a choice as well.
        "bench": ["--protocol=openai-chat", "openai-chat"],
        "num-clients": ["--backend=vllm", "openai-completions"],
        "profile-throughput": ["--protocol=openai-chat", "openai-chat"],
      };
      for (const [command, [option, protocol]] of Object.entries(choices)) {
        const { code, err } = await launched(folder, command, "llama.cpp", option!);
        assertEquals(code, 0, err);
        const { header } = await readRecordFile(`${folder}/out/records.jsonl`);
        assertEquals(header.protocol, protocol);
        await Deno.remove(`${folder}/out`, { recursive: true });
      }
    }),
});

Deno.test("bench --launch --dry-run shows the server's command line and starts nothing", () =>
  inTempFolder(async (folder) => {
    const { code, out } = await launched(folder, "bench", "vllm", "--dry-run");
    assertEquals(code, 0);
    assertMatch(
      out,
      /^start {7}\S+fake_engine\.ts -m vllm\.entrypoints\.openai\.api_server --model M/,
    );
    assertStringIncludes(out, "openai-completions over auto");
    await Deno.stat(`${folder}/engine.log`).then(() => assert(false), () => {});
  }));

Deno.test({
  ...LINUX,
  name: "sweep --launch continues with --resume, at another port",
  fn: () =>
    inTempFolder(async (folder) => {
      const first = await launched(folder, "sweep", "vllm");
      assertEquals(first.code, 0, first.err);
      const again = await launched(folder, "sweep", "vllm", "--resume");
      assertEquals(again.code, 0, again.err);
      assert(!again.out.includes("[BENCHMARK"), again.out);
    }),
});

Deno.test({
  name: "--launch starts a real llama-server for each of the scripts' commands (LLAMA_SERVER)",
  ignore: LLAMA_SERVER === undefined,
  fn: () =>
    inTempFolder(async (folder) => {
      const model = await writeRandomModel(folder);
      for (const command of ["profile-generation", "profile-throughput", "num-clients"]) {
        const line = await launchLine(folder, command, "llama.cpp", [
          ...[...QUICK[command]!, "--quiet"],
          // The model knows no more tokens.
          ...command === "profile-generation" ? ["--vocab=512"] : [],
        ]);
        const { code, err } = await runCli([
          ...line.map((word) =>
            word === "--model-path=M.gguf"
              ? `--model-path=${model}`
              : word.replace(FAKE, LLAMA_SERVER!)
          ),
          "--launch-args=-np 2 -c 8192 -t 1",
        ]);
        assertEquals(code, 0, err);
        assertEquals(processTree(serverOf(err)), []);
        const { records } = await readRecordFile(`${folder}/out/records.jsonl`);
        assert(records.length >= 2);
        for (const { outcome, outputTokens, requestedTokens } of records) {
          assertEquals(outcome, { kind: "ok" });
          assertEquals(outputTokens, { tokens: requestedTokens, source: "counter" });
        }
        await Deno.remove(`${folder}/out`, { recursive: true });
      }
    }),
});

Deno.test({
  ...LINUX,
  name: "--launch says how to leave out an option that the engine refuses after all",
  fn: () =>
    inTempFolder(async (folder) => {
      // It lists no options, and so all of ours are passed.
      const program = `${folder}/vllm`;
      await Deno.writeTextFile(
        program,
        `#!/bin/sh\ncase "$*" in *--help*) exit 1 ;; esac\n` +
          `FAKE_LACKS=--swap-space exec ${FAKE} "$@"\n`,
      );
      await Deno.chmod(program, 0o755);
      const line = (await launchLine(folder, "bench", "vllm", QUICK.bench!))
        .map((word) => word.replace(FAKE, program));
      const refused = await runCli([...line, "--quiet"]);
      assertEquals(refused.code, 3, refused.err);
      assertStringIncludes(refused.err, "unrecognized arguments: --swap-space");
      assertStringIncludes(refused.err, 'left out by --launch-args="--name="');
      const started = await runCli([...line, "--quiet", "--launch-args=--swap-space="]);
      assertEquals(started.code, 0, started.err);
    }),
});
