/** What is loaded before a command does anything: each module costs every run time and memory. */
import { assert, assertEquals } from "@std/assert";
import { readImports } from "./support/imports.ts";

const ROOT = new URL("..", import.meta.url);
const IMPORTS = await readImports(
  ["cli.ts"].concat(
    ["backends", "metrics", "workloads"].flatMap((folder) =>
      [...Deno.readDirSync(new URL(folder, ROOT))].map(({ name }) => `${folder}/${name}`)
    ).filter((path) => path.endsWith(".ts")),
  ),
);

/** All that is evaluated with these files: our own by their paths, the rest as it is imported. */
function loadedWith(...entries: readonly string[]): readonly string[] {
  const loaded = new Set<string>();
  const queue = [...entries];
  for (let path = queue.pop(); path !== undefined; path = queue.pop()) {
    if (loaded.has(path)) continue;
    loaded.add(path);
    for (const { specifier, path: target, kind } of IMPORTS.get(path) ?? []) {
      if (kind === "static") queue.push(target ?? specifier);
    }
  }
  return [...loaded].toSorted();
}

function among(loaded: readonly string[], pattern: RegExp): readonly string[] {
  return loaded.filter((path) => pattern.test(path));
}

/** What is not ours; `@std` is small. */
const OTHERS = /^(node:|npm:|@(?!std\/))/;

Deno.test("--version and --help load the command line, and nothing that a command runs", () => {
  const loaded = loadedWith("cli.ts");
  assert(loaded.includes("workloads/commands.ts"));
  const own = /^(cli\.ts|deno\.json|links\/cli\/\w+\.ts|metrics\/(run|visible_text)\.ts)$/;
  const line =
    /^workloads\/(option|secret)\w*\.ts$|^workloads\/(commands|interrupt|line_stream|live_progress|text_file|user_error|version|workers)\.ts$/;
  const ground =
    /^backends\/(clock|defined|error_message|json_event|limits|node_module|relaunch|worker)\.ts$/;
  assertEquals(
    loaded.filter((path) => ![own, line, ground].some((known) => known.test(path))),
    [],
    "is it needed to print the version?",
  );
});

Deno.test("bench loads no module of Node and no package until one is used", () => {
  const loaded = loadedWith("cli.ts", "workloads/command_bench.ts");
  assert(loaded.includes("workloads/run_measure.ts"));
  assertEquals(among(loaded, OTHERS), []);
});

Deno.test("bench loads nothing that reads metrics endpoints until there may be one", () => {
  const loaded = loadedWith("cli.ts", "workloads/command_bench.ts");
  assertEquals(among(loaded, /scrape|telemetry_prometheus/), []);
});

Deno.test("bench loads nothing that reads or replays recordings until there is one", () => {
  const loaded = loadedWith("cli.ts", "workloads/command_bench.ts");
  // Names of options; marks and models, which single requests have, too.
  const known = /^workloads\/(dataset_trace|session_salt|session_models)\.ts$/;
  assertEquals(
    among(loaded, /^workloads\/(\w+_)?(traces?|session|replay)(_\w+)?\.ts$/)
      .filter((path) => !known.test(path)),
    [],
  );
});

Deno.test("bench loads nothing of a live view until there is a terminal or a page", () => {
  const loaded = loadedWith("cli.ts", "workloads/command_bench.ts");
  // The line of progress that every run has.
  const known = /^workloads\/live_(progress|waiting)\.ts$/;
  assertEquals(among(loaded, /^workloads\/live_/).filter((path) => !known.test(path)), []);
});
