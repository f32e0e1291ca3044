import { assert, assertEquals, assertGreaterOrEqual } from "@std/assert";
import { epochOriginMs } from "../backends/clock.ts";
import { startTicker } from "../backends/ticker.ts";

Deno.test("startTicker never wakes before the time", async () => {
  const ticker = await startTicker();
  try {
    const startMs = ticker.now() + 5;
    const woken: number[] = [];
    await Promise.all([8, 2, 30, 2, 5, 0.3].map(async (afterMs) => {
      await ticker.sleepUntil(startMs + afterMs);
      assertGreaterOrEqual(ticker.now(), startMs + afterMs);
      woken.push(afterMs);
    }));
    // Shorter than the ticker's own way of waiting.
    for (let i = 0; i < 20; i++) {
      const dueMs = ticker.now() + i / 40;
      await ticker.sleepUntil(dueMs);
      assertGreaterOrEqual(ticker.now(), dueMs);
    }
    assertEquals(woken.toSorted((a, b) => a - b), [0.3, 2, 2, 5, 8, 30]);
  } finally {
    ticker.close();
  }
});

Deno.test("startTicker wakes although its thread's clock is ahead or behind", async () => {
  for (const offMs of [-1, 1]) {
    const ticker = await startTicker(epochOriginMs() + offMs);
    try {
      const dueMs = ticker.now() + 5;
      await Promise.all([0, 1, 1].map((moreMs) => ticker.sleepUntil(dueMs + moreMs)));
      assertGreaterOrEqual(ticker.now(), dueMs + 1);
    } finally {
      ticker.close();
    }
  }
});

Deno.test("startTicker wakes a thousand sleepers, each added while others wait", async () => {
  const ticker = await startTicker();
  try {
    let woken = 0;
    const startMs = ticker.now();
    await Promise.all(Array.from({ length: 1000 }, async (_, i) => {
      await ticker.sleepUntil(startMs + (i * 7919) % 100);
      await ticker.sleepUntil(startMs + 100 + (i % 10));
      woken++;
    }));
    assertEquals(woken, 1000);
  } finally {
    ticker.close();
  }
});

Deno.test("startTicker ends a wait whose signal is aborted, far, near or before", async () => {
  const ticker = await startTicker();
  try {
    for (const aheadMs of [60_000, 15]) {
      const stop = new AbortController();
      const dueMs = ticker.now() + aheadMs;
      const wait = ticker.sleepUntil(dueMs, stop.signal);
      stop.abort();
      await wait;
      assert(ticker.now() < dueMs || aheadMs === 15);
    }
    await ticker.sleepUntil(ticker.now() + 60_000, AbortSignal.abort());
  } finally {
    ticker.close();
  }
});

Deno.test("startTicker lets waits end on time after it was closed", async () => {
  const ticker = await startTicker();
  const dueMs = ticker.now() + 15;
  const wait = ticker.sleepUntil(dueMs);
  await ticker.sleepUntil(dueMs - 10);
  ticker.close();
  await wait;
  assertGreaterOrEqual(ticker.now(), dueMs);
  await ticker.sleepUntil(ticker.now() + 1);
});
