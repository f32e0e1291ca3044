import { assert, assertEquals, assertGreater } from "@std/assert";
import { bordersOf } from "../workloads/session_borders.ts";
import type { TraceSession } from "../workloads/trace.ts";
import { blockSession, drawSession } from "./support/block_sessions.ts";

Deno.test("bordersOf puts a turn's answer behind its ids, and leaves the last message to the user", () => {
  const session = blockSession([
    { ids: [1, 2, 3], inputTokens: 35, outputTokens: 7 },
    { ids: [1, 2, 3, 4, 5], inputTokens: 55, outputTokens: 4 },
    { ids: [1, 2, 3, 4, 5, 6, 7], inputTokens: 70, outputTokens: 4 },
  ], { systemTokens: [12] });
  assertEquals(bordersOf(session, 10), [
    { borders: [12, 35], hasSystem: true },
    { borders: [12, 30, 37, 55], hasSystem: true },
    { borders: [12, 30, 37, 50, 54, 70], hasSystem: true },
  ]);
});

Deno.test("bordersOf keeps what is before a compaction, and there the user goes on", () => {
  const session = blockSession([
    { ids: [1, 2, 3], inputTokens: 30, outputTokens: 5 },
    { ids: [1, 2, 3, 4, 5], inputTokens: 52, outputTokens: 5 },
    { ids: [1, 2, 3, 4, 9, 8], inputTokens: 60 },
    // In the middle of an answer.
    { ids: [1, 2, 3, 4, 9, 8, 7, 6], inputTokens: 80 },
    { ids: [1, 11], inputTokens: 21 },
  ]);
  assertEquals(bordersOf(session, 10).map((turn) => turn!.borders), [
    [30],
    [30, 35, 52],
    [30, 35, 60],
    [30, 35, 60, 65, 80],
    [21],
  ]);
});

Deno.test("bordersOf gives an answer that breaks off where the shared part ends to the user", () => {
  const session = blockSession([
    { ids: [1, 2], inputTokens: 20, outputTokens: 15 },
    { ids: [1, 2, 3, 4], inputTokens: 40, outputTokens: 5 },
    { ids: [1, 2, 3, 9], inputTokens: 45 },
  ]);
  assertEquals(bordersOf(session, 10).map((turn) => turn!.borders), [
    [20],
    [20, 35, 40],
    [20, 30, 45],
  ]);
});

Deno.test("bordersOf leaves out answers that were not recorded, or that do not fit", () => {
  const session = blockSession([
    { ids: [1, 2], inputTokens: 20, outputTokens: 0 },
    { ids: [1, 2, 3], inputTokens: 30, outputTokens: 500 },
    { ids: [1, 2, 3, 4], inputTokens: 40 },
  ]);
  assertEquals(bordersOf(session, 10).map((turn) => turn!.borders), [[20], [30], [40]]);
});

Deno.test("bordersOf takes what chains' first prompts share for the system where it is longer", () => {
  const turns = [
    { ids: [1, 2, 3, 4], inputTokens: 40 },
    { chain: 1, ids: [1, 2, 3, 5], inputTokens: 40 },
    { chain: 2, ids: [1, 2, 6, 7], inputTokens: 40 },
  ];
  const systems = (systemTokens: readonly number[]) =>
    bordersOf(blockSession(turns, { systemTokens }), 10).map((turn) => turn!.borders[0]);
  assertEquals(systems([0, 0, 0]), [30, 30, 20]);
  // The first one's border is shared by all that have it.
  assertEquals(systems([12, 5, 0]), [30, 30, 20]);
  assertEquals(systems([34, 5, 0]), [34, 30, 20]);
  // A system message as long as the prompt is none.
  assertEquals(systems([40, 40, 40]), [40, 40, 40]);
});

Deno.test("bordersOf has one message where sessions share blocks, none for written turns", () => {
  const session = blockSession([
    { ids: [1], inputTokens: 10 },
    { ids: [1, 2], inputTokens: 20 },
  ], { scope: "all", systemTokens: [5] });
  assertEquals(bordersOf(session, 10), [
    { borders: [10], hasSystem: false },
    { borders: [20], hasSystem: false },
  ]);
  const written: TraceSession = {
    ...session,
    turns: session.turns.map((turn) => ({
      ...turn,
      prompt: { kind: "messages", holds: "whole", messages: [] },
    })),
  };
  assertEquals(bordersOf(written, 10), [undefined, undefined]);
});

Deno.test("bordersOf gives prompts that share blocks the same messages there", () => {
  let compared = 0;
  let inside = 0;
  for (let seed = 0; seed < 400; seed++) {
    const session = drawSession(seed, 10);
    const laid = bordersOf(session, 10);
    const turns = session.turns.map(({ prompt }, i) => {
      assert(prompt.kind === "blocks");
      return { ...laid[i]!, ids: prompt.blocks.toArray(), inputTokens: prompt.inputTokens };
    });
    for (const [i, { borders, hasSystem, inputTokens }] of turns.entries()) {
      const place = `seed ${seed}, turn ${i}: ${borders} of ${inputTokens}`;
      assertEquals(borders.at(-1), inputTokens, place);
      assert(borders.every((border, k) => border > (borders[k - 1] ?? 0)), place);
      assertEquals(borders.length % 2 === 1, !hasSystem, `the user is not last: ${place}`);
    }
    for (const [i, one] of turns.entries()) {
      for (const [k, other] of turns.slice(0, i).entries()) {
        let shared = 0;
        while (shared < one.ids.length && one.ids[shared] === other.ids[shared]) shared++;
        // The whole prompt may be a beginning of the other's: then its last token is one apart.
        const end = Math.min(shared * 10, one.inputTokens - 1, other.inputTokens - 1);
        if (end <= 0) continue;
        const within = (borders: readonly number[]) => borders.filter((border) => border < end);
        const place = `seed ${seed}, turns ${k} and ${i}, ${end} tokens`;
        assertEquals(within(one.borders), within(other.borders), place);
        assertEquals(one.hasSystem, other.hasSystem, place);
        compared++;
        inside += within(one.borders).length;
      }
    }
  }
  assertGreater(compared, 10_000);
  assertGreater(inside, 10_000);
});
