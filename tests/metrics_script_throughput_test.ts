import { assertEquals } from "@std/assert";
import { throughputBlock, throughputRow } from "../metrics/script_serving_report.ts";
import {
  throughputNumbers,
  throughputScriptNumbers,
} from "../metrics/script_throughput_numbers.ts";
import { createRecord } from "./support/create_record.ts";

/** Two users, one round of 3 tokens: one token per tick, and the last two in one tick. */
const RECORDS = [
  createRecord({ requestedTokens: 3, ticks: [[100, 1], [110, 2], [130, 3]] }),
  createRecord({ requestedTokens: 3, ticks: [[200, 1], [240, 3]] }),
];

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
