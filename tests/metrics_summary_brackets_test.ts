import { assert, assertEquals } from "@std/assert";
import { createRandom } from "../backends/random.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { Bracket } from "../metrics/load_bracket.ts";
import { findMetric, type LoadSummary } from "../metrics/load_summary.ts";
import { METRICS } from "../metrics/metrics.ts";
import type { LoadEnd } from "../metrics/run.ts";
import type { Witness } from "../metrics/run_client.ts";
import { describe, exactValues, sortValues } from "../metrics/stat_quantile.ts";
import { bracketsOf } from "../metrics/summary_brackets.ts";
import { summarize, type SummaryOptions } from "../metrics/summary.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { LATENESS, witness, world } from "./support/late_client.ts";
import { defined } from "../backends/defined.ts";
import type { ClientHealth } from "../metrics/run_client.ts";
import { withStall, witnessBounds } from "../metrics/summary_witness_bounds.ts";

/** In ms: sums of a histogram hold so many digits of a time that was divided. */
const ROUNDING = 1e-7;

const OPEN = { label: "143 req/s", kind: "open", ratePerSec: 143 } as const;

function loadOf(
  records: readonly RequestRecord[],
  options: SummaryOptions & { readonly end?: Partial<LoadEnd> } = {},
): LoadSummary {
  const { end = {}, ...rest } = options;
  const percentiles = [0, 50, 90, 95, 99];
  const run = createRun(records, { loads: [OPEN], ends: [end] });
  return summarize(run, { percentiles, ...rest }).loads[0]!;
}

/** Every number with a bracket: what was printed, what it truly is, and the bracket. */
function* figures(
  truth: LoadSummary,
  seen: LoadSummary,
): Generator<[name: string, truth: number, printed: number, bracket: Bracket]> {
  for (const { name, distribution: printed, brackets } of seen.metrics) {
    if (brackets === undefined) continue;
    const { distribution } = findMetric(truth, name);
    yield [`${name} mean`, distribution.mean!, printed.mean!, brackets.mean!];
    yield [`${name} median`, distribution.median!, printed.median!, brackets.median!];
    for (const [i, { p, bracket }] of brackets.percentiles.entries()) {
      assertEquals(p, printed.percentiles[i]!.p);
      yield [
        ...[`${name} p${p}`] as const,
        ...[distribution.percentiles[i]!.value!, printed.percentiles[i]!.value!] as const,
        bracket!,
      ];
    }
  }
}

const TIMED = METRICS.filter(({ ends }) => ends !== undefined).map(({ name }) => name);

Deno.test("brackets hold the truth and the printed number, however the errors are spread", () => {
  for (const [name, late] of Object.entries(LATENESS)) {
    for (const values of ["raw", "histogram"] as const) {
      for (let round = 0; round < 5; round++) {
        const all = world(`${name} ${round}`, 120, { late, own: true });
        const truth = loadOf(all.map(({ truth }) => truth));
        const load = loadOf(all.map(({ seen }) => seen), { values });
        assertEquals(load.bracketBasis, "stamps");
        const bracketed = load.metrics.filter(({ brackets }) => brackets !== undefined);
        assertEquals(
          bracketed.map(({ name }) => name),
          TIMED.filter((one) => one !== "ttft_answer" && one !== "ttft_tool"),
        );
        for (const [figure, true_, printed, { low, high }] of figures(truth, load)) {
          const text = `${name} ${values} ${figure}: ${true_} ${printed} in ${low}–${high}`;
          assert(low <= true_ + ROUNDING && true_ <= high + ROUNDING, text);
          assert(low <= printed && printed <= high, text);
          assert(low >= 0, text);
        }
      }
    }
  }
});

Deno.test("brackets are no wider than the stamps", () => {
  const all = world("narrow", 200, { late: LATENESS.even!, own: true });
  const load = loadOf(all.map(({ seen }) => seen));
  // Each end of a gap leaves open up to 4 ms, the departure 2 ms; TPOT divides.
  const most: Record<string, number> = { itl: 8, ttft: 6.1, e2e: 6.1, schedule_delay: 2 };
  for (const [metric, widthMs] of Object.entries(most)) {
    for (const { bracket } of findMetric(load, metric).brackets!.percentiles) {
      assert(
        bracket!.high - bracket!.low <= widthMs + 0.01,
        `${metric} ${JSON.stringify(bracket)}`,
      );
      assert(bracket!.high - bracket!.low > 0.05 * widthMs, `${metric} ${JSON.stringify(bracket)}`);
    }
  }
});

