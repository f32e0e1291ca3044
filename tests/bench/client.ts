/**
 * What our clients cost and how late they see a token, beside the physical limit (a client in C)
 * and the client that most people use today (aiohttp, as vLLM's benchmark uses it), against a
 * server in C that writes into each event when it left. Prints Markdown for `BENCHMARKS.md`.
 *
 *     deno task bench:client [--rounds 3] [--only PART] [--clients socket,epoll]
 *
 * Needs Linux, two idle cores, gcc and taskset; Debian's python3-aiohttp for the rival.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { type ClientOrders, type ClientResult, type ErrorMs, quantiles } from "./client_load.ts";
import { type Finding, type Measured, report } from "./client_report.ts";

/** A load of the server, and who is measured under it. */
export interface Plan {
  readonly name: string;
  readonly title: string;
  readonly streams: number;
  /** Requests of each stream. */
  readonly requests: number;
  readonly tokens: number;
  /** How the server paces; `x=1` = as fast as the socket takes them. */
  readonly query: string;
  readonly rampMs: number;
  /** Arrivals per second, Poisson; then `streams` × `requests` is how many. */
  readonly rate?: number;
  readonly clients: readonly string[];
  /** Cores of the client, where one is not what the load is about. */
  readonly cores?: number;
  /** At most so many rounds. */
  readonly rounds?: number;
  /** Keep bodies and errors (default), or only what a benchmark keeps. */
  readonly bodies?: boolean;
}

/** All plans. A client's name is its transport, with ` ×N` for N worker threads. */
const PLANS: readonly Plan[] = [
  {
    name: "paced-1024",
    title: "1,024 streams, one token per 50 ms",
    streams: 1024,
    requests: 4,
    tokens: 48,
    query: "paced=1&ttft=50000&itl=50000",
    rampMs: 2000,
    clients: ["C", "aiohttp", "fetch", "socket", "epoll"],
  },
  {
    name: "lockstep-1024",
    title: "1,024 streams, all tokens at the same instant each 50 ms",
    streams: 1024,
    requests: 2,
    tokens: 48,
    query: "paced=1&ttft=50000&itl=50000&lock=1",
    rampMs: 2000,
    clients: ["C", "aiohttp", "socket ×2"],
  },
  {
    name: "paced-4096",
    title: "4,096 streams, one token per 50 ms",
    streams: 4096,
    requests: 3,
    tokens: 48,
    query: "paced=1&ttft=50000&itl=50000",
    rampMs: 4000,
    clients: ["C", "aiohttp", "socket", "epoll"],
    rounds: 2,
  },
  {
    name: "flood",
    title: "64 streams, as fast as it goes, one write per token",
    streams: 64,
    requests: 60,
    tokens: 128,
    query: "x=1",
    rampMs: 0,
    clients: ["C", "aiohttp", "fetch", "socket", "epoll"],
  },
  {
    name: "flood-16",
    title: "64 streams, as fast as it goes, 16 tokens a write",
    streams: 64,
    requests: 100,
    tokens: 128,
    query: "coal=16",
    rampMs: 0,
    clients: ["C", "aiohttp", "fetch", "socket", "epoll"],
  },
  {
    name: "one-token",
    title: "64 streams, answers of one token",
    streams: 64,
    requests: 1000,
    tokens: 1,
    query: "x=1",
    rampMs: 0,
    clients: ["C", "aiohttp", "fetch", "socket", "epoll"],
  },
  {
    name: "departures-1000",
    title: "1,000 arrivals per second (Poisson), answers of one token, both cores",
    streams: 1,
    requests: 6000,
    tokens: 1,
    query: "x=1",
    rampMs: 0,
    rate: 1000,
    clients: ["fetch ×1", "socket ×1", "epoll"],
    cores: 2,
  },
  {
    name: "departures-5000",
    title: "5,000 arrivals per second (Poisson), answers of one token, both cores",
    streams: 1,
    requests: 30_000,
    tokens: 1,
    query: "x=1",
    rampMs: 0,
    rate: 5000,
    clients: ["socket ×1", "epoll"],
    cores: 2,
  },
  {
    name: "memory-10000",
    title: "10,000 open streams, peak memory",
    streams: 10_000,
    requests: 1,
    tokens: 8,
    query: "paced=1&ttft=7000000&itl=500000",
    rampMs: 5000,
    clients: ["C", "aiohttp", "socket", "epoll"],
    rounds: 1,
    bodies: false,
  },
];

