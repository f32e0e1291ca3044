/**
 * A protocol, a transport, a dataset, a metric, a report and a command are each added by one file
 * (a protocol by two, one of them its simulated side) and one line in a registry. Shown in a copy
 * of the repository: the help, the docs, the reports and all tests that know every member of a
 * registry follow by themselves.
 */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { copyRepository, runIn } from "./support/copy_repository.ts";
import { inTempFolder } from "./support/run_cli.ts";
import { runDeno } from "./support/run_deno.ts";

const ROOT = new URL("..", import.meta.url).pathname;

interface Addition {
  /** Path in the copy; `tests/additions/` has the file. */
  readonly file: string;
  /** What it exports. */
  readonly name: string;
  readonly registry: string;
  readonly list: string;
  /** What stands in the list, where that isn't the name; it may import the file itself. */
  readonly entry?: string;
}

const ADDITIONS: readonly Addition[] = [
  {
    file: "backends/protocol_ollama.ts",
    name: "ollama",
    registry: "backends/protocols.ts",
    list: "PROTOCOLS",
  },
  {
    file: "backends/sim_ollama.ts",
    name: "simOllama",
    registry: "backends/sim_protocols.ts",
    list: "SIM_ENGINES",
    entry: '{ name: "ollama", description: "Ollama: /api/chat", protocols: [simOllama] }',
  },
  {
    file: "backends/transport_traced.ts",
    name: "tracedTransport",
    registry: "backends/transports.ts",
    list: "TRANSPORTS",
    entry: '{ name: "traced", description: "socket with a traceparent header", carrier: "http", ' +
      'load: async () => (await import("./transport_traced.ts")).tracedTransport }',
  },
  {
    file: "workloads/dataset_lines.ts",
    name: "lines",
    registry: "workloads/datasets.ts",
    list: "DATASETS",
  },
  {
    file: "metrics/metric_token_rate.ts",
    name: "tokenRate",
    registry: "metrics/metrics.ts",
    list: "METRICS",
  },
  {
    file: "metrics/report_markdown.ts",
    name: "reportMarkdown",
    registry: "metrics/reports.ts",
    list: "REPORTS",
  },
  {
    file: "workloads/command_protocols.ts",
    name: "command",
    registry: "workloads/commands.ts",
    list: "COMMANDS",
    entry: 'entry("protocols", "List the protocols", () => import("./command_protocols.ts"))',
  },
];

/**
 * Whether a test file knows every member of a registry, or what is made from registries. The others
 * run lines that name their members, measure, launch and compile: no addition can break them.
 */
function follows(name: string): boolean {
  if (!name.endsWith("_test.ts")) return false;
  return /^(backends|metrics|workloads|bench)_/.test(name)
    ? /^(backends_(protocol|sim_protocols)|metrics_|workloads_(option|dataset|run|command_(bench|report)_test))/
      .test(name)
    : !/^(one_file|compile|consumer|docs_lines|fleet|install|launch|links|llama|permissions|seed|server|several|soak|terminal|transports|truth)_/
      .test(name);
}

/** A copy with one commit, so that git can tell what an addition changes. */
async function copyCommitted(folder: string): Promise<void> {
  await Deno.mkdir(folder);
  await copyRepository(folder);
  const author = ["-c", "user.name=test", "-c", "user.email=test@localhost"];
  for (const args of [["init"], ["add", "-A"], [...author, "commit", "-m", "copy"]]) {
    await runIn(folder, "git", args);
  }
}

/** Puts the file into its place, and its line into the registry's list. */
async function add(addition: Addition, folder: string): Promise<void> {
  const { file, name, registry, list, entry = name } = addition;
  const [home, basename] = file.split("/") as [string, string];
  const text = await Deno.readTextFile(`${ROOT}tests/additions/${basename}`);
  const placed = text.replaceAll(
    /"\.\.\/\.\.\/(\w+)\/(\w+\.ts)"/g,
    (_, folder, imported) => folder === home ? `"./${imported}"` : `"../${folder}/${imported}"`,
  );
  await Deno.writeTextFile(`${folder}/${file}`, placed);

  const source = await Deno.readTextFile(`${folder}/${registry}`);
  const begin = source.indexOf(`export const ${list}:`);
  const end = source.indexOf("];", begin);
  assert(begin >= 0 && end >= 0, `${registry} has no list ${list}`);
  const line = source[end - 1] === "\n" ? `  ${entry},\n` : `, ${entry}`;
  const listed = source.slice(0, end) + line + source.slice(end);
  if (entry.includes("import(")) return await Deno.writeTextFile(`${folder}/${registry}`, listed);
  const at = listed.indexOf("\nimport ") + 1;
  const imported = `import { ${name} } from "./${basename}";\n`;
  await Deno.writeTextFile(
    `${folder}/${registry}`,
    listed.slice(0, at) + imported + listed.slice(at),
  );
}

