/**
 * How much CPU the transports need for a token, and how late they see it, against a server in C
 * that writes into each event when it was sent, beside a client in C as the physical limit.
 *
 *     deno run -A tests/bench/transport.ts [--server DIR] [--only PART-OF-A-NAME] [transport...]
 *
 * `DIR` holds `truth_server.c` and `limit_client.c`; needs gcc, taskset and two idle cores.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { systemClock } from "../../backends/clock.ts";
import type { Exchange } from "../../backends/transport.ts";
import { openTransport } from "../../backends/transports.ts";

/** One load. */
interface Plan {
  readonly name: string;
  readonly streams: number;
  readonly requests: number;
  readonly tokens: number;
  /** Query of the server; empty = as fast as the socket takes them. */
  readonly query: string;
  readonly rampMs: number;
}

/** What a client reports. Errors are receipt minus departure in ms, of every token. */
interface Result {
  readonly tokens: number;
  readonly cpuUs: number;
  readonly wallMs: number;
  readonly readsPerToken: number;
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
  /** The same for the second request of each stream. */
  readonly warmP50: number;
  readonly warmP99: number;
  readonly failures: number;
  readonly rssMiB: number;
}

const PLANS: readonly Plan[] = [
  { name: "flood 64", streams: 64, requests: 20, tokens: 128, query: "x=1", rampMs: 0 },
  { name: "flood 64, x16", streams: 64, requests: 40, tokens: 128, query: "coal=16", rampMs: 0 },
  { name: "one token 64", streams: 64, requests: 100, tokens: 1, query: "x=1", rampMs: 0 },
  {
    name: "paced 64",
    streams: 64,
    requests: 2,
    tokens: 64,
    query: "paced=1&ttft=50000&itl=20000",
    rampMs: 1000,
  },
  {
    name: "paced 1024",
    streams: 1024,
    requests: 2,
    tokens: 48,
    query: "paced=1&ttft=50000&itl=50000",
    rampMs: 2000,
  },
];

/** Asks the clock that the server uses. */
const libc = Deno.dlopen("libc.so.6", {
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
});
const CLOCK_MONOTONIC = 1;

function monotonicNs(): bigint {
  const time = new BigInt64Array(2);
  libc.symbols.clock_gettime(CLOCK_MONOTONIC, time);
  return time[0]! * 1_000_000_000n + time[1]!;
}

/** CLOCK_MONOTONIC in ms minus our clock, from the tightest of many brackets. */
function clockOffsetMs(): number {
  let best = Infinity;
  let offset = 0;
  for (let i = 0; i < 20_000; i++) {
    const before = systemClock.now();
    const ns = monotonicNs();
    const after = systemClock.now();
    if (after - before >= best) continue;
    best = after - before;
    offset = Number(ns) / 1e6 - (before + after) / 2;
  }
  return offset;
}

/** Receipt minus departure of each token of an answer, in ms. */
function errors(exchange: Exchange, offsetMs: number): number[] {
  const text = new TextDecoder().decode(exchange.body);
  const result: number[] = [];
  let read = 0;
  for (const event of text.matchAll(/"t": *(\d+)\}\n\n/g)) {
    const end = event.index + event[0].length;
    while (exchange.readEnds[read]! < end) read++;
    result.push(exchange.readMs[read]! + offsetMs - Number(event[1]) / 1e6);
  }
  return result;
}

function quantile(sorted: Float64Array, share: number): number {
  return sorted.length === 0 ? NaN : sorted[Math.floor(share * (sorted.length - 1))]!;
}

