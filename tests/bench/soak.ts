/**
 * Memory and CPU of a long run's summary: every record kept, or histograms and time bins. Each row
 * is a process of its own that makes requests of 128 ticks, hands them to the summary one by one,
 * and then summarizes; a process that only makes them is taken off. Prints Markdown.
 *
 *     deno task bench:soak [--ticks 2,20] [--file 4]
 *
 * `--file`: millions of ticks in a record file that `tokometer report` reads, 0 = none.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import { createRandom } from "../../backends/random.ts";
import type { RequestRecord } from "../../backends/record.ts";
import { createAccumulator } from "../../metrics/summary.ts";
import { openRecordFile, startRecordFile } from "../../workloads/record_writer.ts";
import { createRecord } from "../support/create_record.ts";
import { createRun } from "../support/create_run.ts";
import { runCli } from "../support/run_cli.ts";

const TICKS = 128;
const PER_SECOND = 100;

/** What a process came to. */
interface Cost {
  readonly peakMiB: number;
  readonly addUs: number;
  readonly summaryMs: number;
  readonly p99: number | undefined;
}

/** Requests of 128 ticks every 10 ms, with gaps of 10 ms and a heavy tail. */
function* requests(count: number): Generator<RequestRecord> {
  const random = createRandom(6, "soak");
  for (let index = 0; index < count; index++) {
    const sentMs = index * 1000 / PER_SECOND;
    let ms = sentMs + 50 + 20 * random.next();
    // A request's arrays are new, as a transport's are.
    const tickMs = new Float64Array(TICKS);
    const tickTokens = new Uint32Array(TICKS);
    for (let i = 0; i < TICKS; i++) {
      tickMs[i] = Math.round(ms * 1000) / 1000;
      tickTokens[i] = i + 1;
      ms += 9.5 + random.next() + (random.next() < 0.02 ? 50 * random.next() : 0);
    }
    const [first, last] = [tickMs[0]!, tickMs[TICKS - 1]!];
    yield {
      ...createRecord({ index, sentMs, intendedMs: sentMs, requestedTokens: TICKS, ticks: [] }),
      ...{ firstByteMs: first, firstEventMs: first, firstTokenMs: first, lastTokenMs: last },
      ...{ endMs: last, tickMs, tickTokens, reads: TICKS, events: TICKS, bytes: 263 * TICKS },
      outputTokens: { tokens: TICKS, source: "usage" },
    };
  }
}

function peakMiB(): number {
  const kib = /VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status"))?.[1];
  return Number(kib) / 1024;
}

function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

type Kind = "none" | "raw" | "histogram";

/** In a process of its own: `none` makes the requests and drops them. */
function spend(values: Kind, ticks: number): Cost {
  const count = Math.round(ticks / TICKS);
  const { header, ends: [end] } = createRun([], { loads: [{ label: "64 users", users: 64 }] });
  const accumulator = values === "none" ? undefined : createAccumulator(header, { values });
  const beginMs = cpuMs();
  for (const record of requests(count)) accumulator?.add(record);
  const addedMs = cpuMs();
  const durationMs = count * 1000 / PER_SECOND + 2000;
  accumulator?.end({ ...end!, durationMs, sendingEndMs: durationMs - 2000 });
  const itl = accumulator?.summary().loads[0]?.metrics.find(({ name }) => name === "itl");
  return {
    peakMiB: peakMiB(),
    addUs: (addedMs - beginMs) * 1000 / count,
    summaryMs: cpuMs() - addedMs,
    p99: itl?.distribution.percentiles.find(({ p }) => p === 99)?.value,
  };
}

/** In a process of its own: the whole command. */
async function report(values: Kind, path: string): Promise<Pick<Cost, "peakMiB" | "summaryMs">> {
  const { code, err } = await runCli(["report", path, `--values=${values}`]);
  if (code !== 130) throw new Error(`${code}: ${err}`);
  return { peakMiB: peakMiB(), summaryMs: cpuMs() };
}

async function run(args: readonly string[]): Promise<string> {
  const command = new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--quiet", ...args],
    stdout: "piped",
    stderr: "inherit",
  });
  const { success, stdout } = await command.output();
  if (!success) throw new Error(`Cannot run ${args.join(" ")}`);
  return new TextDecoder().decode(stdout);
}

async function writeFile(path: string, ticks: number): Promise<void> {
  const count = Math.round(ticks / TICKS);
  const { header } = createRun([], { loads: [{ label: "64 users", users: 64 }] });
  const writer = startRecordFile(await openRecordFile(path), header);
  for (const record of requests(count)) {
    writer.add(record);
    // Once in a while, so that the lines are written and not gathered.
    if (record.index % 1000 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  await writer.close();
}

const number = (value: number, digits = 0) =>
  value.toFixed(digits).replace(/\B(?=(\d{3})+(?!\d))/g, digits === 0 ? "," : "");

async function main(): Promise<void> {
  const { values: { ticks, file, child } } = parseArgs({
    options: {
      ticks: { type: "string", default: "2,20" },
      file: { type: "string", default: "4" },
      child: { type: "string" },
    },
  });
  const print = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  const self = new URL(import.meta.url).pathname;
  if (child !== undefined) {
    const [kind, amount, path] = child.split(":") as [Kind, string, string | undefined];
    const cost = path === undefined ? spend(kind, Number(amount)) : await report(kind, path);
    print(JSON.stringify(cost));
    return;
  }
  print(
    "| ticks | requests | values | peak memory | CPU per request | per tick | summary | ITL p99 |",
  );
  print("| ----: | -------: | ------ | ----------: | ------------: | -----: | ------: | ------: |");
  const row = (cells: readonly string[]) => print(`| ${cells.join(" | ")} |`);
  for (const millions of ticks.split(",")) {
    const amount = Number(millions) * 1e6;
    const cost = async (kind: Kind): Promise<Cost> =>
      JSON.parse(await run([self, `--child=${kind}:${amount}`]));
    const none = await cost("none");
    const head = [`${millions} million`, number(amount / TICKS)];
    row([...head, "only made", `${number(none.peakMiB)} MiB`, "", "", "", ""]);
    for (const kind of ["raw", "histogram"] as const) {
      const { peakMiB, addUs, summaryMs, p99 } = await cost(kind);
      const us = Math.max(0, addUs - none.addUs);
      row([
        ...[...head, kind, `${number(peakMiB)} MiB`, `${number(us, 1)} µs`],
        ...[`${number(us * 1000 / TICKS)} ns`, `${number(summaryMs / 1000, 2)} s`],
        `${number(p99!, 3)} ms`,
      ]);
    }
  }
  if (Number(file) === 0) return;
  print("\n| `report` of a file | size | values | peak memory | CPU |");
  print("| ---: | ---: | --- | ---: | ---: |");
  const folder = await Deno.makeTempDir({ prefix: "tokometer-soak-" });
  try {
    const path = `${folder}/records.jsonl`;
    await writeFile(path, Number(file) * 1e6);
    const mib = (await Deno.stat(path)).size / 1024 / 1024;
    for (const kind of ["raw", "histogram"] as const) {
      const cost = JSON.parse(await run([self, `--child=${kind}:0:${path}`]));
      row([
        ...[`${file} million ticks`, `${number(mib)} MiB`, kind, `${number(cost.peakMiB)} MiB`],
        `${number(cost.summaryMs / 1000, 1)} s`,
      ]);
    }
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) await main();
