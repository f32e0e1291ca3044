import { assertEquals, assertStrictEquals } from "@std/assert";
import { rates, windowThroughput } from "../metrics/summary_throughput.ts";
import { createRecord } from "./support/create_record.ts";

Deno.test("rates divide completed requests and their tokens by the duration (T15)", () => {
  assertEquals(rates({ fromMs: 0, toMs: 2000 }, { completed: 2, prompt: 20, output: 10 }), {
    fromMs: 0,
    toMs: 2000,
    completed: 2,
    qps: 1,
    rpm: 60,
    outputTokensPerSec: 5,
    totalTokensPerSec: 15,
    brackets: undefined,
    intervals: undefined,
  });
});

Deno.test("rates are absent without a duration, and token rates without counts (T14)", () => {
  const [prompt, output] = [undefined, undefined];
  const empty = { fromMs: 0, toMs: 0 };
  assertStrictEquals(rates(empty, { completed: 0, prompt, output }).qps, undefined);
  const window = { fromMs: 0, toMs: 1000 };
  const none = rates(window, { completed: 0, prompt, output });
  assertEquals([none.qps, none.outputTokensPerSec], [0, undefined]);
  const half = rates(window, { completed: 1, prompt, output: 5 });
  assertEquals([half.outputTokensPerSec, half.totalTokensPerSec], [5, undefined]);
});

Deno.test("windowThroughput counts tokens where they arrived, not where requests ended (T20)", () => {
  // Ramp until 1000, last departure 3000. Each request brings 4 tokens, 500 ms apart.
  const at = (sentMs: number) =>
    createRecord({
      sentMs,
      ticks: [[sentMs + 500, 1], [sentMs + 1000, 2], [sentMs + 1500, 3], [sentMs + 2000, 4]],
    });
  const records = [at(0), at(1000), at(2000)];
  // Inside [1000, 3000): of the first 1000, 1500 (it ends at 2000: also inside) and 2000;
  // of the second 1500, 2000, 2500; of the third 2500.
  const steady = windowThroughput(records, { fromMs: 1000, toMs: 3000 })!;
  assertEquals(steady.completed, 1);
  assertEquals(steady.qps, 0.5);
  assertEquals(steady.outputTokensPerSec, (3 + 3 + 1) / 2);
  // First tokens at 1500 and 2500 bring 10 prompt tokens each.
  assertEquals(steady.totalTokensPerSec, (7 + 20) / 2);
  // The whole run dilutes: 3 requests and 12 tokens in 4 s.
  const whole = rates({ fromMs: 0, toMs: 4000 }, { completed: 3, prompt: 30, output: 12 });
  assertEquals(whole.outputTokensPerSec, 3);
});

Deno.test("windowThroughput lets events stand for their share of the engine's total", () => {
  const record = createRecord({
    ticks: [[100, 1], [200, 2]],
    tickSource: "event",
    outputTokens: { tokens: 8, source: "usage" },
  });
  const window = windowThroughput([record], { fromMs: 150, toMs: 1150 })!;
  assertEquals(window.outputTokensPerSec, 4);
});

Deno.test("windowThroughput is absent when nothing completed in it", () => {
  const window = { fromMs: 0, toMs: 100 };
  assertStrictEquals(windowThroughput([createRecord({ sentMs: 50 })], window), undefined);
  assertStrictEquals(windowThroughput([createRecord()], { fromMs: 500, toMs: 100 }), undefined);
});
