/**
 * Writes the tables of the documentation that list what the program has: `deno task docs`. Each
 * stands between `<!-- table: NAME -->` and `<!-- end -->`, and comes from a registry, so that a new
 * protocol or metric needs no edit of a page. With `--sample` it also measures README's example.
 *
 * @module
 */
import { PROTOCOLS } from "../../backends/protocols.ts";
import { SIM_FAULTS } from "../../backends/sim_faults.ts";
import { NATS_SPECIFIERS } from "../../workloads/fleet_nats_library.ts";
import { TRANSFORMERS_SPECIFIER } from "../../backends/transformers_library.ts";
import { TRANSPORTS } from "../../backends/transports.ts";
import config from "../../deno.json" with { type: "json" };
import { METRICS } from "../../metrics/metrics.ts";
import { SERVER_ENGINES, SERVER_ROLES } from "../../metrics/server_names.ts";
import { REPORTS } from "../../metrics/reports.ts";
import { COMMANDS } from "../../workloads/commands.ts";
import { DATASETS } from "../../workloads/datasets.ts";
import { EXIT_CODES } from "../../workloads/option_help.ts";
import { TRACE_FORMATS } from "../../workloads/traces.ts";
import { ROOMS } from "../support/rooms.ts";
import { PERMISSIONS } from "./compile.ts";

const ROOT = new URL("../../", import.meta.url);

