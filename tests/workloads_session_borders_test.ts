import { assert, assertEquals, assertGreater } from "@std/assert";
import { bordersOf } from "../workloads/session_borders.ts";
import type { TraceSession } from "../workloads/trace.ts";
import { readTrace } from "../workloads/traces.ts";
import { blockSession, drawSession } from "./support/block_sessions.ts";

/** Folder of recorded traffic. */
const TRACES = Deno.env.get("TOKOMETER_TRACES");

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

/** Checks all borders of a session; returns how many of them stand inside of shared blocks. */
function checkSharing(session: TraceSession, blockTokens: number, name: string): number {
  const laid = bordersOf(session, blockTokens);
  const turns = session.turns.map(({ prompt }, i) => {
    assert(prompt.kind === "blocks");
    return { ...laid[i]!, ids: prompt.blocks.toArray(), inputTokens: prompt.inputTokens };
  });
  let inside = 0;
  for (const [i, one] of turns.entries()) {
    const { borders, hasSystem, inputTokens } = one;
    const place = `${name}, turn ${i}: ${borders} of ${inputTokens}`;
    assertEquals(borders.at(-1), inputTokens, place);
    assert(borders.every((border, k) => border > (borders[k - 1] ?? 0)), place);
    assertEquals(borders.length % 2 === 1, !hasSystem, `the user is not last: ${place}`);
    for (const [k, other] of turns.slice(0, i).entries()) {
      let shared = 0;
      while (shared < one.ids.length && one.ids[shared] === other.ids[shared]) shared++;
      // The whole prompt may be a beginning of the other's: then its last token is one apart.
      const end = Math.min(shared * blockTokens, inputTokens - 1, other.inputTokens - 1);
      if (end <= 0) continue;
      const within = (list: readonly number[]) => list.filter((border) => border < end);
      const pair = `${name}, turns ${k} and ${i}, ${end} tokens`;
      assertEquals(within(borders), within(other.borders), pair);
      assertEquals(hasSystem, other.hasSystem, pair);
      inside += within(borders).length;
    }
  }
  return inside;
}

Deno.test("bordersOf gives prompts that share blocks the same messages there", () => {
  let inside = 0;
  for (let seed = 0; seed < 300; seed++) {
    inside += checkSharing(drawSession(seed, 10), 10, `seed ${seed}`);
  }
  assertGreater(inside, 10_000);
});

Deno.test({
  name: "bordersOf does so for recorded sessions (TOKOMETER_TRACES)",
  ignore: TRACES === undefined,
  fn: async () => {
    const { sessions, blockTokens } = await readTrace(`${TRACES}/weka`);
    assertEquals(sessions.length, 11);
    for (const session of sessions) {
      assertGreater(checkSharing(session, blockTokens, session.id), 0);
      // All of them name their system's length.
      assert(bordersOf(session, blockTokens).every((laid) => laid!.hasSystem), session.id);
    }
  },
});
