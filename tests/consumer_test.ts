/** A project of somebody else's imports the package by its name and runs the README's example. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { inTempFolder } from "./support/run_cli.ts";
import { runDeno } from "./support/run_deno.ts";

const ROOT = new URL("..", import.meta.url);

async function readmeExample(): Promise<string> {
  const readme = await Deno.readTextFile(new URL("README.md", ROOT));
  const blocks = [...readme.matchAll(/^```ts\n([\s\S]*?)^```$/gm)].map(([, text]) => text!);
  const examples = blocks.filter((text) => text.includes('from "@tokometer/tokometer"'));
  assertEquals(examples.length, 1);
  return examples[0]!;
}

/** A folder whose `deno.json` takes the package from here, as JSR would serve it. */
function inConsumer(use: (folder: string) => Promise<void>): Promise<void> {
  return inTempFolder(async (folder) => {
    const links = [".", ...config.links].map((link) => new URL(link, ROOT).href);
    const imports = { "@tokometer/tokometer": `jsr:@tokometer/tokometer@^${config.version}` };
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ imports, links }));
    await use(folder);
  });
}

Deno.test("a consumer project runs the README's benchmark of 15 lines", async () => {
  const example = await readmeExample();
  const lines = example.split("\n").filter((line) => !/^\s*(\/\/.*)?$/.test(line));
  assert(lines.length <= 15, `${lines.length} lines`);
  await inConsumer(async (folder) => {
    await Deno.writeTextFile(`${folder}/main.ts`, example);
    // With no more than a benchmark needs; its types are checked by deno task check.
    const permissions = ["--allow-net", "--allow-read"];
    const args = ["run", "--no-prompt", ...permissions, "main.ts"];
    const { success, output } = await runDeno(args, folder);
    assert(success, output);
    assertMatch(output, /^1 user 8 [\d.]+ [\d.]+$/m);
    assertMatch(output, /^4 users 8 [\d.]+ [\d.]+$/m);
  });
});

Deno.test("a consumer project can import every entry, and metrics alone load no gRPC and no tokenizer", async () => {
  await inConsumer(async (folder) => {
    const entries = Object.keys(config.exports).map((entry) => entry.slice(1));
    assertEquals(entries, ["", "/cli", "/backends", "/metrics", "/workloads"]);
    const source = entries.map((entry, i) =>
      `import * as all${i} from "@tokometer/tokometer${entry}";\nconsole.log(Object.keys(all${i}));`
    );
    await Deno.writeTextFile(`${folder}/main.ts`, source.join("\n"));
    const all = await runDeno(["run", "--no-prompt", "main.ts"], folder);
    assert(all.success, all.output);
    const heavy = /"specifier": "npm:(@grpc|@huggingface)/;
    const info = await runDeno(["info", "--json", "main.ts"], folder);
    assertMatch(info.output, heavy);
    await Deno.writeTextFile(`${folder}/metrics.ts`, 'import "@tokometer/tokometer/metrics";\n');
    const metrics = await runDeno(["info", "--json", "metrics.ts"], folder);
    assertMatch(metrics.output, /"specifier": "file:\S+\/metrics\/mod\.ts"/);
    assert(!heavy.test(metrics.output), "metrics load what only others need");
  });
});