/** A table: its headings, then its rows. */
interface Table {
  readonly head: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

const CARRIERS = { http: "HTTP", grpc: "gRPC", inprocess: "this process" } as const;

/** Every table by the name in its marker. */
export const TABLES: Readonly<Record<string, Table>> = {
  protocols: {
    head: ["`--protocol`", "engine", "over", "exact length"],
    rows: PROTOCOLS.map(({ name, title, carrier, forcesLength }) => [
      ...[code(name), title, CARRIERS[carrier], forcesLength ? "yes" : "no"],
    ]),
  },
  transports: {
    head: ["`--transport`", "over", "what it is"],
    rows: TRANSPORTS.map(({ name, carrier, description }) => [
      ...[code(name), CARRIERS[carrier], description],
    ]),
  },
  datasets: {
    head: ["`--dataset`", "prompts"],
    rows: DATASETS.map(({ name, description }) => [code(name), description]),
  },
  "trace formats": {
    head: ["`--trace-format`", "files"],
    rows: TRACE_FORMATS.map(({ name, description }) => [code(name), description]),
  },
  metrics: {
    head: ["metric", "name", "unit", "formula"],
    rows: METRICS.map(({ title, name, unit, formula }) => [title, code(name), unit, formula]),
  },
  "server engines": {
    head: ["engine", "where it exposes them", "names from"],
    rows: SERVER_ENGINES.map(({ engine, endpoint, source }) => [engine, endpoint, source]),
  },
  "server metrics": {
    head: ["what", "in JSON", "unit", "known names"],
    rows: SERVER_ROLES.map(({ role, title, unit }) => [
      ...[title, code(role), unit],
      [
        ...new Set(
          SERVER_ENGINES.flatMap(({ names }) =>
            names.filter((one) => one.role === role).flatMap(({ names }) => names.map(code))
          ),
        ),
      ].join(", "),
    ]),
  },
  reports: {
    head: ["`--format`", "what it is"],
    rows: REPORTS.map(({ name, description }) => [code(name), description]),
  },
  commands: {
    head: ["command", "what it does"],
    rows: COMMANDS.map(({ name, summary }) => [code(name), summary]),
  },
  "exit codes": {
    head: ["code", "meaning"],
    rows: EXIT_CODES.map(({ code, meaning }) => [String(code), meaning]),
  },
  faults: {
    head: ["`--fault`", "what happens", "parameter (default)"],
    rows: SIM_FAULTS.map(({ name, help, parameter }) => [
      ...[code(name), help],
      parameter === undefined ? "" : `${parameter.meaning} (${parameter.default})`,
    ]),
  },
  permissions: {
    head: ["permission", "use"],
    rows: PERMISSIONS.map(({ flag, use }) => [code(flag), use]),
  },
  rooms: {
    head: ["folder", "rooms, lowest first"],
    rows: Object.entries(ROOMS).map(([folder, rooms]) => [
      code(`${folder}/`),
      rooms.map(([room, words]) =>
        words.split(" ").includes(room) ? code(room) : `${room}: ${code(words)}`
      ).join(" · "),
    ]),
  },
  packages: {
    head: ["package", "its version stands in", "downloaded"],
    rows: packages(),
  },
};

/** Every npm package with an exact version, and the one file that names it. */
function packages(): string[][] {
  const rows = Object.values(config.imports).filter((specifier) => specifier.startsWith("npm:"))
    .map((specifier) => [code(specifier), "`deno.json`", "with the program"]);
  const own = "backends/transformers_library.ts";
  rows.push([
    code(TRANSFORMERS_SPECIFIER),
    code(own),
    "when `--protocol transformers` is first used",
  ]);
  for (const specifier of NATS_SPECIFIERS.slice(0, 2)) {
    const file = "`workloads/fleet_nats_library.ts`";
    rows.push([code(specifier), file, "when a fleet is first led or joined"]);
  }
  for (
    const [folder, when] of [["links", "with a clone"], ["tests", "by the tests"]]
  ) {
    for (const path of sourcesIn(folder!)) {
      const source = Deno.readTextFileSync(new URL(path, ROOT));
      for (const [, specifier] of source.matchAll(/"(npm:[\w@/-]+@\d+\.\d+\.\d+)[\w/]*"/g)) {
        rows.push([code(specifier!), code(path), when!]);
      }
    }
  }
  return rows;
}

function sourcesIn(folder: string): string[] {
  return [...Deno.readDirSync(new URL(folder, ROOT))].flatMap(({ name, isDirectory }) =>
    isDirectory ? sourcesIn(`${folder}/${name}`) : name.endsWith(".ts") ? [`${folder}/${name}`] : []
  ).toSorted();
}

function code(text: string): string {
  return `\`${text}\``;
}

const MARKERS = /(<!-- table: ([\w ]+) -->\n)[^]*?(<!-- end -->)/g;

/** A page with its tables as they should be now; the rest stays as it is. */
export async function renderPage(text: string): Promise<string> {
  return await format(text.replace(MARKERS, (_, begin: string, name: string, end: string) => {
    const table = TABLES[name];
    if (table === undefined) {
      throw new Error(`Cannot fill "${name}": known are ${Object.keys(TABLES).join(", ")}`);
    }
    const line = (cells: readonly string[]) =>
      `| ${cells.map((cell) => cell.replaceAll("|", "\\|")).join(" | ")} |\n`;
    const rule = table.head.map(() => "---");
    return `${begin}\n${[table.head, rule, ...table.rows].map(line).join("")}\n${end}`;
  }));
}

/** Lays out Markdown as `deno fmt` does. */
async function format(text: string): Promise<string> {
  const child = new Deno.Command(Deno.execPath(), {
    args: ["fmt", "--quiet", "--ext", "md", "-"],
    cwd: ROOT,
    stdin: "piped",
    stdout: "piped",
  }).spawn();
  const output = child.output();
  const writer = child.stdin.getWriter();
  await writer.write(new TextEncoder().encode(text));
  await writer.close();
  return new TextDecoder().decode((await output).stdout);
}

/** Every page, by its path from the root. */
export const PAGES: readonly string[] = [
  "README.md",
  ...[...Deno.readDirSync(new URL("docs", ROOT))].map(({ name }) => `docs/${name}`).toSorted(),
  ".github/CONTRIBUTING.md",
  "BENCHMARKS.md",
  "CHANGELOG.md",
];

/** Text of a page. */
export function readPage(path: string): Promise<string> {
  return Deno.readTextFile(new URL(path, ROOT));
}

/** What the demo prints about two loads, the second one's details left out; takes 25 seconds. */
async function measureSample(): Promise<string> {
  const load = ["--concurrency=8,32,64", "--duration=30", "--no-save", "--quiet"];
  const { stdout } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "--quiet", "-A", new URL("cli.ts", ROOT).pathname, "demo", ...load],
    env: { COLUMNS: "80", NO_COLOR: "1" },
  }).output();
  return new TextDecoder().decode(stdout);
}

if (import.meta.main) {
  const sample = Deno.args.includes("--sample") ? await measureSample() : undefined;
  for (const path of PAGES) {
    const before = await readPage(path);
    const page = sample === undefined || path !== "README.md"
      ? before
      : before.replace(/(?<=^```text\n)[^]*?(?=^```$)/m, () => sample);
    const after = await renderPage(page);
    if (after !== before) await Deno.writeTextFile(new URL(path, ROOT), after);
  }
}
