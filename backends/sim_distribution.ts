/**
 * A duration or a count on the command line: a number, or a distribution to draw from.
 *
 * @module
 */
import { exponential, lognormal, normal, type Random, uniform } from "./random.ts";

/** Something to draw non-negative numbers from. */
export interface Distribution {
  /** As given. */
  readonly spec: string;
  readonly mean: number;
  /** One draw, never negative. */
  readonly sample: (random: Random) => number;
}

/** Forms that {@linkcode parseDistribution} reads, for help texts and errors. */
export const DISTRIBUTION_FORMS =
  "N, uniform:LOW:HIGH, normal:MEAN:SD, lognormal:MEDIAN:SIGMA, exponential:MEAN";

/** A kind of distribution from its parameters, as many as the function takes. */
type Family = (a: number, b: number) => Pick<Distribution, "mean" | "sample">;

const FAMILIES: Readonly<Record<string, Family>> = {
  constant: (value) => ({ mean: value, sample: () => value }),
  uniform: (low, high) => ({ mean: (low + high) / 2, sample: (r) => uniform(r, { low, high }) }),
  // Negative draws become 0: with a spread below a third of the mean they practically never occur.
  normal: (mean, std) => ({ mean, sample: (r) => Math.max(0, normal(r, { mean, std })) }),
  lognormal: (median, sigma) => ({
    mean: median * Math.exp(sigma * sigma / 2),
    sample: (r) => lognormal(r, { median, sigma }),
  }),
  exponential: (mean) => ({ mean, sample: (r) => exponential(r, mean) }),
};

/**
 * Reads `50`, `normal:50:5`, `lognormal:50:0.3`, `uniform:40:60` or `exponential:50`.
 * The median, not the mean, scales `lognormal`.
 *
 * @throws {SyntaxError} when the text is none of these forms.
 * @throws {RangeError} when a parameter is negative, or `uniform` has its bounds swapped.
 */
export function parseDistribution(spec: string): Distribution {
  const parts = spec.trim().split(":");
  const named = parts.length > 1;
  const name = named ? parts[0]! : "constant";
  const family = Object.hasOwn(FAMILIES, name) ? FAMILIES[name] : undefined;
  const given = named ? parts.slice(1) : parts;
  const parameters = given.map(Number);
  if (
    family === undefined || parameters.length !== family.length ||
    given.some((text) => text.trim() === "") || !parameters.every(Number.isFinite)
  ) {
    throw new SyntaxError(
      `Cannot read the distribution ${JSON.stringify(spec)}: give one of ${DISTRIBUTION_FORMS}`,
    );
  }
  const [a = 0, b = 0] = parameters;
  if (a < 0 || b < 0) {
    throw new RangeError(`Cannot use the distribution "${spec}": its parameters must be ≥ 0`);
  }
  if (name === "uniform" && a > b) {
    throw new RangeError(`Cannot use the distribution "${spec}": the lower bound comes first`);
  }
  return { spec, ...family(a, b) };
}
