import { assert, assertAlmostEquals, assertEquals } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import type { LoadEnd, LoadPlan } from "../metrics/run.ts";
import { summarize } from "../metrics/summary.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { LATENESS, witness, world } from "./support/late_client.ts";

const OPEN = { label: "143 req/s", kind: "open", ratePerSec: 143 } as const;

interface Asked {
  readonly plan?: Partial<LoadPlan>;
  readonly end?: Partial<LoadEnd>;
  readonly values?: "raw" | "histogram";
}

function loadOf(
  records: readonly RequestRecord[],
  { plan = OPEN, end = {}, values = "raw" }: Asked = {},
): LoadSummary {
  const run = createRun(records, { loads: [plan], ends: [end] });
  return summarize(run, { values }).loads[0]!;
}

/** Tokens ÷ (last token − first arrival), as a server counts, and the wait until the first was due. */
function truthOf(records: readonly RequestRecord[]): number {
  const tokens = records.reduce((sum, { tickTokens }) => sum + tickTokens.at(-1)!, 0);
  const last = Math.max(...records.map(({ lastTokenMs }) => lastTokenMs!));
  const first = Math.min(...records.map(({ sentMs }) => sentMs!));
  const due = Math.min(...records.map(({ intendedMs }) => intendedMs));
  return tokens * 1000 / (last - first + due);
}

Deno.test("throughput brackets hold what a server's log would say, and what was printed", () => {
  for (const [name, late] of Object.entries(LATENESS)) {
    for (const values of ["raw", "histogram"] as const) {
      for (const own of [true, false]) {
        for (let round = 0; round < 4; round++) {
          const all = world(`${name} ${round}`, 150, { late, own });
          const most = name === "stalls" ? 80 : name === "even" ? 2 : 0;
          const seen = all.map(({ seen }) => ({ ...seen, endMs: seen.endMs! + 1.5 }));
          const truth = all.map(({ truth }) => truth);
          const { throughput } = loadOf(seen, {
            values,
            end: own ? {} : { witness: witness(Array(30).fill(most)) },
          });
          const text = `${name} ${values} ${own}`;
          const { outputTokensPerSec: run } = throughput.run.brackets!;
          const true_ = truthOf(truth);
          assert(
            run!.low <= true_ && true_ <= run!.high,
            `${text} ${true_} ${JSON.stringify(run)}`,
          );
          const printed = throughput.run.outputTokensPerSec!;
          assert(run!.low <= printed && printed <= run!.high, text);

          const { fromMs, toMs, brackets, outputTokensPerSec } = throughput.steady!;
          const inside = truth.flatMap(({ tickMs }) => [...tickMs])
            .filter((ms) => ms >= fromMs && ms < toMs).length;
          const { low, high } = brackets!.outputTokensPerSec!;
          const rate = inside * 1000 / (toMs - fromMs);
          assert(low <= rate + 1e-9 && rate <= high + 1e-9, `${text} ${rate} in ${low}–${high}`);
          assert(low <= outputTokensPerSec! && outputTokensPerSec! <= high, text);
        }
      }
    }
  }
});

/** A user who sends again 5 ms after each answer of 95 ms, and whose reads may be 1 ms late. */
function closed(count: number, fields: Partial<RequestRecord> = {}): readonly RequestRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const intendedMs = index * 100;
    return {
      ...createRecord({
        index,
        intendedMs,
        sentMs: intendedMs + 2,
        ticks: [[intendedMs + 50, 1], [intendedMs + 100, 2]],
      }),
      departedMs: intendedMs + 5,
      tickWidthUs: Uint32Array.of(0, 1000),
      ...fields,
    };
  });
}

const USER = { label: "1 user", kind: "closed", users: 1, rampUpMs: 0 } as const;

