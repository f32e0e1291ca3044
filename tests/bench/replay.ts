/**
 * How exactly recorded traffic and sessions are replayed, and what that costs: the program as a user
 * runs it, beside the log of a server. Prints Markdown for `BENCHMARKS.md`.
 *
 *     deno task bench:replay --traces DIR [--only PLAN] [--transport epoll] [--speedup 20] [--seconds 60]
 *
 * `DIR` has the recordings: a Mooncake file, an Azure file, and a folder `weka`. Departures are compared
 * with the server's stamps: both are sorted, the smallest difference of any two is taken for the way there,
 * and what is more is late. Needs Linux and two cores; gcc for the server in C.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { LOG_WIDTH, say, works } from "./client.ts";
import { departureErrors, type ReplayFigures, replayReport } from "./replay_report.ts";
import { buildTools, killTracked, startProgram, track } from "./truth_servers.ts";

const TREE = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");

/** A recording and how it is replayed. */
interface ReplayPlan {
  readonly name: string;
  readonly server: "simulated" | "C";
  /** Path in the folder of recordings. */
  readonly file: string;
  readonly options: readonly string[];
}

function plansOf(speedup: string, seconds: string): readonly ReplayPlan[] {
  const schedule = ["--replay=schedule", `--speedup=${speedup}`];
  const sessions = [`--duration=${seconds}`, "--idle-cap=1", "--grace=5"];
  const mooncake = "mooncake_conversation_trace.jsonl";
  const azure = "AzureLLMInferenceTrace_code.csv";
  return [
    { name: "mooncake", server: "simulated", file: mooncake, options: schedule },
    { name: "mooncake-c", server: "C", file: mooncake, options: schedule },
    { name: "azure", server: "simulated", file: azure, options: schedule },
    { name: "azure-c", server: "C", file: azure, options: schedule },
    {
      name: "weka-4",
      server: "simulated",
      file: "weka",
      options: [...sessions, "--concurrency=4"],
    },
    {
      name: "weka-64",
      server: "simulated",
      file: "weka",
      options: [...sessions, "--concurrency=64"],
    },
  ];
}

/** When requests came to a server, ms of its clock. */
interface ReplayServer {
  readonly url: string;
  readonly options: readonly string[];
  arrivals(): Promise<readonly Arrival[]>;
  stop(): Promise<void>;
}

interface Arrival {
  readonly atMs: number;
  /** Tokens of the prompt and those that were cached, where the server counts them. */
  readonly promptTokens?: number;
  readonly cachedTokens?: number;
}

async function startSimulated(blockTokens: number): Promise<ReplayServer> {
  const child = track(
    new Deno.Command("deno", {
      args: [
        ...[
          "run",
          "-q",
          "-A",
          `${TREE}/cli.ts`,
          "simulate",
          "--port=0",
          "--loop=epoll",
          "--any-model",
        ],
        ...["--ttft=20", "--itl=1", "--prefix-cache", `--cache-block=${blockTokens}`],
      ],
      stdout: "piped",
      stderr: "null",
    }).spawn(),
  );
  const reader = child.stdout.pipeThrough(new TextDecoderStream()).getReader();
  let said = "";
  while (!/http:\S+/.test(said)) {
    const { value, done } = await reader.read();
    if (done) throw new Error(`Cannot start the simulated engine: ${said}`);
    said += value;
  }
  const url = /http:\S+/.exec(said)![0];
  return {
    url,
    options: [],
    async arrivals() {
      const answer = await fetch(`${url}/truth`);
      return (await answer.text()).split("\n").filter(Boolean).map((line) => JSON.parse(line))
        .filter((row) => typeof row.arrivalMs === "number")
        .map((row) => ({
          atMs: row.arrivalMs,
          promptTokens: row.promptTokens,
          cachedTokens: row.cachedTokens,
        }));
    },
    async stop() {
      child.kill("SIGTERM");
      await reader.cancel();
      await child.status;
    },
  };
}

async function startC(folder: string, realTime: readonly string[]): Promise<ReplayServer> {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr;
  listener.close();
  const server = await startProgram([...realTime, `${folder}/truth_server`, `${port}`], folder);
  const url = `http://127.0.0.1:${port}`;
  return {
    url,
    options: ["--endpoint=/v1/chat/completions?paced=1&ttft=20000&itl=1000", "--model=truth"],
    async arrivals() {
      const stats = await (await fetch(`${url}/stats`)).text();
      const rows = Number(/"requests":(\d+)/.exec(stats)![1]);
      await (await fetch(`${url}/dump?n=${Math.min(65_536, rows)}`)).text();
      const { buffer } = await Deno.readFile(`${folder}/truth.bin`);
      const all = new BigUint64Array(buffer);
      const found: Arrival[] = [];
      for (let at = 0; at < all.length; at += LOG_WIDTH) {
        if (all[at]! > 0n) found.push({ atMs: Number(all[at]!) / 1e6 });
      }
      return found;
    },
    stop: () => server.end("SIGTERM"),
  };
}

