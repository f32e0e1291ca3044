/**
 * What it costs that several machines send one load. Prints Markdown.
 *
 *     deno task bench:fleet [--only scaling,cuts,players] [--seconds 120] [--agents 1000] [--rounds 2]
 *
 * `scaling`: the same load from one plain bench, and from 1, 2 and 4 agents on this machine: CPU time of all
 * clients and of the leader, and messages at the NATS server. Costs of starting are taken out: a short and
 * a long run are subtracted. `cuts`: a network that is silent for 5 and for 60 s. `players`: agents that only speak, each with a connection of its own, against one
 * real leader. Needs nats-server and Linux.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { epochOriginMs, patientClock, systemClock } from "../../backends/clock.ts";
import { launchSimulator } from "../../backends/sim_launch.ts";
import type { LoadState } from "../../metrics/load_state.ts";
import type { LoadEnd, RunHeader } from "../../metrics/run.ts";
import { connectBus } from "../../workloads/fleet_nats.ts";
import { watchClock } from "../../workloads/fleet_clock.ts";
import { type NatsServer, startNatsServer } from "../../workloads/fleet_server.ts";
import { playAgent, type PlayerEnd } from "../support/fleet_player.ts";
import { holdNats } from "../support/nats.ts";
import { openProxy } from "../support/tcp_proxy.ts";

const ROOT = new URL("../..", import.meta.url).pathname;
const CLOCK_TICKS_PER_SEC = 100;

/** Ends when the script ends, also where it fails. */
const children = new Set<Deno.ChildProcess>();

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(`${text}\n`));
}

/** A finished child. */
interface Ran {
  readonly code: number;
  readonly out: string;
  /** Of the child and all of its threads, s. */
  readonly cpuSec: number;
}

/** Starts the program; a shell around it says what CPU time it took. */
function start(
  args: readonly string[],
  expected: readonly number[] = [0],
): { readonly child: Deno.ChildProcess; readonly ran: Promise<Ran> } {
  const child = new Deno.Command("sh", {
    args: [
      "-c",
      '"$@"; code=$?; echo; times; exit $code',
      "sh",
      Deno.execPath(),
      ...["run", "-q", "-A", "--no-lock", `${ROOT}cli.ts`],
      ...args,
    ],
    env: { NO_COLOR: "1" },
    stdin: "null",
    stdout: "piped",
    stderr: "piped",
  }).spawn();
  children.add(child);
  const ran = (async () => {
    const { code, stdout, stderr } = await child.output();
    children.delete(child);
    const text = new TextDecoder().decode(stdout);
    // The last line of `times` is of children: user and system.
    const spent = [...(text.trimEnd().split("\n").at(-1) ?? "").matchAll(/(\d+)m([\d.]+)s/g)];
    const cpuSec = spent.reduce((sum, [, min, sec]) => sum + Number(min) * 60 + Number(sec), 0);
    if (!expected.includes(code)) {
      say(`${args.join(" ")} ended with ${code}\n${new TextDecoder().decode(stderr).slice(-2000)}`);
    }
    return { code, out: text, cpuSec };
  })();
  return { child, ran };
}

/** A server whose counters can be read. */
interface CountedNats {
  readonly server: NatsServer;
  counts(): Promise<{ readonly messages: number; readonly bytes: number; readonly cpuSec: number }>;
}

async function startCounted(): Promise<CountedNats> {
  const free = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = free.addr as Deno.NetAddr;
  free.close();
  const server = await startNatsServer({ config: `http: "127.0.0.1:${port}"` });
  return {
    server,
    async counts() {
      const varz = await (await fetch(`http://127.0.0.1:${port}/varz`)).json();
      return {
        messages: varz.in_msgs + varz.out_msgs,
        bytes: varz.in_bytes + varz.out_bytes,
        cpuSec: cpuOf(server.pid),
      };
    },
  };
}

/** CPU time of a process so far, s. */
function cpuOf(pid: number): number {
  const [, rest = ""] = /\) (.*)/.exec(Deno.readTextFileSync(`/proc/${pid}/stat`)) ?? [];
  const fields = rest.split(" ");
  return (Number(fields[11]) + Number(fields[12])) / CLOCK_TICKS_PER_SEC;
}

