/**
 * What becomes of a run when something happens to one of its two agents: the leader, the agents and the NATS
 * server are processes, as users have them. Prints Markdown.
 *
 *     deno task bench:fleet-agent-faults [CASE …]
 *
 * @module
 */
import process from "node:process";
import { patientClock } from "../../backends/clock.ts";
import { startSimServer } from "../../backends/sim_server.ts";
import { readRecordFile } from "../../workloads/record_file.ts";
import { type NatsServer, startNatsServer } from "../../workloads/fleet_server.ts";
import { openProxy, type TcpProxy } from "../support/tcp_proxy.ts";

const print = (line: string) => process.stdout.write(`${line}\n`);
const ROOT = new URL("../..", import.meta.url).pathname;

/** What a case may do to the fleet. */
interface Stage {
  /** Agent 1. */
  readonly victim: Program;
  readonly proxy: TcpProxy;
}

interface Case {
  readonly name: string;
  readonly loadS: number;
  readonly lostS: number;
  /** Called when the load has run for some seconds. */
  readonly happen?: (stage: Stage) => Promise<void>;
  /** Another agent comes with the rank of agent 1. */
  readonly twice?: true;
  /** Agent 1 starts so much later. */
  readonly lateS?: number;
  /** Agent 1 writes to a disk of so many KiB. */
  readonly diskKib?: number;
}

/** A process and how it ended. */
class Program {
  readonly name: string;
  readonly #child: Deno.ChildProcess;
  readonly #beganMs = patientClock.now();
  readonly output: Promise<string>;
  readonly ended: Promise<{ readonly code: number; readonly ms: number }>;

  constructor(name: string, args: readonly string[]) {
    this.name = name;
    this.#child = new Deno.Command(Deno.execPath(), {
      args: ["run", "--no-lock", "-A", "cli.ts", ...args],
      ...{ cwd: ROOT, stdin: "null", stdout: "piped", stderr: "piped" },
    }).spawn();
    const { stdout, stderr } = this.#child;
    this.output = Promise.all([stdout, stderr].map((one) => new Response(one).text()))
      .then((texts) => texts.join("\n"));
    this.ended = this.#child.status.then(({ code, signal }) => ({
      code: signal === null ? code : -1,
      ms: patientClock.now() - this.#beganMs,
    }));
  }

  signal(signal: Deno.Signal): void {
    this.#child.kill(signal);
  }
}

const CASES: readonly Case[] = [
  { name: "nothing", loadS: 12, lostS: 6 },
  { name: "SIGKILL", loadS: 15, lostS: 6, happen: ({ victim }) => now(victim.signal("SIGKILL")) },
  { name: "SIGSTOP 4 s", loadS: 15, lostS: 8, happen: (stage) => stopped(stage, 4) },
  { name: "SIGSTOP 12 s", loadS: 20, lostS: 6, happen: (stage) => stopped(stage, 12) },
  {
    name: "Ctrl-C at it",
    loadS: 15,
    lostS: 6,
    happen: ({ victim }) => now(victim.signal("SIGINT")),
  },
  { name: "late by 6 s", loadS: 8, lostS: 8, lateS: 6 },
  { name: "twice", loadS: 10, lostS: 6, twice: true },
  { name: "disk of 128 KiB", loadS: 15, lostS: 6, diskKib: 128 },
  { name: "cut 4 s", loadS: 15, lostS: 8, happen: (stage) => cut(stage, 4) },
  { name: "cut 12 s", loadS: 25, lostS: 6, happen: (stage) => cut(stage, 12) },
  { name: "silent 12 s", loadS: 25, lostS: 6, happen: (stage) => silence(stage, 12) },
];

/** As users have them: 30 s until somebody is lost. Only where they are named. */
const LONG_CASES: readonly Case[] = [
  { name: "cut 5 s of 30", loadS: 20, lostS: 30, happen: (stage) => cut(stage, 5) },
  { name: "cut 60 s of 30", loadS: 80, lostS: 30, happen: (stage) => cut(stage, 60) },
];

function now(_: void): Promise<void> {
  return Promise.resolve();
}

async function sleep(seconds: number): Promise<void> {
  await patientClock.sleepUntil(patientClock.now() + seconds * 1000);
}

async function stopped({ victim }: Stage, seconds: number): Promise<void> {
  victim.signal("SIGSTOP");
  await sleep(seconds);
  victim.signal("SIGCONT");
}

async function cut({ proxy }: Stage, seconds: number): Promise<void> {
  proxy.close();
  await sleep(seconds);
  proxy.heal();
}

async function silence({ proxy }: Stage, seconds: number): Promise<void> {
  proxy.silence();
  await sleep(seconds);
  proxy.heal();
}

interface Report {
  readonly loads: readonly {
    readonly counts: { readonly completed: number };
    readonly fleet?: unknown;
  }[];
}

