/** A project of somebody else's imports the package by its name and runs the README's example. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import * as root from "../mod.ts";
import { readDocEntries } from "./support/doc_entries.ts";
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

Deno.test("a program with a misspelled or mistyped option does not compile", async () => {
  const right = "{ concurrency: [1], outputTokens: 8, arrival: 'poisson' }";
  const wrong: [options: string, error: RegExp][] = [
    ["{ concurency: [1] }", /'concurency' does not exist in type/],
    ["{ 'output-tokens': 8 }", /'output-tokens'.* does not exist in type/],
    ["{ concurrency: 1 }", /'number' is not assignable to type 'readonly number\[\]'/],
    ["{ arrival: 'uniform' }", /"uniform"' is not assignable to type/],
  ];
  await inConsumer(async (folder) => {
    const calls = [right, ...wrong.map(([options]) => options)]
      .map((options) => `await measureBench("http://127.0.0.1:8000", ${options});\n`);
    await Deno.writeTextFile(
      `${folder}/main.ts`,
      `import { measureBench } from "@tokometer/tokometer";\n${calls.join("")}`,
    );
    const { output } = await runDeno(["check", "main.ts"], folder);
    for (const [, error] of wrong) assertMatch(output, error);
    assertMatch(output, new RegExp(`^Found ${wrong.length} errors`, "m"));
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

/** Functions that need permissions, and a program that calls them and needs no others. */
const NEEDS: readonly {
  readonly names: readonly string[];
  readonly flags: readonly string[];
  readonly program: string;
}[] = [
  {
    names: ["startSimServer"],
    flags: ["--allow-net"],
    program: `
      const server = await startSimServer({ ttft: "1", itl: "0" });
      await fetch(server.url + "/v1/models").then((response) => response.text());
      await server.stop();
    `,
  },
  {
    names: ["launchSimulator"],
    flags: ["--allow-net", "--allow-run"],
    program: `
      const simulator = await launchSimulator(["--ttft", "1"]);
      await simulator.truth();
      await simulator.stop();
    `,
  },
  {
    names: ["measureBench"],
    flags: ["--allow-net", "--allow-read"],
    program: `
      const server = await startSimServer({ ttft: "1", itl: "0" });
      await measureBench(server.url, { concurrency: [1], requests: 2 });
      await server.stop();
    `,
  },
  {
    names: ["openRecordFile"],
    flags: ["--allow-write"],
    program: `
      const writer = startRecordFile(await openRecordFile("written.jsonl"), { loads: [] } as never);
      await writer.close();
    `,
  },
  {
    names: ["readRecordFile", "streamRecordFile", "mergeRecordFiles"],
    flags: ["--allow-read"],
    // What they return is summarized and rendered without any permission.
    program: `
      const run = await readRecordFile("records.jsonl");
      for await (const _ of streamRecordFile("records.jsonl"));
      for await (const _ of mergeRecordFiles(["records.jsonl"]));
      const summary = summarize(run, { slo: parseSlo("ttft:500") });
      renderTable(summary);
      for (const report of REPORTS) report.render(summary);
      findMetric(summary.loads[0]!, METRICS[0]!.name);
      if (run.records.some(isFailure)) throw new UserError(findProtocol("tgi").name + VERSION);
    `,
  },
];

Deno.test("each function of the root needs the permissions that its description names", async () => {
  const { symbols } = (await readDocEntries()).get(".")!;
  for (const { name, declarations: [declaration] } of symbols) {
    const named = declaration?.jsDoc?.doc?.match(/--allow-\w+/g) ?? [];
    assertEquals(named, NEEDS.find(({ names }) => names.includes(name))?.flags ?? [], name);
  }
  const imports = `import * as root from "@tokometer/tokometer";\nconst {${
    symbols.map(({ name }) => name).filter((name) => name in root).join()
  }} = root;\n`;
  await inConsumer(async (folder) => {
    await recordRun(`${folder}/records.jsonl`);
    for (const { names, flags, program } of NEEDS) {
      await Deno.writeTextFile(`${folder}/main.ts`, imports + program);
      const { success, output } = await runDeno(
        ["run", "--no-prompt", ...flags, "main.ts"],
        folder,
      );
      assert(success, `${names}: ${output}`);
      for (const flag of flags) {
        const fewer = flags.filter((other) => other !== flag);
        const refused = await runDeno(["run", "--no-prompt", ...fewer, "main.ts"], folder);
        assert(!refused.success, `${names} need no ${flag}`);
      }
    }
  });
});

/** Measures two requests of the simulated engine into a record file. */
async function recordRun(path: string): Promise<void> {
  const server = await root.startSimServer({ ttft: "1", itl: "0" });
  const run = await root.measureBench(server.url, { concurrency: [1], requests: 2 });
  await server.stop();
  const writer = root.startRecordFile(await root.openRecordFile(path), run.header);
  for (const record of run.records) writer.add(record);
  for (const end of run.ends) writer.end(end);
  await writer.close();
}
