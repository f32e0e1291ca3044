import { assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { START_VARIABLES, startFromEnvironment } from "../workloads/server_environment.ts";
import { UserError } from "../workloads/user_error.ts";

const CLI = new URL("../cli.ts", import.meta.url).pathname;
const HF = { HF_MODEL_PATH: "/hf", MODEL_SIZE: "13", TP_SIZE: "2" };
const OPMX = { ...HF, OPMX_MODEL_PATH: "/opmx" };

Deno.test("startFromEnvironment finds what the scripts find", () => {
  const cases: readonly (readonly [
    given: Parameters<typeof startFromEnvironment>[0],
    variables: Parameters<typeof startFromEnvironment>[1],
    found: Readonly<Record<string, string | number>>,
  ])[] = [
    [{}, {}, {}],
    [{}, { BACKEND: "vllm", ...HF }, { engine: "vllm", tp: 2, modelPath: "/hf/llama-13b-hf" }],
    [{ engine: "lightllm" }, { BACKEND: "vllm", HF_MODEL_PATH: "/hf" }, {
      engine: "lightllm",
      modelPath: "/hf/llama-7b-hf",
    }],
    [{ engine: "vllm", modelPath: "M", tp: 4 }, { ...OPMX, BACKEND: "ppl" }, {
      engine: "vllm",
      modelPath: "M",
      tp: 4,
    }],
    [{}, { BACKEND: "ppl", ...OPMX }, {
      engine: "ppl",
      tp: 2,
      modelPath: "/opmx/llama_13b_2gpu",
      tokenizerPath: "/hf/llama-13b-hf",
    }],
    [{ engine: "ppl", tokenizerPath: "T" }, { OPMX_MODEL_PATH: "/opmx" }, {
      engine: "ppl",
      modelPath: "/opmx/llama_7b_1gpu",
      tokenizerPath: "T",
    }],
    // A model of one's own has a tokenizer of its own.
    [{ engine: "ppl", modelPath: "M" }, OPMX, { engine: "ppl", modelPath: "M", tp: 2 }],
  ];
  for (const [given, variables, found] of cases) {
    assertEquals(JSON.parse(JSON.stringify(startFromEnvironment(given, variables))), found);
  }
  assertThrows(
    () => startFromEnvironment({}, { TP_SIZE: "two" }),
    UserError,
    "TP_SIZE=two GPUs: give 1, 2, 4 or 8",
  );
});

/** `serve start` with these words and this environment alone. */
async function started(words: readonly string[], env: Readonly<Record<string, string>>) {
  const output = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", CLI, "serve", "start", ...words, "--dry-run"],
    env: { ...Object.fromEntries(START_VARIABLES.map((name) => [name, ""])), ...env },
  }).output();
  const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes).trim();
  return { code: output.code, out: text(output.stdout), err: text(output.stderr) };
}

Deno.test("serve start takes from env_setup.sh what is not given, and says so", async () => {
  assertEquals(await started([], { BACKEND: "lmdeploy", ...HF }), {
    code: 0,
    out: "lmdeploy serve api_server /hf/llama-13b-hf --server-port 23333 --tp 2",
    err: "From the environment: lmdeploy --model-path /hf/llama-13b-hf --tp 2",
  });
  const given = await started(["lmdeploy", "--model-path=M", "--tp=1"], {
    BACKEND: "ppl",
    ...OPMX,
  });
  assertEquals(given, {
    code: 0,
    out: "lmdeploy serve api_server M --server-port 23333 --tp 1",
    err: "",
  });
  const nothing = await started([], {});
  assertEquals(nothing.code, 2);
  assertStringIncludes(nothing.err, "Cannot start a server without its engine");
});
