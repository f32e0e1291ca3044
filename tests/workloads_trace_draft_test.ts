import { assertEquals } from "@std/assert";
import { SessionDraft } from "../workloads/trace_draft.ts";
import { NO_BLOCKS } from "../workloads/trace_block_ids.ts";

const prompt = { kind: "blocks", inputTokens: 1, blocks: NO_BLOCKS } as const;

function draftOf(turns: readonly { readonly atMs: number; readonly endMs?: number }[]) {
  const draft = new SessionDraft("a", { scope: "a", startMs: 100 });
  const chain = draft.addChain();
  for (const turn of turns) draft.addTurn({ ...turn, chain, waitsFor: [], prompt });
  return draft;
}

Deno.test("SessionDraft counts delays from the latest recorded end, else from think time or starts", () => {
  const draft = draftOf([{ atMs: 150, endMs: 400 }, { atMs: 160 }, { atMs: 170 }]);
  assertEquals(draft.turns.map(({ delayMs }) => delayMs), [50, 60, 70]);
  const delay = (waitsFor: readonly number[], more: object = {}) => {
    const at = draft.addTurn({ atMs: 1000.3, chain: 0, waitsFor, prompt, ...more });
    return draft.turns[at]!.delayMs;
  };
  assertEquals(delay([0]), 600.3);
  assertEquals(delay([0, 1]), 600.3);
  assertEquals(delay([0], { thinkMs: 9 }), 600.3);
  assertEquals(delay([1], { thinkMs: 9 }), 9);
  // Something else lies between.
  assertEquals(delay([1, 2], { thinkMs: 9 }), 830.3);
  assertEquals(delay([1]), 840.3);
  assertEquals(delay([1], { otherEndsMs: [700], thinkMs: 9 }), 300.3);
  assertEquals(delay([0], { delayMs: 5 }), 5);
  assertEquals(delay([0], { atMs: 300 }), 0);
});

Deno.test("SessionDraft numbers the turns of each chain, and models by their first use", () => {
  const draft = new SessionDraft("a", { scope: "b", startMs: 0 });
  const main = draft.addChain();
  const other = draft.addChain({ name: "x", parent: main, depth: 1, systemTokens: 4 });
  for (
    const [chain, model] of [[main, "m"], [other, "n"], [main, "n"], [other, undefined]] as const
  ) {
    draft.addTurn({ atMs: 0, chain, waitsFor: [], model, prompt });
  }
  const { id, scope, turns, models, chains } = draft.session();
  assertEquals(turns.map(({ chain, number, model }) => [chain, number, model]), [
    [0, 1, 0],
    [1, 1, 1],
    [0, 2, 1],
    [1, 2, undefined],
  ]);
  assertEquals([id, scope, models, chains.map(({ name }) => name)], [
    "a",
    "b",
    ["m", "n"],
    ["main", "x"],
  ]);
});

Deno.test("SessionDraft takes a turn that waits for very many", () => {
  const draft = draftOf(Array.from({ length: 200_000 }, (_, i) => ({ atMs: 100, endMs: 200 + i })));
  const waitsFor = draft.turns.map((_, i) => i);
  const at = draft.addTurn({ atMs: 300_000, chain: 0, waitsFor, prompt });
  assertEquals(draft.turns[at]!.delayMs, 100_000 - 199);
});
