/**
 * How large the results of one agent's part of a load are, and what it costs to add those of a fleet.
 * Prints Markdown for `docs/several-machines.md`.
 *
 *     deno task bench:fleet-merge [--requests 1000,10000,100000] [--agents 1,10,100,1000] [--parts]
 *
 * Records are made up and seeded: an open load of a minute, 100 tokens an answer, TTFT and gaps as an
 * engine under load has them, stamps with their own bounds, three classes, an SLO. Sizes are the same
 * everywhere, times are CPU times. Of a large fleet the states of eight agents are added again and again.
 *
 * @module
 */
import process from "node:process";
import { parseArgs } from "node:util";
import zlib from "node:zlib";
import { createRandom } from "../../backends/random.ts";
import type { RequestRecord } from "../../backends/record.ts";
import { RECORD_SCHEMA, type RunHeader } from "../../metrics/run.ts";
import type { LoadState } from "../../metrics/load_state.ts";
import { parseSlo } from "../../metrics/summary_slo.ts";
import { type Accumulator, createAccumulator } from "../../metrics/summary.ts";
import { createRecord } from "../support/create_record.ts";
import { table } from "./client_report.ts";

const LOAD_MS = 60_000;
const TOKENS = 100;
/** Agents of a fleet whose states are made. */
const MOST_MADE = 8;

const { values } = parseArgs({
  options: {
    requests: { type: "string", default: "1000,10000,100000" },
    agents: { type: "string", default: "1,10,100,1000" },
    parts: { type: "boolean", default: false },
  },
});
const numbers = (list: string) => list.split(",").map(Number);
const print = (text: string) => process.stdout.write(`${text}\n`);

const classes = ["chat", "code", "search"].map((name) => ({ name, share: 1 / 3 }));

function headerOf(agents: number, agent?: number): RunHeader {
  const fleet = { fleet: "bench", run: "bench" };
  const each = { version: "0.1.0", transport: "socket", workers: 4 };
  return {
    ...{ schema: RECORD_SCHEMA, version: "0.1.0", startedAt: "2026-01-02T03:04:05.678Z" },
    ...{ scenario: "bench", commandLine: [], options: {}, url: "http://127.0.0.1:8000" },
    ...{ protocol: "openai-completions", transport: "socket", workers: 4, model: "tiny" },
    ...{ length: "forced", stream: true, seed: 0, tokenizer: { source: "tokenizer" }, classes },
    dataset: { kind: "synthetic", source: "", prompts: 1, skipped: {}, duplicates: 0 },
    loads: [{ label: "open", kind: "open", ratePerSec: 1000 }],
    environment: { os: "linux", arch: "x86_64", cores: 2, deno: "2", v8: "14" },
    ...(agent === undefined
      ? { fleet: { name: "bench", run: "bench", agents: Array(agents).fill(each) } }
      : { part: { ...fleet, agent, agents } }),
  } as unknown as RunHeader;
}

/** Requests of one agent: each `agents`-th of the load. */
function* requestsOf(agent: number, agents: number, requests: number): Generator<RequestRecord> {
  const random = createRandom(agent, "fleet-merge");
  const us = (ms: number) => Math.round(ms * 1000) / 1000;
  const spread = () => Math.exp(0.25 * (random.next() + random.next() + random.next() - 1.5) * 2);
  for (let i = 0; i < requests; i++) {
    const index = i * agents + agent;
    const intendedMs = us((i + agent / agents) * LOAD_MS / requests);
    const sentMs = us(intendedMs + 0.2 * random.next());
    const ticks: [number, number][] = [];
    let ms = sentMs + 80 * spread() ** 3;
    for (let token = 1; token <= TOKENS; token++) {
      ticks.push([us(ms), token]);
      ms += 20 * spread() * (random.next() < 0.001 ? 20 : 1);
    }
    yield createRecord({
      ...{ index, user: index % 64, intendedMs, sentMs, ticks, departedMs: us(sentMs + 0.05) },
      class: classes[index % 3]!.name,
      endMs: us(ms),
      tickWidthUs: Uint32Array.from(ticks, () => Math.floor(120 * random.next())),
      promptTokens: { tokens: 100 + Math.floor(900 * random.next()), source: "usage" },
      requestedTokens: TOKENS,
    });
  }
}

const OPTIONS = { slo: parseSlo("ttft:200,tpot:25"), values: "histogram" } as const;

function accumulatorOf(agent: number, agents: number, requests: number): Accumulator {
  const accumulator = createAccumulator(headerOf(agents, agent), OPTIONS);
  for (const record of requestsOf(agent, agents, requests)) accumulator.add(record);
  return accumulator;
}

/** CPU time of this process so far, helper threads included. */
function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1000;
}

const kib = (bytes: number) => `${(bytes / 1024).toFixed(bytes < 10_240 ? 1 : 0)} KiB`;
const ms = (value: number) => `${value.toFixed(value < 10 ? 1 : 0)} ms`;
const gzipped = (text: string) => zlib.gzipSync(text, { level: 6 }).length;

/** Every part of a state, those of its values on their own. */
function partsOf(state: LoadState): readonly (readonly [string, unknown])[] {
  return Object.entries(state.parts).flatMap(([name, part]) =>
    name === "values"
      ? Object.entries(part as object).map(([inner, one]) => [`values ${inner}`, one] as const)
      : [[name, part] as const]
  );
}

const rows: string[][] = [];
for (const requests of numbers(values.requests)) {
  for (const agents of numbers(values.agents)) {
    // Generating the records of many agents takes longer than all else.
    const made = requests * Math.min(agents, MOST_MADE) > 200_000 ? 1 : Math.min(agents, MOST_MADE);
    let tellingMs = 0;
    const texts = Array.from({ length: made }, (_, agent) => {
      const accumulator = accumulatorOf(agent, agents, requests);
      const began = cpuMs();
      const text = JSON.stringify(accumulator.state(0));
      tellingMs += (cpuMs() - began) / made;
      return text;
    });
    const text = texts[0]!;
    const own: LoadState = JSON.parse(text);
    if (values.parts && agents === 1) {
      print(`${requests} requests, bytes by part (as JSON, gzip):\n`);
      const sizes = partsOf(own).map(([name, part]) => [name, JSON.stringify(part)] as const)
        .toSorted(([, a], [, b]) => b.length - a.length).slice(0, 15);
      print(
        table(
          ["part", "JSON", "gzip"],
          sizes.map(([name, part]) => [name, kib(part.length), kib(gzipped(part))]),
        ).join("\n") + "\n",
      );
    }
    const all = createAccumulator(headerOf(agents), OPTIONS);
    let began = cpuMs();
    const most = Math.min(agents, 100);
    for (let agent = 0; agent < most; agent++) all.absorb(JSON.parse(texts[agent % made]!));
    const eachMs = (cpuMs() - began) / most;
    began = cpuMs();
    const { completed } = all.summary().loads[0]!.counts;
    const summaryMs = cpuMs() - began;
    if (completed !== requests * most) throw new Error(`${completed} of ${requests * most}`);
    const merged = JSON.stringify(all.state(0)).length;
    rows.push([
      ...[String(requests), String(agents), kib(text.length), kib(gzipped(text)), ms(tellingMs)],
      ...[ms(eachMs), `${(eachMs * agents / 1000).toFixed(1)} s`, kib(merged), ms(summaryMs)],
    ]);
  }
}
print(
  table(
    [
      ...["requests an agent", "agents", "state", "gzip", "telling it", "adding it", "adding all"],
      ...["all as one state", "summary"],
    ],
    rows,
  ).join("\n"),
);
