import { assertEquals } from "@std/assert";
import { type BodyLog, LogPool } from "../backends/buffers.ts";
import { nextTurn } from "../backends/clock.ts";
import { COUNTER_BYTES, COUNTER_READS } from "../backends/transport.ts";
import { WakeUp } from "../backends/wake_up.ts";

/** Hands over one byte at each step; a number in between is so many turns of the event loop. */
async function readsOf(
  ...steps: readonly ({ readonly atMs: number } | number)[]
): Promise<{ readonly readMs: number[]; readonly readEnds: number[]; readonly counted: number[] }> {
  const counters = new Uint32Array(2);
  const stream = startStream(counters);
  for (const step of steps) {
    if (typeof step !== "number") stream.read(step.atMs);
    else for (let turn = 0; turn < step; turn++) await nextTurn();
  }
  const { readMs, readEnds } = stream.log.finish();
  return {
    readMs: [...readMs],
    readEnds: [...readEnds],
    counted: [counters[COUNTER_READS]!, counters[COUNTER_BYTES]!],
  };
}

function startStream(
  counters: Uint32Array = new Uint32Array(2),
): { readonly log: BodyLog; readonly read: (atMs: number) => number } {
  const log = new LogPool().take();
  const wakeUp = new WakeUp();
  return {
    log,
    read(atMs) {
      log.append(new Uint8Array(1), 0, 1);
      return wakeUp.stamp(log, counters, atMs, 1);
    },
  };
}

Deno.test("WakeUp: what comes in this turn or the next came with the first, however slow the clock", async () => {
  assertEquals(
    await readsOf({ atMs: 1 }, { atMs: 1.015 }, 1, { atMs: 1.03 }, 1, { atMs: 5.9 }),
    { readMs: [1], readEnds: [4], counted: [1, 4] },
  );
});

Deno.test("WakeUp: what comes after two turns without a read is another one, however close", async () => {
  assertEquals(
    await readsOf({ atMs: 1 }, 2, { atMs: 1.015 }, 3, { atMs: 1.02 }, 1, { atMs: 1.03 }),
    { readMs: [1, 1.015, 1.02], readEnds: [1, 2, 4], counted: [3, 4] },
  );
});

Deno.test("WakeUp: a loop that does not go idle joins nothing any more, until it does", async () => {
  const many = Array.from({ length: 64 }, () => ({ atMs: 5.9 }));
  assertEquals(
    // deno-fmt-ignore
    await readsOf({ atMs: 1 }, ...many, { atMs: 6.1 }, 1, { atMs: 6.2 }, 2, { atMs: 6.3 }, { atMs: 6.4 }),
    { readMs: [1, 6.1, 6.2, 6.3], readEnds: [65, 66, 67, 69], counted: [4, 69] },
  );
});

Deno.test("WakeUp: a few pieces belong together however long the thread waited between them", async () => {
  const few = Array.from({ length: 63 }, (_, i) => ({ atMs: 10 * i }));
  assertEquals(
    await readsOf({ atMs: 1 }, ...few, { atMs: 1000 }),
    { readMs: [1, 1000], readEnds: [64, 65], counted: [2, 65] },
  );
});

Deno.test("WakeUp: the reads of other streams keep none of a stream's apart, nor together", async () => {
  const [one, other] = [startStream(), startStream()];
  assertEquals([one.read(1), other.read(1.1), one.read(1.2), other.read(1.3)], [1, 1.1, 1, 1.1]);
  await nextTurn();
  assertEquals(other.read(1.4), 1.1);
  await nextTurn();
  assertEquals([one.read(1.5), other.read(1.6)], [1.5, 1.1]);
});

Deno.test("WakeUp: a new stream's first read never joins", () => {
  assertEquals([startStream().read(1), startStream().read(1.01)], [1, 1.01]);
});

/** A stream whose reads have been far apart. */
async function calmStream(atMs: number): Promise<ReturnType<typeof startStream>> {
  const stream = startStream();
  for (const beforeMs of [150, 100, 50]) {
    stream.read(atMs - beforeMs);
    await nextTurn().then(nextTurn);
  }
  return stream;
}

Deno.test("WakeUp: after calm reads no turns are counted, and the clock keeps a read apart", async () => {
  const real = globalThis.setImmediate;
  let counted = 0;
  try {
    globalThis.setImmediate = ((use: () => void) => {
      counted++;
      return real(use);
    }) as typeof setImmediate;
    const stream = await calmStream(10_000);
    counted = 0;
    assertEquals([10_000, 10_020, 10_023].map(stream.read), [10_000, 10_020, 10_023]);
    assertEquals(counted, 0);
    // Close to the last one: there may be more of its kind.
    assertEquals(stream.read(10_024.5), 10_024.5);
    assertEquals(counted, 1);
    assertEquals(stream.read(10_030), 10_024.5);
  } finally {
    globalThis.setImmediate = real;
  }
});

Deno.test("WakeUp: the first close read after calm ones came with the last, later ones by their turns", async () => {
  const stream = await calmStream(20_000);
  assertEquals([20_000, 20_000.05, 20_000.1].map(stream.read), [20_000, 20_000, 20_000]);
  await nextTurn().then(nextTurn);
  assertEquals(stream.read(20_000.15), 20_000.15);
});

Deno.test("WakeUp: a thread that never paused does not tell how far a stream's reads are apart", async () => {
  const stream = await calmStream(30_000);
  stream.read(30_000);
  const other = startStream();
  for (let atMs = 30_000; atMs < 30_004; atMs += 0.1) other.read(atMs);
  assertEquals(stream.read(30_004), 30_000);
  await nextTurn().then(nextTurn);
  // So long is no wake-up.
  const late = await calmStream(40_000);
  late.read(40_000);
  for (let atMs = 40_000; atMs < 40_006; atMs += 0.1) other.read(atMs);
  assertEquals(late.read(40_006), 40_006);
  await nextTurn().then(nextTurn);
});
