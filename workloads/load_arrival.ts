/**
 * The schedule of an open load: absolute times drawn from the seed alone, so that lateness never
 * accumulates and a slow server changes nothing.
 *
 * @module
 */
import { numpyRandom } from "../backends/mt19937.ts";
import { createRandom, exponential, gamma } from "../backends/random.ts";
import type { OpenLoad } from "./load.ts";
import { instantsOf } from "./load_stages.ts";

/**
 * Endless intended times in milliseconds from the start of the load; the first is 0.
 *
 * - `constant`: i ÷ rate
 * - `poisson`: gaps drawn from the exponential distribution with mean 1 ÷ rate
 * - `calibrated-poisson`: the same, stretched so that the last of `requests` comes at
 *   `requests` ÷ rate; the first after a gap of its own
 * - `gamma`: gaps with the same mean and shape `load.shape`; 1 is Poisson, less is burstier
 *
 * With stages the gaps are areas under the rate over time: each time is where so many requests are due,
 * which of `poisson` makes a Poisson process whose rate changes; the first comes after a gap, too. Behind
 * the last stage all times are Infinity.
 *
 * @param requests how many there will be, for `calibrated-poisson`.
 */
export function* arrivalTimes(
  load: OpenLoad,
  seed: number,
  loadNumber: number,
  requests: number = Infinity,
): Generator<number, never> {
  const label = `arrivals/${loadNumber}`;
  const { stages, arrival } = load;
  const calibrated = arrival === "calibrated-poisson";
  const toMs = stages !== undefined
    ? instantsOf(stages)
    : calibrated
    ? calibration(load, requests, gapsOf(load, seed, label))
    : (area: number) => area * 1000 / load.ratePerSec;
  if (arrival === "constant") {
    // Counted, not summed: a sum of gaps drifts by its rounding.
    for (let i = 0;; i++) yield toMs(i);
  }
  const gap = gapsOf(load, seed, label);
  let area = stages !== undefined || calibrated ? gap() : 0;
  for (;;) {
    yield toMs(area);
    area += gap();
  }
}

/** Gaps between arrivals, with a mean of 1. */
function gapsOf({ arrival, shape, legacyRng }: OpenLoad, seed: number, label: string) {
  if (legacyRng === true) {
    const numpy = numpyRandom(seed);
    return () => numpy.exponential(1);
  }
  const random = createRandom(seed, label);
  return arrival === "gamma"
    ? () => gamma(random, { shape, scale: 1 / shape })
    : () => exponential(random, 1);
}

/** Stretches the gaps so that so many of them take exactly their mean. */
function calibration({ ratePerSec }: OpenLoad, requests: number, gap: () => number) {
  let area = 0;
  for (let i = 0; i < requests; i++) area += gap();
  const meanMs = requests * 1000 / ratePerSec / area;
  return (sum: number) => sum * meanMs;
}
