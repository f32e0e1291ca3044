import { assertAlmostEquals, assertEquals } from "@std/assert";
import {
  type EngineTimes,
  errorSpread,
  matchRequests,
  measureClientError,
} from "../metrics/check_client_error.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

/** Arrived at 1000, tokens written 100 ms later and then every 10 ms: what the default record saw. */
function engineTimes(fields: Partial<EngineTimes> = {}): EngineTimes {
  return {
    arrivalMs: 1000,
    writeMs: [1100, 1110, 1120, 1130, 1140],
    writeTokens: [1, 2, 3, 4, 5],
    ...fields,
  };
}

function errorOf(record: ReturnType<typeof createRecord>, engine: EngineTimes = engineTimes()) {
  return measureClientError([{ record, engine }], 1);
}

Deno.test("measureClientError is 0 for a perfect client, whatever the clocks' origins", () => {
  const error = errorOf(createRecord({ sentMs: 77 }));
  for (const metric of ["ttft", "itl", "tpot", "e2e", "receipt"] as const) {
    assertEquals(error[metric].maxMs, 0, metric);
  }
  assertEquals([error.ttft.count, error.itl.count, error.receipt.count], [1, 4, 5]);
});

Deno.test("measureClientError finds each kind of error", () => {
  // All tokens 3 ms late: TTFT and E2E are wrong, gaps are not.
  const late = errorOf(
    createRecord({ ticks: [[103, 1], [113, 2], [123, 3], [133, 4], [143, 5]] }),
  );
  assertEquals([late.ttft.maxMs, late.itl.maxMs, late.e2e.maxMs, late.tpot.maxMs], [3, 0, 3, 0]);
  // One token 4 ms late: two gaps are wrong, one up, one down.
  const one = errorOf(createRecord({ ticks: [[100, 1], [110, 2], [124, 3], [130, 4], [140, 5]] }));
  assertEquals([one.ttft.maxMs, one.itl.maxMs, one.e2e.maxMs, one.receipt.maxMs], [0, 4, 0, 4]);
  // The last one 8 ms late: 2 ms for each of the four tokens after the first.
  const last = errorOf(createRecord({ ticks: [[100, 1], [110, 2], [120, 3], [130, 4], [148, 5]] }));
  assertEquals([last.tpot.maxMs, last.e2e.maxMs], [2, 8]);
  // Sent 5 ms before it reached the engine.
  assertEquals(errorOf(createRecord(), engineTimes({ arrivalMs: 1005 })).ttft.maxMs, 5);
});

Deno.test("measureClientError counts writes that one read joined as error", () => {
  // Tokens 2 and 3 came in one read, 10 ms after the first of them.
  const joined = errorOf(createRecord({ ticks: [[100, 1], [120, 3], [130, 4], [140, 5]] }));
  assertEquals(joined.itl.count, 4);
  assertEquals(joined.itl.maxMs, 10);
  assertEquals(joined.receipt.maxMs, 10);
});

Deno.test("measureClientError compares writes of several tokens by their counts", () => {
  const engine = engineTimes({ writeMs: [1100, 1150], writeTokens: [4, 8] });
  const error = errorOf(createRecord({ ticks: [[100, 4], [151, 8]] }), engine);
  assertEquals([error.itl.count, error.itl.maxMs], [1, 1]);
  assertAlmostEquals(error.tpot.maxMs!, 0.25);
});

Deno.test("measureClientError has no numbers where there is nothing to compare, never 0", () => {
  const error = measureClientError([], 3);
  assertEquals([error.matched, error.unmatched], [0, 3]);
  assertEquals(error.ttft, { count: 0, p50Ms: undefined, p99Ms: undefined, maxMs: undefined });
  assertEquals(errorOf(createRecord(), engineTimes({ writeMs: [], writeTokens: [] })).e2e.count, 0);
});

Deno.test("errorSpread has no p99 until there are a hundred values", () => {
  const values = Array.from({ length: 101 }, (_, i) => i);
  assertEquals(errorSpread(values), { count: 101, p50Ms: 50, p99Ms: 99, maxMs: 100 });
  assertEquals(errorSpread([1, 2, 9]), { count: 3, p50Ms: 2, p99Ms: undefined, maxMs: 9 });
});

Deno.test("matchRequests goes by id, whatever the order", () => {
  const records = [createRecord({ promptId: "a", sentMs: 0 }), createRecord({ promptId: "b" })];
  const truth = [
    engineTimes({ requestId: "b", arrivalMs: 1 }),
    engineTimes({ requestId: "a", arrivalMs: 2 }),
    engineTimes({ requestId: "check", arrivalMs: 0 }),
  ];
  const pairs = matchRequests(records, truth, { idOf: ({ promptId }) => promptId })
    .map(({ record, engine }) => record.promptId + engine.requestId);
  assertEquals(pairs.sort(), ["aa", "bb"]);
});

Deno.test("matchRequests without ids goes by order, and failures keep their place", () => {
  const records = [
    createRecord({ index: 2, sentMs: 20 }),
    createRecord({ index: 0, sentMs: 0 }),
    createFailure("timeout", { index: 1, sentMs: 10 }),
    createFailure("dropped", { index: 3 }),
  ];
  const truth = [30, 10, 20].map((arrivalMs) => engineTimes({ arrivalMs }));
  const pairs = matchRequests(records, truth)
    .map(({ record, engine }) => [record.index, engine.arrivalMs]);
  assertEquals(pairs, [[0, 10], [2, 30]]);
});
