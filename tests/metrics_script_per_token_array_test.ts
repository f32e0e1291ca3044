import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  GENERATION_LAYOUTS,
  generationBlock,
  generationRow,
} from "../metrics/script_generation_csv.ts";
import {
  generationNumbers,
  generationScriptNumbers,
} from "../metrics/script_generation_numbers.ts";
import {
  indexPercentile,
  perTokenArray,
  recordTokenArray,
  type TokenStep,
} from "../metrics/script_per_token_array.ts";
import { throughputBlock, throughputRow } from "../metrics/script_throughput_csv.ts";
import {
  throughputNumbers,
  throughputScriptNumbers,
} from "../metrics/script_throughput_numbers.ts";
import { createRecord } from "./support/create_record.ts";

function stepsOf(pairs: readonly (readonly [number, number])[]): TokenStep[] {
  return pairs.map(([atSec, tokens]) => ({ atSec, tokens }));
}

Deno.test("perTokenArray() books the golden example as the script does (T12)", () => {
  const steps = stepsOf([[0.1, 1], [0.15, 1], [0.18, 3], [0.2, 4]]);
  const row = perTokenArray(steps, { startSec: 0, outputTokens: 4 }).slice(0, 4);
  assertEquals(row, [0.1, 0.03, 0, 0.02]);
  // 0.200 s passed: the event without a new token has lost 50 ms.
  assertAlmostEquals(row.reduce((sum, value) => sum + value, 0), 0.15);
});

Deno.test("perTokenArray() keeps a slot for one token too many, and no more", () => {
  const options = { startSec: 1, outputTokens: 2 };
  assertEquals(perTokenArray(stepsOf([[1.1, 1], [1.2, 2], [1.3, 3]]), options), [0.1, 0.1, 0.1]);
  assertEquals(perTokenArray(stepsOf([[1.1, 3], [1.2, 4]]), options), [0.1, 0, 0]);
  assertEquals(perTokenArray([], options), [0, 0, 0]);
});

Deno.test("recordTokenArray() counts from the moment of sending", () => {
  const record = createRecord({
    sentMs: 1000,
    requestedTokens: 3,
    ticks: [[1100.4, 1], [1130, 3]],
  });
  assertEquals(recordTokenArray(record), [0.1, 0.03, 0, 0]);
});

Deno.test("indexPercentile() takes element int(p·n), without interpolation (T13)", () => {
  const sorted = [1, 2, 3, 4];
  assertEquals([0, 24, 25, 50, 74, 75, 99].map((p) => indexPercentile(sorted, p)), [
    ...[1, 1, 2, 3, 3, 4, 4],
  ]);
  assertEquals(indexPercentile([], 50), undefined);
});

/** Two users, one round of 3 tokens: one token a tick, and the last two in one tick. */
const RECORDS = [
  createRecord({ requestedTokens: 3, ticks: [[100, 1], [110, 2], [130, 3]] }),
  createRecord({ requestedTokens: 3, ticks: [[200, 1], [240, 3]] }),
];

Deno.test("generationNumbers() gives ours, generationScriptNumbers() the script's (T12)", () => {
  const ours = generationNumbers(RECORDS, 500);
  assertEquals(ours.firstToken, { min: 0.1, max: 0.2, mean: 0.15000000000000002 });
  assertEquals(ours.total, { min: 0.13, max: 0.24, mean: 0.185 });
  // Gaps 10, 20, 40 ms: three are enough for a median only.
  assertEquals(ours.perToken, [0.02, undefined, undefined, undefined]);
  assertEquals(ours.outputRate, 12);
  assertEquals(ours.totalRate, 52);

  const script = {
    durationMs: 500,
    asked: 2,
    promptTokens: 10,
    outputTokens: 3,
    oneTokenMean: false,
  };
  const theirs = generationScriptNumbers(RECORDS, script);
  assertEquals(theirs.firstToken, { min: 0.1, max: 0.2, mean: 0.15 });
  // Rows [0.1, 0.01, 0.02] and [0.2, 0.04, 0]: a zero is among the four.
  assertEquals(theirs.perToken, [0.02, 0.04, 0.04, 0.04]);
  assertEquals(theirs.outputRate, 12);
});

Deno.test("generationNumbers() has no failed request in a number, and counts it (T26)", () => {
  const failed = createRecord({
    outcome: { kind: "timeout", message: "no answer" },
    ticks: [[9000, 1]],
  });
  const cancelled = createRecord({ outcome: { kind: "cancelled", message: "c" } });
  const numbers = generationNumbers([...RECORDS, failed, cancelled], 500);
  assertEquals([numbers.completed, numbers.failed], [2, 1]);
  assertEquals(numbers.firstToken?.max, 0.2);
  assertEquals(generationNumbers([failed], 0).outputRate, undefined);
});

