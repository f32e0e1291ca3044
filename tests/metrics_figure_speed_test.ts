/** Speeds of users as figures of a load. */
import { assertEquals } from "@std/assert";
import { findFigure } from "../metrics/figure.ts";
import { speedOf, SPEEDS } from "../metrics/load_speed.ts";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

/** Ten requests of 10 tokens; the k-th takes 10 ms × k for each of them. */
const RECORDS = Array.from({ length: 10 }, (_, i) => ({
  ...createRecord({ index: i, sentMs: 0, ticks: [[10 * (i + 1), 1], [100 * (i + 1), 10]] }),
  departedMs: 0,
  tickWidthUs: Uint32Array.of(0, 1000 * (i + 1)),
}));
const LOAD = summarize(createRun(RECORDS), { percentiles: [50, 90] }).loads[0]!;

Deno.test("interactivity is the inverse of a percentile: p90 is the slow tail", () => {
  const at = (name: string) => findFigure(name)?.of(LOAD)?.value;
  // Times per token are 10 … 100 ms: p90 = 91 ms.
  assertEquals(at("e2e_per_token:p90"), 91);
  assertEquals(at("interactivity:p90"), 1000 / 91);
  assertEquals(at("interactivity:median"), 1000 / 55);
  assertEquals(at("interactivity:mean"), 1000 / 55);
  assertEquals(at("user_tokens:p90"), 1000 / 91);
});

Deno.test("the ends of a speed change places, and what has no end has no bracket", () => {
  const { bracket, samples } = findFigure("interactivity:p90")!.of(LOAD)!;
  const time = findFigure("e2e_per_token:p90")!.of(LOAD)!;
  assertEquals(bracket, { low: 1000 / time.bracket!.high, high: 1000 / time.bracket!.low });
  assertEquals([samples, time.samples], [10, 10]);
  const [first] = SPEEDS;
  const zero = { low: 0, high: 5 };
  const none = { mean: zero, median: zero, percentiles: [] };
  const metrics = LOAD.metrics.map((metric) => ({ ...metric, brackets: none, intervals: none }));
  const speed = speedOf(first!, { metrics });
  assertEquals([speed.brackets?.mean, speed.intervals?.median], [undefined, undefined]);
});

Deno.test("a figure says its unit and direction, and a load without values has none", () => {
  const { name, title, unit, better } = findFigure("interactivity:p99")!;
  assertEquals(
    [name, title, unit, better],
    ["interactivity:p99", "Interactivity p99", "tokens/s", "higher"],
  );
  const empty = summarize(createRun([])).loads[0]!;
  assertEquals(findFigure("user_tokens:p50")!.of(empty), undefined);
  assertEquals(speedOf(SPEEDS[1]!, { metrics: [] }).count, 0);
  assertEquals(findFigure("interactivity:high"), undefined);
});
