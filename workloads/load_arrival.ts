/**
 * The schedule of an open load: absolute times drawn from the seed alone, so that lateness never
 * accumulates and a slow server changes nothing.
 *
 * @module
 */
import { numpyRandom } from "../backends/mt19937.ts";
import { createRandom, exponential, gamma } from "../backends/random.ts";
import type { OpenLoad } from "./load.ts";

/**
 * Endless intended times in milliseconds from the start of the load; the first is 0.
 *
 * - `constant`: i ÷ rate
 * - `poisson`: gaps drawn from the exponential distribution with mean 1 ÷ rate
 * - `gamma`: gaps with the same mean and shape `load.shape`; 1 is Poisson, less is burstier
 */
export function* arrivalTimes(
  load: OpenLoad,
  seed: number,
  loadNumber: number,
): Generator<number, never> {
  const meanMs = 1000 / load.ratePerSec;
  const random = createRandom(seed, `arrivals/${loadNumber}`);
  const numpy = load.legacyRng ? numpyRandom(seed) : undefined;
  if (load.arrival === "constant") {
    // Multiplied, not summed: a sum of gaps drifts by its rounding.
    for (let i = 0;; i++) yield i * meanMs;
  }
  let atMs = 0;
  for (;;) {
    yield atMs;
    atMs += numpy !== undefined
      ? numpy.exponential(meanMs)
      : load.arrival === "poisson"
      ? exponential(random, meanMs)
      : gamma(random, { shape: load.shape, scale: meanMs / load.shape });
  }
}
