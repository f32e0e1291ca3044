/** Reports of record files that were tampered with: whatever was accepted can be printed. */
import { assert, assertEquals, assertStringIncludes } from "@std/assert";
import { createRandom, uniformInteger } from "../backends/random.ts";
import type { RequestRecord } from "../backends/record.ts";
import { parsePrometheus } from "../backends/telemetry_prometheus.ts";
import type { Witness } from "../metrics/run_client.ts";
import type { GpuSamples } from "../metrics/run_gpu.ts";
import type { ServerScrapes } from "../metrics/run_server.ts";
import { findFrontier } from "../metrics/frontier_sides.ts";
import { FRONTIER_REPORTS } from "../metrics/report_frontiers.ts";
import { REPORTS } from "../metrics/reports.ts";
import { clientsRow, rateRow } from "../metrics/script_clients_row.ts";
import {
  GENERATION_LAYOUTS,
  generationBlock,
  generationRow,
} from "../metrics/script_generation_csv.ts";
import { generationNumbers } from "../metrics/script_generation_numbers.ts";
import { RESTFUL_LAYOUTS, restfulNumbers } from "../metrics/script_restful_numbers.ts";
import {
  restfulBlock,
  restfulRow,
  THROUGHPUT_LAYOUTS,
  throughputBlock,
  throughputRow,
} from "../metrics/script_serving_report.ts";
import { throughputNumbers } from "../metrics/script_throughput_numbers.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { type Accumulator, createAccumulator, type Summary } from "../metrics/summary.ts";
import { mergeRecordFiles } from "../workloads/record_merge.ts";
import { openRecordFile, startRecordFile } from "../workloads/record_writer.ts";
import { streamRecordFile } from "../workloads/record_file.ts";
import { keepScrapes } from "../workloads/scrape_keeper.ts";
import { UserError } from "../workloads/user_error.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { FAKE_METRICS } from "./support/fake_metrics.ts";
import { mutatedLine } from "./support/mutated_lines.ts";
import { inTempFolder } from "./support/run_cli.ts";

const GPU: GpuSamples = {
  source: "nvml",
  timeMs: [0, 100, 200],
  devices: [{
    index: 0,
    name: "NVIDIA",
    memoryTotalMiB: 1000,
    memoryStartMiB: 10,
    memoryMiB: [10, 20, null],
    ownMiB: [1, 2, 3],
    otherMiB: [9, 18, null],
    utilization: [0, 0.5, 1],
    powerW: [100, null, 300],
    energyJ: 20,
    energyFrom: "counter",
  }],
};
const TOKENS = { tokens: 2, source: "tokenizer" } as const;
const LATE = { p50Ms: 0.01, p90Ms: 0.02, p99Ms: 0.1, maxMs: 1 };
const WITNESS: Witness = {
  ...{ streams: 2, requests: 10, ticks: 200, ticksInside: 199, departuresInside: 10 },
  ...{ readLate: LATE, departLate: LATE, windowMs: 100, cpuMs: 5 },
  ...{ readLateMaxMs: [0.1, null, 1], departLateMaxMs: [0.1, 0.2, null] },
};
const CLIENT = {
  ...{ cpuCores: 0.5, loopLagP50Ms: 0.1, loopLagP99Ms: 1, loopLagMaxMs: 5, peakRssMiB: 100 },
  ...{ threadCpu: 0.5, threadWait: 0.1, descriptors: 10, descriptorLimit: 1000 },
  ...{ kernelStampedReads: 0.99, replacedConnections: 1 },
};

/** What an endpoint said before, during and after a load, between failures. */
const SCRAPES: readonly ServerScrapes[] = FAKE_METRICS
  .filter(({ engine }) => engine === "vllm" || engine === "dcgm")
  .map(({ engine, texts: [before, after] }) => {
    const keeper = keepScrapes(`http://${engine}/metrics`);
    for (const [i, text] of [before, after, before, after].entries()) {
      keeper.add(i * 100 - 1, parsePrometheus(text), 5, i % 3 === 0);
      keeper.fail("status 500", 20);
    }
    return keeper.scrapes(0);
  });

