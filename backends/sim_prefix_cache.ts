/**
 * The prefix cache of a simulated engine: whole blocks of the prompts so far, by what they and all before
 * them hold, as engines with paged attention keep them.
 *
 * @module
 */
import { LruTable } from "./sim_lru_table.ts";
import { blockKeys, noKeys } from "./sim_prompt.ts";
import type { SimJob } from "./sim_protocol.ts";

/** How large a cache is. */
export interface PrefixCacheOptions {
  /** Tokens that it holds; 0 = endless. */
  readonly cacheTokens: number;
  /** Tokens of a block. */
  readonly cacheBlock: number;
}

/** Blocks of an endless cache after all: at most 0.8 GiB. */
const MOST_BLOCKS = 2 ** 24;

/** Blocks of prompts, of which those used longest ago go first. */
export class PrefixCache {
  readonly #blockTokens: number;
  readonly #mostBlocks: number;
  readonly #table: LruTable;
  readonly #keys = noKeys();
  #entries = new Int32Array(64);

  constructor({ cacheTokens, cacheBlock }: PrefixCacheOptions) {
    this.#blockTokens = cacheBlock;
    this.#mostBlocks = cacheTokens === 0 ? MOST_BLOCKS : Math.floor(cacheTokens / cacheBlock);
    this.#table = new LruTable(this.#mostBlocks);
  }

  /** Blocks that it holds now. */
  get blocks(): number {
    return this.#table.size;
  }

  /**
   * Cached tokens of this prompt, whose blocks are cached from now on. At least one token is never taken
   * from the cache: the engine needs it to generate, so of a prompt that is all there the last block is
   * computed again.
   */
  lookUp(job: Pick<SimJob, "promptIds" | "promptTexts" | "promptTokens">): number {
    const table = this.#table;
    const keys = this.#keys;
    blockKeys(job, this.#blockTokens, keys);
    const kept = Math.min(keys.count, this.#mostBlocks);
    if (kept > this.#entries.length) this.#entries = new Int32Array(2 * kept);
    const entries = this.#entries;
    let found = 0;
    for (; found < kept; found++) {
      const entry = table.find(keys.high[found]!, keys.low[found]!);
      if (entry < 0) break;
      table.touch(entry);
      entries[found] = entry;
    }
    for (let i = found; i < kept; i++) entries[i] = table.add(keys.high[i]!, keys.low[i]!);
    // The front of a prompt is the newest: no block is dropped before all that depend on it.
    for (let i = kept - 1; i >= 0; i--) table.touch(entries[i]!);
    const cached = found * this.#blockTokens;
    return cached < job.promptTokens ? cached : Math.max(0, cached - this.#blockTokens);
  }

  /** Forgets all prompts. */
  clear(): void {
    this.#table.clear();
  }
}