async function runClient(name: string, port: number, plan: Plan): Promise<Result> {
  const offsetMs = clockOffsetMs();
  const transport = await openTransport(name, { clock: systemClock });
  const exchanges: Exchange[][] = Array.from({ length: plan.streams }, () => []);
  const request = (tokens: number, query: string) => ({
    method: "POST" as const,
    url: `http://127.0.0.1:${port}/v1/completions?${query}`,
    headers: { "content-type": "application/json" },
    body: new TextEncoder().encode(
      `{"model":"m","prompt":"The quick brown fox","max_tokens":${tokens},"stream":true}`,
    ),
  });
  // The compiler's warm-up belongs to no token.
  for (let i = 0; i < 20; i++) await transport.send(request(50, "x=1"), { timeoutMs: 10_000 });
  const wire = request(plan.tokens, plan.query);
  const startMs = systemClock.now();
  const cpu = process.cpuUsage();
  await Promise.all(exchanges.map(async (mine, stream) => {
    if (plan.rampMs > 0) {
      const atMs = startMs + stream * plan.rampMs / plan.streams;
      await new Promise((resolve) => setTimeout(resolve, Math.max(0, atMs - systemClock.now())));
    }
    for (let i = 0; i < plan.requests; i++) {
      mine.push(await transport.send(wire, { timeoutMs: 120_000 }));
    }
  }));
  const used = process.cpuUsage(cpu);
  const wallMs = systemClock.now() - startMs;
  await transport.close();
  const sort = (from: number) =>
    new Float64Array(
      exchanges.flatMap((mine) => mine.slice(from).flatMap((one) => errors(one, offsetMs))),
    ).sort();
  const all = sort(0);
  const warm = sort(1);
  const flat = exchanges.flat();
  return {
    tokens: all.length,
    cpuUs: (used.user + used.system) / all.length,
    wallMs,
    readsPerToken: flat.reduce((sum, { readMs }) => sum + readMs.length, 0) / all.length,
    p50: quantile(all, 0.5),
    p99: quantile(all, 0.99),
    max: quantile(all, 1),
    warmP50: quantile(warm, 0.5),
    warmP99: quantile(warm, 0.99),
    failures: flat.filter(({ end }) => end.kind !== "complete").length,
    rssMiB: Deno.memoryUsage().rss / 2 ** 20,
  };
}

async function output(command: string, ...args: string[]): Promise<string> {
  const { success, stdout, stderr } = await new Deno.Command(command, { args }).output();
  if (!success) throw new Error(`${command} failed: ${new TextDecoder().decode(stderr)}`);
  return new TextDecoder().decode(stdout);
}

function print(line: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(line + "\n"));
}

async function compare(directory: string, names: readonly string[], only: string): Promise<void> {
  const build = await Deno.makeTempDir({ prefix: "tokometer-bench-" });
  for (const program of ["truth_server", "limit_client"]) {
    await output("gcc", "-O2", "-w", "-o", `${build}/${program}`, `${directory}/${program}.c`);
  }
  const probe = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = probe.addr;
  probe.close();
  const server = new Deno.Command("taskset", {
    args: ["-c", "1", `${build}/truth_server`, `${port}`],
    cwd: build,
    stderr: "piped",
  }).spawn();
  // It prints one line when it listens.
  const reader = server.stderr.getReader();
  await reader.read();
  await reader.cancel();
  try {
    print(
      "load           client   CPU us/token  x C   reads/token  p50 ms  p99 ms  max ms  " +
        "warm p50  warm p99  failed  RSS MiB",
    );
    for (const plan of PLANS.filter(({ name }) => name.includes(only))) {
      const limit = JSON.parse(
        await output(
          "taskset",
          ...["-c", "0", `${build}/limit_client`, `${port}`, `${plan.streams}`],
          ...[`${plan.requests}`, `${plan.tokens}`, plan.query, `${plan.rampMs}`],
        ),
      );
      const limitUs = (limit.user + limit.sys) * 1e6 / limit.tokens;
      print(`${plan.name.padEnd(15)}${"C".padEnd(9)}${limitUs.toFixed(2).padStart(12)}`);
      for (const name of names) {
        const result: Result = JSON.parse(
          await output(
            "taskset",
            ...["-c", "0", Deno.execPath(), "run", "-A", import.meta.filename!],
            ...["--client", name, "--port", `${port}`, "--plan", plan.name],
          ),
        );
        const cell = (value: number, width: number, digits = 2) =>
          value.toFixed(digits).padStart(width);
        print(
          plan.name.padEnd(15) + name.padEnd(9) + cell(result.cpuUs, 12) +
            cell(result.cpuUs / limitUs, 6) + cell(result.readsPerToken, 13) +
            [result.p50, result.p99, result.max].map((ms) => cell(ms, 8)).join("") +
            cell(result.warmP50, 10) + cell(result.warmP99, 10) + cell(result.failures, 8, 0) +
            cell(result.rssMiB, 9, 0),
        );
      }
    }
  } finally {
    server.kill();
    await server.status;
    await Deno.remove(build, { recursive: true });
  }
}

const { values, positionals } = parseArgs({
  args: Deno.args,
  allowPositionals: true,
  options: {
    server: { type: "string", default: ".." },
    only: { type: "string", default: "" },
    client: { type: "string" },
    port: { type: "string" },
    plan: { type: "string" },
  },
});
if (values.client === undefined) {
  const names = positionals.length > 0 ? positionals : ["fetch", "socket"];
  await compare(values.server, names, values.only);
} else {
  const plan = PLANS.find(({ name }) => name === values.plan)!;
  print(JSON.stringify(await runClient(values.client, Number(values.port), plan)));
}
libc.close();
