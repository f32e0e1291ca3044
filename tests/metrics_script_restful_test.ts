import { assertEquals, assertStringIncludes } from "@std/assert";
import { restfulNumbers, restfulScriptNumbers } from "../metrics/script_restful_numbers.ts";
import { restfulBlock, restfulRow } from "../metrics/script_serving_report.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

/**
 * Two answers of 4 and 2 tokens where 4 and 6 were asked for, a role chunk 10 ms after sending, and
 * an error inside a stream; four requests were asked for, D = 2 s.
 */
const RECORDS = [
  createRecord({
    ticks: [[100, 1], [200, 2], [300, 3], [400, 4]],
    firstEventMs: 10,
    promptTokens: { tokens: 11, source: "usage" },
    requestedTokens: 4,
  }),
  createRecord({
    sentMs: 500,
    ticks: [[800, 1], [900, 2]],
    firstEventMs: 510,
    promptTokens: { tokens: 21, source: "usage" },
    requestedTokens: 6,
    lengthForced: false,
  }),
  createFailure("engine_error", { sentMs: 0, firstEventMs: 30, requestedTokens: 8 }),
  createFailure("connect_error", { sentMs: 0, requestedTokens: 5 }),
];
const SETUP = { concurrency: 4, prompts: 4, streaming: true };
const SCRIPT = {
  durationMs: 2000,
  asked: 4,
  completion: "requested",
  promptTokens: () => 10,
} as const;

Deno.test("restfulNumbers counts completed requests, delivered tokens, the first token (T2, T4, T15)", () => {
  assertEquals(restfulNumbers(RECORDS, 2000), {
    requests: 2,
    elapsedSec: 2,
    promptTokens: 32,
    completionTokens: 6,
    firstToken: { min: 0.1, max: 0.3, mean: 0.2 },
  });
});

Deno.test("restfulScriptNumbers counts as the script does (T2, T4, T5, T15)", () => {
  const { firstToken, ...counts } = restfulScriptNumbers(RECORDS, SCRIPT);
  // An answer with an error in it is a row, and its length the one asked for: 4 + 6 + 8.
  assertEquals(counts, { requests: 4, elapsedSec: 2, promptTokens: 30, completionTokens: 18 });
  assertEquals([firstToken?.min, firstToken?.max], [0.01, 0.03]);
  const counted = restfulScriptNumbers(RECORDS, { ...SCRIPT, completion: "counted" });
  assertEquals(counted.completionTokens, 6);
});

Deno.test("restfulScriptNumbers loses answers whose length the script asserts (T26)", () => {
  const [whole] = RECORDS;
  const outcome = { kind: "wrong_length", message: "2 of 4" } as const;
  const short = createRecord({ ticks: [[10, 1], [20, 2]], requestedTokens: 4, outcome });
  const more = createRecord({ ticks: [[10, 5]], requestedTokens: 4 });
  const tokens = (completion: "counted" | "requested") =>
    restfulScriptNumbers([whole!, short, more], { ...SCRIPT, completion }).completionTokens;
  assertEquals([tokens("counted"), tokens("requested")], [9, 12]);
});

Deno.test("restfulScriptNumbers rounds each first token to a millisecond, half to even", () => {
  const record = createRecord({ ticks: [[2.5, 1]], firstEventMs: 2.5 });
  assertEquals(restfulScriptNumbers([record], SCRIPT).firstToken?.min, 0.002);
});

Deno.test("restfulBlock prints the script's block", () => {
  assertEquals(
    restfulBlock(restfulNumbers(RECORDS, 2000), SETUP),
    `
--------------------------------------------------
concurrency: 4
elapsed_time: 2.000s

first_token latency(min, max, ave): 0.100s, 0.300s, 0.200s

number of prompt tokens: 32
number of completion tokens: 6
token throughput (completion token): 3.000 token/s
token throughput (prompt + completion token): 19.000 token/s
RPS (request per second): 1.000 req/s
RPM (request per minute): 60.000 req/min
--------------------------------------------------

`,
  );
});

Deno.test("restfulBlock has no first token without streaming, and n/a where there is none (T14)", () => {
  const none = restfulNumbers([createFailure("timeout")], 0);
  const block = restfulBlock(none, { ...SETUP, streaming: false });
  assertEquals(block.includes("first_token"), false);
  assertStringIncludes(block, "RPS (request per second): n/a req/s");
  assertStringIncludes(restfulBlock(none, SETUP), "(min, max, ave): n/a, n/a, n/a");
});

Deno.test("restfulRow has the columns of both releases (T35)", () => {
  const numbers = restfulNumbers(RECORDS, 2000);
  const line = (layout: "v0.1.0" | "v0.1.0a1", streaming = true) => {
    const { header, row } = restfulRow(numbers, { ...SETUP, streaming }, { layout });
    assertEquals(header.length, row.length);
    return [header.join(), row.join()];
  };
  assertEquals(line("v0.1.0"), [
    "batch,num_prompts,RPS,RPM,FTL(ave)(s),FTL(min)(s),FTL(max)(s),throughput(out tok/s),throughput(total tok/s)",
    "4,4,1.000,60.000,0.200,0.100,0.300,3.000,19.000",
  ]);
  assertEquals(line("v0.1.0a1"), [
    "batch,num_prompts,prompt_tokens,completion_tokens,1st_token_latency(min)(s),1st_token_latency(max)(s),1st_token_latency(ave)(s),output token thr(tokens/s,total token thr(token/s),RPM",
    "4,4,32.0,6.0,0.100,0.300,0.200,3.000,19.000,60.000",
  ]);
  assertEquals(line("v0.1.0", false)[1], "4,4,1.000,60.000,-,-,-,3.000,19.000");
});
