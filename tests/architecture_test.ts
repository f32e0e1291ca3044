/** The rules of the house that a reviewer would otherwise have to remember. */
import { assert, assertEquals } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { readImports } from "./support/imports.ts";
import { ROOMS } from "./support/rooms.ts";
import { scanCode } from "./support/source_scan.ts";

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

/** What each of them imports, as Deno sees it. */
const IMPORTS = await readImports([...SOURCES.keys()]);

Deno.test("scanCode keeps the code and blanks what it says", () => {
  const code = scanCode("a(/x.y()/g, 'x.y()', `x.y() ${z.w()} x.y()`); // x.y()\nx.y() / 2;");
  assertEquals(code.match(/\w\.\w\(\)/g), ["z.w()", "x.y()"]);
});

/** What a file may import of the other folders. */
const ALLOWED: Readonly<Record<string, RegExp>> = {
  "backends": /^backends\//,
  // They share the records with the backends, and one helper.
  "metrics": /^(metrics\/|backends\/(record|defined)\.ts$)/,
  "workloads": /^((backends|metrics|workloads)\/|deno\.json$)/,
  "mod.ts": /^(backends|metrics|workloads)\//,
  // File by file: workloads/mod.ts would load every command to print a version.
  "cli.ts":
    /^workloads\/(command|commands|interrupt|live_progress|option_\w+|secret|user_error|version|workers)\.ts$/,
};

/** What each file imports of ours, types and lazy imports included. */
type Imports = ReadonlyMap<string, readonly string[]>;

/** Position of a file's room in its folder; undefined = it stands in none. */
function roomOf(path: string): number | undefined {
  const [folder = "", file = ""] = path.split("/");
  const name = file.replace(/\..*$/, "");
  const rooms = ROOMS[folder] ?? [];
  const holds = (room: number, word: string) => rooms[room]![1].split(" ").includes(word);
  if (holds(0, name)) return 0;
  const word = name.split("_")[0]!;
  const room = rooms.findIndex((_, room) => room > 0 && holds(room, word));
  return room < 0 ? undefined : room;
}

/** Imports that go up or sideways, and files that stand in no room. */
function misplaced(imports: Imports): string[] {
  const wrong: string[] = [];
  for (const [path, targets] of imports) {
    const folder = path.split("/")[0]!;
    const rooms = ROOMS[folder];
    // The folder's own mod.ts stands above all rooms.
    const own = /\/mod\.ts$/.test(path) ? Infinity : rooms === undefined ? undefined : roomOf(path);
    if (rooms !== undefined && own === undefined) {
      wrong.push(`${path} stands in no room: give it the prefix of one`);
    }
    for (const target of targets) {
      if (!ALLOWED[folder]!.test(target)) wrong.push(`${path} imports ${target}`);
      const other = target.startsWith(`${folder}/`) ? roomOf(target) : undefined;
      if (own === undefined || other === undefined || other <= own) continue;
      wrong.push(`${path} imports ${target}, which is in the higher room "${rooms![other]![0]}"`);
    }
  }
  return wrong;
}

/** Each circle of imports that is met, as the road through it. */
function circles(imports: Imports): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const road: string[] = [];
  const visit = (path: string): void => {
    if (road.includes(path)) {
      found.push([...road.slice(road.indexOf(path)), path].join(" → "));
    } else if (!done.has(path)) {
      road.push(path);
      for (const target of imports.get(path) ?? []) visit(target);
      road.pop();
      done.add(path);
    }
  };
  for (const path of imports.keys()) visit(path);
  return found;
}

/** What each file imports of ours. */
const OWN_IMPORTS: Imports = new Map(
  [...IMPORTS].map(([path, imports]) => [
    path,
    imports.flatMap(({ specifier, path }) => specifier.startsWith(".") ? path ?? [] : []),
  ]),
);

Deno.test("imports go to lower rooms, and folders import one way", () => {
  assertEquals(misplaced(OWN_IMPORTS), []);
  for (const shared of ["record", "defined"]) {
    assertEquals(IMPORTS.get(`backends/${shared}.ts`), []);
  }
});

