import { assertEquals, assertStringIncludes } from "@std/assert";
import { createOverloadWatch } from "../metrics/capacity_overload.ts";
import { grows, riseByChance } from "../metrics/stat_growth.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

/** 20 requests a second for a minute, of which the server ends so many a second, each after 400 ms alone. */
function overloadOf(endsPerSec: number, steady = true): string | undefined {
  const watch = createOverloadWatch({ steady });
  const ends = Array.from({ length: 1200 }, (_, index) => {
    const sentMs = index * 50;
    const endMs = Math.max(sentMs + 400, 400 + index * 1000 / endsPerSec);
    return { index, sentMs, endMs };
  });
  for (let atMs = 250, seen = 0; atMs < 60_000; atMs += 250) {
    for (; seen < ends.length && ends[seen]!.endMs <= atMs; seen++) {
      const { index, sentMs, endMs } = ends[seen]!;
      watch.see(createRecord({ index, sentMs, ticks: [[endMs - 300, 1], [endMs, 5]] }));
    }
    const sent = Math.floor(atMs / 50) + 1;
    const found = watch.look({ elapsedMs: atMs, sent, inFlight: sent - seen });
    if (found !== undefined) return `${found} after ${atMs}`;
  }
  return undefined;
}

Deno.test("overload watch: more than the server ends is found, and what it keeps up with is not", () => {
  assertEquals(overloadOf(21), undefined);
  assertEquals(overloadOf(20), undefined);
  assertStringIncludes(overloadOf(10) ?? "", "overloaded: in flight grew from");
});

Deno.test("overload watch: a recorded schedule may have a queue that grows", () => {
  assertEquals(overloadOf(10, false), undefined);
});

Deno.test("overload watch: dropped requests are an overload", () => {
  const watch = createOverloadWatch({ steady: false });
  const now = { elapsedMs: 1000, sent: 95, inFlight: 0 };
  for (let index = 0; index < 95; index++) watch.see(createRecord({ index }));
  for (let index = 0; index < 5; index++) watch.see(createFailure("dropped", { index }));
  assertEquals(watch.look(now), undefined);
  watch.see(createFailure("dropped", { index: 5 }));
  assertStringIncludes(watch.look(now) ?? "", "dropped");
});

Deno.test("grows: a balanced queue wanders by the root of its arrivals", () => {
  assertEquals(grows(10, 40, 1000), false);
  assertEquals(grows(10, 400, 1000), true);
  // Too few to tell, and too little of what was there.
  assertEquals(grows(0, 90, 90), false);
  assertEquals(grows(2000, 2400, 1000), false);
});

Deno.test("riseByChance: of a rise hardly, of a mixture often", () => {
  const rise = Array.from({ length: 50 }, (_, i) => i + 5 * Math.sin(i * i));
  const mixed = Array.from({ length: 50 }, (_, i) => Math.sin(i * i));
  assertEquals(riseByChance(rise) < 1e-6, true);
  assertEquals(riseByChance(mixed) > 0.01, true);
  assertEquals(riseByChance([1, 2, 3]), 1);
});
