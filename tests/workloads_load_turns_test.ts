import { assertEquals } from "@std/assert";
import { createTurns } from "../workloads/load_turns.ts";

/** Turns that pass when told; everything that can go on goes on in between. */
function createLoop() {
  let pending: (() => void)[] = [];
  return {
    nextTurn: () => new Promise<void>((resolve) => void pending.push(resolve)),
    async pass() {
      const now = pending;
      pending = [];
      for (const go of now) go();
      await new Promise((resolve) => setTimeout(resolve, 0));
    },
  };
}

Deno.test("createTurns() lets a lone departure go at once, and the others one a turn", async () => {
  const loop = createLoop();
  const turns = createTurns(loop.nextTurn);
  const gone: number[] = [];
  for (const n of [0, 1, 2]) void turns.depart().then(() => gone.push(n));
  await Promise.resolve();
  assertEquals(gone, [0]);
  await loop.pass();
  assertEquals(gone, [0, 1]);
  await loop.pass();
  assertEquals(gone, [0, 1, 2]);
  // Nobody waits any more: the next one is alone again.
  await loop.pass();
  void turns.depart().then(() => gone.push(3));
  await Promise.resolve();
  assertEquals(gone, [0, 1, 2, 3]);
});

Deno.test("createTurns() finishes only after a turn, so that reads go first", async () => {
  const loop = createLoop();
  const turns = createTurns(loop.nextTurn);
  const done: string[] = [];
  void turns.finish().then(() => done.push("finish"));
  await Promise.resolve();
  await Promise.resolve();
  assertEquals(done, []);
  await loop.pass();
  assertEquals(done, ["finish"]);
});

Deno.test("createTurns() never makes a long queue wait a turn each", async () => {
  const loop = createLoop();
  const turns = createTurns(loop.nextTurn);
  let gone = 0;
  for (let n = 0; n < 641; n++) void turns.depart().then(() => gone++);
  await Promise.resolve();
  // 640 wait: 10 of them go in the first turn, 10 of 630 in the next (630 / 64 = 9.8).
  const seen = [gone];
  for (let turn = 0; turn < 2; turn++) {
    await loop.pass();
    seen.push(gone);
  }
  assertEquals(seen, [1, 11, 21]);
});

Deno.test("createTurns() lets a few of some dozens go in each turn", async () => {
  const loop = createLoop();
  const turns = createTurns(loop.nextTurn);
  let gone = 0;
  for (let n = 0; n < 61; n++) void turns.depart().then(() => gone++);
  await Promise.resolve();
  // 60 / 16 = 3.75, 56 / 16 = 3.5, 52 / 16 = 3.25; of two hundred, too, no more than four.
  const seen = [gone];
  for (let turn = 0; turn < 3; turn++) {
    await loop.pass();
    seen.push(gone);
  }
  assertEquals(seen, [1, 5, 9, 13]);
  for (let n = 0; n < 152; n++) void turns.depart().then(() => gone++);
  await loop.pass();
  assertEquals(gone, 17);
});

Deno.test("createTurns() is idle once nothing waits, and does not wait for that for long", async () => {
  const loop = createLoop();
  const turns = createTurns(loop.nextTurn);
  const seen: string[] = [];
  const watch = (name: string) => void turns.idle().then(() => seen.push(name));
  watch("at once");
  await Promise.resolve();
  assertEquals(seen, ["at once"]);
  for (const n of [0, 1, 2]) void turns.depart().then(() => seen.push(`${n}`));
  watch("behind all");
  for (let pass = 0; pass < 4; pass++) await loop.pass();
  assertEquals(seen, ["at once", "0", "1", "2", "behind all"]);
  // Something always waits.
  let busy = true;
  const keepBusy = async () => {
    while (busy) await turns.finish();
  };
  const working = [keepBusy(), keepBusy()];
  watch("in spite of others");
  let passes = 0;
  for (; seen.at(-1) !== "in spite of others" && passes < 100; passes++) await loop.pass();
  assertEquals(passes < 100 && passes > 3, true, `${passes}`);
  busy = false;
  for (let pass = 0; pass < 4; pass++) await loop.pass();
  await Promise.all(working);
});
