/**
 * Is the error that `tokometer calibrate` reports the error that the client has? The same load twice,
 * interleaved: against the simulated engine, as `calibrate` reports it, and against the independent
 * server in C, with the log of that server as the truth. And is the simulated engine's own log
 * true? A client in C records when the stamped tokens arrived. Prints Markdown for `BENCHMARKS.md`.
 *
 *     deno task bench:calibrate [--rounds 5] [--only PART] [--transports socket,epoll] [--keep FILE] [--pin]
 *
 * `--pin` gives client and server a core each; without it they are where the scheduler puts them, as
 * in a user's run. `--keep` adds what was measured to a file and reports all of it: a long run in pieces. Needs
 * Linux, two idle cores and gcc.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { systemClock } from "../../backends/clock.ts";
import { selfCommand } from "../../backends/relaunch.ts";
import type { LaunchedSimulator } from "../../backends/sim_launch.ts";
import type { SimLoopName } from "../../backends/sim_loop.ts";
import type { CalibrationCell } from "../../metrics/run_calibration.ts";
import type { EngineTimes } from "../../metrics/check_client_error.ts";
import {
  type EnginePace,
  launchEngine,
  openBed,
  SPREAD_TTFT_MS,
  type TruthfulServer,
} from "../../workloads/calibration_cell.ts";
import {
  type CalibrationFinding,
  type CalibrationPlan,
  calibrationReport,
  type ReceiptFinding,
} from "./calibrate_report.ts";
import { type Bench, LOG_WIDTH, output, say, withBench, works } from "./client.ts";
import { monotonicOffsetMs } from "./client_load.ts";

/** All loads. */
const PLANS: readonly CalibrationPlan[] = [
  { name: "spread-64", streams: 64, itlMs: 20, pattern: "spread", outputTokens: 32, requests: 4 },
  { name: "spread-256", streams: 256, itlMs: 20, pattern: "spread", outputTokens: 32, requests: 3 },
  {
    name: "spread-1024",
    streams: 1024,
    itlMs: 50,
    pattern: "spread",
    outputTokens: 32,
    requests: 3,
  },
  {
    name: "lockstep-256",
    streams: 256,
    itlMs: 20,
    pattern: "lockstep",
    outputTokens: 32,
    requests: 3,
  },
];

const TRANSPORTS = ["fetch", "socket", "epoll"];

/** What the engine can wait and write with; `calibrate` takes the first where it may. */
const LOOPS: readonly SimLoopName[] = ["epoll", "platform"];

/** Beside them: how true the engine's stamps are. */
const C_CLIENT = "C";

/** Rows of the C server's log that a load may use. */
const ROWS = 4096;

/** Cores of client and server with `--pin`: so that the scheduler does not change what is compared. */
const CLIENT_CORE = "0";
const SERVER_CORE = "1";

/** Runs `calibrate` of one cell on the client's core, and puts its engine onto the server's. */
async function outputPinned(command: string, args: readonly string[]): Promise<string> {
  // taskset becomes the program that it starts: the engine is a child of this very process.
  const client = new Deno.Command("taskset", {
    args: ["-c", CLIENT_CORE, command, ...args],
    stdout: "piped",
    stderr: "null",
  }).spawn();
  const done = client.output();
  let over = false;
  const ended = done.then(() => over = true);
  for (let pinned = false; !pinned && !over;) {
    const pid = (await output("pgrep", ["-P", `${client.pid}`]).catch(() => "")).trim();
    // Threads that it starts later stay where their parent is. To look again would disturb the load.
    if (pid !== "") pinned = works("taskset", "-acp", SERVER_CORE, pid);
    else await Promise.race([ended, new Promise((resolve) => setTimeout(resolve, 50))]);
  }
  return new TextDecoder().decode((await done).stdout);
}

/** What `calibrate` says, in a process of its own and through its own command line. */
async function estimate(
  plan: CalibrationPlan,
  transport: string,
  pin: boolean,
): Promise<CalibrationCell> {
  const { command, args } = selfCommand([
    ...["calibrate", "--quick", "--no-save", "--format=json", `--transport=${transport}`],
    ...[`--concurrency=${plan.streams}`, `--itl=${plan.itlMs}`, `--pattern=${plan.pattern}`],
    ...[`--output-tokens=${plan.outputTokens}`, `--requests=${plan.requests}`],
  ]);
  return JSON.parse(await (pin ? outputPinned : output)(command, args)).cells[0];
}

/** The client and its load against the C server; this file again, in a process of its own. */
async function judged(plan: CalibrationPlan, transport: string, bench: Bench, pin: boolean) {
  const orders = JSON.stringify({ ...plan, transport, port: bench.port, folder: bench.folder });
  const args = ["run", "-A", new URL(import.meta.url).pathname, "--child", orders];
  const said = pin
    ? await output("taskset", ["-c", CLIENT_CORE, Deno.execPath(), ...args])
    : await output(Deno.execPath(), args);
  return JSON.parse(said) as CalibrationCell;
}

