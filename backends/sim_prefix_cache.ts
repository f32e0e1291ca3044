/**
 * A prefix cache as a client sees it: how much of a prompt is the start of a recent one.
 *
 * @module
 */
import type { SimJob } from "./sim_protocol.ts";

/** Engines cache whole blocks, usually of 16 tokens. */
const BLOCK_TOKENS = 16;

/** Prompts remembered; the oldest is forgotten first. */
const REMEMBERED = 256;

/**
 * Remembers prompts. They are compared by token ids or, where a protocol gives it in
 * `extra.promptText`, by text, of which four characters count as a token. The last token of a prompt
 * is never cached: the engine needs it to generate.
 */
export class PrefixCache {
  readonly #recent: (string | readonly number[])[] = [];

  /** Cached tokens of this prompt, which is remembered from now on. */
  lookUp(job: SimJob): number {
    const text = job.extra["promptText"];
    const prompt = job.promptIds ?? (typeof text === "string" ? text : undefined);
    if (prompt === undefined) return 0;
    let shared = 0;
    for (const known of this.#recent) {
      if (typeof known === typeof prompt) shared = Math.max(shared, commonPrefix(known, prompt));
    }
    this.#recent.push(prompt);
    if (this.#recent.length > REMEMBERED) this.#recent.shift();
    const tokens = typeof prompt === "string" ? Math.floor(shared / 4) : shared;
    const usable = Math.min(tokens, job.promptTokens - 1);
    return Math.floor(usable / BLOCK_TOKENS) * BLOCK_TOKENS;
  }
}

function commonPrefix(a: ArrayLike<unknown>, b: ArrayLike<unknown>): number {
  const length = Math.min(a.length, b.length);
  let index = 0;
  while (index < length && a[index] === b[index]) index++;
  return index;
}
