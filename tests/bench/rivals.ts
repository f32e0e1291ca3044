/**
 * A whole run beside the leanest rival, `vllm-rs bench serve` (the client in Rust of vLLM's wheel): both
 * as a user starts them, on core 0, against the same server in C, whose log is the truth. CPU of all
 * processes, memory, seconds to the first measured request, and what is printed of TTFT and ITL. Prints
 * Markdown for `BENCHMARKS.md`.
 *
 *     deno task bench:rivals [--rounds 5] [--only users-64,…] [--clients vllm-rs,epoll,…] [--vllm-rs FILE]
 *                            [--tree DIR] [--out FILE] [--from FILE,…]
 *
 * Needs Linux, two idle cores, gcc and taskset; root for a server at real-time priority. The rival comes
 * from PyPI, without what it depends on (340 MB for one file):
 *
 *     pip download vllm --no-deps && unzip -j vllm-*.whl vllm/vllm-rs && chmod +x vllm-rs
 *
 * Without `--vllm-rs` it is looked for where `python3` finds the package `vllm`. `--tree` measures
 * another checkout. `--out` adds a line of JSON for each run to a file; `--from` measures nothing and
 * reports such files: a long measurement in pieces. Python's clients are in `bench:client`.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { output, say, works } from "./client.ts";
import { rivalsReport } from "./rivals_report.ts";
import {
  RIVAL,
  type RivalFinding,
  type RivalLoad,
  runRival,
  type Said,
  writePrompts,
} from "./rivals_run.ts";
import { buildTools, killTracked } from "./truth_servers.ts";

const HERE = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const TOKENS = 64;
const TTFT_MS = 50;
/** Of clients that are only shown. */
const SHOWN_ROUNDS = 2;

function users(count: number, itlMs: number, requests: number, clients: string[]): RivalLoad {
  return {
    name: `users-${count}`,
    title: `${count.toLocaleString("en")} users, ${itlMs} ms, ` +
      `${requests.toLocaleString("en")} requests`,
    ...{ users: count, requests, itlMs, ttftMs: TTFT_MS, tokens: TOKENS },
    clients: [RIVAL, ...clients],
  };
}

/** All loads; users start all at once. */
const LOADS: readonly RivalLoad[] = [
  { ...users(64, 20, 640, ["fetch", "socket", "epoll", "auto"]), shown: ["fetch", "auto"] },
  users(512, 50, 1024, ["socket", "epoll", "auto"]),
  {
    name: "poisson-50",
    title: "50/s (Poisson), 20 ms, 1,000 requests",
    ...{ rate: 50, requests: 1000, itlMs: 20, ttftMs: TTFT_MS, tokens: TOKENS },
    clients: [RIVAL, "socket", "epoll", "auto"],
    shown: ["auto"],
  },
  users(1024, 50, 2048, ["socket", "epoll", "auto"]),
  users(4096, 50, 8192, ["socket", "epoll", "auto"]),
];

/** Where `vllm-rs` is: as told, or in Python's package. */
async function findRival(told: string | undefined): Promise<string | undefined> {
  if (told !== undefined) return works(told, "--version") ? told : undefined;
  try {
    const script = "from importlib.util import find_spec as f; print(f('vllm').origin)";
    const found = (await output("python3", ["-c", script])).trim().replace(/[^/]*$/, "vllm-rs");
    return works(found, "--version") ? found : undefined;
  } catch {
    return undefined;
  }
}

function describe({ used, failed, figures }: RivalFinding): string {
  if (figures === undefined) return `failed: ${failed}`;
  const { cpuSec, largestMiB, firstSec, ttftP50, ttftP99 } = figures;
  const said = ({ printed, truth }: Said) => `${printed.toFixed(2)} (${truth.toFixed(2)})`;
  return `${used}: ${cpuSec.toFixed(2)} s CPU, ${largestMiB.toFixed(0)} MiB, first request after ` +
    `${firstSec.toFixed(2)} s, TTFT p50 ${said(ttftP50)}, p99 ${said(ttftP99)}`;
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      only: { type: "string", default: "" },
      clients: { type: "string" },
      "vllm-rs": { type: "string" },
      tree: { type: "string", default: HERE },
      out: { type: "string" },
      from: { type: "string" },
    },
  });
  const print = async (findings: readonly RivalFinding[]) =>
    void await Deno.stdout.write(new TextEncoder().encode(rivalsReport(LOADS, findings)));
  if (values.from !== undefined) {
    const files = await Promise.all(values.from.split(",").map((path) => Deno.readTextFile(path)));
    await print(files.join("\n").split("\n").filter(Boolean).map((line) => JSON.parse(line)));
    return 0;
  }
  if (Deno.build.os !== "linux" || !works("gcc", "--version") || !works("taskset", "--version")) {
    say("Cannot run: bench:rivals needs Linux with gcc and taskset");
    return 1;
  }
  const rival = await findRival(values["vllm-rs"]);
  if (rival === undefined) {
    say(
      `Cannot start ${values["vllm-rs"] ?? "vllm-rs"}: give its path with --vllm-rs; ` +
        "the head of tests/bench/rivals.ts says where it comes from. Ours alone are measured.",
    );
  }
  const only = values.only.split(",");
  const chosen = values.clients?.split(",");
  const loads = LOADS
    .filter(({ name }) =>
      only.some((part) => name === part || (part === "" || name.startsWith(`${part}-`)))
    )
    .map((load) => ({
      ...load,
      clients: load.clients.filter((client) =>
        (chosen?.includes(client) ?? true) && (client !== RIVAL || rival !== undefined)
      ),
    }));
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      killTracked();
      Deno.exit(130);
    });
  }
  const findings: RivalFinding[] = [];
  const folder = await Deno.makeTempDir({ prefix: "tokometer-rivals-" });
  try {
    const tools = await buildTools(folder, ["http"]);
    const source = new URL("../truth/whole_process.c", import.meta.url).pathname;
    await output("gcc", ["-O2", "-w", "-o", `${folder}/whole_process`, source]);
    await writePrompts(folder, Math.max(0, ...loads.map(({ requests }) => requests)));
    const place = { tools, tree: values.tree, rival: rival ?? "" };
    // What a second start finds in the caches of files and of code.
    await output(Deno.execPath(), ["run", "-q", "-A", `${values.tree}/cli.ts`, "--version"]);
    for (const load of loads) {
      for (let round = 0; round < Number(values.rounds); round++) {
        const clients = load.clients.filter((client) =>
          round < SHOWN_ROUNDS || !load.shown?.includes(client)
        );
        // Each client is first once.
        const from = round % clients.length;
        for (const client of [...clients.slice(from), ...clients.slice(0, from)]) {
          const finding = await runRival({ ...place, load, client, round });
          findings.push(finding);
          say(`${load.name}, round ${round + 1}, ${client}: ${describe(finding)}`);
          if (values.out !== undefined) {
            await Deno.writeTextFile(values.out, JSON.stringify(finding) + "\n", { append: true });
          }
        }
      }
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await print(findings);
  return 0;
}

if (import.meta.main) Deno.exit(await main());
