import { assert, assertAlmostEquals, assertEquals, assertStrictEquals } from "@std/assert";
import { createRandom } from "../backends/random.ts";
import { inFlight } from "../metrics/summary_in_flight.ts";
import { createTimeBins } from "../metrics/summary_time_bins.ts";
import { createRecord } from "./support/create_record.ts";

/** Requests of a load of `seconds`, as [sent, end]. */
function spans(seconds: number, count: number): readonly (readonly [number, number])[] {
  const random = createRandom(3, "spans");
  return Array.from({ length: count }, () => {
    const from = Math.round(random.next() * seconds * 0.9 * 1e6) / 1000;
    return [from, from + Math.round(random.next() * seconds * 0.1 * 1e6) / 1000] as const;
  });
}

Deno.test("time bins: double until a load fits, and nothing is lost", () => {
  const bins = createTimeBins();
  bins.count("completed", 0);
  assertEquals(bins.widthMs, 1);
  bins.count("completed", 8191.999);
  assertEquals(bins.widthMs, 1);
  bins.count("completed", 8192, 5);
  assertEquals(bins.widthMs, 2);
  bins.count("completed", 24 * 3600e3, 7);
  assertEquals(bins.widthMs, 2 ** 14);
  assertEquals(bins.total("completed", { fromMs: 0, toMs: 25 * 3600e3 }), 14);
  assertEquals(bins.total("failed", { fromMs: 0, toMs: 25 * 3600e3 }), 0);
});

Deno.test("time bins: whole bins are counted exactly, whatever the order and the width then", () => {
  const times = spans(3600, 5000).map(([from]) => from);
  for (const order of [times, times.toReversed(), times.toSorted((a, b) => a - b)]) {
    const bins = createTimeBins();
    for (const ms of order) bins.count("good", ms, 3);
    const window = bins.inside({ fromMs: 1_000_000.5, toMs: 2_000_000.5 })!;
    assertEquals(window, { fromMs: 1_000_448, toMs: 1_999_872 });
    const inside = times.filter((ms) => ms >= window.fromMs && ms < window.toMs).length;
    assertEquals(bins.total("good", window), 3 * inside);
  }
  const short = createTimeBins();
  assertStrictEquals(short.inside({ fromMs: 0.1, toMs: 1.9 }), undefined);
  assertEquals(short.inside({ fromMs: 1, toMs: 3.9 }), { fromMs: 1, toMs: 3 });
});

Deno.test("time bins: the mean in flight is that of all records, the most at least nearly", () => {
  for (const [seconds, count] of [[5, 40], [3600, 3000], [36_000, 50]] as const) {
    const bins = createTimeBins();
    const list = spans(seconds, count);
    for (const [from, to] of list) bins.busy(from, to);
    const records = list.map(([sentMs, endMs]) => createRecord({ sentMs, endMs }));
    const run = { fromMs: 0, toMs: Math.max(...list.map(([, to]) => to)) };
    const steady = bins.inside({ fromMs: seconds * 200, toMs: seconds * 700 })!;
    const exact = inFlight(records, run, steady);
    assertAlmostEquals(bins.meanBusy(run)!, exact.mean!, 1e-6);
    assertAlmostEquals(bins.meanBusy(steady)!, exact.steadyMean!, 1e-6);
    const most = bins.maxBusy()!;
    assert(most <= exact.max! && most >= exact.max! * 0.98, `${most} of ${exact.max}`);
  }
});

Deno.test("time bins: users who send again at once are all in flight", () => {
  const bins = createTimeBins();
  for (let user = 0; user < 64; user++) {
    // Half a millisecond of pause in every 137 ms, for an hour: bins of half a second.
    for (let ms = user; ms < 3600e3; ms += 137) bins.busy(ms, ms + 136.5);
  }
  assertEquals(bins.maxBusy(), 64);
  // All of them pause at the very edges of the bins.
  const edges = createTimeBins();
  edges.count("completed", 2048e3);
  for (let ms = 0; ms < 2048e3; ms += edges.widthMs) {
    for (let user = 0; user < 64; user++) edges.busy(ms + 1, ms + edges.widthMs - 1);
  }
  assertEquals(edges.widthMs, 256);
  assertEquals(edges.maxBusy(), 64);
});

Deno.test("time bins: a request that never ends is in flight to the end", () => {
  const bins = createTimeBins();
  bins.busy(10, undefined);
  assertEquals(bins.meanBusy({ fromMs: 0, toMs: 1000 }), 0.99);
  assertEquals(bins.meanBusy({ fromMs: 500, toMs: 1000 }), 1);
  assertEquals(bins.maxBusy(), 1);
  assertStrictEquals(bins.meanBusy({ fromMs: 5, toMs: 5 }), undefined);
  assertStrictEquals(createTimeBins().maxBusy(), undefined);
});