interface ChildOrders extends CalibrationPlan {
  readonly transport: string;
  readonly port: number;
  readonly folder: string;
}

async function runChild(orders: ChildOrders): Promise<CalibrationCell> {
  const bed = await openBed({
    transport: orders.transport,
    workers: 1,
    simulator: serverInC(orders),
    engine: orders,
    abortSignal: new AbortController().signal,
  });
  const cell = await bed.run({ streams: orders.streams, requestsPerStream: orders.requests });
  await bed.close();
  return cell;
}

/** The C server's times and log behind the interface of the simulated engine. */
function serverInC({ port, folder, pattern, itlMs, ...plan }: ChildOrders): TruthfulServer {
  if (plan.streams * plan.requests > ROWS) throw new RangeError(`${plan.name} has too many rows`);
  const url = `http://127.0.0.1:${port}`;
  const get = async (path: string) => await (await fetch(`${url}${path}`)).text();
  const ttftMs = pattern === "spread" ? SPREAD_TTFT_MS : itlMs;
  const pace = `paced=1&ttft=${ttftMs * 1000}&itl=${itlMs * 1000}&lock=${
    pattern === "lockstep" ? 1 : 0
  }`;
  return {
    url,
    endpointOf: (requestId) => `/v1/completions?${pace}&r=${requestId - 1n}`,
    resetTruth: async () => void await get("/reset"),
    stats: () => Promise.resolve({ lateness: { writes: 0 } }),
    async truth() {
      await get(`/dump?n=${ROWS}`);
      const log = new BigUint64Array((await Deno.readFile(`${folder}/truth.bin`)).buffer);
      const all: EngineTimes[] = [];
      for (let row = 0; row < ROWS; row++) {
        const [arrivalMs, ...writeMs] = Array.from(
          log.subarray(row * LOG_WIDTH, (row + 1) * LOG_WIDTH),
          (ns) => Number(ns) / 1e6,
        ).filter((ms) => ms > 0);
        if (arrivalMs === undefined) continue;
        const writeTokens = writeMs.map((_, i) => i + 1);
        all.push({ requestId: `${row + 1}`, arrivalMs, writeMs, writeTokens });
      }
      return all;
    },
  };
}

/** How long after the engine's stamps a client in C has the tokens. */
async function receiptsOfEngine(
  plan: CalibrationPlan,
  bench: Bench,
  loop: SimLoopName,
): Promise<ReceiptFinding> {
  const engine: EnginePace = plan;
  const simulator = await launchEngine(engine, { loop });
  try {
    await simulator.resetTruth();
    const received = await runLimitClient(plan, bench, Number(new URL(simulator.url).port), "x=1");
    const offset = await engineOffset(simulator);
    const { lateness } = await simulator.stats();
    // Connections are numbered in the order in which the C client opened them, one by one.
    const streams = Map.groupBy(await simulator.truth(), ({ connection }) => connection);
    const sent = [...streams.entries()].sort(([a], [b]) => a - b)
      .flatMap(([, requests]) => requests.sort((a, b) => a.arrivalMs - b.arrivalMs));
    return {
      plan: plan.name,
      server: `simulated engine, ${loop}`,
      ...receipts(
        received,
        sent.map(({ writeMs }) => writeMs.map((ms) => ms + offset.ms)),
        plan.outputTokens,
      ),
      uncertainMs: offset.uncertainMs,
      lateP50Ms: lateness.p50Ms ?? null,
      lateP99Ms: lateness.p99Ms ?? null,
      capacityPerSec: null,
    };
  } finally {
    await simulator.stop();
  }
}

/** The same of the C server: what its stamps are worth. */
async function receiptsOfC(plan: CalibrationPlan, bench: Bench): Promise<ReceiptFinding> {
  const server = serverInC({ ...plan, transport: "", port: bench.port, folder: bench.folder });
  await server.resetTruth();
  const query = server.endpointOf!(1n).replace(/^.*\?(.*)&r=.*$/, "$1");
  const received = await runLimitClient(plan, bench, bench.port, query);
  const sent = (await server.truth()).map(({ writeMs }) => writeMs);
  return {
    plan: plan.name,
    server: "C server",
    ...receipts(received, sent, plan.outputTokens),
    uncertainMs: 0,
    lateP50Ms: null,
    lateP99Ms: null,
    capacityPerSec: null,
  };
}

/** Tokens/s of the engine as fast as it goes, to a client that costs next to nothing. */
async function capacityOf({ folder }: Bench, loop: SimLoopName): Promise<number> {
  const simulator = await launchEngine({ itlMs: 0, pattern: "spread", outputTokens: 256 }, {
    loop,
  });
  try {
    const { port } = new URL(simulator.url);
    const said = await output(`${folder}/limit_client`, [port, "32", "16", "256", "x=1", "0"]);
    const { tokens, wall } = JSON.parse(said);
    return tokens / wall;
  } finally {
    await simulator.stop();
  }
}

