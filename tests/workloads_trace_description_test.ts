import { assertEquals } from "@std/assert";
import { describeTrace } from "../workloads/trace_description.ts";
import { readWritten } from "./support/trace_files.ts";

const row = (timestamp: number, hash_ids: readonly number[], fields: object = {}) => ({
  timestamp,
  input_length: 512 * hash_ids.length,
  output_length: 20,
  hash_ids,
  ...fields,
});

Deno.test("describeTrace counts, and says what a perfect cache has", async () => {
  const trace = await readWritten([
    row(0, [1, 2]),
    row(1000, [1, 2, 3]),
    row(1000, [1, 9]),
    row(4000, [7], { output_length: 5 }),
    row(5000, [7], { output_length: 0 }),
  ]);
  const found = describeTrace(trace, { speedup: 2 });
  assertEquals([found.requests, found.sessions, found.spanMs, found.mostAtOnce], [4, 4, 4000, 2]);
  assertEquals(found.sharing, {
    blockTokens: 512,
    blocks: 8,
    blockShare: 3 / 8,
    tokenShare: 3 / 8,
    inSession: 0,
    acrossSessions: 3 / 8,
    newTokens: 5 * 512,
  });
  const { total, count, min, max, mean, median } = found.inputTokens;
  assertEquals([total, count, min, max, mean, median], [4096, 4, 512, 1536, 1024, 1024]);
  assertEquals(found.outputTokens.total, 65);
  assertEquals(found.replay, { speedup: 2, scheduleMs: 2000, cutPauses: 0, sessions: [] });
  assertEquals(found.skipped, { "no output tokens": 1 });
  assertEquals(found.largest.map(({ inputTokens }) => inputTokens), [1536, 1024, 1024, 512]);
  assertEquals(found.models, [{ name: "", requests: 4, inputTokens: 4096, outputTokens: 65 }]);
  const { stretchMs, requests, inputTokens } = found.rate;
  assertEquals(requests.reduce((sum, n) => sum + n, 0), 4);
  assertEquals([requests[0], requests[1000 / stretchMs], requests.at(-1)], [1, 2, 1]);
  assertEquals(inputTokens[1000 / stretchMs], 5 * 512);
});

/** Sessions of 1 s and 4 s pauses, and answers of 2 s. */
async function sessions() {
  const request = (t: number, ids: readonly number[], model = "m") => ({
    ...{ t, type: "n", model, in: 10 * ids.length, out: 3, hash_ids: ids, api_time: 2 },
  });
  const file = (id: string, requests: readonly object[]) => ({ id, block_size: 10, requests });
  const agent = { type: "subagent", subagent_type: "Explore", t: 10, duration_ms: 7000 };
  return await readWritten([
    file("a", [
      request(0, [1]),
      { ...agent, requests: [request(0, [5], "n"), request(5, [5, 6], "n")] },
      request(11, [1, 2]),
    ]),
    file("b", [request(0, [1]), request(6, [1, 2])]),
  ]);
}

Deno.test("describeTrace says how long sessions take in so many slots, without and with answers", async () => {
  const found = describeTrace(await sessions(), { concurrency: [1, 2, 9] });
  assertEquals([found.ownClocks, found.mostAtOnce, found.spanMs], [true, 1, 11_000]);
  // a: 1 s until the sub-agent, 3 s in it, 1 s until the join; b: 4 s.
  assertEquals(found.replay.sessions, [
    { concurrency: 1, atOnceMs: 9000, asRecordedMs: 21_000 },
    { concurrency: 2, atOnceMs: 5000, asRecordedMs: 13_000 },
    { concurrency: 9, atOnceMs: 5000, asRecordedMs: 13_000 },
  ]);
  assertEquals(found.helpers, { count: 1, depth: 1, joins: 1, byName: { Explore: 1 } });
  assertEquals(found.models.map(({ name, requests }) => [name, requests]), [["m", 4], ["n", 2]]);
  assertEquals([found.turnsPerSession.min, found.turnsPerSession.max], [2, 4]);
  const capped = describeTrace(await sessions(), { concurrency: [1], idleCapMs: 2000 });
  assertEquals(capped.replay, {
    speedup: 1,
    scheduleMs: 11_000,
    idleCapMs: 2000,
    cutPauses: 2,
    sessions: [{ concurrency: 1, atOnceMs: 6000, asRecordedMs: 18_000 }],
  });
});
