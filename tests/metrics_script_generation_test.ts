import { assertEquals } from "@std/assert";
import {
  GENERATION_LAYOUTS,
  generationBlock,
  generationRow,
} from "../metrics/script_generation_csv.ts";
import {
  generationNumbers,
  generationScriptNumbers,
} from "../metrics/script_generation_numbers.ts";
import { createRecord } from "./support/create_record.ts";

/** Two users, one round of 3 tokens: one token per tick, and the last two in one tick. */
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

Deno.test("one token per request: n/a, and since v0.6.0 the script's mean four times (T13)", () => {
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
