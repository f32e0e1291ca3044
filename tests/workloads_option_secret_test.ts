import { assert, assertEquals, assertRejects } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { command as bench } from "../workloads/command_bench.ts";
import { COMMANDS } from "../workloads/commands.ts";
import { redactCommandLine, repeatableValues, resolveSecrets } from "../workloads/option_secret.ts";
import { listOptions } from "../workloads/option_table.ts";
import { measureBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";
import { FAKE } from "./support/fake_command.ts";

Deno.test("resolveSecrets reads a secret from the environment or a file", async () => {
  const path = await Deno.makeTempFile();
  const name = "TOKOMETER_TEST_SECRET";
  try {
    await Deno.writeTextFile(path, "from file\n");
    Deno.env.set(name, "from env");
    const cases: [string, string][] = [
      ["plain", "plain"],
      ["sk:env:x", "sk:env:x"],
      [`env:${name}`, "from env"],
      [`file:${path}`, "from file"],
    ];
    for (const [given, secret] of cases) {
      const values = await resolveSecrets(FAKE, { apiKey: given, model: `env:${name}` });
      assertEquals(values, { apiKey: secret, model: `env:${name}` });
    }
  } finally {
    Deno.env.delete(name);
    await Deno.remove(path);
  }
});

Deno.test("resolveSecrets says where there was none", async () => {
  const refusal = (given: string) =>
    assertRejects(() => resolveSecrets(FAKE, { apiKey: given }), UserError);
  assertEquals(
    (await refusal("env:TOKOMETER_NO_SUCH")).message,
    "Cannot use --api-key env:TOKOMETER_NO_SUCH: the environment has no TOKOMETER_NO_SUCH",
  );
  assertEquals(
    (await refusal("file:no_such")).message,
    "Cannot use --api-key file:no_such: the file cannot be read",
  );
});

Deno.test("redactCommandLine hides secrets in every spelling, and nothing else", () => {
  const cases: [string[], string[]][] = [
    [["fake", "--api-key", "s", "u"], ["fake", "--api-key", "***", "u"]],
    [["fake", "--api_key=s=t", "u"], ["fake", "--api_key=***", "u"]],
    [["fake", "-k", "s"], ["fake", "-k", "***"]],
    [["fake", "-ks"], ["fake", "-k***"]],
    [["fake", "-k=s"], ["fake", "-k=***"]],
    [["fake", "--model", "s", "-n5"], ["fake", "--model", "s", "-n5"]],
  ];
  for (const [argv, expected] of cases) assertEquals(redactCommandLine(argv, FAKE), expected);
});

Deno.test("repeatableValues leaves out the values of secret options, and the folder", () => {
  const values = { rate: 1, apiKey: "s", url: "u", saveText: true };
  assertEquals(repeatableValues(FAKE.options, values), { rate: 1, url: "u", "save-text": true });
  assertEquals(repeatableValues(bench.options, { out: "o", requests: 4 }), { requests: 4 });
});

Deno.test("redactCommandLine takes nothing for the value of a flag", async () => {
  const bench = await COMMANDS.find(({ name }) => name === "bench")!.load();
  const argv = ["bench", "--send-key", "--agents", "4", "--api-key", "sk-12345678"];
  assertEquals(redactCommandLine(argv, bench), [...argv.slice(0, 5), "***"]);
});

Deno.test("no command stores or shows what belongs in a header or is a key", async () => {
  for (const { name, load } of COMMANDS) {
    const { options } = await load();
    const values = Object.fromEntries(Object.keys(options).map((key) => [key, `value of ${key}`]));
    const kept = Object.keys(repeatableValues(options, values));
    for (const { name: option, key } of listOptions(options)) {
      // Keys of JSON objects are no secrets, nor is a header's name alone, or the name of what holds one.
      const secret =
        /(^|-)((?<!^(prompt|output|send)-)key|(?<!^session-)header|token|(?<!^key-)secret|password)$/
          .test(option);
      assertEquals(options[key]?.secret ?? false, secret, `${name} --${option}`);
      if (secret) assert(!kept.includes(option), `${name} --${option}`);
    }
  }
});

Deno.test("a run's header holds no secret (T38)", async () => {
  const server = await startSimServer({ ttft: "1", itl: "1", apiKey: "sk-1" });
  try {
    const secrets = { apiKey: "sk-1", header: ["X-Key: sk-2"] };
    const { header } = await measureBench(server.url, {
      ...secrets,
      requests: 2,
      outputTokens: 2,
      warmup: 0,
      workers: 0,
    });
    assertEquals(header.options.requests, 2);
    for (const name of ["api-key", "apiKey", "header"]) assert(!(name in header.options), name);
    assert(!JSON.stringify(header).includes("sk-"));
  } finally {
    await server.stop();
  }
});

Deno.test("nothing that is kept holds a key for a server that is launched (T38)", () => {
  const texts = {
    "-np 4 --api-key sk-1 -c 8": "-np 4 --api-key *** -c 8",
    "--token=sk-1": "--token=***",
    "--hf_token 'sk 1' --max-num-batched-tokens 8192 --key-file k":
      "--hf_token *** --max-num-batched-tokens 8192 --key-file k",
    "http://user:pw@host": "http://host",
    "--password": "--password",
  };
  for (const [text, expected] of Object.entries(texts)) {
    assertEquals(
      repeatableValues(bench.options, { launch: "vllm", launchArgs: text }),
      { launch: "vllm", "launch-args": expected },
    );
    assertEquals(redactCommandLine(["bench", `--launch-args=${text}`], bench), [
      "bench",
      `--launch-args=${expected}`,
    ]);
  }
});
