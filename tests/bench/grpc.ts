/**
 * What our gRPC transports cost beside the client that most people would write (Python's
 * grpcio.aio), against a server in C that writes into each message when it left. Prints Markdown
 * for `BENCHMARKS.md`.
 *
 *     deno task bench:grpc [--rounds 3] [--only PART]
 *
 * Needs Linux, two idle cores, gcc and taskset; for the rival Debian's python3-grpcio,
 * protobuf-compiler and protobuf-compiler-grpc.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { output, say, works } from "./client.ts";
import type { ClientResult } from "./client_load.ts";
import { type Figure, figure, type Finding, median, own, ratios, table } from "./client_report.ts";
import type { GrpcOrders } from "./grpc_load.ts";

/** A load of the server. */
interface Plan {
  readonly name: string;
  readonly title: string;
  readonly streams: number;
  /** Requests of each stream. */
  readonly requests: number;
  readonly tokens: number;
  /** Between the tokens of a stream; 0 = as fast as it goes. */
  readonly itlUs: number;
  /** How often the server looks what is due; 0 = each token in a write of its own. */
  readonly tickUs: number;
  readonly rampMs: number;
}

/** Every round of a load. */
interface Measured {
  readonly plan: Plan;
  readonly rounds: readonly (readonly Finding[])[];
}

const PLANS: readonly Plan[] = [
  {
    name: "flood",
    title: "64 streams, as fast as it goes",
    streams: 64,
    requests: 30,
    tokens: 128,
    itlUs: 0,
    tickUs: 0,
    rampMs: 0,
  },
  {
    name: "paced",
    title: "256 streams, one token per 20 ms, the server writes once per millisecond",
    streams: 256,
    requests: 3,
    tokens: 128,
    itlUs: 20_000,
    tickUs: 1000,
    rampMs: 1000,
  },
  {
    name: "spread",
    title: "256 streams, one token per 20 ms, each in a write of its own",
    streams: 256,
    requests: 3,
    tokens: 128,
    itlUs: 20_000,
    tickUs: 0,
    rampMs: 1000,
  },
];

const RIVAL = "grpcio.aio";
const CLIENTS: readonly string[] = [RIVAL, "grpc", "grpc-socket"];
/** Requests before the measured part of each client. */
const WARMUP = 60;
/** What must be reached, and what would be better still: tokens per CPU-second, × the rival's. */
const GOALS: readonly (readonly [plan: string, must: number, stretch: number])[] = [
  ["flood", 3.3, 10],
  ["paced", 1.5, 4],
  ["spread", 1.5, 4],
];

/** Generates what the rival imports; the Python that can run it, if there is one. */
async function preparePython(folder: string): Promise<string | undefined> {
  const python = ["/usr/bin/python3", "python3"].find((name) =>
    works(name, "-c", "import grpc.aio, google.protobuf")
  );
  if (python === undefined || !works("protoc", "--version")) return undefined;
  const plugin = (await output("sh", ["-c", "command -v grpc_python_plugin || true"])).trim();
  if (plugin === "") return undefined;
  await output("protoc", [
    `--proto_path=${new URL("../peer", import.meta.url).pathname}`,
    `--python_out=${folder}`,
    `--plugin=protoc-gen-grpc=${plugin}`,
    `--grpc_out=${folder}`,
    "ppl.proto",
  ]);
  return python;
}

/** Starts the server for a plan, pinned to core 1. */
async function withServer<T>(
  folder: string,
  { itlUs, tickUs }: Plan,
  use: (port: number) => Promise<T>,
): Promise<T> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const server = new Deno.Command("taskset", {
    args: ["-c", "1", `${folder}/h2_server`, `${port}`, `${itlUs}`, `${tickUs}`],
    stderr: "piped",
  }).spawn();
  const said = server.stderr.getReader();
  try {
    // "listening on …" is the first thing it says.
    await said.read();
    return await use(port);
  } finally {
    await said.cancel();
    server.kill("SIGKILL");
    await server.status;
  }
}

/** Runs one client, pinned to core 0; a failure is reported and leaves a gap in the table. */
async function measure(
  client: string,
  plan: Plan,
  { folder, port, python }: {
    readonly folder: string;
    readonly port: number;
    readonly python: string | undefined;
  },
): Promise<Finding | undefined> {
  const { streams, requests, tokens, rampMs } = plan;
  const path = (name: string) => new URL(name, import.meta.url).pathname;
  const orders: GrpcOrders = {
    ...{ transport: client, port, streams, requests, tokens, rampMs },
    warmup: WARMUP,
  };
  try {
    if (client === RIVAL && python === undefined) return undefined;
    const said = await output("taskset", [
      ...["-c", "0"],
      ...(client === RIVAL
        ? [
          ...[python!, path("./grpc_client.py"), folder],
          ...[port, streams, requests, tokens, rampMs, WARMUP].map(String),
        ]
        : [Deno.execPath(), "run", "-A", path("./grpc_load.ts"), JSON.stringify(orders)]),
    ]);
    const departures = { p50: null, p99: null, max: null };
    return { client, result: { ...JSON.parse(said), departures } };
  } catch (error) {
    say(`${plan.name}, ${client}: ${error instanceof Error ? error.message.trim() : error}`);
    return undefined;
  }
}