/** Runs the program; its memory is sampled. */
async function runBench(
  url: string,
  folder: string,
  words: readonly string[],
): Promise<{ readonly rssMiB: readonly number[]; readonly cpuSec: number; readonly said: string }> {
  const child = track(
    new Deno.Command("deno", {
      args: ["run", "-q", "-A", `${TREE}/cli.ts`, "bench", url, ...words, `--out=${folder}`],
      stdout: "null",
      stderr: "piped",
    }).spawn(),
  );
  const rssMiB: number[] = [];
  let ticks = 0;
  const timer = setInterval(() => {
    try {
      const status = Deno.readTextFileSync(`/proc/${child.pid}/status`);
      rssMiB.push(Number(/VmRSS:\s+(\d+)/.exec(status)?.[1] ?? 0) / 1024);
      const [, , , , , , , , , , , user, system] = Deno.readTextFileSync(`/proc/${child.pid}/stat`)
        .replace(/^.*\) /, "").split(" ");
      ticks = Number(user) + Number(system);
    } catch {
      // It has ended.
    }
  }, 500);
  const [, said] = await Promise.all([
    child.status,
    new Response(child.stderr).text(),
  ]);
  clearInterval(timer);
  return { rssMiB, cpuSec: ticks / 100, said };
}

interface Line {
  readonly record?: {
    readonly phase: string;
    readonly intendedMs: number;
    readonly sentMs?: number;
    readonly contentTokens?: number;
    readonly expectedCachedTokens?: number;
    readonly cachedTokens?: number;
    readonly outcome: { readonly kind: string };
  };
}

async function measure(
  plan: ReplayPlan,
  { traces, transport, folder, realTime }: {
    readonly traces: string;
    readonly transport: string;
    readonly folder: string;
    readonly realTime: readonly string[];
  },
): Promise<ReplayFigures> {
  const blockTokens = plan.file === "weka" ? 64 : 512;
  const server = plan.server === "C"
    ? await startC(folder, realTime)
    : await startSimulated(blockTokens);
  const out = `${folder}/${plan.name}`;
  try {
    const { rssMiB, cpuSec, said } = await runBench(server.url, out, [
      ...["--dataset=trace", `--dataset-path=${traces}/${plan.file}`, `--transport=${transport}`],
      // Raw values of four million ticks would look like growth.
      "--values=histogram",
      ...plan.options,
      ...server.options,
    ]);
    const lines: Line[] = (await Deno.readTextFile(`${out}/records.jsonl`).catch(() => {
      throw new Error(`No records: ${said}`);
    })).split("\n").filter(Boolean).map((line) => JSON.parse(line));
    const records = lines.flatMap(({ record }) => record?.phase === "measure" ? [record] : []);
    const sent = records.filter(({ sentMs }) => sentMs !== undefined);
    const arrivals = await server.arrivals();
    const sum = (values: readonly (number | undefined)[]) =>
      values.reduce<number>((total, value) => total + (value ?? 0), 0);
    const half = Math.floor(rssMiB.length / 2);
    return {
      name: plan.name,
      records: records.length,
      failed: records.filter(({ outcome }) => outcome.kind !== "ok").length,
      ...departureErrors(
        sent.map(({ intendedMs, sentMs }) => ({ intendedMs, sentMs: sentMs! })),
        // Check and warm-up come first.
        arrivals.map(({ atMs }) => atMs).toSorted((a, b) => a - b).slice(-sent.length),
      ),
      contentTokens: sum(sent.map(({ contentTokens }) => contentTokens)),
      expectedCached: sum(sent.map(({ expectedCachedTokens }) => expectedCachedTokens)),
      reportedCached: sum(sent.map(({ cachedTokens }) => cachedTokens)),
      rssFirstHalfMiB: Math.max(0, ...rssMiB.slice(0, half)),
      rssMiB: Math.max(0, ...rssMiB),
      cpuSec,
    };
  } finally {
    await server.stop();
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      traces: { type: "string", default: Deno.env.get("TOKOMETER_TRACES") ?? "" },
      only: { type: "string", default: "" },
      transport: { type: "string", default: "epoll" },
      speedup: { type: "string", default: "20" },
      seconds: { type: "string", default: "60" },
    },
  });
  if (values.traces === "") {
    say("Cannot run: give --traces DIR, or TOKOMETER_TRACES");
    return 2;
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      killTracked();
      Deno.exit(130);
    });
  }
  const chosen = plansOf(values.speedup, values.seconds)
    .filter(({ name }) => values.only.split(",").some((word) => word === "" || word === name))
    .filter(({ server }) => server !== "C" || works("gcc", "--version"));
  const folder = await Deno.makeTempDir({ prefix: "tokometer-replay-" });
  const figures: ReplayFigures[] = [];
  try {
    const { realTime } = await buildTools(
      folder,
      chosen.some(({ server }) => server === "C") ? ["http"] : [],
    );
    for (const plan of chosen) {
      const { traces, transport } = values;
      const one = await measure(plan, { traces, transport, folder, realTime });
      figures.push(one);
      say(JSON.stringify(one));
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
  await Deno.stdout.write(new TextEncoder().encode(replayReport(figures)));
  return 0;
}

if (import.meta.main) Deno.exit(await main());
