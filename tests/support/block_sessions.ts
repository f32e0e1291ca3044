/**
 * Sessions of blocks for tests: drawn, and written down.
 *
 * @module
 */
import { createRandom, integerBelow } from "../../backends/random.ts";
import type { BlockIds, Chain, TraceSession, Turn } from "../../workloads/trace.ts";

/** Ids as a list. */
export function blockIds(ids: Iterable<number>): BlockIds {
  const list = Uint32Array.from(ids);
  return { length: list.length, toArray: () => list.slice() };
}

/** A turn: chain, ids, and its lengths. */
export interface BlockTurn {
  readonly chain?: number;
  readonly ids: readonly number[];
  readonly inputTokens: number;
  readonly outputTokens?: number;
}

/** A session of these turns; each waits for the one before it. */
export function blockSession(
  turns: readonly BlockTurn[],
  options: { readonly scope?: string; readonly systemTokens?: readonly number[] } = {},
): TraceSession {
  const { scope = "s", systemTokens = [0] } = options;
  const chains: Chain[] = systemTokens.map((tokens, i) => ({
    name: i === 0 ? "main" : "Explore",
    ...(i === 0 ? {} : { parent: 0 }),
    depth: Math.min(i, 1),
    systemTokens: tokens,
  }));
  const numbers = chains.map(() => 0);
  return {
    id: "s",
    scope,
    chains,
    models: [],
    turns: turns.map(({ chain = 0, ids, inputTokens, outputTokens = 5 }, i): Turn => ({
      atMs: i * 1000,
      waitsFor: i === 0 ? [] : [i - 1],
      delayMs: 0,
      chain,
      number: ++numbers[chain]!,
      outputTokens,
      prompt: { kind: "blocks", inputTokens, blocks: blockIds(ids) },
    })),
  };
}

/** A drawn session: turns that go on, fork, compact, and begin anew; the last block may be cut. */
export function drawSession(seed: number, blockTokens: number): TraceSession {
  const random = createRandom(seed, "block-sessions");
  const below = (count: number) => integerBelow(random, count);
  const chainCount = 1 + below(4);
  const cut = below(2) === 0;
  let fresh = 1;
  const earlier: (readonly number[])[] = [];
  const turns = Array.from({ length: 2 + below(20) }, (): BlockTurn => {
    const from = earlier.length === 0 || below(12) === 0
      ? []
      : earlier[below(4) === 0 ? below(earlier.length) : earlier.length - 1]!;
    const kept = below(4) === 0 ? from.slice(0, below(from.length + 1)) : from;
    const ids = [...kept, ...Array.from({ length: below(6) }, () => fresh++)];
    earlier.push(ids);
    const rest = below(blockTokens);
    const inputTokens = ids.length * blockTokens + (cut && ids.length > 0 ? -rest : rest);
    return {
      chain: below(chainCount),
      ids,
      inputTokens: Math.max(1, inputTokens),
      outputTokens: below(2 * blockTokens),
    };
  });
  const systemTokens = Array.from({ length: chainCount }, () => below(3) * below(3 * blockTokens));
  return blockSession(turns, { systemTokens });
}