Deno.test("brackets: the ends of one request", () => {
  const record = {
    ...createRecord({ sentMs: 10, intendedMs: 4, ticks: [[110, 1], [120, 2], [150, 3]] }),
    firstAnswerMs: 120,
    departedMs: 12,
    tickWidthUs: Uint32Array.of(3000, 1000, 50_000),
  };
  const load = loadOf([record]);
  const ends = Object.fromEntries(
    load.metrics.flatMap(({ name, brackets }) =>
      brackets === undefined ? [] : [[name, [brackets.median!.low, brackets.median!.high]]]
    ),
  );
  assertEquals(ends, {
    ttft: [95, 100],
    ttft_intended: [103, 106],
    ttft_answer: [107, 110],
    // The last token cannot have come before the first.
    tpot: [0, 21.5],
    // Gaps of 9 to 13 and of 0 to 31 ms.
    itl: [4.5, 22],
    e2e: [88, 140],
    e2e_intended: [96, 146],
    schedule_delay: [6, 8],
    ttst: [9, 13],
    e2e_per_token: [88 / 3, 140 / 3],
  });
});

Deno.test("brackets: what an answer shows bounds the departure", () => {
  const record = {
    ...createRecord({ sentMs: 0, firstByteMs: 4, ticks: [[5, 1], [9, 2]] }),
    departedMs: 80,
    tickWidthUs: Uint32Array.of(0, 0),
  };
  assertEquals(findMetric(loadOf([record]), "ttft").brackets!.median, { low: 1, high: 5 });
});

Deno.test("brackets: there are none where a completed request does not know", () => {
  const [first, ...others] = world("some", 20, { late: LATENESS.even!, own: true })
    .map(({ seen }) => seen);
  const { tickWidthUs: _, ...unknown } = first!;
  const failed = createFailure("timeout", { index: 99 });
  for (const values of ["raw", "histogram"] as const) {
    const without = loadOf([unknown, ...others], { values });
    assertEquals(without.bracketBasis, undefined);
    assert(without.metrics.every(({ brackets }) => brackets === undefined));
    // What did not complete is in no number.
    assertEquals(loadOf([failed, first!, ...others], { values }).bracketBasis, "stamps");
  }
});

/** One request of four tokens a 10 ms, of which the last read brought two. */
function joinedRecord(widthUs: number, textEvents: number): RequestRecord {
  return {
    ...createRecord({ ticks: [[10, 1], [20, 2], [40, 4]], textEvents }),
    departedMs: 0,
    tickWidthUs: Uint32Array.of(0, 0, widthUs),
  };
}

Deno.test("brackets: tokens that a late read joined may have been apart", () => {
  const gaps = (widthUs: number, textEvents: number, values: "raw" | "histogram" = "raw") => {
    const { brackets } = findMetric(
      loadOf([joinedRecord(widthUs, textEvents)], { values, percentiles: [0, 50, 99] }),
      "itl",
    );
    const [least, median] = brackets!.percentiles;
    return [least!.bracket!, median!.bracket!].flatMap(({ low, high }) => [low, high]).map(
      Math.round,
    );
  };
  // Between 5 and 20 ms behind the second, and perhaps one more gap of at most 15: then the median
  // is one of three values.
  assertEquals(gaps(15_000, 4), [0, 10, 5, 20]);
  assertEquals(gaps(15_000, 4, "histogram"), [0, 10, 5, 20]);
  // Sent in one event, or read too soon after the last look.
  assertEquals(gaps(15_000, 3), [5, 10, 8, 15]);
  assertEquals(gaps(4_000, 4), [10, 10, 13, 15]);
});

