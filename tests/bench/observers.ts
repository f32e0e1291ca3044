/**
 * Does looking on change what is measured? The same load against the independent C server, whose log
 * is the truth, with nobody looking and with each observer by turns: the errors of our stamps beside
 * each other. Prints Markdown.
 *
 *     deno task bench:observers [--rounds 1] [--only NAME,…] [--transport socket] [--real-time]
 *                               [--out FILE] [--from FILE,…]
 *
 * A round has a run of each, in another order each time. `--real-time` puts the client, all of its threads
 * alike, before what else runs on a machine that is not idle. `--out` adds a line of JSON for each run to a
 * file; `--from` measures nothing and reports such files: a long measurement in pieces. Needs Linux,
 * two cores, gcc, taskset, and `script` of util-linux; root for real-time priority.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { systemClock } from "../../backends/clock.ts";
import { createRandom, shuffled } from "../../backends/random.ts";
import { matchRequests, measureClientError } from "../../metrics/check_client_error.ts";
import { readRecordFile } from "../../workloads/record_file.ts";
import { say, works } from "./client.ts";
import { type ObservedRun, OBSERVERS, observersReport } from "./observers_report.ts";
import { measuredRows } from "./truth_join.ts";
import { buildTools, killTracked, startServer, track, type TruthTools } from "./truth_servers.ts";

const HERE = new URL("../..", import.meta.url).pathname.replace(/\/$/, "");
const LIMIT_SEC = 60;

/** Arrivals that nobody can mix up, each with tokens at a steady pace. */
const PLAN = {
  ...{ name: "observers", title: "40 arrivals per second", server: "http", rate: 40 } as const,
  ...{ requests: 240, tokens: 24, ttftMs: 50, itlMs: 20, transports: [] },
};

const LOAD = [
  ...[`--rate=${PLAN.rate}`, "--arrival=constant", `--requests=${PLAN.requests}`, "--warmup=0"],
  ...["--dataset=synthetic", "--input-tokens=8", `--output-tokens=${PLAN.tokens}`, "--gpu=off"],
];

/** What a server says of itself: as much as a real one. */
const METRICS = Array.from(
  { length: 60 },
  (_, i) =>
    `# TYPE vllm:family_${i} gauge\n${
      Array.from({ length: 5 }, (_, label) => `vllm:family_${i}{label="${label}"} ${i * label}\n`)
        .join("")
    }`,
).join("") + "vllm:num_requests_running 3\nvllm:num_requests_waiting 0\n";

const SLOW_MS = 30_000;

/** Endpoints of this process that observers talk to. */
interface Endpoints {
  readonly url: string;
  /** The next two answers are fast again: an endpoint that never answers is refused. */
  reset(): void;
  stop(): Promise<void>;
}

function startEndpoints(): Endpoints {
  const over = new AbortController();
  let asked = 0;
  const server = Deno.serve({
    ...{ hostname: "127.0.0.1", port: 0, signal: over.signal, onListen: () => {} },
    async handler(request) {
      const { pathname } = new URL(request.url);
      if (pathname === "/slow" && asked++ > 1) {
        await systemClock.sleepUntil(systemClock.now() + SLOW_MS, over.signal);
      }
      if (pathname.startsWith("/v1/")) {
        await request.arrayBuffer();
        return Response.json({});
      }
      return new Response(METRICS);
    },
  });
  return {
    url: `http://127.0.0.1:${server.addr.port}`,
    reset() {
      asked = 0;
    },
    async stop() {
      over.abort();
      await server.finished;
    },
  };
}

/** Reads a live page's events until they end, as a browser does. */
async function watchPage(page: string): Promise<void> {
  const url = new URL(page);
  url.pathname = "/events";
  try {
    const response = await fetch(url);
    for await (const _ of response.body ?? []) { /* a page would draw it */ }
  } catch {
    // The run is over.
  }
}

interface Ordered {
  readonly tools: TruthTools;
  readonly observer: string;
  readonly transport: string;
  readonly realTime: boolean;
  readonly endpoints: Endpoints;
}

