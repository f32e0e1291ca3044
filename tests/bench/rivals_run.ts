/**
 * One run of a client as a whole process, beside the server's log.
 *
 * @module
 */
import { measuredRows, printedOf, type ServerRow, truthOf } from "./truth_join.ts";
import { paceQuery } from "./truth_plans.ts";
import { startServer, track, type TruthTools } from "./truth_servers.ts";

/** Name of the rival. */
export const RIVAL = "vllm-rs";

/** A load and who is measured under it. */
export interface RivalLoad {
  readonly name: string;
  readonly title: string;
  /** Of a closed loop, all at once; absent = `rate`. */
  readonly users?: number;
  /** Poisson arrivals per second. */
  readonly rate?: number;
  readonly requests: number;
  readonly tokens: number;
  readonly ttftMs: number;
  readonly itlMs: number;
  /** {@link RIVAL}, a transport, or `auto`: none is asked for. */
  readonly clients: readonly string[];
  /** Those of them of which nothing is asked: fewer rounds are enough. */
  readonly shown?: readonly string[];
}

/** A figure as the client printed it and by the server's log of the same requests, in ms. */
export interface Said {
  readonly printed: number;
  readonly truth: number;
}

/** What a run cost and what it said. */
export interface RivalFigures {
  /** User and system time of all its processes. */
  readonly cpuSec: number;
  /** From its start until it ended. */
  readonly wallSec: number;
  /** Peak memory of its largest process, and of all at once. */
  readonly largestMiB: number;
  readonly togetherMiB: number;
  /** From its start until the server had the first request of the measured load. */
  readonly firstSec: number;
  /** Of that, how long the server was answering: a check, a warm-up. */
  readonly servingSec: number;
  readonly ttftP50: Said;
  readonly ttftP99: Said;
  readonly itlP99: Said;
}

/** What is kept of a run: one line of the raw file. */
export interface RivalFinding {
  readonly at: string;
  readonly load: string;
  readonly client: string;
  readonly round: number;
  /** Load average of the machine before the run. */
  readonly machineLoad: number;
  /** The transport as the report names it. */
  readonly used: string;
  /** Why there are no figures. */
  readonly failed?: string;
  readonly figures?: RivalFigures;
}

/** Where and what to run. */
export interface RivalOrder {
  readonly tools: TruthTools;
  /** Folder of our program. */
  readonly tree: string;
  /** The file `vllm-rs`. */
  readonly rival: string;
  readonly load: RivalLoad;
  readonly client: string;
  readonly round: number;
}

const LIMIT_SEC = 110;
/** Of a prompt, as long as 60 tokens of our synthetic ones. */
const PROMPT_WORDS = 40;

/** Writes the prompts of the rival: each another one, about 240 bytes. */
export async function writePrompts(folder: string, count: number): Promise<void> {
  const words = ["about", "which", "would", "other", "after", "first", "could", "these"];
  const lines = Array.from({ length: count }, (_, i) => {
    const prompt = Array.from({ length: PROMPT_WORDS }, (_, j) => words[(i * 5 + j * j) % 8]);
    return JSON.stringify({ prompt: `${i} ${prompt.join(" ")}`, output_tokens: 64 });
  });
  await Deno.writeTextFile(`${folder}/prompts.jsonl`, lines.join("\n") + "\n");
}

/** Command line of the rival. */
function rivalWords({ tools, tree, rival, load }: RivalOrder, url: string, out: string): string[] {
  const endpoint = `/v1/chat/completions?${pace(load)}`;
  return [
    ...[rival, "bench", "serve", "--backend", "openai-chat", "--base-url", url],
    ...["--endpoint", endpoint, "--model", "m"],
    ...["--tokenizer", `${tree}/tests/fixtures/tokenizers/byte_level`],
    ...["--dataset-name", "custom", "--dataset-path", `${tools.folder}/prompts.jsonl`],
    ...["--custom-output-len", `${load.tokens}`, "--num-prompts", `${load.requests}`],
    ...(load.users === undefined
      ? ["--request-rate", `${load.rate}`, "--burstiness", "1"]
      : ["--max-concurrency", `${load.users}`]),
    ...["--disable-tqdm", "--ignore-eos", "--metric-percentiles", "50,99"],
    // The screen has two digits. Not --save-detailed: it pays for no records.
    ...["--save-result", "--result-dir", out, "--result-filename", "result.json"],
  ];
}

/** Ours, as a user who wants nothing special types it: with all reports. */
function ourWords({ tree, load, client }: RivalOrder, url: string, out: string): string[] {
  return [
    ...[Deno.execPath(), "run", "-q", "-A", `${tree}/cli.ts`, "bench", url],
    ...["--endpoint", `/v1/chat/completions?${pace(load)}`, "--model", "m"],
    ...(load.users === undefined ? ["--rate", `${load.rate}`] : ["--concurrency", `${load.users}`]),
    ...["--requests", `${load.requests}`, "--output-tokens", `${load.tokens}`],
    ...["--dataset", "synthetic", "--input-tokens", "60"],
    ...(client === "auto" ? [] : ["--transport", client]),
    ...["--out", `${out}/ours`],
  ];
}

function pace(load: RivalLoad): string {
  return paceQuery({ ...load, server: "http", transports: [] });
}

/** What `whole_process.c` says of a command. */
type Cost = Pick<RivalFigures, "cpuSec" | "wallSec" | "largestMiB" | "togetherMiB">;

