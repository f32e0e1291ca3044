/** The rules of the house that a reviewer would otherwise have to remember. */
import { assert, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { importsOf, scanSource } from "./support/source_scan.ts";

const ROOT = new URL("..", import.meta.url);
const FOLDERS = ["backends", "metrics", "workloads"] as const;

/** Every file that is published, by its path from the root. */
const SOURCES: ReadonlyMap<string, string> = new Map(
  [
    "cli.ts",
    "mod.ts",
    ...FOLDERS.flatMap((folder) =>
      [...Deno.readDirSync(new URL(folder, ROOT))].map(({ name }) => `${folder}/${name}`)
    ).filter((path) => path.endsWith(".ts")),
  ].toSorted().map((path) => [path, Deno.readTextFileSync(new URL(path, ROOT))]),
);

/** What a file imports of ours, as paths from the root. */
function ownImports(path: string): { path: string; kind: "static" | "type" | "lazy" }[] {
  return importsOf(SOURCES.get(path)!).filter(({ specifier }) => specifier.startsWith("."))
    .map(({ specifier, kind }) => ({
      path: new URL(specifier, new URL(path, "file:///")).pathname.slice(1),
      kind,
    }));
}

Deno.test("importsOf sees what a file imports, and nothing that only looks like it", () => {
  const source = `
    /** import { no } from "./comment.ts"; */
    // import { no } from "./comment.ts";
    import { a, type B } from "./a.ts";
    import type { C } from "./c.ts";
    import { type D, type E } from "./d.ts";
    import f, { type G } from "./f.ts";
    import * as h from "npm:h";
    import "./side.ts";
    import json from "./data.json" with { type: "json" };
    export { i } from "./i.ts";
    export type { J } from "./j.ts";
    const text = "import { no } from './text.ts'";
    const accept = "*/*", other = \`\${"*/*"} import "./no.ts" \${() => { return { x: 1 }; }}\`;
    const pattern = /["'\`]/, half = 1 / 2 / 3;
    const lazy = await import("./lazy.ts");
    type L = typeof import("./type.ts");
    export const one = 1;
    import { last } from "./last.ts";
  `;
  assertEquals(
    importsOf(source).map(({ specifier, kind }) => `${kind} ${specifier}`).toSorted(),
    [
      "lazy ./lazy.ts",
      "static ./a.ts",
      "static ./data.json",
      "static ./f.ts",
      "static ./i.ts",
      "static ./last.ts",
      "static ./side.ts",
      "static npm:h",
      "type ./c.ts",
      "type ./d.ts",
      "type ./j.ts",
      "type ./type.ts",
    ],
  );
});

Deno.test("scanSource keeps the code and blanks what it says", () => {
  const { code } = scanSource("a(/x.y()/g, 'x.y()', `x.y() ${z.w()} x.y()`); // x.y()\nx.y() / 2;");
  assertEquals(code.match(/\w\.\w\(\)/g), ["z.w()", "x.y()"]);
});

Deno.test("imports point one way: backends, metrics, workloads, mod.ts, cli.ts", () => {
  const wrong: string[] = [];
  const allowed: Readonly<Record<string, RegExp>> = {
    "backends": /^backends\//,
    "metrics": /^metrics\//,
    "workloads": /^((backends|metrics|workloads)\/|deno\.json$)/,
    "mod.ts": /^(backends|metrics|workloads)\//,
    "cli.ts": /^(workloads\/)?mod\.ts$/,
  };
  for (const path of SOURCES.keys()) {
    for (const imported of ownImports(path)) {
      const types = imported.kind === "type" && path.startsWith("metrics/") &&
        imported.path === "backends/record.ts";
      if (!allowed[path.split("/")[0]!]!.test(imported.path) && !types) {
        wrong.push(`${path} imports ${imported.path} (${imported.kind})`);
      }
    }
  }
  // The two values that metrics share with the backends: the list of outcomes, and `defined`.
  const shared = /^metrics\/\w+\.ts imports backends\/(record|defined)\.ts \(static\)$/;
  assertEquals(wrong.filter((line) => !shared.test(line)), []);
  assertEquals(importsOf(SOURCES.get("backends/record.ts")!), []);
  assertEquals(importsOf(SOURCES.get("backends/defined.ts")!), []);
});

Deno.test("the top level holds the fixed set of entries", () => {
  const allowed = new Set([
    ...["deno.json", "mod.ts", "cli.ts", "backends", "metrics", "workloads", "tests"],
    ...["README.md", "LICENSE", "CHANGELOG.md", "BENCHMARKS.md", "deno.lock", "docs"],
    ...[".ci", ".github", ".gitignore", ".gitattributes", "links"],
    // Not in the repository.
    ...[".git", "coverage", "results", "dist", "node_modules"],
  ]);
  const other = [...Deno.readDirSync(ROOT)].map(({ name }) => name)
    .filter((name) => !allowed.has(name) && !name.endsWith(".tokometer.jsonl"));
  assertEquals(other, []);
});

Deno.test("folders are flat, files are named in snake_case by one idea", () => {
  for (const folder of FOLDERS) {
    for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
      assert(!isDirectory, `${folder}/${name} is a folder`);
      assert(/^[a-z][a-z0-9_]*\.(ts|json|schema\.json|jsonl)$/.test(name), `${folder}/${name}`);
      assert(!/^(utils?|types|helpers?|common|misc)\.ts$/.test(name), `${folder}/${name}`);
      // Windows cannot create these with any ending, and JSR refuses them.
      assert(!/^(con|prn|aux|nul|com\d|lpt\d)\./.test(name), `${folder}/${name}`);
    }
  }
});