/** Resident memory of a process, MiB: now, and the most that it had. */
function memoryOf(pid: number): { readonly now: number; readonly most: number } {
  const status = Deno.readTextFileSync(`/proc/${pid}/status`);
  const value = (name: string) =>
    Number(new RegExp(`^${name}:\\s+(\\d+) kB`, "m").exec(status)?.[1] ?? 0) / 1024;
  return { now: value("VmRSS"), most: value("VmHWM") };
}

const LOAD = [
  ...["--dataset=synthetic", "--input-tokens=8", "--output-tokens=32", "--warmup=0", "--workers=1"],
  ...["--transport=socket", "--gpu=off", "--arrival=constant", "--server-metrics=off"],
];

interface Cost {
  readonly clientsSec: number;
  readonly leaderSec: number;
  readonly natsSec: number;
  readonly messages: number;
  readonly bytes: number;
  readonly sent: number;
}

/** One run: of a plain bench, or of a fleet. */
async function runOnce(
  url: string,
  { agents, rate, seconds }: {
    readonly agents: number;
    readonly rate: number;
    readonly seconds: number;
  },
): Promise<Cost> {
  const folder = await Deno.makeTempDir({ prefix: "tokometer_fleet_" });
  const load = [...LOAD, `--request-rate=${rate}`, `--requests=${rate * seconds}`];
  try {
    const sentOf = async () => {
      const report = JSON.parse(await Deno.readTextFile(`${folder}/lead/report.json`));
      return Number(report.loads[0].counts.sent);
    };
    const bench = ["bench", url, ...load, "--quiet", `--out=${folder}/lead`];
    if (agents === 0) {
      const { cpuSec } = await start(bench).ran;
      return {
        ...{ clientsSec: cpuSec, leaderSec: 0, natsSec: 0, messages: 0, bytes: 0 },
        sent: await sentOf(),
      };
    }
    const { server, counts } = await startCounted();
    try {
      const fleet = [`--nats=${server.url}`, "--fleet=bench"];
      const before = await counts();
      const all = [
        start([...bench, ...fleet, `--agents=${agents}`]),
        ...Array.from(
          { length: agents },
          (_, i) => start(["agent", ...fleet, "--wait=60", "--quiet", `--out=${folder}/agent${i}`]),
        ),
      ];
      const [leader, ...members] = await Promise.all(all.map(({ ran }) => ran));
      const after = await counts();
      return {
        clientsSec: members.reduce((sum, { cpuSec }) => sum + cpuSec, 0),
        leaderSec: leader!.cpuSec,
        natsSec: after.cpuSec - before.cpuSec,
        messages: after.messages - before.messages,
        bytes: after.bytes - before.bytes,
        sent: await sentOf(),
      };
    } finally {
      await server.stop();
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

const SHORT_SEC = 3;
const LONG_SEC = 15;

async function scaling(rounds: number): Promise<void> {
  const rate = 60;
  const simulator = await launchSimulator(["--port", "0", "--ttft", "20", "--itl", "10"]);
  try {
    const sizes = [0, 1, 2, 4];
    const costs = new Map<number, Cost[]>(sizes.map((size) => [size, []]));
    // CPU of a plain bench with a half and a quarter of the load: what a process costs by itself.
    const shares = new Map<number, number[]>([[2, []], [4, []]]);
    for (let round = 0; round < rounds; round++) {
      for (const [share, cores] of shares) {
        const spent = async (seconds: number) =>
          (await runOnce(simulator.url, { agents: 0, rate: rate / share, seconds })).clientsSec;
        cores.push((await spent(LONG_SEC) - await spent(SHORT_SEC)) / (LONG_SEC - SHORT_SEC));
      }
      for (const agents of sizes) {
        const short = await runOnce(simulator.url, { agents, rate, seconds: SHORT_SEC });
        const long = await runOnce(simulator.url, { agents, rate, seconds: LONG_SEC });
        const span = LONG_SEC - SHORT_SEC;
        const perSec = (key: keyof Cost) => (long[key] - short[key]) / span;
        costs.get(agents)!.push({
          ...{ clientsSec: perSec("clientsSec"), leaderSec: perSec("leaderSec") },
          ...{ natsSec: perSec("natsSec"), messages: perSec("messages"), bytes: perSec("bytes") },
          sent: long.sent,
        });
      }
    }
    say(`\n### ${rate} requests/s × 32 tokens, in all, median of ${rounds} rounds\n`);
    const median = (values: readonly number[]) => {
      const sorted = values.toSorted((a, b) => a - b);
      return (sorted[(sorted.length - 1) >> 1]! + sorted[sorted.length >> 1]!) / 2;
    };
    const of = (agents: number, key: keyof Cost) =>
      median(costs.get(agents)!.map((cost) => cost[key]));
    const plain = of(0, "clientsSec");
    say(
      "| clients | CPU of clients, cores | ratio to plain bench | ratio to as many plain benches, " +
        "each with its share | leader | nats-server | messages/s | kB/s | sent |",
    );
    say("|---|---|---|---|---|---|---|---|---|");
    for (const agents of sizes) {
      const clients = of(agents, "clientsSec");
      const apart = agents < 2 ? plain : agents * median(shares.get(agents)!);
      say(
        `| ${agents === 0 ? "plain bench" : `${agents} agent${agents > 1 ? "s" : ""}`} | ` +
          `${clients.toFixed(3)} | ${(clients / plain).toFixed(2)} | ` +
          `${(clients / apart).toFixed(2)} | ` +
          `${of(agents, "leaderSec").toFixed(3)} | ${of(agents, "natsSec").toFixed(3)} | ` +
          `${of(agents, "messages").toFixed(1)} | ${(of(agents, "bytes") / 1000).toFixed(1)} | ` +
          `${of(agents, "sent")} |`,
      );
    }
  } finally {
    await simulator.stop();
  }
}

/**
 * A network that is cut for some time, for one of two agents: silent, as when a cable is pulled. An agent that
 * was not heard of for 30 s is lost.
 */
async function cuts(): Promise<void> {
  const simulator = await launchSimulator(["--port", "0", "--ttft", "20", "--itl", "10"]);
  say("\n### One of two agents cut off 10 s after the start, 20 requests/s in all\n");
  say(
    "| cut, s | load, s | exit codes of leader, agents | sent | by agents | besides the load, s |",
  );
  say("|---|---|---|---|---|---|");
  try {
    for (const [cutSec, loadSec] of [[5, 20], [60, 80]] as const) {
      const folder = await Deno.makeTempDir({ prefix: "tokometer_fleet_" });
      const server = await startNatsServer();
      const proxy = openProxy(server.port);
      try {
        const load = [...LOAD, "--request-rate=20", `--duration=${loadSec}`];
        const beganMs = systemClock.now();
        const bench = start([
          ...["bench", simulator.url, ...load, `--nats=${server.url}`, "--fleet=bench"],
          ...["--agents=2", "--quiet", `--out=${folder}/lead`],
        ], [0, 6]);
        const agents = [server.url, `nats://127.0.0.1:${proxy.port}`].map((url, i) =>
          start([
            ...["agent", `--nats=${url}`, "--fleet=bench", "--wait=60", "--quiet"],
            ...[`--rank=${i}`, `--out=${folder}/agent${i}`],
          ], [0, 6])
        );
        await patientClock.sleepUntil(patientClock.now() + 10_000);
        proxy.silence();
        await patientClock.sleepUntil(patientClock.now() + cutSec * 1000);
        proxy.heal();
        const leader = await bench.ran;
        const tookSec = (systemClock.now() - beganMs) / 1000;
        const ended = await Promise.all(agents.map(({ ran }) => ran));
        const report = JSON.parse(await Deno.readTextFile(`${folder}/lead/report.json`));
        const [{ counts, fleet }] = report.loads;
        const parts = fleet.agents.map((
          { agent, sent, lost }: { agent: number; sent: number; lost: { reason: string } | null },
        ) => `${agent}: ${sent}${lost === null ? "" : `, lost: ${lost.reason}`}`).join("; ");
        say(
          `| ${cutSec} | ${loadSec} | ${leader.code}, ${
            ended.map(({ code }) => code).join(", ")
          } | ` +
            `${counts.sent} | ${parts} | ${(tookSec - loadSec).toFixed(1)} |`,
        );
      } finally {
        await proxy.end();
        await server.stop();
        await Deno.remove(folder, { recursive: true });
      }
    }
  } finally {
    await simulator.stop();
  }
}

/** What a real agent said of a run with as many requests as a player has. */
async function template(
  url: string,
  requests: number,
): Promise<{ readonly header: RunHeader; readonly end: LoadEnd; readonly state: LoadState }> {
  const folder = await Deno.makeTempDir({ prefix: "tokometer_fleet_" });
  const server = await startNatsServer();
  try {
    const fleet = [`--nats=${server.url}`, "--fleet=bench"];
    const load = [...LOAD, "--request-rate=40", `--requests=${requests}`];
    await Promise.all([
      start(["bench", url, ...load, ...fleet, "--agents=1", "--quiet", `--out=${folder}/lead`]).ran,
      start(["agent", ...fleet, "--wait=60", "--quiet", `--out=${folder}/agent`]).ran,
    ]);
    const lines = async (who: string) =>
      (await Deno.readTextFile(`${folder}/${who}/records.jsonl`)).trim().split("\n")
        .map((line) => JSON.parse(line));
    const [first] = await lines("agent");
    const led = await lines("lead");
    return {
      header: first.header ?? first,
      end: led.find((line) => line.end !== undefined)?.end,
      state: led.find((line) => line.state !== undefined)?.state,
    };
  } finally {
    await server.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

async function players(
  { agents, seconds }: { readonly agents: number; readonly seconds: number },
): Promise<void> {
  await holdNats();
  const simulator = await launchSimulator(["--port", "0", "--ttft", "20", "--itl", "10"]);
  const folder = await Deno.makeTempDir({ prefix: "tokometer_fleet_" });
  const { server, counts } = await startCounted();
  try {
    // Each agent sends one request per second.
    const { header, end, state } = await template(simulator.url, seconds);
    say(
      `a load's state of ${seconds} requests: ${JSON.stringify(state).length} bytes, the header: ` +
        `${JSON.stringify(header).length} bytes`,
    );
    const { part: _, ...own } = header;
    const played: RunHeader = {
      ...own,
      loads: [{ ...own.loads[0]!, stopDurationMs: seconds * 1000 }],
    };
    const pairs = (count: number) =>
      Array.from({ length: 2 * count }, (_, i) => i % 2 ? 1 : 300 + i);
    const leading = start([
      ...["bench", simulator.url, ...LOAD, `--request-rate=${agents}`, `--duration=${seconds}`],
      ...[`--nats=${server.url}`, "--fleet=bench", `--agents=${agents}`, "--quiet"],
      `--out=${folder}/lead`,
    ]);
    const originMs = epochOriginMs();
    const now = () => originMs + systemClock.now();
    const over = new AbortController();
    let offsets = 0;
    const playing: Promise<PlayerEnd>[] = [];
    for (let i = 0; i < agents; i++) {
      const bus = await connectBus({
        servers: server.url,
        fleet: "bench",
        name: `player ${i}`,
      });
      const watch = watchClock(bus, { now, signal: over.signal });
      playing.push((async () => {
        const played_ = await playAgent({
          ...{ bus, clock: patientClock, originMs, name: `player${i}`, header: played, rank: i },
          ...{ requests: seconds, stateOf: () => ({ ...state, load: 0 }) },
          update: { ttft: pairs(1), itl: pairs(25) },
          end: { ...end, load: 0 },
        });
        if (watch.offset() !== undefined) offsets++;
        watch.stop();
        await bus.close();
        return played_;
      })());
    }
    const leaderPid = childOf(leading.child.pid);
    const samples: {
      atMs: number;
      cpuSec: number;
      natsSec: number;
      messages: number;
      bytes: number;
      mib: number;
    }[] = [];
    let mostMib = 0;
    const watching = (async () => {
      while (!over.signal.aborted) {
        try {
          const { messages, bytes, cpuSec } = await counts();
          const { now: mib, most } = memoryOf(leaderPid);
          mostMib = Math.max(mostMib, most);
          samples.push({
            ...{ atMs: systemClock.now(), cpuSec: cpuOf(leaderPid), natsSec: cpuSec },
            ...{ messages, bytes, mib },
          });
        } catch {
          // It has ended.
        }
        await patientClock.sleepUntil(patientClock.now() + 1000, over.signal);
      }
    })();
    const leader = await leading.ran;
    if (leader.code === 2) throw new Error("The leader did not begin");
    const ends = await Promise.all(playing);
    over.abort();
    await watching;
    const begun = Math.max(...ends.map(({ begun }) => begun[0] ?? 0)) - originMs;
    const inside = samples.filter(({ atMs }) =>
      atMs > begun + 2000 && atMs < begun + (seconds - 2) * 1000
    );
    const [first, last] = [inside[0]!, inside.at(-1)!];
    const spanSec = (last.atMs - first.atMs) / 1000;
    const perSec = (key: "cpuSec" | "natsSec" | "messages" | "bytes") =>
      (last[key] - first[key]) / spanSec;
    const report = JSON.parse(await Deno.readTextFile(`${folder}/lead/report.json`));
    const { counts: requests, fleet } = report.loads[0];
    const sent = ends.reduce((sum, { sent }) => sum + (sent[0]?.length ?? 0), 0);
    const beats = ends.map(({ beats }) => beats).toSorted((a, b) => a - b);
    const late = ends.map(({ begun: [at] }) => (at ?? NaN) - originMs);
    say(`\n### ${agents} players for ${seconds} s against one leader\n`);
    say("| figure | value |\n|---|---|");
    const row = (name: string, value: unknown) => say(`| ${name} | ${value} |`);
    row("leader's CPU while the load runs, cores", perSec("cpuSec").toFixed(3));
    row("leader's CPU of the whole run, s", leader.cpuSec.toFixed(1));
    row("leader's memory while it runs, MiB", `${first.mib.toFixed(0)}–${last.mib.toFixed(0)}`);
    row("leader's memory, most, MiB", mostMib.toFixed(0));
    row("nats-server's CPU, cores", perSec("natsSec").toFixed(3));
    row("messages/s at the server, in and out", perSec("messages").toFixed(0));
    row("MB/s at the server, in and out", (perSec("bytes") / 1e6).toFixed(2));
    row("players that came to the end", ends.filter(({ kind }) => kind === "over").length);
    row("players whose clock was compared", offsets);
    row("spread of their begin, ms", (Math.max(...late) - Math.min(...late)).toFixed(1));
    row("beats heard, least–most", `${beats[0]}–${beats.at(-1)}`);
    row("requests told, of the report", `${sent}, ${requests.sent} (states hold ${seconds} each)`);
    row(
      "agents in the report, lost",
      `${fleet.agents.length}, ${
        fleet.agents.filter(({ lost }: { lost?: unknown }) => lost).length
      }`,
    );
    row("leader's exit code", leader.code);
    const overMs = samples.at(-1)!.atMs - (begun + seconds * 1000);
    row("from the load's end to the leader's, s", (overMs / 1000).toFixed(1));
  } finally {
    await server.stop();
    await simulator.stop();
    await Deno.remove(folder, { recursive: true });
  }
}

/** The program inside of the shell. */
function childOf(pid: number): number {
  for (;;) {
    const [child] = Deno.readTextFileSync(`/proc/${pid}/task/${pid}/children`).trim().split(" ");
    if (child) return Number(child);
  }
}

const { values } = parseArgs({
  options: {
    only: { type: "string", default: "scaling,cuts,players" },
    seconds: { type: "string", default: "120" },
    agents: { type: "string", default: "1000" },
    rounds: { type: "string", default: "2" },
  },
});
globalThis.addEventListener("unload", () => {
  for (const child of children) child.kill("SIGKILL");
});
const only = values.only.split(",");
if (only.includes("scaling")) await scaling(Number(values.rounds));
if (only.includes("cuts")) await cuts();
if (only.includes("players")) {
  await players({ agents: Number(values.agents), seconds: Number(values.seconds) });
}
