/**
 * The whole way from the simulated engine, which knows when it did what, over its metrics endpoint and
 * its answers to what is said of the load.
 */
import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { delay } from "@std/async";
import type { RequestRecord } from "../backends/record.ts";
import type { SimOptions } from "../backends/sim_options.ts";
import { type SimServer, startSimServer } from "../backends/sim_server.ts";
import type { TruthRequest } from "../backends/sim_truth.ts";
import type { TimePart, TimeSplit } from "../metrics/load_server.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import { isStreamed } from "../metrics/record_streaming.ts";
import { summarize } from "../metrics/summary.ts";
import { readRecordFile } from "../workloads/record_file.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const REQUESTS = 30;

const TOKENS = 10;

/** The check, and the warm-up. */
const BEFORE = 1 + 3;

/** Two requests at once, of six users: there is a queue. */
const QUEUE: Partial<SimOptions> = {
  ...{ maxBatch: 2, stepMs: 3, prefillMs: 0.05, stepMsPerRequest: 0, stepMsPerKilotoken: 0 },
};

interface Measured {
  readonly load: LoadSummary;
  readonly records: readonly RequestRecord[];
  /** The engine's log of its requests. */
  readonly truth: readonly TruthRequest[];
}

async function measured(
  options: Partial<SimOptions>,
  argv: readonly string[] = [],
  meanwhile: (server: SimServer) => Promise<void> = () => Promise.resolve(),
): Promise<Measured> {
  const server = await startSimServer({ ...QUEUE, ...options });
  try {
    return await inTempFolder(async (folder) => {
      const [{ code, err }] = await Promise.all([
        runCli([
          ...["bench", server.url, "--out", `${folder}/results`, "--concurrency=6", "--warmup=3"],
          ...[`--requests=${REQUESTS}`, `--output-tokens=${TOKENS}`, "--dataset=synthetic"],
          ...["--input-tokens=100", "--transport=socket", ...argv],
        ]),
        meanwhile(server),
      ]);
      assertEquals(code, 0, err);
      const run = await readRecordFile(`${folder}/results/records.jsonl`);
      const truth = server.truth().slice(BEFORE);
      const records = run.records.filter(({ phase }) => phase === "measure");
      return { load: summarize(run).loads[0]!, records, truth };
    });
  } finally {
    await server.stop();
  }
}

const mean = (values: readonly number[]) =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

function meanOf({ parts }: TimeSplit, name: TimePart["name"]): number {
  const part = parts.find((one) => one.name === name);
  assert(part !== undefined, `no ${name} in ${parts.map(({ name }) => name)}`);
  return part.meanMs;
}

/** As the engine had planned it, but for steps that were planned before the request came. */
const prefillOf = ({ scheduledMs, plannedMs }: TruthRequest) =>
  Math.max(0, plannedMs[0]! - scheduledMs!);
const queueOf = ({ queuedMs, scheduledMs }: TruthRequest) => scheduledMs! - queuedMs!;

/** Within a millisecond or a twentieth. */
function assertNear(actual: number, expected: number, what: string): void {
  assertAlmostEquals(actual, expected, Math.max(1, 0.05 * expected), what);
}

/** The parts together are the TTFT. */
function splitOf({ load }: Measured): TimeSplit {
  const split = load.timeSplit;
  assert(split !== undefined, "no split");
  // An answer that was read at once has no TTFT.
  assert(split.requests > REQUESTS / 2, `${split.requests}`);
  assertAlmostEquals(
    split.parts.reduce((sum, { meanMs }) => sum + meanMs, 0),
    split.ttftMs,
    1e-6,
  );
  return split;
}

/** From the server's queue to its first write, beyond its queue and prefill. */
function restOf(truth: readonly TruthRequest[]): number {
  return mean(
    truth.map(({ plannedMs, writeMs, queuedMs }) =>
      writeMs[0]! - Math.max(plannedMs[0]!, queuedMs!)
    ),
  );
}

/** What the answers told is in the engine's log, request by request. */
function assertTold({ records, truth }: Measured, field: "queueMs" | "prefillMs"): void {
  const told = records.map(({ serverTimings }) => serverTimings![field]!);
  const logged = truth.map(field === "queueMs" ? queueOf : prefillOf);
  assertEquals(told.length, logged.length);
  for (const [i, ms] of told.sort(ascending).entries()) {
    assertAlmostEquals(ms, logged.sort(ascending)[i]!, 0.001, field);
  }
}

const ascending = (a: number, b: number) => a - b;

const check = ({ checks }: LoadSummary, name: string) => checks.find((one) => one.name === name)!;