Deno.test("every file says what it is", () => {
  const silent = [...SOURCES].filter(([, source]) => !/^\/\*\*[^]*?@module\s*\*\//.test(source));
  assertEquals(silent.map(([path]) => path), []);
});

Deno.test("time, chance, the terminal and the exit are each in one place (T18)", () => {
  const rules: [RegExp, string, RegExp][] = [
    [/\bperformance\s*\./g, "performance", /^backends\/clock\.ts$/],
    [/\bDate\.now\b|\bnew Date\(\s*\)|(?<!\bnew )\bDate\(/g, "Date", /^backends\/clock\.ts$/],
    [/\bTemporal\.Now\b|\bprocess\.hrtime\b/g, "another clock", /^$/],
    [/\bMath\.random\b/g, "Math.random", /^$/],
    // Salts of a run: what must differ between two runs of the same seed.
    [
      /\bgetRandomValues\b|\brandomUUID\b/g,
      "chance without a seed",
      /^workloads\/(run_prepare|bench_plan)\.ts$/,
    ],
    [/\bDeno\.exit\b|\bDeno\.exitCode\b/g, "Deno.exit", /^cli\.ts$/],
    [/\bconsole\s*\./g, "console", /^$/],
    [/\bDeno\.(stdout|stderr)\b/g, "the terminal", /^(cli|workloads\/option_secret)\.ts$/],
  ];
  const wrong: string[] = [];
  for (const [path, source] of SOURCES) {
    const { code } = scanSource(source);
    for (const [pattern, what, where] of rules) {
      if (where.test(path)) continue;
      for (const { index } of code.matchAll(pattern)) {
        wrong.push(`${path}:${code.slice(0, index).split("\n").length} uses ${what}`);
      }
    }
  }
  assertEquals(wrong, []);
});

/** Packages that cost much to load, and the one file that may import each. */
const HEAVY: readonly { readonly package: string; readonly file: RegExp }[] = [
  { package: "@grpc/grpc-js", file: /^backends\/grpc_library\.ts$/ },
  { package: "@huggingface/tokenizers", file: /^workloads\/tokenizer\w*\.ts$/ },
  { package: "@huggingface/transformers", file: /^backends\/transformers\w*\.ts$/ },
];

/** `npm:@scope/name@1/sub` and `@scope/name/sub` → `@scope/name`. */
function packageOf(specifier: string): string | undefined {
  return /^(?:npm:|jsr:)?\/?((?:@[^/]+\/)?[^/@]+)/.exec(specifier)?.[1];
}

Deno.test("heavy packages are loaded only when they are needed", () => {
  const reached = new Set<string>();
  const queue = ["cli.ts"];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path) || !SOURCES.has(path)) continue;
    reached.add(path);
    queue.push(...ownImports(path).filter(({ kind }) => kind === "static").map(({ path }) => path));
  }
  assert(reached.has("workloads/commands.ts"));
  const wrong: string[] = [];
  for (const [path, source] of SOURCES) {
    for (const { specifier, kind } of importsOf(source)) {
      const heavy = HEAVY.find((heavy) => heavy.package === packageOf(specifier));
      if (heavy === undefined || kind === "type") continue;
      if (!heavy.file.test(path)) wrong.push(`${path} imports ${specifier}`);
      if (kind === "static" && reached.has(path)) {
        wrong.push(`cli.ts loads ${specifier} at its start, through ${path}`);
      }
    }
  }
  assertEquals(wrong, []);
});