/** Lines of a file that has every kind of field. */
async function sampleLines(folder: string): Promise<string[]> {
  const records: RequestRecord[] = [0, 1].flatMap((load) => [
    ...Array.from({ length: 12 }, (_, index) => ({
      ...createRecord({ load, index, sentMs: index * 20, departedMs: index * 20 + 0.1 }),
      tickWidthUs: Uint32Array.of(10, 20, 30, 40, 50),
      tickEvents: Uint32Array.of(1, 2, 3, 4, 5),
      ...{ firstAnswerMs: index * 20 + 110, firstToolMs: index * 20 + 120, reasoningEvents: 1 },
      ...{
        toolEvents: 1,
        usageEvents: 1,
        heldReads: 1,
        unseenTokens: 1,
        unmarkedEnd: true as const,
      },
      ...{ rejectedCount: TOKENS, firstTickTokens: TOKENS },
      ...(index === 3 ? { wholeBody: true as const } : {}),
      ...{ session: `s${index % 3}#1`, turn: 1 + index, chain: index % 2, depth: index % 2 },
      ...{ class: index < 6 ? "chat" : "code", model: "base", server: index % 2, stage: index % 2 },
      ...{ heldMs: index, contentTokens: 100 * index, expectedCachedTokens: 60 * index },
      serverTimings: {
        ...{ queueMs: 40, prefillMs: 50, decodeMs: 30, ttftMs: 95, e2eMs: 130 },
        ...{ draftTokens: 6, acceptedTokens: 3 },
      },
      ...{ connectMs: 1, cachedTokens: 3, reasoningTokens: 1, textEvents: 5, text: "Hello" },
    })),
    createRecord({ load, index: 12, phase: "warmup" }),
    createFailure("http_error", { load, index: 13, message: "status 500: it broke" }),
    createFailure("http_error", { load, index: 17, session: "s1#1", contextTooLong: true }),
    createFailure("dropped", { load, index: 14 }),
    createFailure("cancelled_as_planned", { load, index: 16 }),
    createFailure("cancelled", { load, index: 15 }),
  ]);
  const share = { name: "chat", weight: 2 };
  const stage = { fromPerSec: 4, toPerSec: 12, exponential: true, durationMs: 200 } as const;
  const run = createRun(records, {
    header: {
      replay: {
        ...{ format: "weka", mode: "sessions", sessions: 3, turns: 12, history: "recorded" },
        ...{ blockTokens: 64, expectedShare: 0.6, sessionStart: 1, idleCapMs: 1000, speedup: 2 },
      },
      ruledBy: { name: "agentx", broken: ["it is short"] },
      ...{ classes: [share, { name: "code", weight: 1 }], models: [share] },
      ...{ urls: ["http://a", "http://b"], saltScope: "session", askedCachedShare: 0.5 },
      resetCache: "vllm",
    },
    loads: [
      {
        ...{ stopRequests: 18, stopDurationMs: 5000, replay: "sessions", users: 3 },
        ...{ thinkTime: "5000", maxPrefill: 4 },
      },
      {
        ...{ kind: "open", label: "8 req/s", arrival: "poisson", ratePerSec: 8, maxInFlight: 4 },
        ...{ overflow: "drop", stopDurationMs: 5000, replay: "schedule", speedup: 2 },
        stages: [stage, { ...stage, toPerSec: 4 }],
      },
    ],
    ends: [0, 1].map(() => ({
      ...{ startedAtMs: 1.8e12, gpu: GPU, witness: WITNESS, client: CLIENT },
      scrapes: SCRAPES,
      cacheNotReset: "it said 500",
      serverLost: { atMs: 400, failures: 3, message: "refused" },
    })),
  });
  const path = `${folder}/sample.jsonl`;
  const writer = startRecordFile(await openRecordFile(path), run.header);
  for (const record of run.records) writer.add(record);
  for (const [i, end] of (["done", "failed", "context", "cut"] as const).entries()) {
    writer.session({
      ...{ load: i % 2, session: `s${i}#1`, user: i, startMs: 0, endMs: 400 + i, end },
      ...{ sent: 4, notSent: i, leftOut: 1 },
    });
  }
  for (const end of run.ends) writer.end(end);
  await writer.close();
  return (await Deno.readTextFile(path)).trimEnd().split("\n");
}

const SLO = parseSlo("ttft:500,tpot:50");

async function summariesOf(entries: () => ReturnType<typeof streamRecordFile>): Promise<Read> {
  const records: RequestRecord[] = [];
  const summaries: Summary[] = [];
  let faults = 0;
  let durationMs = 0;
  for (const values of ["raw", "histogram"] as const) {
    let accumulator: Accumulator | undefined;
    for await (const { header, record, session, end, fault } of entries()) {
      if (header !== undefined) accumulator = createAccumulator(header, { values, slo: SLO });
      if (record !== undefined) {
        accumulator!.add(record);
        if (values === "raw" && record.phase === "measure") records.push(record);
      }
      if (session !== undefined) accumulator!.session(session);
      if (end !== undefined) {
        accumulator!.end(end);
        durationMs = end.durationMs;
      }
      if (fault !== undefined) {
        accumulator!.unread();
        if (values === "raw") faults++;
      }
    }
    summaries.push(accumulator!.summary());
  }
  return { summaries, records, durationMs, faults };
}

interface Read {
  readonly summaries: readonly Summary[];
  readonly records: readonly RequestRecord[];
  readonly durationMs: number;
  readonly faults: number;
}