/** Rows of departure and receipts in ms, one row per request. */
async function runLimitClient(
  { streams, requests, outputTokens, itlMs }: CalibrationPlan,
  { folder }: Bench,
  port: number,
  query: string,
): Promise<Float64Array> {
  const numbers = [port, streams, requests, outputTokens].map(String);
  const rampMs = `${itlMs * outputTokens}`;
  const file = `${folder}/received.bin`;
  await output(`${folder}/limit_client`, [...numbers, query, rampMs, file]);
  // Written as doubles.
  return new Float64Array((await Deno.readFile(file)).buffer).map((ns) => ns / 1e6);
}

function receipts(
  received: Float64Array,
  sent: readonly (readonly number[])[],
  tokens: number,
): Pick<ReceiptFinding, "p50Ms" | "p99Ms" | "maxMs" | "leastMs" | "count"> {
  if (sent.length * (tokens + 1) !== received.length) {
    throw new Error(`${sent.length} requests in the log, ${received.length / (tokens + 1)} sent`);
  }
  const late = sent.flatMap((writeMs, row) =>
    writeMs.map((ms, token) => received[row * (tokens + 1) + 1 + token]! - ms)
  ).sort((a, b) => a - b);
  const at = (share: number) => late[Math.floor(share * (late.length - 1))]!;
  return { p50Ms: at(0.5), p99Ms: at(0.99), maxMs: at(1), leastMs: at(0), count: late.length };
}

/** CLOCK_MONOTONIC minus the engine's clock, from the tightest of many questions. */
async function engineOffset(simulator: LaunchedSimulator) {
  const own = monotonicOffsetMs();
  let best = Infinity;
  let ms = 0;
  for (let i = 0; i < 300; i++) {
    const before = systemClock.now();
    const theirs = await simulator.clock();
    const after = systemClock.now();
    if (after - before >= best) continue;
    best = after - before;
    ms = own + (before + after) / 2 - theirs;
  }
  return { ms, uncertainMs: best / 2 };
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "5" },
      only: { type: "string", default: "" },
      transports: { type: "string", default: [...TRANSPORTS, C_CLIENT].join() },
      keep: { type: "string" },
      pin: { type: "boolean", default: false },
      child: { type: "string" },
    },
  });
  if (values.child !== undefined) {
    Deno.stdout.writeSync(
      new TextEncoder().encode(JSON.stringify(await runChild(JSON.parse(values.child))) + "\n"),
    );
    return 0;
  }
  if (Deno.build.os !== "linux" || !works("gcc", "--version")) {
    say("Cannot run: bench:calibrate needs Linux with gcc");
    return 1;
  }
  const { keep, pin } = values;
  const found: (CalibrationFinding | ReceiptFinding)[] = [];
  const note = (finding: CalibrationFinding | ReceiptFinding) => {
    found.push(finding);
    if (keep === undefined) return;
    Deno.writeTextFileSync(keep, JSON.stringify(finding) + "\n", { append: true });
  };
  const startMs = systemClock.now();
  const load = Deno.loadavg()[0]!;
  const chosen = values.transports.split(",");
  const transports = chosen.filter((name) => name !== C_CLIENT);
  const plans = PLANS.filter(({ name }) =>
    values.only.split(",").some((part) => name.includes(part))
  );
  await withBench(pin ? SERVER_CORE : undefined, async (bench) => {
    for (let round = 0; round < Number(values.rounds); round++) {
      for (const plan of plans) {
        const tell = (what: string) =>
          say(
            `${((systemClock.now() - startMs) / 1000).toFixed(0)} s: ${plan.name}, round ${
              round + 1
            }, ${what}`,
          );
        for (const transport of transports) {
          tell(transport);
          note({
            plan: plan.name,
            transport,
            estimate: await estimate(plan, transport, pin),
            judged: await judged(plan, transport, bench, pin),
          });
        }
        if (!chosen.includes(C_CLIENT)) continue;
        tell("the C client");
        for (const loop of LOOPS) {
          note({
            ...await receiptsOfEngine(plan, bench, loop),
            capacityPerSec: await capacityOf(bench, loop),
          });
        }
        note(await receiptsOfC(plan, bench));
      }
    }
  });
  const all = keep === undefined
    ? found
    : (await Deno.readTextFile(keep)).trim().split("\n").map((line) => JSON.parse(line));
  const text = calibrationReport(all, PLANS, {
    date: new Date().toISOString().slice(0, 10),
    command: `deno task bench:calibrate ${Deno.args.join(" ")}`.trim(),
    deno: Deno.version.deno,
    cores: navigator.hardwareConcurrency,
    load,
    seconds: (systemClock.now() - startMs) / 1e3,
  });
  await Deno.stdout.write(new TextEncoder().encode(text));
  return 0;
}

if (import.meta.main) Deno.exit(await main());