Deno.test("one token a request: n/a, and since v0.6.0 the script's mean four times (T13)", () => {
  const records = [100, 200].map((ms) =>
    createRecord({
      requestedTokens: 1,
      outputTokens: { tokens: 1, source: "ids" },
      ticks: [[ms, 1]],
    })
  );
  assertEquals(generationNumbers(records, 500).perToken, [
    undefined,
    undefined,
    undefined,
    undefined,
  ]);
  const script = { durationMs: 500, asked: 2, promptTokens: 10, outputTokens: 1 };
  const old = generationScriptNumbers(records, { ...script, oneTokenMean: false });
  assertEquals(old.perToken[0], undefined);
  const since = generationScriptNumbers(records, { ...script, oneTokenMean: true });
  assertEquals(since.perToken, [0.15, 0.15, 0.15, 0.15]);
});

const CASE = { concurrency: 2, promptTokens: 10, outputTokens: 3, rounds: 1 };

Deno.test("generationBlock() prints the script's lines", () => {
  assertEquals(
    generationBlock(generationNumbers(RECORDS, 500), CASE),
    [
      "",
      "-".repeat(50),
      "total time: 0.50s",
      "concurrency: 2, test_round: 1",
      "input_tokens: 10, output_tokens: 3",
      "first_token latency(min, max, ave): 0.1s, 0.2s, 0.15s",
      "total_token latency(min, max, ave): 0.13s, 0.24s, 0.185s",
      "token_latency percentiles(50%,75%,95%,99%)(s): [0.02, n/a, n/a, n/a]",
      "throughput: 12.0 token/s",
      "-".repeat(50),
    ].join("\n"),
  );
});

Deno.test("generationRow() has the columns of each release, as many cells (T35)", () => {
  const numbers = generationNumbers(RECORDS, 500);
  const gpuMemory = { total: 3, perGpu: 1.5 };
  const lines = GENERATION_LAYOUTS.map((layout) => {
    const { header, row } = generationRow(numbers, CASE, { layout, gpuMemory });
    assertEquals(header.length, row.length);
    return [header.join(), row.join()];
  });
  const latencies = "FTL(ave)(s),FTL(min)(s),FTL(max)(s),50%(s),75%(s),95%(s),99%(s)";
  assertEquals(lines, [
    [
      "batch,prompt_tokens,completion_tokens,1st_token_latency(min)(s),1st_token_latency(max)(s)," +
      "1st_token_latency(ave)(s),percentile50(s),percentile75(s),percentile95(s)," +
      "percentile99(s),throughput(token/s),mem_per_proc(GB),mem_per_gpu(GB)",
      "2,10,3,0.1,0.2,0.15,0.02,n/a,n/a,n/a,12.0,3.00,1.50",
    ],
    [
      `batch,prompt_tokens,completion_tokens,throughput(out tok/s),mem(GB),${latencies}`,
      "2,10,3,12.0,1.50,0.15,0.1,0.2,0.02,n/a,n/a,n/a",
    ],
    [
      "batch,prompt_tokens,completion_tokens,throughput(total tok/s),throughput(out tok/s)," +
      `mem(GB),${latencies}`,
      "2,10,3,52.0,12.0,1.50,0.15,0.1,0.2,0.02,n/a,n/a,n/a",
    ],
  ]);
});

Deno.test("throughputScriptNumbers() has the slot that stays 0; ours has not (T12, T15)", () => {
  const failed = createRecord({ outcome: { kind: "truncated", message: "cut" } });
  const records = [...RECORDS, failed];
  const script = { durationMs: 500, asked: 3, promptTokens: () => 7 };
  const theirs = throughputScriptNumbers(records, script);
  // Slots behind the first: 0.01, 0.02, 0 and 0.04, 0, 0.
  assertEquals(theirs.perToken, [0.01, 0.02, 0.04, 0.04]);
  assertEquals([theirs.requests, theirs.promptTokens, theirs.completionTokens], [3, 14, 6]);
  const ours = throughputNumbers(records, 500);
  assertEquals(ours.perToken[0], 0.02);
  assertEquals([ours.requests, ours.promptTokens, ours.completionTokens], [2, 20, 6]);

  const setup = { concurrency: 2, prompts: 3, streaming: true };
  assertEquals(
    throughputBlock(theirs, setup, { digits: 3 }).split("\n").slice(4, 8),
    [
      "",
      "first token latency(s)(min, max, ave): 0.100, 0.200, 0.150",
      "per-token latency(s) percentile(50, 75, 95, 99): [0.01, 0.02, 0.04, 0.04]",
      "",
    ],
  );
  const { header, row } = throughputRow(theirs, setup, { layout: "v0.1.0", digits: 3 });
  assertEquals(
    header.join(),
    "batch,num_promts,RPS,RPM,FTL(ave)(s),FTL(min)(s),FTL(max)(s),50%(s),75%(s),95%(s),99%(s)," +
      "throughput(out tok/s),throughput(total tok/s)",
  );
  assertEquals(
    row.join(),
    "2,3,6.000,360.000,0.150,0.100,0.200,0.010,0.020,0.040,0.040,12.000,40.000",
  );
  const whole = throughputRow(ours, { ...setup, streaming: false }, { layout: "v0.1.0a1" });
  assertEquals(whole.row.join(), "2,3,20.0,6.0,-,-,-,12.000,52.000,240.000");
});