/** What a client printed, in ms. */
interface Printed {
  readonly ttftP50: number;
  readonly ttftP99: number;
  readonly itlP99: number;
}

/** Runs a command on core 0; everything of this side stays on the last core. */
async function runWhole(words: readonly string[], { folder }: TruthTools): Promise<Cost> {
  const result = `${folder}/cost.json`;
  const child = track(
    new Deno.Command("taskset", {
      args: [
        ...["-c", `${navigator.hardwareConcurrency - 1}`],
        ...[`${folder}/whole_process`, result, `${LIMIT_SEC}`, "taskset", "-c", "0", ...words],
      ],
      cwd: folder,
      // No calibration of anybody's; and no proxy on the way to a server of ours.
      env: { XDG_STATE_HOME: folder, NO_PROXY: "*", no_proxy: "*" },
      stdin: "null",
      stdout: "piped",
      stderr: "piped",
    }).spawn(),
  );
  const { code, stdout, stderr } = await child.output();
  if (code === 0) return JSON.parse(await Deno.readTextFile(result));
  const said = new TextDecoder().decode(stderr).trim() || new TextDecoder().decode(stdout).trim();
  throw new Error(`exit code ${code}: ${said.slice(-500).replaceAll("\n", " ")}`);
}

/** What the rival's file says. */
async function rivalSaid(out: string, requests: number): Promise<Printed & { used: string }> {
  const said = JSON.parse(await Deno.readTextFile(`${out}/result.json`));
  if (said.completed !== requests) throw new Error(`${said.completed} of ${requests} completed`);
  return {
    used: RIVAL,
    ttftP50: said.median_ttft_ms,
    ttftP99: said.p99_ttft_ms,
    itlP99: said.p99_itl_ms,
  };
}

/** What our report says. */
async function ourReport(out: string, requests: number): Promise<Printed & { used: string }> {
  const { header, loads: [load] } = JSON.parse(await Deno.readTextFile(`${out}/ours/report.json`));
  const { completed } = load.counts;
  if (completed !== requests) throw new Error(`${completed} of ${requests} completed`);
  const printed = printedOf(load);
  const value = (name: string) => printed.get(name)!.value;
  return {
    used: header.transport,
    ttftP50: value("TTFT p50"),
    ttftP99: value("TTFT p99"),
    itlP99: value("ITL p99"),
  };
}

/** One request before the client starts: the rows' times count from its arrival. */
async function markStart(url: string): Promise<void> {
  const body = JSON.stringify({ max_tokens: 1 });
  const response = await fetch(`${url}/v1/chat/completions?x=1`, { method: "POST", body });
  await response.text();
}

/** One run. A client that fails is a finding without figures. */
export async function runRival(order: RivalOrder): Promise<RivalFinding> {
  const { tools, load, client, round } = order;
  const out = `${tools.folder}/run`;
  const start = {
    ...{ at: new Date().toISOString(), load: load.name, client, round },
    machineLoad: Deno.loadavg()[0]!,
  };
  await Deno.mkdir(out);
  const server = await startServer(tools, { ...load, server: "http", transports: [] });
  try {
    await markStart(server.url);
    const words = client === RIVAL ? rivalWords : ourWords;
    const { cpuSec, wallSec, largestMiB, togetherMiB } = await runWhole(
      words(order, server.url, out),
      tools,
    );
    const said = await (client === RIVAL ? rivalSaid : ourReport)(out, load.requests);
    const all = await server.rows();
    const rows = measuredRows(all, load.requests);
    const cost = { cpuSec, wallSec, largestMiB, togetherMiB, servingSec: servingBefore(all, rows) };
    return { ...start, used: said.used, figures: { ...cost, ...besideTruth(rows, said) } };
  } catch (error) {
    const failed = error instanceof Error ? error.message : `${error}`;
    return { ...start, used: client, failed };
  } finally {
    await server.stop();
    await Deno.remove(out, { recursive: true });
  }
}

/** Seconds in which the server answered something before the first of the measured requests. */
export function servingBefore(
  all: readonly ServerRow[],
  measured: readonly ServerRow[],
): number {
  let servedMs = 0;
  let untilMs = 0;
  const firstMs = Math.min(...measured.map(({ arrivalMs }) => arrivalMs));
  for (const { arrivalMs, writeMs } of all.toSorted((a, b) => a.arrivalMs - b.arrivalMs)) {
    const endMs = Math.min(firstMs, writeMs.at(-1) ?? arrivalMs);
    servedMs += Math.max(0, endMs - Math.max(untilMs, arrivalMs));
    untilMs = Math.max(untilMs, endMs);
  }
  return servedMs / 1e3;
}

/** What was printed beside what the log of the measured requests says; times count from the start. */
export function besideTruth(
  rows: readonly ServerRow[],
  { ttftP50, ttftP99, itlP99 }: Printed,
): Pick<RivalFigures, "firstSec" | "ttftP50" | "ttftP99" | "itlP99"> {
  const truth = truthOf(rows, 0);
  const beside = (name: string, printed: number): Said => {
    const found = truth.get(name);
    if (found === undefined) throw new Error(`Too few requests for ${name}`);
    return { printed, truth: found.value };
  };
  return {
    firstSec: Math.min(...rows.map(({ arrivalMs }) => arrivalMs)) / 1e3,
    ttftP50: beside("TTFT p50", ttftP50),
    ttftP99: beside("TTFT p99", ttftP99),
    itlP99: beside("ITL p99", itlP99),
  };
}
