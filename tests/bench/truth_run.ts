/**
 * One run of the CLI as a user starts it, in a state of the machine, beside the server's log.
 *
 * @module
 */
import {
  type Figure,
  joinFigures,
  measuredRows,
  printedOf,
  serverLateness,
  truthOf,
} from "./truth_join.ts";
import { loadOptions, type MachineState, type TruthPlan } from "./truth_plans.ts";
import { startServer, track, type TruthTools } from "./truth_servers.ts";

/** What is kept of a run: one line of the raw file. */
export interface TruthFinding {
  readonly at: string;
  /** Load average of the machine before the run. */
  readonly machineLoad: number;
  /** Version of the program, or which one it was. */
  readonly tree: string;
  readonly state: MachineState;
  readonly plan: string;
  /** As asked for. */
  readonly transport: string;
  /** As the report names it. */
  readonly used: string;
  /** Why there are no figures. */
  readonly failed?: string;
  readonly requests: number;
  readonly verdict: string;
  /** Rules that the verdict followed from. */
  readonly rules: readonly string[];
  readonly messages: readonly string[];
  /** Where its brackets come from. */
  readonly basis: string | null;
  readonly figures: readonly Figure[];
  readonly server: ReturnType<typeof serverLateness>;
  /** CPU time of the client itself, in ms. */
  readonly clientCpuMs: number | null;
  readonly witness: WitnessFinding | null;
  /** Why there is none. */
  readonly witnessAbsent: string | null;
}

/** What a report says of its witness. */
export interface WitnessFinding {
  readonly streams: number;
  readonly requests: number;
  readonly ticks: number;
  readonly ticksInside: number | null;
  readonly departuresInside: number | null;
  readonly cpuMs: number | null;
  /** Ticks of the load that was measured. */
  readonly loadTicks: number;
}

/** Where and how to run. */
export interface TruthOrder {
  readonly tools: TruthTools;
  /** Folder of the program. */
  readonly tree: string;
  readonly plan: TruthPlan;
  readonly transport: string;
  readonly state: MachineState;
}

const LIMIT_SEC = 110;
const QUOTA_GROUP = "/sys/fs/cgroup/cpu/tokometer-truth";

/** Puts the machine into a state; the words before the client, and how to leave the state. */
async function enter(
  state: MachineState,
): Promise<{ readonly prefix: readonly string[]; leave(): Promise<void> }> {
  if (state === "busy") {
    const loops = [1, 2].map(() =>
      track(new Deno.Command("sh", { args: ["-c", "while :; do :; done"] }).spawn())
    );
    return {
      prefix: [],
      async leave() {
        for (const loop of loops) loop.kill("SIGKILL");
        await Promise.all(loops.map(({ status }) => status));
      },
    };
  }
  if (state === "pinned") return { prefix: ["taskset", "-c", "0"], leave: () => Promise.resolve() };
  if (state === "quota") {
    const group = `${QUOTA_GROUP}-${Deno.pid}`;
    await Deno.mkdir(group);
    await Deno.writeTextFile(`${group}/cpu.cfs_period_us`, "100000");
    await Deno.writeTextFile(`${group}/cpu.cfs_quota_us`, "50000");
    return {
      prefix: ["sh", "-c", `echo $$ > ${group}/cgroup.procs && exec "$@"`, "sh"],
      leave: () => Deno.remove(group),
    };
  }
  return { prefix: [], leave: () => Promise.resolve() };
}

/** Starts the command line of the tree, and says what it said when it failed. */
async function bench(words: readonly string[], tree: string, home: string): Promise<void> {
  const child = new Deno.Command("timeout", {
    args: ["-k", "5", `${LIMIT_SEC}`, ...words],
    cwd: tree,
    // No calibration of anybody's; and no proxy on the way to a server of ours.
    env: { XDG_STATE_HOME: home, NO_PROXY: "*", no_proxy: "*" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  });
  const { code, stdout, stderr } = await child.output();
  if (code === 0) return;
  const said = new TextDecoder().decode(stderr).trim() || new TextDecoder().decode(stdout).trim();
  throw new Error(`exit code ${code}: ${said.slice(-500)}`);
}

/** One run. A client that fails is a finding without figures; what is ours to fix throws. */
export async function runTruth(order: TruthOrder): Promise<TruthFinding> {
  const { tools, tree, plan, transport, state } = order;
  const out = `${tools.folder}/run`;
  const start = {
    ...{
      at: new Date().toISOString(),
      machineLoad: Deno.loadavg()[0]!,
      tree,
      state,
      plan: plan.name,
      transport,
    },
    ...{ used: transport, requests: 0, verdict: "none", rules: [], messages: [], basis: null },
    ...{ figures: [], server: { ttftP99Ms: null, itlP99Ms: null }, clientCpuMs: null },
    ...{ witness: null, witnessAbsent: null },
  };
  const server = await startServer(tools, plan);
  try {
    const { prefix, leave } = await enter(state);
    try {
      await bench(
        [
          ...[...server.prefix, ...prefix],
          ...[Deno.execPath(), "run", "-q", "-A", `${tree}/cli.ts`, "bench", server.url],
          ...[...server.options, ...loadOptions(plan, transport)],
          ...["--quiet", "--percentiles=50,90,99", `--out=${out}`],
        ],
        tree,
        tools.folder,
      );
    } catch (error) {
      return { ...start, failed: error instanceof Error ? error.message : `${error}` };
    } finally {
      await leave();
    }
    const report = JSON.parse(await Deno.readTextFile(`${out}/report.json`));
    const load = report.loads[0];
    const count = load.counts.completed;
    const rows = measuredRows(await server.rows(), count, load.connections.new > 0);
    const { witness = null, client, verdict } = load;
    return {
      ...start,
      used: report.header.transport,
      requests: count,
      verdict: verdict?.kind ?? "none",
      rules: verdict?.reasons.map(({ rule }: { rule: string }) => rule) ?? [],
      messages: verdict === null ? [] : [
        verdict.message,
        ...verdict.reasons.map(({ message }: { message: string }) => message),
      ],
      basis: load.bracketBasis ?? null,
      figures: joinFigures(truthOf(rows, await firstSentMs(out)), printedOf(load)),
      server: serverLateness(rows, {
        ttftMs: plan.lockstep === true ? undefined : plan.ttftMs,
        itlMs: plan.itlMs,
      }),
      clientCpuMs: client === null ? null : client.cpuCores * load.durationMs,
      witness: witness === null ? null : {
        streams: witness.streams,
        requests: witness.requests,
        ticks: witness.ticks,
        ticksInside: witness.ticksInside ?? null,
        departuresInside: witness.departuresInside ?? null,
        cpuMs: witness.cpuMs ?? null,
        loadTicks: load.stream.ticks,
      },
      witnessAbsent: load.witnessAbsent ?? null,
    };
  } finally {
    await server.stop();
    await Deno.remove(out, { recursive: true }).catch(() => {});
  }
}

/** When the first request was sent, from the start of the load. */
async function firstSentMs(folder: string): Promise<number> {
  let first = Infinity;
  for (const line of (await Deno.readTextFile(`${folder}/records.jsonl`)).split("\n")) {
    if (line === "") continue;
    const { record } = JSON.parse(line);
    if (record?.phase === "measure") first = Math.min(first, record.sentMs);
  }
  return first;
}