/** Requests before the measured part of each client. */
const WARMUP = 300;
/** Of the server's log: words in a row. */
export const LOG_WIDTH = 1032;
const NOTHING: ErrorMs = { p50: null, p99: null, max: null };

/** The program's surroundings: compiled C, the server's port, which cores to use. */
export interface Bench {
  readonly folder: string;
  readonly port: number;
  readonly python: string | undefined;
}

export async function output(
  command: string,
  args: readonly string[],
  cwd?: string,
): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, {
    args: [...args],
    ...(cwd === undefined ? {} : { cwd }),
  }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

export function works(command: string, ...args: string[]): boolean {
  try {
    return new Deno.Command(command, { args, stdout: "null", stderr: "null" }).outputSync()
      .success;
  } catch {
    return false;
  }
}

/** The first Python that has aiohttp: the distribution's, before others on the path. */
function findPython(): string | undefined {
  return ["/usr/bin/python3", "python3"].find((python) => works(python, "-c", "import aiohttp"));
}

function threadsOf(client: string): { transport: string; workers: number } {
  const [transport, workers] = client.split(" ×");
  return { transport: transport!, workers: Number(workers ?? 0) };
}

/** Core 0, or more of them; the server has core 1 for itself if it can. */
function coresOf(cores: number): string {
  if (cores < 2) return "0";
  return navigator.hardwareConcurrency > cores ? `0,2-${cores}` : "0,1";
}

async function runC(bench: Bench, plan: Plan): Promise<ClientResult> {
  const { port, folder } = bench;
  const { streams, requests, tokens, query, rampMs } = plan;
  const paced = plan.bodies !== false && query.includes("paced");
  await (await fetch(`http://127.0.0.1:${port}/reset`)).text();
  const said = JSON.parse(
    await output("taskset", [
      ...["-c", "0", `${folder}/limit_client`, `${port}`, `${streams}`, `${requests}`],
      ...[`${tokens}`, query, `${rampMs}`, ...(paced ? [`${folder}/received.bin`] : [])],
    ]),
  );
  let all = NOTHING;
  let warm = NOTHING;
  if (paced) {
    const rows = streams * requests;
    await (await fetch(`http://127.0.0.1:${port}/dump?n=${rows}`)).text();
    const sent = new BigUint64Array((await Deno.readFile(`${folder}/truth.bin`)).buffer);
    // Written as doubles.
    const received = new Float64Array((await Deno.readFile(`${folder}/received.bin`)).buffer);
    const errors = (first: number): ErrorMs => {
      const late: number[] = [];
      for (let row = 0; row < rows; row++) {
        if (row % requests < first) continue;
        for (let token = 1; token <= tokens; token++) {
          const ns = received[row * (tokens + 1) + token]! - Number(sent[row * LOG_WIDTH + token]!);
          late.push(ns / 1e6);
        }
      }
      return quantiles(late);
    };
    all = errors(0);
    warm = errors(1);
  }
  return {
    tokens: said.tokens,
    requests: said.reqs,
    cpuMs: (said.user + said.sys) * 1e3,
    wallMs: said.wall * 1e3,
    reads: said.chunks,
    all,
    warm,
    departures: NOTHING,
    failures: said.errors,
    peakMiB: said.rss_kb / 1024,
  };
}

async function runAiohttp(bench: Bench, plan: Plan): Promise<ClientResult> {
  const script = new URL("./aiohttp_client.py", import.meta.url).pathname;
  const { streams, requests, tokens, query, rampMs } = plan;
  const numbers = [bench.port, streams, requests, tokens].map(String);
  const said = JSON.parse(
    await output("taskset", [
      ...["-c", "0", bench.python!, script, ...numbers, query, `${rampMs}`, `${WARMUP}`],
    ]),
  );
  return { ...said, departures: NOTHING };
}

