import { assert, assertAlmostEquals, assertEquals, assertMatch } from "@std/assert";
import { createRandom } from "../backends/random.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadPlan } from "../metrics/run.ts";
import { summarize } from "../metrics/summary.ts";
import { steadyText } from "../metrics/summary_course_text.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

const USERS = 8;

/** Users who ask again at once; a TTFT at each time, then nine tokens 10 ms apart. */
function closedLoop(
  ttftAt: (ms: number) => number,
  { durationMs = 60_000, rampMs = 0 }: { durationMs?: number; rampMs?: number } = {},
): RequestRecord[] {
  const random = createRandom(7, "steady");
  const records: RequestRecord[] = [];
  for (let user = 0; user < USERS; user++) {
    let sentMs = user * rampMs / USERS;
    while (sentMs < durationMs) {
      const firstMs = sentMs + ttftAt(sentMs) * (0.95 + 0.1 * random.next());
      const ticks = Array.from({ length: 10 }, (_, i) => [firstMs + 10 * i, i + 1] as const);
      records.push(createRecord({ user, sentMs, intendedMs: sentMs, ticks }));
      sentMs = firstMs + 90;
    }
  }
  return records.sort((a, b) => a.sentMs! - b.sentMs!).map((record, index) => ({
    ...record,
    index,
  }));
}

function found(
  records: readonly RequestRecord[],
  { plan = {}, values = "raw" }: {
    plan?: Partial<LoadPlan>;
    values?: "raw" | "histogram";
  } = {},
) {
  const run = createRun(records, { loads: [{ users: USERS, label: "8 users", ...plan }] });
  return summarize(run, { values }).loads[0]!;
}

for (const values of ["raw", "histogram"] as const) {
  Deno.test(`steadyState: a warm-up of 12 of 60 s is left out, ${values}`, () => {
    const load = found(closedLoop((ms) => ms < 12_000 ? 300 : 100), { values });
    const { window, absent, throughput, metrics, inFlight } = load.steadyState;
    assertEquals(absent, undefined);
    assert(Math.abs(window!.fromMs - 12_000) < 6000, `${window!.fromMs}`);
    assert(window!.toMs > 58_000);
    // Ten tokens in 190 ms.
    assertAlmostEquals(throughput!.outputTokensPerSec!, 8 * 10 / 0.19, 6);
    assertAlmostEquals(inFlight!, 8, 0.05);
    assertEquals(metrics.map(({ name }) => name), ["ttft", "tpot", "itl", "e2e"]);
    assertAlmostEquals(metrics[0]!.distribution.mean!, 100, 8);
    assert(metrics[0]!.meanChange! < -0.05);
    // The rest is as it was.
    assertEquals(load.throughput.steady!.fromMs, 0);
    assertMatch(steadyText(load), /req\/s, \d+.* output tokens\/s; TTFT p50 \d/);
  });
}

Deno.test("steadyState: users who begin one after the other are waited for", () => {
  const { window } = found(closedLoop(() => 100, { rampMs: 10_000 })).steadyState;
  assert(window!.fromMs > 8000 && window!.fromMs < 16_000, `${window!.fromMs}`);
});

Deno.test("steadyState: none where TTFT rises to the end", () => {
  const { window, absent, search } = found(closedLoop((ms) => 100 + ms / 200)).steadyState;
  assertEquals(window, undefined);
  assertMatch(absent!, /^output tokens\/s falls by \d.* and TTFT rises by \d.* to the end$/);
  assertEquals([search!.throughput.trend, search!.ttft.trend], [true, true]);
});

Deno.test("steadyState: too short a load says what it takes", () => {
  const { absent, search, metrics } = found(closedLoop(() => 100, { durationMs: 2000 }))
    .steadyState;
  assertMatch(absent!, /^it takes 200 requests to find one, and \d+ with a TTFT were sent/);
  assertEquals([search, metrics], [undefined, []]);
});

Deno.test("steadyState: users who were never all in flight", () => {
  const plan = { users: 16, label: "16 users" };
  const records = closedLoop(() => 100);
  assertMatch(
    found(records, { plan }).steadyState.absent!,
    /^no more than (49\.\d|50\.0|50) % of the 16 users were in flight at a time, of which it takes 95\.0 %$/,
  );
  // Those who pause need not be.
  const pausing = found(records, { plan: { ...plan, thinkTime: "100" } }).steadyState;
  assertEquals(pausing.absent, undefined);
});

Deno.test("steadyState: an open loop is judged by the test alone", () => {
  const plan: Partial<LoadPlan> = { kind: "open", label: "42 req/s", ratePerSec: 42 };
  const { window } = found(closedLoop((ms) => ms < 12_000 ? 300 : 100), { plan }).steadyState;
  assert(Math.abs(window!.fromMs - 12_000) < 6000, `${window!.fromMs}`);
});

Deno.test("steadyState: answers that were not streamed have no TTFT", () => {
  const whole = closedLoop(() => 100).map((record) => ({ ...record, reads: 1, events: 1 }));
  const once = whole.map(({ tickMs, tickTokens, ...record }) => ({
    ...record,
    tickMs: tickMs.slice(-1),
    tickTokens: tickTokens.slice(-1),
  }));
  assertEquals(found(once).steadyState.absent, "no request has a TTFT");
});

Deno.test("steadyState: a load without a request", () => {
  assertEquals(found([]).steadyState.absent, "the load is too short");
});
