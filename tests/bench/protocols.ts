/**
 * `deno task bench:protocols`: what a token costs in each protocol, through the same path, as a
 * ratio to OpenAI completions measured in the same rounds. Also runs each protocol against faults
 * with `--faults` and prints how each is reported.
 *
 * CPU is that of this whole process (sending thread, decoding, records) from the first measured
 * request to the last; the simulated engine runs in its own.
 *
 * @module
 */
import process from "node:process";
import { type LaunchedSimulator, launchSimulator } from "../../backends/sim_launch.ts";
import { PROTOCOLS } from "../../backends/protocols.ts";
import { findSimProtocol, SIM_ENGINES } from "../../backends/sim_protocols.ts";
import type { Protocol } from "../../backends/protocol.ts";
import type { Run } from "../../metrics/run.ts";
import { measureBench } from "../../workloads/run_bench.ts";

const BASE = "openai-completions";
const USERS = 16;
const REQUESTS = 96;
const OUTPUT_TOKENS = 128;

const write = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
const median = (values: readonly number[]) => values.toSorted((a, b) => a - b)[values.length >> 1]!;

/** Options of the simulator and of bench that let them talk in a protocol. */
function pairing(protocol: Protocol): { sim: string[]; url: (sim: LaunchedSimulator) => string } {
  if (protocol.carrier === "grpc") {
    const version = protocol.name === "ppl-v1" ? ["--ppl-version=1"] : [];
    return { sim: ["--grpc-port=0", ...version], url: (sim) => sim.grpcUrl! };
  }
  const own = findSimProtocol(protocol.name)!;
  const engine = (SIM_ENGINES.find(({ protocols }) => protocols.includes(own)) ?? SIM_ENGINES[0]!)
    .name;
  return { sim: [`--engine=${engine}`], url: (sim) => sim.url };
}

async function withSimulator<T>(
  args: readonly string[],
  use: (sim: LaunchedSimulator) => Promise<T>,
): Promise<T> {
  const sim = await launchSimulator(["--port=0", ...args]);
  try {
    return await use(sim);
  } finally {
    await sim.stop();
  }
}

/** CPU microseconds per token of one run. */
async function costOf(protocol: Protocol): Promise<number> {
  const { sim: args, url } = pairing(protocol);
  return await withSimulator(["--ttft=20", "--itl=5", ...args], async (sim) => {
    let before = process.cpuUsage();
    let counted = false;
    let tokens = 0;
    await measureBench(url(sim), {
      protocol: protocol.name,
      concurrency: [USERS],
      requests: REQUESTS,
      outputTokens: String(OUTPUT_TOKENS),
      warmup: USERS * 2,
    }, {
      onRecord(record) {
        if (record.phase !== "measure") return;
        if (!counted) before = process.cpuUsage();
        counted = true;
        tokens += record.outputTokens?.tokens ?? 0;
      },
    });
    const { user, system } = process.cpuUsage(before);
    return (user + system) / tokens;
  });
}

async function bench(rounds: number): Promise<void> {
  const protocols = PROTOCOLS.filter(({ carrier }) => carrier !== "inprocess");
  const costs = new Map<string, number[]>();
  for (let round = 0; round < rounds; round++) {
    for (const protocol of protocols) {
      const list = costs.get(protocol.name) ?? [];
      list.push(await costOf(protocol));
      costs.set(protocol.name, list);
    }
  }
  const base = costs.get(BASE)!;
  write(`| protocol | CPU µs/token | × ${BASE}, same round (median of ${rounds}) |`);
  write("| --- | --- | --- |");
  for (const [name, list] of costs) {
    const ratio = median(list.map((cost, round) => cost / base[round]!));
    write(`| ${name} | ${median(list).toFixed(1)} | ${ratio.toFixed(2)} |`);
  }
}

const FAULTS: readonly (readonly [title: string, sim: readonly string[]])[] = [
  ["error before", ["--fault=http-500:0.4"]],
  ["error in stream", ["--fault=error-event:0.4"]],
  ["cut stream", ["--fault=cut:0.4"]],
  ["wrong length", ["--fault=early-stop:0.4"]],
  ["key missing", ["--api-key=secret"]],
];

function outcomesOf(run: Run): string {
  const kinds = Map.groupBy(run.records, ({ outcome }) => outcome.kind);
  return [...kinds].map(([kind, list]) => `${list.length} ${kind}`).join(", ");
}

async function faultTable(): Promise<void> {
  write(`| protocol | completed | tokens = engine's log | ${FAULTS.map(([t]) => t).join(" | ")} |`);
  write(`| --- | --- | --- | ${FAULTS.map(() => "---").join(" | ")} |`);
  for (const protocol of PROTOCOLS) {
    if (protocol.carrier === "inprocess") continue;
    const { sim: args, url } = pairing(protocol);
    const options = {
      protocol: protocol.name,
      concurrency: [4],
      requests: 24,
      warmup: 0,
      outputTokens: "uniform:8:24",
    };
    const cells: string[] = [];
    await withSimulator(["--ttft=5", "--itl=1", ...args], async (sim) => {
      const run = await measureBench(url(sim), options);
      const ours = run.records.reduce((sum, one) => sum + (one.outputTokens?.tokens ?? 0), 0);
      const truth = await sim.truth();
      const log = truth.slice(1).reduce((sum, one) => sum + (one.writeTokens.at(-1) ?? 0), 0);
      const ok = run.records.filter(({ outcome }) => outcome.kind === "ok").length;
      cells.push(`${ok} of 24`, `${ours} = ${log}${ours === log ? "" : " DIFFERENT"}`);
    });
    for (const [, faults] of FAULTS) {
      const text = await withSimulator(
        ["--ttft=5", "--itl=1", ...args, ...faults],
        async (sim) => outcomesOf(await measureBench(url(sim), options)),
      ).catch((error: Error) => `refused: ${error.message.replace(/https?:\S+|grpc:\S+/g, "URL")}`);
      cells.push(text.replaceAll("|", "/").slice(0, 140));
    }
    write(`| ${protocol.name} | ${cells.join(" | ")} |`);
  }
}

if (Deno.args.includes("--faults")) await faultTable();
else await bench(Number(Deno.args[0] ?? 3));