const perToken: Figure = ({ cpuMs, tokens }) => cpuMs / tokens;

function goalRows(all: readonly Measured[]): string[][] {
  return GOALS.flatMap(([name, must, stretch]) => {
    const measured = all.find(({ plan }) => plan.name === name);
    if (measured === undefined) return [];
    const value = median(ratios(measured, RIVAL, "grpc-socket", perToken));
    const reached = value === undefined
      ? "n/a"
      : value >= stretch
      ? "stretch"
      : value >= must
      ? "yes"
      : "**no**";
    return [[name, `≥ ${must}`, `≥ ${stretch}`, `${figure(value)} × ${RIVAL}`, reached]];
  });
}

function planRows(measured: Measured): string[][] {
  return CLIENTS.map((client) => {
    const mine = (read: Figure) => own(measured, client, read);
    const gains = ratios(measured, RIVAL, client, perToken);
    const late = (["p50", "p99", "max"] as const).map((name) =>
      figure(mine(({ warm }: ClientResult) => warm[name]))
    );
    return [
      client,
      figure(mine(({ cpuMs, tokens }) => cpuMs * 1e3 / tokens)),
      figure(mine(({ cpuMs, tokens }) => tokens / cpuMs * 1e3), 0),
      gains.length === 0
        ? "n/a"
        : `${figure(median(gains))} (${figure(Math.min(...gains))}–${figure(Math.max(...gains))})`,
      figure(mine(({ reads, tokens }) => reads / tokens)),
      late.join(" / "),
      figure(mine(({ tokens, wallMs }) => tokens / wallMs * 1e3), 0),
      figure(mine(({ peakMiB }) => peakMiB), 0),
      figure(mine(({ failures }) => failures), 0),
    ];
  });
}

function report(all: readonly Measured[], where: string): string {
  const lines = [
    where,
    "",
    ...table(["load", "must", "stretch", "tokens per CPU-second", "reached"], goalRows(all)),
  ];
  for (const measured of all) {
    lines.push("", `### ${measured.plan.title} (\`${measured.plan.name}\`)`, "");
    lines.push(...table([
      "client",
      "CPU µs/token",
      "tokens per CPU-second",
      `× ${RIVAL}'s (min–max)`,
      "reads/token",
      "error p50 / p99 / max ms, warm",
      "tokens/s",
      "peak MiB",
      "failed",
    ], planRows(measured)));
  }
  return lines.join("\n") + "\n";
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "3" },
      only: { type: "string", default: "" },
    },
  });
  if (Deno.build.os !== "linux" || !works("gcc", "--version") || !works("taskset", "--version")) {
    say("Cannot run: bench:grpc needs Linux with gcc and taskset");
    return 1;
  }
  const startMs = performance.now();
  const load = Deno.loadavg()[0]!;
  const all: Measured[] = [];
  const folder = await Deno.makeTempDir({ prefix: "tokometer-bench-" });
  try {
    const source = new URL("../truth/h2_server.c", import.meta.url).pathname;
    await output("gcc", ["-O2", "-w", "-o", `${folder}/h2_server`, source]);
    const python = await preparePython(folder);
    if (python === undefined) say(`${RIVAL} is left out: grpcio or protoc is not installed`);
    const plans = PLANS.filter(({ name }) =>
      values.only.split(",").some((part) => name.includes(part))
    );
    for (const plan of plans) {
      await withServer(folder, plan, async (port) => {
        const rounds: Finding[][] = [];
        for (let round = 0; round < Number(values.rounds); round++) {
          const findings: Finding[] = [];
          for (const client of CLIENTS) {
            const seconds = ((performance.now() - startMs) / 1e3).toFixed(0);
            say(`${seconds} s: ${plan.name}, round ${round + 1}, ${client}`);
            const finding = await measure(client, plan, { folder, port, python });
            if (finding !== undefined) findings.push(finding);
          }
          rounds.push(findings);
        }
        all.push({ plan, rounds });
      });
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  const text = report(
    all,
    `Measured ${new Date().toISOString().slice(0, 10)} with ` +
      `\`${`deno task bench:grpc ${Deno.args.join(" ")}`.trim()}\`: Deno ${Deno.version.deno}, ` +
      `${navigator.hardwareConcurrency} cores, load average ${load.toFixed(2)} before the start, ` +
      `${((performance.now() - startMs) / 1e3).toFixed(0)} s.`,
  );
  await Deno.stdout.write(new TextEncoder().encode(text));
  return 0;
}

if (import.meta.main) Deno.exit(await main());