Deno.test("time split: by the server's histograms, each part as its log says", async () => {
  const found = await measured({});
  const split = splitOf(found);
  assertEquals(split.basis, "means");
  assertNear(meanOf(split, "queue"), mean(found.truth.map(queueOf)), "queue");
  assertNear(meanOf(split, "prefill"), mean(found.truth.map(prefillOf)), "prefill");
  assertNear(meanOf(split, "rest"), restOf(found.truth), "rest");
  // There was a queue to find.
  assert(meanOf(split, "queue") > meanOf(split, "prefill"));
  const { serverCounts } = found.load;
  assertEquals(serverCounts, [
    { what: "requests", server: REQUESTS, client: REQUESTS, others: false },
    { what: "prompt_tokens", server: REQUESTS * 100, client: REQUESTS * 100, others: false },
    { what: "output_tokens", server: REQUESTS * TOKENS, client: REQUESTS * TOKENS, others: false },
  ]);
  assertEquals([check(found.load, "other_clients").ok, check(found.load, "server_counts").ok], [
    ...[true, true],
  ]);
});

Deno.test("time split: by the answers, of the same requests", async () => {
  const found = await measured({ requestMetrics: true });
  const split = splitOf(found);
  assertEquals(split.basis, "requests");
  for (const field of ["queueMs", "prefillMs"] as const) assertTold(found, field);
  const streamed = found.records.filter(isStreamed);
  assertEquals(split.requests, streamed.length);
  const queueMs = mean(streamed.map(({ serverTimings }) => serverTimings!.queueMs!));
  assertAlmostEquals(meanOf(split, "queue"), queueMs, 1e-3);
  const prefillMs = mean(streamed.map(({ serverTimings }) => serverTimings!.prefillMs!));
  assertAlmostEquals(meanOf(split, "prefill"), prefillMs, 1e-3);
  const queue = split.parts.find(({ name }) => name === "queue")!;
  assert(queue.percentiles.some(({ p, valueMs }) => p === 50 && valueMs! > 0));
});

Deno.test("time split: two replicas are added up", async () => {
  const found = await measured({ replicas: 2 });
  const split = splitOf(found);
  assertNear(meanOf(split, "queue"), mean(found.truth.map(queueOf)), "queue");
  assertNear(meanOf(split, "prefill"), mean(found.truth.map(prefillOf)), "prefill");
  assertEquals(found.load.serverCounts[0], {
    ...{ what: "requests", server: REQUESTS, client: REQUESTS, others: false },
  });
});

Deno.test("time split: llama.cpp's answers tell prefill, and the rest holds the queue", async () => {
  const found = await measured({ engine: "llama.cpp" }, ["--protocol=llamacpp"]);
  const split = splitOf(found);
  assertEquals(split.basis, "requests");
  assertTold(found, "prefillMs");
  assertEquals(split.parts.some(({ name }) => name === "queue"), false);
  assertMatch(split.remarks.join(), /rest holds queue, network|not tell how long requests queued/);
});

Deno.test("other clients: somebody else's requests are told", async () => {
  const { load } = await measured({}, [], async (server) => {
    // The counters were read before the first measured request.
    while (server.stats().load.requests <= BEFORE) await delay(2);
    const url = `${server.url}/v1/completions`;
    const body = JSON.stringify({ model: "simulated", prompt: "hello", max_tokens: 2 });
    const headers = { "content-type": "application/json" };
    await Promise.all(Array.from({ length: 12 }, async () => {
      await (await fetch(url, { method: "POST", headers, body })).text();
    }));
  });
  const { ok, message } = check(load, "other_clients");
  assertEquals(ok, false, message);
  assertMatch(message, /^Someone else uses this server: it counted 42 requests .* ours are 30$/);
});

Deno.test("speculation: the server's counters beside the tokens of each tick", async () => {
  const { load, truth } = await measured({ speculate: "3:0.7", tokenIds: true });
  const { speculation, stream, metrics } = load;
  assertEquals([speculation!.basis, speculation!.byPosition.length], ["counters", 3]);
  const writes = truth.flatMap(({ writeTokens }) =>
    writeTokens.map((tokens, i) => tokens - (writeTokens[i - 1] ?? 0)).slice(1)
  );
  assertAlmostEquals(speculation!.acceptedLength, mean(writes), 1e-6);
  // A late client may read two events at once.
  assert(stream.joinedTicks! >= 0.4, `${stream.joinedTicks}`);
  assertEquals(stream.uncountedTicks, 0);
  const perToken = metrics.find(({ name }) => name === "itl_per_token")!;
  assert(perToken.distribution.count > 0);
  assert(
    perToken.distribution.mean! < metrics.find(({ name }) => name === "itl")!.distribution.mean!,
  );
});
