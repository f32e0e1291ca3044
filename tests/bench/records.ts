/**
 * Memory and time that commands take to read a large record file: closed loops of 64 users whose
 * answers have 1,000 ticks. Each row is a process of its own, under `/usr/bin/time`. Prints Markdown.
 *
 *     deno task bench:records [--ticks 10] [--file PATH]
 *
 * `--ticks`: millions of ticks in the file. `--file`: where it is written and stays; made where it is
 * missing. Absent = a temporary file.
 *
 * @module
 */
import { parseArgs } from "node:util";
import { createRandom } from "../../backends/random.ts";
import type { RequestRecord } from "../../backends/record.ts";
import { openRecordFile, startRecordFile } from "../../workloads/record_writer.ts";
import { createRecord } from "../support/create_record.ts";
import { createRun } from "../support/create_run.ts";

const TICKS = 1000;
const USERS = 64;

/** Ends of a load's users, the next to be free first. */
function* requests(count: number): Generator<RequestRecord> {
  const random = createRandom(16, "records");
  const freeMs = Array.from({ length: USERS }, (_, user) => 20 * user);
  for (let index = 0; index < count; index++) {
    const user = index % USERS;
    const sentMs = freeMs[user]!;
    let ms = sentMs + 50 + 40 * random.next();
    const tickMs = new Float64Array(TICKS);
    const tickTokens = new Uint32Array(TICKS);
    const tickWidthUs = new Uint32Array(TICKS);
    for (let i = 0; i < TICKS; i++) {
      tickMs[i] = Math.round(ms * 1000) / 1000;
      tickTokens[i] = i + 1;
      tickWidthUs[i] = 20 + Math.floor(30 * random.next());
      // One gap in ten thousand is a stall.
      ms += 9.5 + random.next() + (random.next() < 1e-4 ? 500 * random.next() : 0);
    }
    const [first, last] = [tickMs[0]!, tickMs[TICKS - 1]!];
    freeMs[user] = last + 0.2;
    yield {
      ...createRecord({ index, sentMs, intendedMs: sentMs, requestedTokens: TICKS, ticks: [] }),
      ...{ user, departedMs: sentMs + 0.03 },
      ...{ firstByteMs: first, firstEventMs: first, firstTokenMs: first, lastTokenMs: last },
      ...{ endMs: last + 0.1, tickMs, tickTokens, tickWidthUs },
      ...{ reads: TICKS, events: TICKS, bytes: 263 * TICKS },
      outputTokens: { tokens: TICKS, source: "usage" },
    };
  }
}

async function writeFile(path: string, ticks: number): Promise<void> {
  const count = Math.round(ticks / TICKS);
  const { header, ends: [end] } = createRun([], { loads: [{ label: "64 users", users: USERS }] });
  const writer = startRecordFile(await openRecordFile(path), header);
  let [durationMs, sendingEndMs] = [0, 0];
  for (const record of requests(count)) {
    writer.add(record);
    durationMs = Math.max(durationMs, record.endMs!);
    sendingEndMs = record.sentMs!;
    // Once in a while, so that the lines are written and not gathered.
    if (record.index % 100 === 0) await new Promise((resolve) => setTimeout(resolve, 0));
  }
  writer.end({ ...end!, durationMs, rampEndMs: 20 * USERS, sendingEndMs });
  await writer.close();
}

interface Cost {
  readonly peakMiB: number;
  readonly cpuS: number;
  readonly wallS: number;
}

/** What a command took, by the kernel's account. */
async function cost(args: readonly string[]): Promise<Cost> {
  const cli = new URL("../../cli.ts", import.meta.url).pathname;
  const output = await new Deno.Command("/usr/bin/time", {
    args: ["-v", Deno.execPath(), "run", "-A", "--quiet", cli, ...args],
    stdout: "null",
    stderr: "piped",
  }).output();
  const text = new TextDecoder().decode(output.stderr);
  const value = (name: string) => new RegExp(`${name}[^:]*: (.+)`).exec(text)?.[1] ?? "";
  const peakMiB = Number(value("Maximum resident set size")) / 1024;
  if (!(peakMiB > 0) || output.code === 70 || output.code === 2) throw new Error(text);
  const wall = /\(h:mm:ss or m:ss\): (.+)/.exec(text)![1]!;
  return {
    peakMiB,
    cpuS: Number(value("User time")) + Number(value("System time")),
    wallS: wall.split(":").reduce((sum, part) => 60 * sum + Number(part), 0),
  };
}

const number = (value: number) => value.toFixed(0).replace(/\B(?=(\d{3})+(?!\d))/g, ",");

async function main(): Promise<void> {
  const { values: { ticks, file } } = parseArgs({
    options: { ticks: { type: "string", default: "10" }, file: { type: "string" } },
  });
  const print = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));
  const path = file ?? await Deno.makeTempFile({ suffix: ".jsonl" });
  const other = `${path}.other`;
  try {
    const size = await Deno.stat(path).then(({ size }) => size, () => 0);
    if (size === 0) {
      await Deno.remove(path).catch(() => {});
      await writeFile(path, Number(ticks) * 1e6);
    }
    await Deno.copyFile(path, other);
    const mib = (await Deno.stat(path)).size / 2 ** 20;
    print(`${ticks} million ticks in ${number(mib)} MiB\n`);
    print("| command | peak memory | CPU | time |");
    print("| --- | ---: | ---: | ---: |");
    for (
      const args of [
        ["report", path, "--values=raw"],
        ["report", path, "--values=histogram"],
        ["report", path, "--format=json"],
        ["compare", path, other, "--format=html", "--gate=ttft:p99<+5%", "--single-run"],
      ]
    ) {
      const { peakMiB, cpuS, wallS } = await cost(args);
      const shown = args.filter((arg) => arg !== path && arg !== other).join(" ");
      print(`| \`${shown}\` | ${number(peakMiB)} MiB | ${number(cpuS)} s | ${number(wallS)} s |`);
    }
  } finally {
    await Deno.remove(other).catch(() => {});
    if (file === undefined) await Deno.remove(path);
  }
}

if (import.meta.main) await main();