Deno.test("only declared packages are imported, and tests' packages only by tests", () => {
  const published = new Set(Object.keys(config.imports));
  published.delete("@std/assert");
  const wrong: string[] = [];
  for (const [path, source] of SOURCES) {
    for (const { specifier } of importsOf(source)) {
      if (/^(\.|node:)/.test(specifier)) continue;
      if (!published.has(packageOf(specifier)!)) wrong.push(`${path} imports ${specifier}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("what runs models in process is neither in imports nor in the lock", async () => {
  const lock = await Deno.readTextFile(new URL("deno.lock", ROOT));
  for (const name of ["@huggingface/transformers", "onnxruntime", "sharp"]) {
    assert(!Object.keys(config.imports).some((key) => key.includes(name)), name);
    assert(!lock.includes(name), `${name} is in deno.lock: delete the file and run deno task test`);
  }
});

/** Lists that must know every implementation: what they hold, where the list is, its name. */
const REGISTRIES: readonly (readonly [type: string, file: string, list: string])[] = [
  ["Protocol", "backends/protocols.ts", "PROTOCOLS"],
  ["TransportKind", "backends/transports.ts", "TRANSPORTS"],
  ["SimProtocol", "backends/sim_protocols.ts", "SIM_PROTOCOLS"],
  ["Metric", "metrics/metrics.ts", "METRICS"],
  ["Report", "metrics/reports.ts", "REPORTS"],
  ["DatasetKind", "workloads/datasets.ts", "DATASETS"],
  ["Command", "workloads/commands.ts", "COMMANDS"],
];

for (const [type, file, list] of REGISTRIES) {
  Deno.test(`${list} lists every ${type}`, async () => {
    const missing: string[] = [];
    const listed = (await import(new URL(file, ROOT).href))[list] as readonly { name: string }[];
    const names = listed.map(({ name }) => name);
    assert(listed.length > 0, `${file} is empty`);
    assertEquals(names.length, new Set(names).size, `names in ${list} differ`);
    const declaration = new RegExp(`\\bexport const (\\w+): ${type}\\b(?!\\[)`, "g");
    for (const [path, source] of SOURCES) {
      for (const [, name] of scanSource(source).code.matchAll(declaration)) {
        const value = (await import(new URL(path, ROOT).href))[name!];
        if (!listed.includes(value)) missing.push(`${path} ${name}`);
      }
    }
    assertEquals(missing, []);
  });
}

Deno.test("no file of ours has CRLF line ends (T40)", async () => {
  const { stdout } = await new Deno.Command("git", { args: ["ls-files", "-z"], cwd: ROOT }).output()
    .catch(() => ({ stdout: new Uint8Array() }));
  const paths = new TextDecoder().decode(stdout).split("\0").filter((path) =>
    /\.(ts|js|mjs|json|md|sh|c|py|proto|yml)$|^\.ci\//.test(path)
  );
  for (const path of paths) {
    // A file that was removed and not committed yet is listed all the same.
    const text = await Deno.readTextFile(new URL(path, ROOT)).catch(() => "");
    assert(!text.includes("\r\n"), path);
  }
});
