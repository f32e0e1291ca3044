import { assertAlmostEquals, assertEquals } from "@std/assert";
import { type TruthFacts, TruthLog } from "../backends/sim_truth.ts";

const FACTS: TruthFacts = {
  serial: 1,
  protocol: "openai-chat",
  path: "/v1/chat/completions",
  clientPort: 4000,
  connection: 1,
  arrivalMs: 1,
  completeMs: 2,
  promptTokens: 3,
  cachedTokens: 0,
  requestedTokens: 100,
  faults: [],
};

Deno.test("TruthLog keeps every write of a request, however many", () => {
  const log = new TruthLog(1000);
  const entry = log.begin(FACTS);
  for (let i = 1; i <= 100; i++) entry.write(i, 2 * i, i - 0.5);
  assertEquals(log.requests()[0]?.end, "running");
  entry.finish("length");
  entry.end(200, "done");
  entry.end(300, "gone");
  const [request] = log.requests();
  assertEquals(request?.writeMs, Array.from({ length: 100 }, (_, i) => i + 1));
  assertEquals(request?.plannedMs.at(-1), 99.5);
  assertEquals(request?.writeTokens.at(-1), 200);
  assertEquals([request?.endMs, request?.end, request?.finish], [200, "done", "length"]);
  assertEquals([...log.lines()].map((line) => JSON.parse(line)), [request]);
});

Deno.test("TruthLog reports how late writes were and tokens per second", () => {
  const log = new TruthLog(1000);
  assertEquals(log.lateness(), { writes: 0 });
  const entry = log.begin(FACTS);
  // 101 writes, 10 ms apart, 5 tokens each; late by 1 ms, two of them by 7.
  for (let i = 0; i <= 100; i++) entry.write(10 * i, 5 * (i + 1), 10 * i - (i < 99 ? 1 : 7));
  const lateness = log.lateness();
  assertEquals([lateness.writes, lateness.p50Ms, lateness.p99Ms, lateness.maxMs], [101, 1, 7, 7]);
  assertAlmostEquals(lateness.tokensPerSec ?? 0, 505, 1e-9);
});

Deno.test("TruthLog counts the writes that it could not keep", () => {
  const log = new TruthLog(3);
  const entry = log.begin(FACTS);
  for (let i = 1; i <= 5; i++) entry.write(i, i, i);
  assertEquals(log.requests()[0]?.writeTokens, [1, 2, 3]);
  assertEquals([log.dropped, log.lateness().writes], [2, 5]);
  log.reset();
  entry.end(6, "done");
  assertEquals([log.dropped, log.requests().length], [0, 1]);
  log.reset();
  assertEquals(log.requests(), []);
});

Deno.test("TruthLog logs when a write had returned where it is told to", () => {
  let nowMs = 0;
  const log = new TruthLog(100, { now: () => nowMs });
  const entry = log.begin(FACTS);
  nowMs = 11;
  entry.write(10, 1, 10);
  entry.write(20, 2, 20, 20.5);
  entry.end(30, "done");
  assertEquals(log.requests()[0]?.writtenMs, [11, 20.5]);
  const plain = new TruthLog(100);
  plain.begin(FACTS).write(10, 1, 10);
  assertEquals("writtenMs" in plain.requests()[0]!, false);
});

Deno.test("TruthLog gives ended requests once, running ones until they have ended", () => {
  const log = new TruthLog(100);
  const [ended, running] = [log.begin(FACTS), log.begin({ ...FACTS, serial: 2 })];
  ended.write(10, 1, 10);
  ended.end(11, "done");
  const taken = () => log.take().map(({ serial }) => serial);
  assertEquals([taken(), taken()], [[1, 2], [2]]);
  running.end(20, "gone");
  assertEquals([taken(), taken()], [[2], []]);
});
