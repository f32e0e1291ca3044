/**
 * How long prompts and answers are: one length for all, or a distribution.
 *
 * @module
 */
import {
  createRandom,
  lognormal,
  normal,
  type Random,
  uniformInteger,
} from "../backends/random.ts";
import { UserError } from "./user_error.ts";

/** Lengths in tokens. Draws are rounded and never below 1. */
export type LengthSpec =
  | { readonly kind: "fixed"; readonly tokens: number }
  /** Whole numbers from `low` to `high`, both included. */
  | { readonly kind: "uniform"; readonly low: number; readonly high: number }
  | { readonly kind: "normal"; readonly mean: number; readonly std: number }
  /** `median` · exp(`sigma` · z): a long tail, as in real traffic. */
  | { readonly kind: "lognormal"; readonly median: number; readonly sigma: number };

/** What {@linkcode parseLengthSpec} accepts, for help texts. */
export const LENGTH_SPEC_FORMS: string =
  "128, uniform:100:200, normal:MEAN:STD or lognormal:MEDIAN:SIGMA";

/** Longest length accepted, so that a typing error like 1280000000 does not fill the memory. */
const MAX_TOKENS = 10_000_000;

/**
 * Reads `128`, `uniform:100:200`, `normal:128:32` or `lognormal:128:0.5`.
 *
 * @param option the option's name for messages, e.g. `--input-tokens`.
 * @throws {UserError} for anything else, saying what would work.
 */
export function parseLengthSpec(text: string, option: string): LengthSpec {
  const [kind = "", ...parameters] = text.trim().split(":");
  if (parameters.length === 0) return { kind: "fixed", tokens: tokensOf(kind) };
  if (parameters.length !== 2) throw mistake(LENGTH_SPEC_FORMS);
  const [first = "", second = ""] = parameters;
  switch (kind) {
    case "uniform": {
      const spec = { kind, low: tokensOf(first), high: tokensOf(second) } as const;
      if (spec.low > spec.high) {
        throw mistake(`the smaller length first: uniform:${second}:${first}`);
      }
      return spec;
    }
    case "normal":
      return { kind, mean: tokensOf(first), std: spreadOf(second, MAX_TOKENS) };
    case "lognormal":
      // exp(5) is a factor of 150: a larger number was meant as a length.
      return { kind, median: tokensOf(first), sigma: spreadOf(second, 5) };
    default:
      throw mistake(LENGTH_SPEC_FORMS);
  }

  function tokensOf(part: string): number {
    if (!/^\d+$/.test(part)) throw mistake(LENGTH_SPEC_FORMS);
    const tokens = Number(part);
    if (tokens < 1 || tokens > MAX_TOKENS) throw mistake(`lengths from 1 to ${MAX_TOKENS} tokens`);
    return tokens;
  }
  function spreadOf(part: string, max: number): number {
    if (!/^\d+(\.\d+)?$/.test(part)) throw mistake(LENGTH_SPEC_FORMS);
    const spread = Number(part);
    if (spread > max) throw mistake(`a ${kind === "normal" ? "STD" : "SIGMA"} of at most ${max}`);
    return spread;
  }
  function mistake(works: string): UserError {
    return new UserError(`Cannot use ${option} ${JSON.stringify(text)}: give ${works}`);
  }
}

/** The spec as {@linkcode parseLengthSpec} reads it. */
export function formatLengthSpec(spec: LengthSpec): string {
  switch (spec.kind) {
    case "fixed":
      return String(spec.tokens);
    case "uniform":
      return `uniform:${spec.low}:${spec.high}`;
    case "normal":
      return `normal:${spec.mean}:${spec.std}`;
    case "lognormal":
      return `lognormal:${spec.median}:${spec.sigma}`;
  }
}

/**
 * Length of the item at an index: a pure function of spec, seed, label and index, so that prompt 17
 * has the same length whether 20 or 20,000 are made, in whatever order.
 *
 * @param options the run's seed, and what is drawn (`input-tokens`, `output-tokens`).
 */
export function lengthsOf(
  spec: LengthSpec,
  options: { readonly seed: number; readonly label: string },
): (index: number) => number {
  // Nothing is drawn: a generator for each index would cost more than the rest of a prompt.
  if (spec.kind === "fixed") return () => spec.tokens;
  return (index) => drawLength(createRandom(options.seed, `${options.label}/${index}`), spec);
}

/** One length, in tokens, at least 1. */
function drawLength(random: Random, spec: LengthSpec): number {
  switch (spec.kind) {
    case "fixed":
      return spec.tokens;
    case "uniform":
      return uniformInteger(random, spec);
    case "normal":
      return clamp(normal(random, spec));
    case "lognormal":
      return clamp(lognormal(random, spec));
  }
}

function clamp(length: number): number {
  return Math.min(MAX_TOKENS, Math.max(1, Math.round(length)));
}