async function runOurs(bench: Bench, plan: Plan, client: string): Promise<ClientResult> {
  const { transport, workers } = threadsOf(client);
  const { streams, requests, tokens, query, rampMs, rate } = plan;
  const orders: ClientOrders = {
    ...{ transport, workers, port: bench.port, streams, requests, tokens, query, rampMs },
    warmup: WARMUP,
    keepBodies: plan.bodies ?? true,
    ...(rate === undefined ? {} : { rate }),
  };
  const program = new URL("./client_load.ts", import.meta.url).pathname;
  return JSON.parse(
    await output("taskset", [
      ...[
        "-c",
        coresOf(plan.cores ?? Math.max(1, workers)),
        Deno.execPath(),
        "run",
        "-A",
        program,
        JSON.stringify(orders),
      ],
    ]),
  );
}

/** Measures one client; a failure is reported and leaves a gap in the table. */
async function measure(bench: Bench, plan: Plan, client: string): Promise<Finding | undefined> {
  try {
    if (client === "aiohttp" && bench.python === undefined) return undefined;
    const result = client === "C"
      ? await runC(bench, plan)
      : client === "aiohttp"
      ? await runAiohttp(bench, plan)
      : await runOurs(bench, plan, client);
    return { client, result };
  } catch (error) {
    say(`${plan.name}, ${client}: ${error instanceof Error ? error.message.trim() : error}`);
    return undefined;
  }
}

/** To stderr: the tables are stdout's. */
export function say(line: string): void {
  Deno.stderr.writeSync(new TextEncoder().encode(line + "\n"));
}

/** Compiles both programs and runs the server, on one core or wherever the system puts it. */
export async function withBench(
  core: string | undefined,
  use: (bench: Bench) => Promise<void>,
): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tokometer-bench-" });
  try {
    for (const program of ["truth_server", "limit_client"]) {
      const source = new URL(`../truth/${program}.c`, import.meta.url).pathname;
      await output("gcc", ["-O2", "-w", "-o", `${folder}/${program}`, source]);
    }
    const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
    const { port } = listener.addr;
    listener.close();
    const [program, ...args] = [
      ...(core === undefined ? [] : ["taskset", "-c", core]),
      `${folder}/truth_server`,
      `${port}`,
    ];
    const server = new Deno.Command(program!, {
      args,
      cwd: folder,
      stderr: "piped",
    }).spawn();
    const said = server.stderr.getReader();
    try {
      // "listening on …" is the first thing it says.
      await said.read();
      await use({ folder, port, python: findPython() });
    } finally {
      await said.cancel();
      server.kill("SIGKILL");
      await server.status;
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      only: { type: "string", default: "" },
      clients: { type: "string" },
    },
  });
  if (Deno.build.os !== "linux" || !works("gcc", "--version") || !works("taskset", "--version")) {
    say("Cannot run: bench:client needs Linux with gcc and taskset");
    return 1;
  }
  const chosen = values.clients?.split(",");
  const plans = PLANS
    .filter(({ name }) => values.only.split(",").some((part) => name.includes(part)))
    .map((plan) => ({
      ...plan,
      clients: plan.clients.filter((client) =>
        chosen === undefined || chosen.includes(threadsOf(client).transport)
      ),
    }));
  const rounds = Number(values.rounds);
  const measured: Measured[] = [];
  const startMs = performance.now();
  const load = Deno.loadavg()[0]!;
  await withBench("1", async (bench) => {
    for (const plan of plans) {
      const all: Finding[][] = [];
      for (let round = 0; round < Math.min(rounds, plan.rounds ?? rounds); round++) {
        const findings: Finding[] = [];
        for (const client of plan.clients) {
          const seconds = ((performance.now() - startMs) / 1e3).toFixed(0);
          say(`${seconds} s: ${plan.name}, round ${round + 1}, ${client}`);
          const finding = await measure(bench, plan, client);
          if (finding !== undefined) findings.push(finding);
        }
        all.push(findings);
      }
      measured.push({ plan, rounds: all });
    }
  });
  const text = report(measured, {
    date: new Date().toISOString().slice(0, 10),
    command: `deno task bench:client ${Deno.args.join(" ")}`.trim(),
    deno: Deno.version.deno,
    cores: navigator.hardwareConcurrency,
    load,
    seconds: (performance.now() - startMs) / 1e3,
  });
  await Deno.stdout.write(new TextEncoder().encode(text));
  return 0;
}

if (import.meta.main) Deno.exit(await main());