/** One run. */
async function observe(
  { tools, observer, transport, realTime, endpoints }: Ordered,
): Promise<ObservedRun> {
  const out = `${tools.folder}/run`;
  endpoints.reset();
  const server = await startServer(tools, PLAN);
  try {
    const { options, terminal = false } = OBSERVERS[observer]!;
    const words = [
      ...[
        ...(realTime ? ["chrt", "-r", "10"] : []),
        "timeout",
        "-k",
        "5",
        `${LIMIT_SEC}`,
        Deno.execPath(),
        "run",
        "-q",
        "-A",
      ],
      ...[`${HERE}/cli.ts`, "bench", server.url, ...server.options, ...LOAD],
      ...[`--transport=${transport}`, `--out=${out}`],
      ...options.map((word) => word.replace("ENDPOINT", endpoints.url)),
    ];
    const quoted = words.map((word) => `'${word}'`).join(" ");
    const [program = "", ...args] = terminal
      ? ["script", "-qefc", `stty cols 120 rows 40; exec ${quoted}`, "/dev/null"]
      : [...words, ...observer === "page" ? [] : ["--quiet"]];
    const child = track(
      new Deno.Command(program, {
        args,
        env: { XDG_STATE_HOME: tools.folder, NO_PROXY: "*", no_proxy: "*", TERM: "xterm" },
        ...{ stdin: terminal ? "piped" : "null", stdout: "piped", stderr: "piped" },
      }).spawn(),
    );
    let said = "";
    let page: Promise<void> | undefined;
    const drain = async (stream: ReadableStream<Uint8Array>) => {
      for await (const text of stream.pipeThrough(new TextDecoderStream())) {
        said += text;
        const [, url] = /Live: (http\S+)/.exec(said) ?? [];
        if (url !== undefined) page ??= watchPage(url);
      }
    };
    const keys = terminal ? child.stdin : undefined;
    await Promise.all([drain(child.stdout), drain(child.stderr)]);
    const { code } = await child.status;
    await keys?.close().catch(() => {});
    await page;
    if (code !== 0) throw new Error(`${observer}: exit code ${code}: ${said.slice(-800)}`);
    if (observer === "page" && page === undefined) throw new Error(`No page: ${said.slice(-800)}`);

    const { records } = await readRecordFile(`${out}/records.jsonl`);
    const measured = records.filter(({ phase }) => phase === "measure");
    const rows = measuredRows(await server.rows(), measured.length);
    const error = measureClientError(matchRequests(measured, rows), measured.length);
    const report = JSON.parse(await Deno.readTextFile(`${out}/report.json`));
    return {
      ...{ at: new Date().toISOString(), observer, transport: report.header.transport },
      matched: error.matched,
      errors: {
        ttftP50: error.ttft.p50Ms!,
        itlP50: error.itl.p50Ms!,
        itlP99: error.itl.p99Ms!,
        receiptP50: error.receipt.p50Ms!,
        receiptP99: error.receipt.p99Ms!,
      },
      cpuCores: report.loads[0].client?.cpuCores ?? null,
      verdict: report.loads[0].verdict?.kind ?? "none",
    };
  } finally {
    await server.stop();
    await Deno.remove(out, { recursive: true }).catch(() => {});
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: {
      rounds: { type: "string", default: "1" },
      only: { type: "string", default: Object.keys(OBSERVERS).join(",") },
      transport: { type: "string", default: "socket" },
      "real-time": { type: "boolean", default: false },
      out: { type: "string" },
      from: { type: "string" },
    },
  });
  const print = async (runs: readonly ObservedRun[]) =>
    void await Deno.stdout.write(new TextEncoder().encode(observersReport(runs)));
  if (values.from !== undefined) {
    const files = await Promise.all(values.from.split(",").map((path) => Deno.readTextFile(path)));
    await print(files.join("\n").split("\n").filter(Boolean).map((line) => JSON.parse(line)));
    return 0;
  }
  const needed = [["gcc", "--version"], ["taskset", "--version"], ["script", "--version"]];
  if (Deno.build.os !== "linux" || needed.some(([program, ...args]) => !works(program!, ...args))) {
    say("Cannot run: bench:observers needs Linux with gcc, taskset and script");
    return 1;
  }
  for (const signal of ["SIGINT", "SIGTERM"] as const) {
    Deno.addSignalListener(signal, () => {
      killTracked();
      Deno.exit(130);
    });
  }
  const random = createRandom(Date.now() >>> 0, "order of observers");
  const runs: ObservedRun[] = [];
  const folder = await Deno.makeTempDir({ prefix: "tokometer-observers-" });
  const endpoints = startEndpoints();
  try {
    const tools = await buildTools(folder, ["http"]);
    const round = new Date().toISOString();
    for (let number = 0; number < Number(values.rounds); number++) {
      for (const observer of shuffled(random, values.only.split(","))) {
        const { transport, "real-time": realTime } = values;
        const where = { tools, observer, transport, realTime, endpoints };
        const run = { round: `${round} ${number}`, ...await observe(where) };
        runs.push(run);
        say(`${observer}: ${JSON.stringify(run.errors)}, ${run.verdict}`);
        if (values.out !== undefined) {
          await Deno.writeTextFile(values.out, JSON.stringify(run) + "\n", { append: true });
        }
      }
    }
  } finally {
    await endpoints.stop();
    await Deno.remove(folder, { recursive: true });
  }
  await print(runs);
  return 0;
}

if (import.meta.main) Deno.exit(await main());
