import { assertEquals, assertStrictEquals } from "@std/assert";
import { inFlight, meanInFlight } from "../metrics/summary_in_flight.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

const busy = (sentMs: number, endMs: number) => createRecord({ sentMs, endMs, ticks: [] });

Deno.test("inFlight takes the most at one instant and averages over time", () => {
  const records = [busy(0, 100), busy(50, 150), busy(100, 200)];
  // 0–50: 1, 50–100: 2, 100–150: 2, 150–200: 1. At 100 one ends as another leaves.
  assertEquals(inFlight(records, { fromMs: 0, toMs: 200 }, { fromMs: 50, toMs: 150 }), {
    max: 2,
    mean: 1.5,
    steadyMean: 2,
  });
});

Deno.test("inFlight counts requests that failed, not those that were never sent", () => {
  const records = [
    busy(0, 100),
    createFailure("timeout", { afterMs: 100 }),
    createFailure("dropped"),
  ];
  assertEquals(inFlight(records, { fromMs: 0, toMs: 100 }, undefined), {
    max: 2,
    mean: 2,
    steadyMean: undefined,
  });
});

Deno.test("inFlight of nothing is absent (T14)", () => {
  assertStrictEquals(inFlight([], { fromMs: 0, toMs: 0 }, undefined).max, undefined);
  assertStrictEquals(meanInFlight([], { fromMs: 0, toMs: 0 }), undefined);
});

Deno.test("meanInFlight clips requests at the window", () => {
  assertEquals(meanInFlight([busy(0, 1000)], { fromMs: 900, toMs: 1100 }), 0.5);
});
