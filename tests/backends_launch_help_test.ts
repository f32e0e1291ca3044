import { assert, assertEquals, assertRejects } from "@std/assert";
import { findLaunchEngine } from "../backends/launch_engines.ts";
import { askKnownOptions, knownOptions } from "../backends/launch_help.ts";
import { inTempFolder } from "./support/run_cli.ts";

/** Starts of real texts: vLLM 0.32, SGLang 0.5, LightLLM, and llama.cpp's server. */
const VLLM = `usage: api_server.py [-h] [--headless] [--host HOST]
                     [--enforce-eager | --no-enforce-eager]
                     [--safetensors-load-strategy {lazy,eager}]

options:
  --enable-log-requests, --no-enable-log-requests
                        Enable logging, in place of
                        --disable-log-requests, which is gone.
  --port PORT           Port number. (default: 8000)
  --tensor-parallel-size TENSOR_PARALLEL_SIZE, -tp TENSOR_PARALLEL_SIZE
                        Number of groups. \`--swap-space\` had
                        --swap-space of them.
`;
const SGLANG = `options:
  -h, --help            show this help message and exit
  --tensor-parallel-size TP_SIZE, --tp-size TP_SIZE
                        The tensor parallelism size.
`;
const LLAMACPP = `----- common params -----

-h,    --help, --usage                  print usage and exit
-c,    --ctx-size N                     size of the prompt context (default: 0)
-fa,   --flash-attn [on|off|auto]       set Flash Attention use
--port PORT                             port to listen (default: 8080)
`;

Deno.test("knownOptions reads the lists of argparse and of llama.cpp, not their prose", () => {
  const cases: readonly [string, readonly string[], readonly string[]][] = [
    [
      VLLM,
      ["--port", "--host", "--tensor-parallel-size", "-tp", "--enforce-eager", "--headless"],
      ["--swap-space", "--disable-log-requests", "-c", "--uvicorn-log-level"],
    ],
    [VLLM, ["--no-enable-log-requests", "--enable_log_requests"], ["--eager"]],
    // argparse takes a beginning.
    [SGLANG, ["--tp", "--tp-size"], ["-t", "--disable-radix-cache"]],
    [LLAMACPP, ["-c", "--ctx-size", "--usage", "-fa", "--port"], ["-m", "--model"]],
    ["", [], ["--port"]],
  ];
  for (const [help, known, unknown] of cases) {
    const knows = knownOptions(help);
    for (const name of known) assertEquals(knows(name), true, name);
    for (const name of unknown) assertEquals(knows(name), false, name);
  }
});

/** A program of these lines in sh, asked as vLLM is. */
async function asked(script: string, options: Parameters<typeof askKnownOptions>[2] = {}) {
  let knows: Awaited<ReturnType<typeof askKnownOptions>>;
  await inTempFolder(async (folder) => {
    const program = `${folder}/python`;
    await Deno.writeTextFile(program, `#!/bin/sh\n${script}\n`);
    await Deno.chmod(program, 0o755);
    knows = await askKnownOptions(findLaunchEngine("vllm"), program, options);
  });
  return knows;
}

Deno.test({
  name: "askKnownOptions asks the program itself, in the words that its version understands",
  ignore: Deno.build.os === "windows",
  async fn() {
    const both = await asked(`case "$*" in
  "-m vllm.entrypoints.openai.api_server --help=all") echo "  --port P"; echo "  --new N" ;;
  *) echo "  --port P" ;;
esac`);
    assert(both?.("--new"));
    const old = await asked(`case "$*" in *=all) echo "[--port P]"; exit 2 ;; esac
echo "usage: x [--port PORT] [--swap-space S]"`);
    assertEquals([old?.("--swap-space"), old?.("--new")], [true, false]);
  },
});

Deno.test({
  name: "askKnownOptions knows nothing of a program that lists no options, or never ends",
  ignore: Deno.build.os === "windows",
  async fn() {
    assertEquals(await asked("exit 2"), undefined);
    assertEquals(await asked("echo Config Groups: see --help=page"), undefined);
    // A list without the port cannot be all of it.
    assertEquals(await asked('echo "  --model M"'), undefined);
    assertEquals(await asked("sleep 1000 & sleep 1000", { limitMs: 50 }), undefined);
    // It is not asked again in other words.
    assertEquals(
      await asked('case "$*" in *=all) sleep 1000 ;; esac; echo "  --port P"', { limitMs: 50 }),
      undefined,
    );
    assertEquals(await asked("sleep 1000", { signal: AbortSignal.timeout(50) }), undefined);
    await assertRejects(
      () => askKnownOptions(findLaunchEngine("vllm"), "/nowhere/python"),
      Deno.errors.NotFound,
    );
    // Its container would be started.
    assertEquals(await askKnownOptions(findLaunchEngine("triton"), "/nowhere/bash"), undefined);
  },
});
