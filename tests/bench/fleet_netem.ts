/**
 * A fleet whose network and clocks are bad: `deno task bench:fleet-netem`. Four agents in four network
 * namespaces, each with a link to the NATS server and another one to the server under test that delays and
 * loses; libfaketime puts the agents' clocks seconds apart and lets one drift.
 * The C server's log says when requests came. Prints Markdown. Needs root, iproute2, gcc, nats-server,
 * and libfaketime.
 *
 * @module
 */
import { buildTools, killTracked, startProgram, track } from "./truth_servers.ts";
import { LOG_WIDTH, output, say } from "./client.ts";

const CLI = new URL("../../cli.ts", import.meta.url).pathname;
const AGENTS = 4;
const RATE = 40;
const SECONDS = 15;
const SERVER = "10.80.0.1";
const NATS = "10.80.0.2";
const FAKETIME = "/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1";
/** What libfaketime makes of each agent's clock, the monotonic one included. */
const CLOCKS = ["+3s", "-3s", "+3s x1.0001", "+0s"];
const CLOCK_WORDS = ["+3 s", "−3 s", "+3 s, +100 ppm", "right"];

/** What a link does to what comes from the hub, and to what goes there. */
type Way = readonly [delayUs: number, jitterUs: number, lossPerMille: number];
interface Links {
  readonly name: string;
  /** Absent = it passes everything at once. */
  readonly nats?: readonly [from: Way, to: Way];
  readonly server?: readonly [from: Way, to: Way];
}

const NONE: Way = [0, 0, 0];
const FAR: Way = [20_000, 5000, 10];

const STUDIES: readonly Links[] = [
  { name: "good links" },
  { name: "to NATS 20 ± 5 ms each way, 1 % lost", nats: [FAR, FAR] },
  { name: "to NATS 40 ms, back at once", nats: [NONE, [40_000, 0, 0]] },
  {
    name: "to NATS and to the server 20 ± 5 ms each way, 1 % lost",
    nats: [FAR, FAR],
    server: [FAR, FAR],
  },
];

function space(name: string): string {
  return `tk${name}${Deno.pid}`.slice(0, 15);
}

const HUB = space("h");

async function ip(line: string): Promise<void> {
  await output("ip", line.split(" "));
}

/** Makes the hub and the agents' namespaces, each with two links to it. */
async function makeNetwork(links: Links, folder: string): Promise<void> {
  await ip(`netns add ${HUB}`);
  await ip(`-n ${HUB} link set lo up`);
  for (const address of [SERVER, NATS]) await ip(`-n ${HUB} addr add ${address}/32 dev lo`);
  for (let agent = 0; agent < AGENTS; agent++) {
    const own = space(`a${agent}`);
    await ip(`netns add ${own}`);
    await ip(`-n ${own} link set lo up`);
    for (
      const [link, net, target, ways] of [
        ["n", 78, NATS, links.nats],
        ["s", 79, SERVER, links.server],
      ] as const
    ) {
      const [here, there] = [`${link}${agent}`, `${link}h`];
      if (ways === undefined) {
        await ip(`-n ${HUB} link add ${here} type veth peer name ${there} netns ${own}`);
      } else {
        // A kernel without netem is enough: the link is a process that both ends know as a device.
        const program = [`${folder}/link`, `${own}/${there}`, `${HUB}/${here}`, "/dev/null"];
        await ip(`-n ${HUB} tuntap add dev ${here} mode tun`);
        await ip(`-n ${own} tuntap add dev ${there} mode tun`);
        await startProgram([...program, ...ways.flat().map(String)], folder);
      }
      await ip(`-n ${HUB} addr add 10.${net}.${agent}.1/24 dev ${here}`);
      await ip(`-n ${own} addr add 10.${net}.${agent}.2/24 dev ${there}`);
      await ip(`-n ${HUB} link set ${here} up`);
      await ip(`-n ${own} link set ${there} up`);
      await ip(`-n ${own} route add ${target}/32 via 10.${net}.${agent}.1`);
    }
  }
}

async function removeNetwork(): Promise<void> {
  for (const name of [HUB, ...Array.from({ length: AGENTS }, (_, i) => space(`a${i}`))]) {
    await ip(`netns del ${name}`).catch(() => {});
  }
}