Deno.test("brackets hold the truth whichever hidden values there were", () => {
  const random = createRandom(8, "hidden");
  const draw = (count: number, most: number) =>
    Array.from({ length: count }, () => most * random.next());
  for (let round = 0; round < 400; round++) {
    const low = draw(1 + 12 * random.next(), 10);
    const high = low.map((value) => value + 6 * random.next());
    const hidden = draw(6 * random.next(), round % 2 === 0 ? 8 : 40);
    const set = (values: readonly number[]) => exactValues(sortValues(values));
    const percentiles = [0, 37, 50, 80];
    const printed = describe(set(high), percentiles);
    const ends = { low: set(low), high: set(high), hidden: set(hidden), relativeError: 0 };
    const found = bracketsOf(printed, ends);
    const { mean, median, percentiles: brackets } = found;
    // Searched or walked through, they are the same.
    const walked = (values: readonly number[]) => {
      const { sorted: _, ...rest } = set(values);
      return rest;
    };
    assertEquals(
      found,
      bracketsOf(printed, { ...ends, high: walked(high), hidden: walked(hidden) }),
    );
    for (let world = 0; world < 20; world++) {
      // Extremes are the hardest: all ends low, or all high.
      const at = world === 0 ? () => 0 : world === 1 ? () => 1 : () => random.next();
      const truth = [
        ...low.map((value, i) => value + (high[i]! - value) * at()),
        ...hidden.filter(() => random.next() < 0.5).map((most) => most * at()),
      ];
      const { mean: trueMean, median: trueMedian, percentiles: all } = describe(
        set(truth),
        percentiles,
      );
      const rows: (readonly [number, Bracket])[] = [
        [trueMean!, mean!],
        [trueMedian!, median!],
        ...all.flatMap(({ value }, i) => {
          const { bracket } = brackets[i]!;
          return value === undefined || bracket === undefined ? [] : [[value, bracket] as const];
        }),
      ];
      for (const [value, { low, high }] of rows) {
        assert(low <= value + ROUNDING && value <= high + ROUNDING, `${value} in ${low}–${high}`);
      }
    }
  }
  // All of them count where they are small, and none makes a percentile smaller at its high end.
  const values = exactValues(sortValues([4, 4, 4]));
  const hidden = exactValues(sortValues([1, 8, 12]));
  const { mean, median } = bracketsOf(describe(values, []), {
    ...{ low: values, high: values, hidden, relativeError: 0 },
  });
  assertEquals(median, { low: 2, high: 4 });
  assertEquals(mean, { low: 2, high: 6.4 });
});

Deno.test("brackets: of ticks at one instant, the first is that of the first token", () => {
  const record = {
    ...createRecord({ ticks: [[50, 1], [50, 2], [50, 3]] }),
    departedMs: 0,
    tickWidthUs: Uint32Array.of(7000, 5000, 1000),
  };
  const load = loadOf([record]);
  assertEquals(findMetric(load, "ttft").brackets!.median, { low: 43, high: 50 });
  assertEquals(findMetric(load, "e2e").brackets!.median, { low: 49, high: 50 });
});

Deno.test("brackets: first tokens that were joined count among the later ones", () => {
  const tpot = (textEvents: number, firstWidthUs: number) =>
    findMetric(
      loadOf([{
        ...createRecord({ ticks: [[10, 2], [40, 4]], textEvents }),
        departedMs: 0,
        tickWidthUs: Uint32Array.of(firstWidthUs, 0),
      }]),
      "tpot",
    ).brackets!.median;
  assertEquals(tpot(2, 6000), { low: 15, high: 18 });
  assertEquals(tpot(3, 6000), { low: 10, high: 18 });
  // What came within a fraction of a gap was sent together, not joined here.
  assertEquals(tpot(3, 100), { low: 15, high: 15.05 });
});

Deno.test("brackets of a witness hold the truth where it was as late as the others", () => {
  for (const values of ["raw", "histogram"] as const) {
    const all = world("witness", 200, { late: LATENESS.even!, own: false });
    const truth = loadOf(all.map(({ truth }) => truth));
    const records = all.map(({ seen }) => seen);
    const load = loadOf(records, { values, end: { witness: witness(Array(40).fill(2)) } });
    assertEquals(load.bracketBasis, "witness");
    let count = 0;
    for (const [figure, true_, printed, { low, high }] of figures(truth, load)) {
      const text = `${values} ${figure}: ${true_} ${printed} in ${low}–${high}`;
      assert(low <= true_ && true_ <= high && low <= printed && printed <= high && low >= 0, text);
      // Two stamps with 2 ms each, and what a histogram rounds.
      assert(high - low <= 4.4, text);
      count++;
    }
    assertEquals(count, 9 * 7);
  }
});

/** The ends that a witness gives a token at 550 ms in the middle of an answer, and its departure. */
function givenBy(
  seen: Witness,
  firstByteMs = 290,
): { lateMs: number; departedMs: number } | undefined {
  const record = createRecord({ sentMs: 50, firstByteMs, ticks: [[300, 1], [550, 2], [900, 3]] });
  const bounds = witnessBounds(seen)?.(record);
  return bounds && { lateMs: 550 - bounds.tickLowMs(1), departedMs: bounds.departedMs };
}