/** A row of the table. */
async function play(one: Case, nats: NatsServer, url: string): Promise<string> {
  const folder = await Deno.makeTempDir({ prefix: "tokometer-faults-" });
  const proxy = openProxy(nats.port);
  const fleet = `f${Math.round(patientClock.now())}`;
  const small = one.diskKib === undefined ? undefined : `${folder}/small`;
  if (small !== undefined) await mount(small, one.diskKib!);
  const start = (rank: number, name: string) => {
    const out = rank === 1 && small !== undefined ? `${small}/out` : `${folder}/${name}`;
    const port = rank === 1 ? proxy.port : nats.port;
    return new Program(name, [
      ...["agent", "--nats", `nats://127.0.0.1:${port}`, "--fleet", fleet],
      ...["--rank", String(rank), "--out", out, "--quiet"],
    ]);
  };
  try {
    const leader = new Program("leader", [
      ...["bench", url, "--fleet", fleet, "--nats", nats.url, "--agents", "2", "--rate", "30"],
      ...["--duration", String(one.loadS), "--output-tokens", "8", "--warmup", "0", "--quiet"],
      ...["--agent-timeout", String(one.lostS), "--grace", "5", "--out", `${folder}/leader`],
      ...["--no-witness", "--server-metrics", "off"],
    ]);
    const others: Program[] = [];
    let first = one.twice ? undefined : start(0, "a0");
    await sleep(one.lateS ?? 0);
    const victim = start(1, "a1");
    if (one.twice) {
      await sleep(4);
      others.push(start(1, "twin"));
      await others[0]!.ended;
    }
    first ??= start(0, "a0");
    const stage = { victim, proxy };
    const happening = (async () => {
      await until(`${small ?? folder}/${small === undefined ? "a1" : "out"}/records.jsonl`);
      await sleep(5);
      await one.happen?.(stage);
    })();
    const programs = [leader, first, victim];
    const ends = await Promise.all(programs.map(({ ended }) => ended));
    await happening;
    const twins = await Promise.all(others.map(({ ended }) => ended));
    const counts = await Promise.all(
      [`${folder}/a0`, small === undefined ? `${folder}/a1` : `${small}/out`].map(completedIn),
    );
    const told = await leader.output;
    const report = await readReport(`${folder}/leader/report.json`);
    if (Deno.args.includes("--show")) {
      for (const program of [...programs, ...others]) {
        print(`--- ${program.name}\n${await program.output}`);
      }
    }
    const lines = /^Fleet {2,}([^]*?)(?=^\S)/m.exec(told)?.[1]?.replace(/\s+/g, " ") ?? "";
    const codes = [...ends, ...twins].map(({ code }) => code < 0 ? "killed" : code).join(", ");
    const all = report?.loads[0]?.counts.completed ?? "none";
    const wall = ends.map(({ ms }) => (ms / 1000).toFixed(0)).join(", ");
    return `| ${one.name} | ${one.loadS} | ${one.lostS} | ${codes} | ${wall} | ${all} | ` +
      `${counts.join(" + ")} | ${lines.slice(0, 300).replaceAll("|", "/")} |`;
  } finally {
    await proxy.end();
    if (small !== undefined) await unmount(small);
    await Deno.remove(folder, { recursive: true });
  }
}

async function until(path: string): Promise<void> {
  for (let i = 0; i < 300; i++) {
    try {
      await Deno.stat(path);
      return;
    } catch {
      await sleep(0.1);
    }
  }
}

async function completedIn(folder: string): Promise<number | string> {
  try {
    const { records } = await readRecordFile(`${folder}/records.jsonl`);
    return records.filter(({ phase, outcome }) => phase === "measure" && outcome.kind === "ok")
      .length;
  } catch {
    return "none";
  }
}

async function readReport(path: string): Promise<Report | undefined> {
  try {
    return JSON.parse(await Deno.readTextFile(path));
  } catch {
    return undefined;
  }
}

async function mount(folder: string, kib: number): Promise<void> {
  await Deno.mkdir(folder);
  await new Deno.Command("mount", {
    args: ["-t", "tmpfs", "-o", `size=${kib}k`, "tmpfs", folder],
  }).output();
}

async function unmount(folder: string): Promise<void> {
  await new Deno.Command("umount", { args: [folder] }).output();
}

const named = Deno.args.filter((one) => !one.startsWith("--"));
const chosen = named.length === 0
  ? CASES
  : [...CASES, ...LONG_CASES].filter(({ name }) => named.includes(name));
const server = await startSimServer({ ttft: "10", itl: "1" });
const nats = await startNatsServer();
print(
  "| fault | load, s | lost after, s | exit codes: leader, agents | ended after, s | completed, leader | in the agents' files | fleet |\n" +
    "| --- | --- | --- | --- | --- | --- | --- | --- |",
);
for (const one of chosen) print(await play(one, nats, server.url));
await nats.stop();
await server.stop();