/** Runs a command line of the copy. */
async function tokometer(folder: string, ...args: string[]): Promise<string> {
  const { success, output } = await runDeno(["run", "-A", "--no-check", "cli.ts", ...args], folder);
  assert(success, `tokometer ${args.join(" ")}: ${output}`);
  return output;
}

Deno.test("one file and one line add a member to each registry, and the rest follows", async (t) => {
  await inTempFolder(async (root) => {
    const folder = `${root}/copy`;
    await copyCommitted(folder);
    for (const addition of ADDITIONS) await add(addition, folder);

    await t.step("no more than one line of a registry changes, beside its import", async () => {
      const changed = (await runIn(folder, "git", ["diff", "--numstat"])).trim().split("\n")
        .map((line) => line.split("\t"));
      assertEquals(changed.map(([, , path]) => path), ADDITIONS.map((one) => one.registry).sort());
      for (const [added, removed, path] of changed) {
        assert(Number(added) <= 2 && Number(removed) <= 1, `${path}: ${added} and ${removed}`);
      }
    });

    await t.step("the docs are made again", async () => {
      const { tasks } = JSON.parse(await Deno.readTextFile(`${folder}/deno.json`));
      if (!("docs" in tasks)) return;
      const { success, output } = await runDeno(["task", "docs"], folder);
      assert(success, output);
      const others = (await runIn(folder, "git", ["diff", "--name-only"])).trim().split("\n")
        .filter((path) => !path.endsWith(".md"));
      assertEquals(others, ADDITIONS.map((one) => one.registry).sort());
    });

    await t.step("the help names each", async () => {
      assertStringIncludes(await tokometer(folder, "help"), "protocols");
      const bench = await tokometer(folder, "help", "bench");
      for (const name of ["ollama", "traced", "lines", "--skip-lines", "markdown"]) {
        assertStringIncludes(bench, name);
      }
      assertStringIncludes(await tokometer(folder, "help", "simulate"), "ollama");
      assertStringIncludes(await tokometer(folder, "protocols"), "ollama");
    });

    await t.step("a benchmark uses each, and its files have the metric", async () => {
      const { startSimServer } = await import(`file://${folder}/backends/sim_server.ts`);
      const server = await startSimServer({ engine: "ollama", ttft: "1", itl: "1" });
      const prompts = `${root}/prompts.txt`;
      const out = `${root}/out`;
      try {
        await Deno.writeTextFile(prompts, "# heading\nOne river\n\nTwo rivers\n");
        const args = [
          ...["--protocol", "ollama", "--transport", "traced", "--length", "cap"],
          ...["--dataset", "lines", "--dataset-path", prompts, "--skip-lines", "1"],
          ...["--output-tokens", "8", "--concurrency", "1", "--requests", "4", "--out", out],
        ];
        const shown = await tokometer(folder, "bench", server.url, ...args, "--format", "markdown");
        assertStringIncludes(shown, "| 1 user | Token rate | 4 |");
      } finally {
        await server.stop();
      }
      const file = (name: string) => Deno.readTextFile(`${out}/${name}`);
      assertStringIncludes(await file("report.md"), "| Token rate | 4 |");
      assertStringIncludes(await file("report.csv"), "token_rate_mean");
      assertStringIncludes(await file("report.html"), "Token rate");
      const [load] = JSON.parse(await file("report.json")).loads;
      const { distribution } = load.metrics.find(({ name }: { name: string }) =>
        name === "token_rate"
      );
      assertEquals(distribution.count, 4);
      const table = await tokometer(folder, "report", `${out}/records.jsonl`);
      for (const line of table.split("\n")) assert(line.length <= 100, line);
    });

    await t.step("all tests that follow from the registries are green", async () => {
      const tests = [...Deno.readDirSync(`${folder}/tests`)].map(({ name }) => name)
        .filter((name) => follows(name)).map((name) => `tests/${name}`);
      const files = ["tests/additions/contracts.ts", ...tests.sort()];
      // Two processes, as some tests change the working folder of theirs.
      const runs = await Promise.all([0, 1].map((half) => {
        const own = files.filter((_, i) => i % 2 === half);
        return runDeno(["test", "-A", "--no-check", "--reporter=dot", ...own], folder);
      }));
      for (const { success, output } of runs) assert(success, output);
    });

    await t.step("the types are right", async () => {
      const { success, output } = await runDeno(["check", "cli.ts"], folder);
      assert(success, output);
    });
  });
});