Deno.test("brackets of a witness are as wide as it was late at that time", () => {
  const late = (reads: Witness["readLateMaxMs"]) => givenBy(witness(reads, [0]))?.lateMs;
  // The window of the read, and both neighbors.
  assertEquals(late([9, 9, 9, 9, 1, 2, 3, 9]), 3);
  // A lateness of 130 ms reaches back to the window in front of these.
  assertEquals(late([9, 9, 9, 150, 1, 130, 3, 9]), 150);
  // Windows without a tick take the nearest with one, the larger of two.
  assertEquals(late([7, null, null, null, null, null, null, null]), 7);
  assertEquals(late([7, null, null, null, null, null, null, 5]), 5);
  assertEquals(late([1, 1, 1, 7, null, null, null, 5, 1]), 7);
  assertEquals(late([null, null, 6]), 6);
  // Beyond the last window.
  assertEquals(late([1, 1, 4]), 4);
  assertEquals(late([null]), undefined);
  // A clock that is ahead makes nothing early.
  assertEquals(late([-1]), 0);
});

Deno.test("brackets of a witness rest on a hundred ticks, and on the head of the answer", () => {
  const seen = witness([30, 20, 10, 9, 1, 1, 1], [4, 8]);
  // 7 windows of 34 ticks, of 15, of 7: one window on either side, three, seven.
  const late = (ticks: number) => givenBy({ ...seen, ticks })?.lateMs;
  assertEquals([late(238), late(105), late(49)], [1, 10, 30]);
  // Departures are few: the latest of all counts. A head that came early shows that the request had
  // left; one that came with the token does not.
  assertEquals([290, 70, 55].map((ms) => givenBy(seen, ms)?.departedMs), [58, 70, 55]);
});

Deno.test("the first and the last token are as wide as the latest of a witness, or a stall", () => {
  const record = createRecord({ sentMs: 0, firstByteMs: 0, ticks: [[300, 1], [550, 2], [900, 3]] });
  const seen = { ...witness([1, 1, 1, 1, 1, 1, 1, 1, 1], [0]), readLate: { maxMs: 5 } };
  const widths = (client: ClientHealth | undefined) => {
    const bounds = witnessBounds(withStall(defined({ witness: seen, client }))!)!(record)!;
    return [300, 550, 900].map((ms, tick) => ms - bounds.tickLowMs(tick));
  };
  assertEquals(widths(undefined), [5, 1, 5]);
  assertEquals(widths({ loopLagP50Ms: 1, loopLagP99Ms: 4, loopLagMaxMs: 90 }), [5, 1, 5]);
  assertEquals(widths({ loopLagP50Ms: 1, loopLagP99Ms: 41 }), [40, 1, 40]);
});

Deno.test("one late read of a witness widens the tail of the gaps, not their median", () => {
  const reads = { p50Ms: 0.1, p90Ms: 1, p99Ms: 4, maxMs: 100 };
  const ticks = Array.from({ length: 401 }, (_, i): [number, number] => [500 + 50 * i, i + 1]);
  const record = createRecord({ sentMs: 0, firstByteMs: 0, ticks });
  const seen = { ...witness(Array(300).fill(100), [0]), readLate: reads };
  const { median, percentiles } = findMetric(loadOf([record], { end: { witness: seen } }), "itl")
    .brackets!;
  assertEquals(median, { low: 49, high: 51 });
  // A fifth may be later than 1 ms, and three in a hundred than 4 ms: they may all be in the tail.
  assertEquals(percentiles.find(({ p }) => p === 99)!.bracket, { low: 0, high: 150 });
});

Deno.test("brackets of a witness without windows are as wide as it ever was", () => {
  const record = createRecord({ sentMs: 50, firstByteMs: 540, ticks: [[550, 1]] });
  const overall = { ...witness([]), readLate: { maxMs: 5 }, departLate: { maxMs: 2 } };
  for (const values of ["raw", "histogram"] as const) {
    const load = loadOf([record], { values, end: { witness: overall } });
    const { low } = findMetric(load, "ttft").brackets!.median!;
    assert(Math.abs(low - 493) <= 0.6, `${low}`);
    assertEquals(load.witness, overall);
  }
});

Deno.test("brackets: why there is no witness is passed on", () => {
  const load = loadOf([createRecord()], { end: { witnessAbsent: "it could not be started" } });
  assertEquals([load.witness, load.witnessAbsent], [undefined, "it could not be started"]);
});