/** Our program in a namespace; its output when it ends. */
function startOurs(netns: string, args: readonly string[], folder: string, clock?: string) {
  const child = track(
    new Deno.Command("ip", {
      args: ["netns", "exec", netns, Deno.execPath(), "run", "-A", "--no-lock", "--quiet", CLI]
        .concat(args),
      cwd: folder,
      env: {
        NATS_TOKEN: "of-a-trial",
        NO_COLOR: "1",
        ...(clock === undefined ? {} : { LD_PRELOAD: FAKETIME, FAKETIME: clock }),
      },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
  return child.output().then(({ code, stdout, stderr }) => {
    const text = (bytes: Uint8Array) => new TextDecoder().decode(bytes);
    return { code, out: text(stdout), err: text(stderr) };
  });
}

/** The part of a report's JSON that is looked at. */
interface Report {
  readonly loads: readonly {
    readonly counts: Readonly<Record<string, number>>;
    readonly failures: readonly { readonly outcome: string; readonly count: number }[];
    readonly throughput: { readonly run: { readonly outputTokensPerSec: number } };
    readonly metrics: readonly {
      readonly name: string;
      readonly distribution: {
        readonly percentiles: readonly { readonly p: number; readonly value: number | null }[];
      };
    }[];
    readonly fleet?: {
      readonly agents: readonly {
        readonly clock?: {
          readonly offsetMs: number;
          readonly uncertaintyMs: number;
          readonly driftPpm?: number;
        };
      }[];
    };
  }[];
}

const LOAD = [
  ...[`http://${SERVER}:8000`, "--model=truth", `--rate=${RATE}`, "--arrival=constant"],
  ...["--endpoint=/v1/chat/completions?paced=1&ttft=30000&itl=5000"],
  ...[`--duration=${SECONDS}`, "--output-tokens=20", "--seed=7", "--warmup=4", "--no-witness"],
  ...["--transport=socket", "--format=json", "--quiet"],
];

/** Runs one load and returns the report, and when its requests came, by the server's clock. */
async function measure(
  fleet: boolean,
  { folder, realTime }: Awaited<ReturnType<typeof buildTools>>,
) {
  const inHub = ["ip", "netns", "exec", HUB];
  const server = await startProgram(
    [...inHub, ...realTime, `${folder}/truth_server`, "8000", SERVER],
    folder,
  );
  const ask = async (path: string) =>
    await output(inHub[0]!, [
      ...inHub.slice(1),
      ...["perl", "-MIO::Socket::INET", "-e"],
      `$s = IO::Socket::INET->new("${SERVER}:8000"); print $s "GET ${path} HTTP/1.1\\r\\nConnection: close\\r\\n\\r\\n"; ` +
      `$/ = undef; $SIG{ALRM} = sub { exit }; alarm 1; $| = 1; while (sysread $s, $b, 65536) { print $b; last if $b =~ /\\}/ }`,
    ]);
  try {
    const name = `netem${Math.round(performance.now())}`;
    const nats = `nats://${NATS}:4222`;
    const agents = fleet
      ? CLOCKS.map((clock, i) =>
        startOurs(
          space(`a${i}`),
          ["agent", "--nats", nats, "--fleet", name, "--rank", `${i}`, "--no-save", "--wait=60"],
          folder,
          clock,
        )
      )
      : [];
    const leader = await startOurs(
      fleet ? HUB : space("a3"),
      ["bench", ...LOAD, "--no-save"].concat(
        fleet ? ["--fleet", name, "--nats", nats, "--agents", `${AGENTS}`, "--agents-wait=60"] : [],
      ),
      folder,
    );
    if (leader.out === "") {
      const said = await Promise.all(agents);
      throw new Error([leader, ...said].map(({ err }) => err).join("\n---\n"));
    }
    await Promise.all(agents);
    const stats = await ask("/stats");
    const requests = Number(/"requests":\s*(\d+)/.exec(stats)![1]);
    await ask(`/dump?n=${requests}`);
    const { buffer } = await Deno.readFile(`${folder}/truth.bin`);
    const log = new BigUint64Array(buffer);
    const arrivals = Array.from({ length: requests }, (_, i) => Number(log[i * LOG_WIDTH]) / 1e6);
    return { code: leader.code, report: JSON.parse(leader.out) as Report, arrivals };
  } finally {
    await server.end("SIGKILL");
  }
}

type Measured = Awaited<ReturnType<typeof measure>>;

/** How late the requests of each agent came, against one schedule for all of them. */
function lateness({ arrivals }: Measured): readonly (readonly number[])[] {
  const count = RATE * SECONDS;
  const measured = arrivals.toSorted((a, b) => a - b).slice(-count);
  const shifts = measured.map((at, i) => at - i * 1000 / RATE);
  // Where the schedule begins is not in the log. Machines are late, and only a wrong clock is early: the
  // tenth part that came first.
  const begin = quantile(shifts, 0.1);
  return Array.from(
    { length: AGENTS },
    (_, agent) => shifts.filter((_, i) => i % AGENTS === agent).map((shift) => shift - begin),
  );
}

function quantile(values: readonly number[], share: number): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!;
}

function cells(...texts: readonly (string | number | null | undefined)[]): string {
  return `| ${texts.map((one) => one ?? "n/a").join(" | ")} |`;
}

function ms(value: number | null | undefined): string {
  return value === null || value === undefined ? "n/a" : value.toFixed(2);
}

function table(name: string, one: Measured, fleet: Measured): void {
  say(`### ${name}\n`);
  say(cells("", "one machine", `${AGENTS} agents`));
  say("| --- | --- | --- |");
  const [a, b] = [one.report.loads[0]!, fleet.report.loads[0]!];
  const row = (title: string, value: (load: typeof a) => string | number | undefined) =>
    say(cells(title, value(a), value(b)));
  row("offered", ({ counts }) => counts.offered);
  for (const count of ["completed", "failed", "cancelled", "dropped"]) {
    row(count, ({ counts }) => counts[count]);
  }
  row(
    "failures",
    ({ failures }) =>
      failures.map(({ outcome, count }) => `${count} ${outcome}`).join(", ") || "none",
  );
  row("output tokens/s", ({ throughput }) => throughput.run.outputTokensPerSec.toFixed(1));
  for (const name of ["ttft", "itl", "e2e"]) {
    for (const percentile of [50, 90]) {
      row(`${name} p${percentile}, ms`, ({ metrics }) =>
        ms(
          metrics.find((metric) => metric.name === name)!.distribution.percentiles
            .find(({ p }) => p === percentile)!.value,
        ));
    }
  }
  say("");
  const late = lateness(fleet);
  const alone = lateness(one).flat();
  say(cells("agent", "clock", "offset, ms", "± ms", "drift, ppm", "late p10, ms", "p50", "p90"));
  say("| --- | --- | --- | --- | --- | --- | --- | --- |");
  const ways = (values: readonly number[]) =>
    [0.1, 0.5, 0.9].map((share) => ms(quantile(values, share)));
  for (const [i, agent] of (b.fleet?.agents ?? []).entries()) {
    const { offsetMs, uncertaintyMs, driftPpm } = agent.clock ?? {};
    say(cells(
      ...[i, CLOCK_WORDS[i], ms(offsetMs), ms(uncertaintyMs), driftPpm?.toFixed(0)],
      ...ways(late[i]!),
    ));
  }
  say(cells("one machine", "right", "", "", "", ...ways(alone)));
  say(`\nExit codes: ${one.code}, ${fleet.code}.\n`);
}

async function main(): Promise<void> {
  const folder = await Deno.makeTempDir({ prefix: "tokometer-netem-" });
  const tools = await buildTools(folder, ["http"]);
  await Deno.mkdir(`${folder}/store`);
  await Deno.writeTextFile(
    `${folder}/nats.conf`,
    `host: "0.0.0.0"\nport: 4222\njetstream { store_dir: "${folder}/store" }\n` +
      'authorization { token: "of-a-trial" }\n',
  );
  const chosen = STUDIES.filter((_, i) => Deno.args.length === 0 || Deno.args.includes(`${i}`));
  await output(
    "gcc",
    ["-O2", "-w", "-o", `${folder}/link`].concat(
      new URL("../truth/link.c", import.meta.url).pathname,
    ),
  );
  try {
    for (const links of chosen) {
      await makeNetwork(links, folder);
      track(
        new Deno.Command("ip", {
          args: ["netns", "exec", HUB, "nats-server", "-c", `${folder}/nats.conf`],
          stdout: "null",
          stderr: "null",
        }).spawn(),
      );
      table(links.name, await measure(false, tools), await measure(true, tools));
      killTracked();
      await removeNetwork();
    }
  } finally {
    killTracked();
    await removeNetwork();
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
