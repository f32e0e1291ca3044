import { assertEquals, assertThrows } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { readRunHeader } from "../workloads/record_file.ts";
import { planName } from "../workloads/bench_name.ts";
import { UserError } from "../workloads/user_error.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

Deno.test("planName reads a name and tags, and leaves out what is not there", () => {
  assertEquals(planName({}), {});
  assertEquals(planName({ name: " nightly\n 7 ", tag: ["commit=a=b", "gpu.type= h100 "] }), {
    name: "nightly 7",
    tags: { commit: "a=b", "gpu.type": "h100" },
  });
  assertEquals(planName({ tag: ["from=http://me:pw@host/x"] }), {
    tags: { from: "http://host/x" },
  });
});

Deno.test("planName refuses what cannot be kept, and never repeats a secret", () => {
  const rows: readonly [given: Parameters<typeof planName>[0], says: string][] = [
    [{ name: "  " }, "Cannot use an empty --name"],
    [{ name: "n".repeat(201) }, "--name of 201 characters: 200 is the most"],
    [{ name: "sk-abcdefgh12345678" }, "--name ***: it looks like a secret"],
    [{ tag: ["commit"] }, 'Cannot use --tag "commit": write it as key=value'],
    [{ tag: ["=12345678"] }, 'Cannot use --tag "=***"'],
    [{ tag: ["a b=1"] }, 'Cannot use --tag "a b=***"'],
    [{ tag: ["a="] }, "Cannot use an empty --tag a"],
    [{ tag: ["a=1", "a=2"] }, "Cannot use --tag a twice"],
    [{ tag: ["api_key=12345678"] }, "Cannot use --tag api_key=***: it looks like a secret"],
    [{ tag: ["x=hf_abcdefgh12345678"] }, "Cannot use --tag x=***: it looks like a secret"],
    [
      { tag: Array.from({ length: 51 }, (_, i) => `t${i}=1`) },
      "Cannot use 51 tags: 50 is the most",
    ],
  ];
  for (const [given, says] of rows) assertThrows(() => planName(given), UserError, says);
});

Deno.test("a run's name and tags are in its record file and in its reports", async () => {
  const server = await startSimServer({ ttft: "1", itl: "0" });
  try {
    await inTempFolder(async (folder) => {
      const argv = ["--requests=2", "--output-tokens=2", "--concurrency=1", `--out=${folder}/run`];
      const called = ["--name=<b>first</b>", "--tag=commit=abc", "--tag", "gpu=h100"];
      const { code, out, err } = await runCli(["bench", server.url, ...argv, ...called]);
      assertEquals(code, 0, err);
      const line = "<b>first</b> · commit=abc · gpu=h100";
      assertEquals(out.split("\n").filter((one) => one === line).length, 1, out);
      const { name, tags } = await readRunHeader(`${folder}/run/records.jsonl`);
      assertEquals([name, tags], ["<b>first</b>", { commit: "abc", gpu: "h100" }]);
      const { header } = JSON.parse(await Deno.readTextFile(`${folder}/run/report.json`));
      assertEquals(header.name, name);
      const page = await Deno.readTextFile(`${folder}/run/report.html`);
      assertEquals(page.includes("<b>first"), false);
      assertEquals(page.includes("first&#60;/b&#62; · commit=abc · gpu=h100"), true);
    });
  } finally {
    await server.stop();
  }
});