Deno.test("no file imports itself through others, not even for a type", () => {
  assertEquals(circles(OWN_IMPORTS), []);
});

Deno.test("a file of no room, an upward import and a circle are seen", () => {
  const imports: Imports = new Map([
    ["backends/clock.ts", ["backends/sim_server.ts"]],
    ["backends/sim_server.ts", ["backends/clock.ts", "metrics/run.ts"]],
    ["backends/oddity.ts", []],
    ["metrics/report_x.ts", ["metrics/reports.ts", "metrics/stat_x.ts"]],
    ["workloads/load.ts", ["workloads/load_x.ts"]],
    ["cli.ts", ["backends/clock.ts"]],
  ]);
  assertEquals(misplaced(imports), [
    'backends/clock.ts imports backends/sim_server.ts, which is in the higher room "sim"',
    "backends/sim_server.ts imports metrics/run.ts",
    "backends/oddity.ts stands in no room: give it the prefix of one",
    'workloads/load.ts imports workloads/load_x.ts, which is in the higher room "load"',
    "cli.ts imports backends/clock.ts",
  ]);
  assertEquals(circles(imports), [
    "backends/clock.ts → backends/sim_server.ts → backends/clock.ts",
  ]);
});

Deno.test("the top level holds the fixed set of entries", async () => {
  const allowed = new Set([
    ...["deno.json", "mod.ts", "cli.ts", "backends", "metrics", "workloads", "tests", "docs"],
    ...["README.md", "LICENSE", "CHANGELOG.md", "BENCHMARKS.md", "deno.lock", "links"],
    ...[".ci", ".github", ".gitignore", ".gitattributes"],
  ]);
  const entries = new Set((await trackedFiles()).map((path) => path.split("/")[0]!));
  assertEquals([...entries].filter((name) => !allowed.has(name)), []);
});

/** Files that git knows: what a run leaves here is none of the repository's. */
async function trackedFiles(): Promise<readonly string[]> {
  const { success, stdout } = await new Deno.Command("git", { args: ["ls-files", "-z"], cwd: ROOT })
    .output();
  assert(success, "git lists the files of the repository");
  return new TextDecoder().decode(stdout).split("\0").filter((path) => path !== "");
}