/** Every text that is made of a file's content, by its name. */
function* textsOf({ summaries, records, durationMs }: Read): Iterable<[string, string]> {
  for (const summary of summaries) {
    for (const report of REPORTS) {
      yield [
        report.name,
        report.render(summary, { color: true, width: 100, allServerMetrics: true }),
      ];
    }
    const frontier = findFrontier([{ name: "mutated", runs: [summary] }]);
    for (const report of FRONTIER_REPORTS) {
      yield [`frontier ${report.name}`, report.render(frontier, { version: "1.2.3" })];
    }
  }
  const setup = { concurrency: 2, streaming: true, prompts: 8 };
  yield ["num-clients", clientsRow(records, durationMs).join()];
  yield ["request-rate", rateRow(records, durationMs, { firstGap: true }).join()];
  const restful = restfulNumbers(records, durationMs);
  const throughput = throughputNumbers(records, durationMs);
  yield ["restful", restfulBlock(restful, setup)];
  yield ["throughput", throughputBlock(throughput, setup)];
  for (const layout of RESTFUL_LAYOUTS) {
    yield [layout, restfulRow(restful, setup, { layout }).row.join()];
  }
  for (const layout of THROUGHPUT_LAYOUTS) {
    yield [layout, throughputRow(throughput, setup, { layout }).row.join()];
  }
  const numbers = generationNumbers(records, durationMs);
  const asked = { concurrency: 2, promptTokens: 8, outputTokens: 8, rounds: 1 };
  yield ["generation", generationBlock(numbers, asked)];
  for (const layout of GENERATION_LAYOUTS) {
    yield [layout, generationRow(numbers, asked, { layout }).row.join()];
  }
}

const NO_NUMBER = /\bNaN\b|\bundefined\b|Infinity|\[object |\binf\b|∞/;

function assertPrintable(read: Read, where: string): void {
  for (const [name, text] of textsOf(read)) {
    // Scripts of our own say `undefined`.
    const found = NO_NUMBER.exec(text.replace(/<script>[^]*?<\/script>/g, ""));
    if (found === null) continue;
    const around = text.slice(Math.max(0, found.index - 200), found.index + 60);
    assert(false, `${where}, ${name}: ${around}`);
  }
}

/** Files with one changed line each, and some with many. */
const FILES = Number(Deno.env.get("MUTATED_FILES") ?? 20);

Deno.test("reports of mutated record files hold no NaN, undefined or [object Object]", () =>
  inTempFolder(async (folder) => {
    const lines = await sampleLines(folder);
    const path = `${folder}/r.jsonl`;
    let accepted = 0;
    let faults = 0;
    for (let file = 0; file < FILES; file++) {
      const random = createRandom(file, "mutations");
      const changes = uniformInteger(random, { low: 1, high: 20 });
      const changed = [...lines];
      for (let i = 0; i < changes; i++) {
        // The header is one line of many, and has most of the fields.
        const at = random.next() < 0.1
          ? 0
          : uniformInteger(random, { low: 0, high: lines.length - 1 });
        changed[at] = mutatedLine(lines[at]!, random);
      }
      await Deno.writeTextFile(path, `${changed.join("\n")}\n`);
      try {
        const read = await summariesOf(() => streamRecordFile(path));
        assertPrintable(read, `file ${file}`);
        accepted++;
        faults += read.faults;
      } catch (error) {
        if (!(error instanceof UserError)) throw new Error(`file ${file}`, { cause: error });
        assertStringIncludes(error.message, "line 1");
        assert(!NO_NUMBER.test(error.message.replace("is missing", "")), error.message);
      }
    }
    // Many are read although a line of theirs is not.
    assert(accepted > FILES / 3 && faults > FILES, `${accepted} files, ${faults} faults`);
  }));

Deno.test("a merge of mutated record files is printable as well", () =>
  inTempFolder(async (folder) => {
    const lines = await sampleLines(folder);
    for (let file = 0; file < FILES / 4; file++) {
      const random = createRandom(file, "merged mutations");
      const paths = ["a", "b"].map((name) => `${folder}/${name}.jsonl`);
      for (const path of paths) {
        const changed = lines.map((line, i) =>
          i === 0
            ? line.replace('"hostname"', '"host"').replace("2026-01-02", path.slice(-7, -6))
            : random.next() < 0.3
            ? mutatedLine(line, random)
            : line
        );
        await Deno.writeTextFile(path, `${changed.join("\n")}\n`);
      }
      try {
        const read = await summariesOf(() => mergeRecordFiles(paths));
        assert(read.faults > 0);
        assertPrintable(read, `merge ${file}`);
      } catch (error) {
        if (!(error instanceof UserError)) throw new Error(`merge ${file}`, { cause: error });
        assertEquals(NO_NUMBER.exec(error.message), null, error.message);
      }
    }
  }));