Deno.test("throughput of a closed loop ends where its client would not have paused", () => {
  for (const values of ["raw", "histogram"] as const) {
    const { throughput: { run, steady } } = loadOf(closed(20), { plan: USER, values });
    assertEquals(run.qps, 10);
    assertEquals(run.brackets!.qps!.low, 10);
    // 5 ms until it leaves and 1 ms until it is read, of 100 ms, are pauses.
    assertAlmostEquals(run.brackets!.qps!.high, 10 / 0.94, 1e-9);
    assertAlmostEquals(run.brackets!.outputTokensPerSec!.high, 20 / 0.94, 1e-9);
    assertAlmostEquals(run.brackets!.totalTokensPerSec!.high, 120 / 0.94, 1e-9);
    assert(steady!.brackets!.qps!.high >= steady!.qps! / 0.94);
  }
});

Deno.test("throughput of a closed loop begins when the first request left, and ends with a token", () => {
  // Nobody waits long, but the only request leaves 10 ms late and its end mark comes 30 ms behind.
  const users = closed(1).map((one) => ({ ...one, departedMs: 10, endMs: 130 }));
  const { run } = loadOf(users, { plan: USER }).throughput;
  assertAlmostEquals(run.brackets!.qps!.high, 1000 / (99 - 10), 1e-9);
});

Deno.test("throughput: the start of all users is no pause of the steady window", () => {
  const slow = closed(20).map((one, i) => i > 0 ? one : { ...one, departedMs: 50 });
  const steadyHigh = (records: readonly RequestRecord[]) =>
    loadOf(records, { plan: USER, end: { rampEndMs: 100 } }).throughput;
  const [even, late] = [steadyHigh(closed(20)), steadyHigh(slow)];
  assertEquals(late.steady!.brackets, even.steady!.brackets);
  assert(late.run.brackets!.qps!.high > even.run.brackets!.qps!.high);
});

Deno.test("throughput: connecting is no pause of the client", () => {
  const high = (fields: Partial<RequestRecord>) =>
    loadOf(closed(20, fields), { plan: USER }).throughput.steady!.brackets!.qps!.high;
  assert(high({ connection: "new", connectMs: 4 }) < high({}));
});

Deno.test("throughput: users whose requests fail pause as well", () => {
  const failed = createFailure("timeout", {
    index: 20,
    intendedMs: 2000,
    sentMs: 2080,
    afterMs: 20,
  });
  const high = (records: readonly RequestRecord[]) => {
    const { throughput: { run } } = loadOf(records, { plan: USER });
    return run.brackets!.qps!.high / run.qps!;
  };
  assert(high([...closed(20), failed]) > 1.03 * high(closed(20)));
});

/** A request each 10 ms that leaves later and later, by 5 ms each. */
function falling(count: number): readonly RequestRecord[] {
  return Array.from({ length: count }, (_, index) => {
    const sentMs = index * 15;
    return {
      ...createRecord({
        index,
        intendedMs: index * 10,
        sentMs,
        ticks: [[sentMs + 20, 1], [sentMs + 40, 2]],
      }),
      departedMs: sentMs,
      tickWidthUs: Uint32Array.of(0, 0),
    };
  });
}

Deno.test("throughput of an open loop ends where its client would have kept the schedule", () => {
  const plan = { label: "100 req/s", kind: "open", ratePerSec: 100, maxInFlight: 64 } as const;
  for (const values of ["raw", "histogram"] as const) {
    const { run, steady } = loadOf(falling(101), { plan, values }).throughput;
    // The last was due at 1,000 ms and left at 1,500.
    assertAlmostEquals(run.brackets!.qps!.high, 101 * 1000 / 1040, 1e-9);
    assertAlmostEquals(steady!.brackets!.qps!.high / steady!.qps!, 1.5, 1e-9);
  }
});

Deno.test("throughput of an open loop that waits for its limit is no fault of the client", () => {
  const plan = { label: "100 req/s", kind: "open", ratePerSec: 100, maxInFlight: 3 } as const;
  const load = loadOf(falling(101), { plan });
  assertEquals(load.inFlight.max, 3);
  assertEquals(load.throughput.run.brackets!.qps!.high, load.throughput.run.qps);
  assertEquals(load.throughput.steady!.brackets!.qps!.high, load.throughput.steady!.qps);
});

Deno.test("throughput has no brackets where nothing is known of the stamps", () => {
  const { throughput } = loadOf([createRecord({ sentMs: 1 })]);
  assertEquals(throughput.run.brackets, undefined);
});