Deno.test("folders are flat, files are named in snake_case by one idea", () => {
  for (const folder of FOLDERS) {
    for (const { name, isDirectory } of Deno.readDirSync(new URL(folder, ROOT))) {
      assert(!isDirectory, `${folder}/${name} is a folder`);
      assert(/^[a-z][a-z0-9_]*\.(ts|json|schema\.json|jsonl)$/.test(name), `${folder}/${name}`);
      assert(!/^(utils?|types|helpers?|common|misc)\.ts$/.test(name), `${folder}/${name}`);
      // Windows cannot create these with any ending, and JSR refuses them.
      assert(!/^(con|prn|aux|nul|com\d|lpt\d)\./.test(name), `${folder}/${name}`);
      // Data stands beside its reader, in the same room.
      assert(name === "mod.ts" || roomOf(`${folder}/${name}`) !== undefined, `${folder}/${name}`);
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
    // Salts of a run, which must differ between two runs of the same seed; the tokens of the live page and of
    // a fleet, its runs and agents.
    [
      /\bgetRandomValues\b|\brandomUUID\b/g,
      "chance without a seed",
      /^workloads\/(run_prepare|bench_run_plan|live_guard|fleet_start_plan|fleet_lead|fleet_agent_hello)\.ts$/,
    ],
    [/\bDeno\.exit\b|\bDeno\.exitCode\b/g, "Deno.exit", /^cli\.ts$/],
    [/\bconsole\s*\./g, "console", /^$/],
    [/\bDeno\.(stdout|stderr)\b/g, "the terminal", /^(cli|workloads\/option_secret)\.ts$/],
  ];
  const wrong: string[] = [];
  for (const [path, source] of SOURCES) {
    const code = scanCode(source);
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
  // Each command is loaded when it is named.
  const queue = ["cli.ts", ...[...SOURCES.keys()].filter((path) => /\/command_/.test(path))];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (reached.has(path) || !SOURCES.has(path)) continue;
    reached.add(path);
    for (const { path: target, kind } of IMPORTS.get(path)!) {
      if (target !== undefined && kind === "static") queue.push(target);
    }
  }
  assert(reached.has("workloads/commands.ts") && reached.has("workloads/run_measure.ts"));
  const wrong: string[] = [];
  for (const [path, imports] of IMPORTS) {
    for (const { specifier, kind } of imports) {
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
  for (const [path, imports] of IMPORTS) {
    for (const { specifier } of imports) {
      if (/^(\.|node:)/.test(specifier)) continue;
      if (!published.has(packageOf(specifier)!)) wrong.push(`${path} imports ${specifier}`);
    }
  }
  assertEquals(wrong, []);
});

Deno.test("what runs models in process and NATS are neither in imports nor in the lock", async () => {
  const lock = await Deno.readTextFile(new URL("deno.lock", ROOT));
  for (const name of ["@huggingface/transformers", "onnxruntime", "sharp", "@nats-io"]) {
    assert(!Object.keys(config.imports).some((key) => key.includes(name)), name);
    assert(!lock.includes(name), `${name} is in deno.lock: delete the file and run deno task test`);
  }
});

/** Lists that must know every implementation: what they hold, where the list is, its name. */
const REGISTRIES: readonly (readonly [type: string, file: string, list: string, lazy?: "lazy"])[] =
  [
    ["Protocol", "backends/protocols.ts", "PROTOCOLS"],
    ["TransportKind", "backends/transports.ts", "TRANSPORTS", "lazy"],
    ["SimProtocol", "backends/sim_protocols.ts", "SIM_PROTOCOLS"],
    ["Metric", "metrics/metrics.ts", "METRICS"],
    ["Report", "metrics/reports.ts", "REPORTS"],
    ["DatasetKind", "workloads/datasets.ts", "DATASETS"],
    ["TraceFormat", "workloads/traces.ts", "TRACE_FORMATS"],
    ["Command", "workloads/commands.ts", "COMMANDS", "lazy"],
  ];

/** What a list holds: the member itself, or in a lazy list what loads it. */
interface Entry {
  readonly name: string;
  readonly load: () => Promise<Omit<Entry, "load">>;
}

for (const [type, file, list, lazy] of REGISTRIES) {
  Deno.test(`${list} lists every ${type}`, async () => {
    const missing: string[] = [];
    const entries = (await import(new URL(file, ROOT).href))[list] as readonly Entry[];
    const listed = lazy ? await Promise.all(entries.map(({ load }) => load())) : entries;
    const names = listed.map(({ name }) => name);
    assertEquals(names, entries.map(({ name }) => name), "a list names what it loads");
    assert(listed.length > 0, `${file} is empty`);
    assertEquals(names.length, new Set(names).size, `names in ${list} differ`);
    const declaration = new RegExp(`\\bexport const (\\w+): ${type}\\b(?!\\[)`, "g");
    for (const [path, source] of SOURCES) {
      for (const [, name] of scanCode(source).matchAll(declaration)) {
        const value = (await import(new URL(path, ROOT).href))[name!];
        if (!listed.includes(value)) missing.push(`${path} ${name}`);
      }
    }
    assertEquals(missing, []);
  });
}

Deno.test("no file of ours has CRLF line ends (T40 in docs/python-scripts.md)", async () => {
  const paths = (await trackedFiles()).filter((path) =>
    /\.(ts|js|mjs|json|md|sh|c|py|proto|yml)$|^\.ci\//.test(path)
  );
  for (const path of paths) {
    // A file that was removed and not committed yet is listed all the same.
    const text = await Deno.readTextFile(new URL(path, ROOT)).catch(() => "");
    assert(!text.includes("\r\n"), path);
  }
});
