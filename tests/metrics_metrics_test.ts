import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { METRICS } from "../metrics/metrics.ts";
import { createRecord } from "./support/create_record.ts";

function valuesOf(name: string, record: RequestRecord): readonly number[] {
  return METRICS.find((metric) => metric.name === name)!.values(record);
}

/** Left at 1000 instead of 990; tokens at 1100, 1150 (two), 1250. */
const STREAM = createRecord({
  intendedMs: 990,
  sentMs: 1000,
  ticks: [[1100, 1], [1150, 3], [1250, 4]],
  firstByteMs: 1020,
  firstEventMs: 1030,
  endMs: 1300,
  requestedTokens: 5,
  reads: 6,
  connectMs: 7,
  cachedTokens: 3,
});

Deno.test("METRICS have unique names and say their formula", () => {
  const names = METRICS.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  for (const { name, title, formula } of METRICS) {
    assert(/^[a-z0-9_]+$/.test(name) && title !== "" && formula !== "", name);
  }
});

Deno.test("METRICS give these values for a stream of three ticks and four tokens", () => {
  const expected: Record<string, readonly number[]> = {
    ttft: [100],
    ttft_intended: [110],
    ttft_answer: [],
    tpot: [150 / 3],
    itl: [50, 100],
    e2e: [250],
    e2e_intended: [260],
    schedule_delay: [10],
    connect_time: [7],
    prompt_tokens: [10],
    output_tokens: [4],
    length_shortfall: [1],
    cached_tokens: [3],
    tokens_per_tick: [1, 2, 1],
    reads_per_token: [1.5],
  };
  for (const [name, values] of Object.entries(expected)) {
    assertEquals(valuesOf(name, STREAM), values, name);
  }
});

Deno.test("METRICS have no value, not 0, for a record without stamps and counts", () => {
  const empty = createRecord({ ticks: [], promptTokens: undefined, sentMs: undefined });
  for (const { name, values } of METRICS) assertEquals(values(empty), [], name);
});

Deno.test("tpot is a time per token, tokens of the first event excluded (T1)", () => {
  const oneByOne = createRecord({ ticks: [[100, 1], [140, 2], [180, 3], [220, 4], [500, 5]] });
  assertEquals(valuesOf("tpot", oneByOne), [100]);
  const twoAtFirst = createRecord({ ticks: [[100, 2], [200, 4]] });
  assertEquals(valuesOf("tpot", twoAtFirst), [50]);
});

Deno.test("tpot needs more than one token and more than one instant (T13)", () => {
  assertEquals(valuesOf("tpot", createRecord({ ticks: [[100, 1]] })), []);
  assertEquals(valuesOf("tpot", createRecord({ ticks: [[100, 8]] })), []);
  // One event of text whose usage says 8: 0 ÷ 7 would be a TPOT of 0.
  const whole = createRecord({
    ticks: [[100, 1]],
    outputTokens: { tokens: 8, source: "usage" },
  });
  assertEquals(valuesOf("tpot", whole), []);
});

Deno.test("tpot divides by the best count, not by the events seen", () => {
  const pairs = createRecord({
    ticks: [[100, 1], [200, 2], [300, 3]],
    tickSource: "event",
    outputTokens: { tokens: 6, source: "usage" },
  });
  assertEquals(valuesOf("tpot", pairs), [200 / 5]);
});

Deno.test("itl leaves the first token's wait out (T16)", () => {
  assertEquals(valuesOf("itl", createRecord({ ticks: [[900, 1], [910, 2]] })), [10]);
  assertEquals(valuesOf("itl", createRecord({ ticks: [[900, 1]] })), []);
});

Deno.test("itl gives one gap for a tick of several tokens, no zeros, no halves (T8, T12)", () => {
  const fast = createRecord({ ticks: [[100, 1], [130, 4], [150, 5]] });
  assertEquals(valuesOf("itl", fast), [30, 20]);
  assertEquals(valuesOf("tokens_per_tick", fast), [1, 3, 1]);
});

Deno.test("itl bridges a tick that brought no token (T12)", () => {
  // The seed script would book 30 for the second token and lose the first 50.
  const idle = createRecord({ ticks: [[100, 1], [150, 1], [180, 3]] });
  assertEquals(valuesOf("itl", idle), [80]);
  assertEquals(valuesOf("tokens_per_tick", idle), [1, 2]);
});

Deno.test("TTFT plus the gaps is E2E", () => {
  const total = valuesOf("ttft", STREAM)[0]! +
    valuesOf("itl", STREAM).reduce((sum, gap) => sum + gap, 0);
  assertAlmostEquals(total, valuesOf("e2e", STREAM)[0]!);
});

Deno.test("output_tokens is what was delivered, not what was requested (T2)", () => {
  const short = createRecord({ ticks: [[10, 1], [20, 2]], requestedTokens: 100 });
  assertEquals(valuesOf("output_tokens", short), [2]);
  assertEquals(valuesOf("length_shortfall", short), [98]);
});

Deno.test("METRICS from the intended time hold what those from sent hide (T19)", () => {
  const held = createRecord({ intendedMs: 0, sentMs: 1000, ticks: [[1100, 1], [1200, 2]] });
  assertEquals([valuesOf("ttft", held), valuesOf("ttft_intended", held)], [[100], [1100]]);
  assertEquals([valuesOf("e2e", held), valuesOf("e2e_intended", held)], [[200], [1200]]);
});

Deno.test("e2e_per_token has the wait for the first token in it, and counts unseen thinking", () => {
  assertEquals(valuesOf("e2e_per_token", STREAM), [250 / 4]);
  const thinking = createRecord({
    ...{ sentMs: 0, ticks: [[100, 1], [200, 2]], unseenTokens: 8 },
    outputTokens: { tokens: 10, source: "usage" },
  });
  assertEquals(valuesOf("e2e_per_token", thinking), [20]);
  assertEquals(valuesOf("tpot", thinking), [100]);
});

Deno.test("ttst is the first gap, and of streams only", () => {
  assertEquals(valuesOf("ttst", STREAM), [50]);
  assertEquals(valuesOf("ttst", createRecord({ ticks: [[100, 2], [130, 2], [150, 3]] })), [50]);
  assertEquals(valuesOf("ttst", createRecord({ ticks: [[100, 1]] })), []);
  assertEquals(valuesOf("ttst", createRecord({ ticks: [[1, 1], [2, 2]], wholeBody: true })), []);
});

Deno.test("rates of a request are tokens per second, and none where no time passed", () => {
  assertEquals(valuesOf("decode_rate", STREAM), [20]);
  assertEquals(valuesOf("prefill_rate", STREAM), [100]);
  const atOnce = createRecord({ sentMs: 100, ticks: [[100, 1], [100, 2]] });
  assertEquals([valuesOf("decode_rate", atOnce), valuesOf("prefill_rate", atOnce)], [[], []]);
});
