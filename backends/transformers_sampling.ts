/**
 * Picks the next token. The library itself ignores `top_p` and has one random generator for all
 * requests, whose draws depend on what else is running; here each request has its own, seeded.
 *
 * @module
 */
import type { Random } from "./random.ts";

/** How to pick; absent = no limit, temperature 1. */
export interface TokenSampling {
  readonly temperature?: number;
  readonly topP?: number;
  /** 0 or less = no limit. */
  readonly topK?: number;
}

/** Whether the likeliest token is always taken. */
export function isGreedy(sampling: TokenSampling): boolean {
  return sampling.temperature === 0 || sampling.topK === 1 || sampling.topP === 0;
}

/**
 * Draws a token by probability, among the `topK` likeliest and then the fewest of these that hold
 * `topP` of their probability. `logits` may hold −∞ for forbidden tokens.
 */
export function pickToken(logits: Float32Array, sampling: TokenSampling, random: Random): number {
  const { temperature = 1, topP = 1, topK = 0 } = sampling;
  let greatest = 0;
  for (let i = 1; i < logits.length; i++) if (logits[i]! > logits[greatest]!) greatest = i;
  if (isGreedy(sampling)) return greatest;

  const limit = topK > 0 && topK < logits.length ? kthLargest(logits, topK) : -Infinity;
  let candidates: number[] = [];
  for (let i = 0; i < logits.length; i++) {
    if (logits[i]! >= limit && logits[i]! > -Infinity) candidates.push(i);
  }
  const weightOf = (token: number) => Math.exp((logits[token]! - logits[greatest]!) / temperature);
  if (topP < 1) candidates = nucleus(candidates, weightOf, topP);

  const weights = candidates.map(weightOf);
  let left = random.next() * weights.reduce((sum, weight) => sum + weight, 0);
  for (const [i, weight] of weights.entries()) {
    left -= weight;
    if (left < 0) return candidates[i]!;
  }
  return greatest;
}

/** The fewest tokens, likeliest first, that hold `share` of the weight. */
function nucleus(
  tokens: readonly number[],
  weightOf: (token: number) => number,
  share: number,
): number[] {
  const weighed = tokens.map((token) => ({ token, weight: weightOf(token) }));
  const total = weighed.reduce((sum, { weight }) => sum + weight, 0);
  // Tokens below this hold less than 1 − share together: they need not be sorted.
  const floor = total * (1 - share) / tokens.length;
  const likely = weighed.filter(({ weight }) => weight >= floor)
    .sort((a, b) => b.weight - a.weight || a.token - b.token);
  const kept: number[] = [];
  let sum = 0;
  for (const { token, weight } of likely) {
    kept.push(token);
    sum += weight;
    if (sum >= share * total) break;
  }
  return kept;
}

/** The k-th largest value (k ≥ 1), without sorting the rest. */
function kthLargest(values: Float32Array, k: number): number {
  const copy = values.slice();
  let low = 0;
  let high = copy.length - 1;
  const wanted = k - 1;
  while (low < high) {
    const pivot = copy[(low + high) >> 1]!;
    let i = low;
    let j = high;
    while (i <= j) {
      while (copy[i]! > pivot) i++;
      while (copy[j]! < pivot) j--;
      if (i <= j) {
        const swap = copy[i]!;
        copy[i++] = copy[j]!;
        copy[j--] = swap;
      }
    }
    if (wanted <= j) high = j;
    else if (wanted >= i) low = i;
    else break;
  }
  return copy[wanted]!;
}
