/**
 * Times that are drawn: how long users think.
 *
 * @module
 */
import {
  createRandom,
  exponential,
  lognormal,
  normal,
  type Random,
  uniform,
} from "../backends/random.ts";
import type { TimeSpec } from "./load.ts";
import { UserError } from "./user_error.ts";

/** What {@linkcode parseTimeSpec} accepts, for help texts. */
export const TIME_SPEC_FORMS: string =
  "2s, 500ms, uniform:1s:5s, normal:MEAN:STD, lognormal:MEDIAN:SIGMA or exponential:MEAN";

/** Longest time, so that a typing error does not stop a load for good. */
const LONGEST_MS: number = 24 * 3600 * 1000;

/** Milliseconds of `2s`, `500ms` or `1.5m`; a bare number is in seconds. `undefined` = none of them. */
export function parseTimeMs(text: string): number | undefined {
  const [, amount, unit = "s"] = /^(\d+(?:\.\d+)?)(ms|s|m)?$/.exec(text.trim()) ?? [];
  if (amount === undefined) return undefined;
  return Number(amount) * (unit === "ms" ? 1 : unit === "s" ? 1000 : 60_000);
}

/**
 * Reads `2s`, `uniform:1s:5s`, `normal:5s:1s`, `lognormal:5s:0.5` or `exponential:5s`.
 *
 * @param option the option's name for messages, e.g. `--think-time`.
 * @throws {UserError} for anything else, saying what would work.
 */
export function parseTimeSpec(text: string, option: string): TimeSpec {
  const mistake = (works: string) =>
    new UserError(`Cannot use ${option} ${JSON.stringify(text)}: give ${works}`);
  const timeOf = (part: string): number => {
    const ms = parseTimeMs(part);
    if (ms === undefined) throw mistake(TIME_SPEC_FORMS);
    if (ms > LONGEST_MS) throw mistake("times of at most 24 hours");
    return ms;
  };
  const [kind = "", ...parts] = text.trim().split(":");
  const [first = "", second = ""] = parts;
  switch (`${kind}/${parts.length}`) {
    case `${kind}/0`:
      return { kind: "fixed", ms: timeOf(kind) };
    case "exponential/1":
      return { kind: "exponential", mean: timeOf(first) };
    case "uniform/2": {
      const spec = { kind: "uniform", low: timeOf(first), high: timeOf(second) } as const;
      if (spec.low > spec.high) throw mistake(`the shorter time first: uniform:${second}:${first}`);
      return spec;
    }
    case "normal/2":
      return { kind: "normal", mean: timeOf(first), std: timeOf(second) };
    case "lognormal/2": {
      // exp(5) is a factor of 150: a larger number was meant as a time.
      if (!/^\d+(\.\d+)?$/.test(second) || Number(second) > 5) {
        throw mistake("a SIGMA of at most 5, e.g. lognormal:5s:0.5");
      }
      return { kind: "lognormal", median: timeOf(first), sigma: Number(second) };
    }
  }
  throw mistake(TIME_SPEC_FORMS);
}

/** The spec in milliseconds: `5000`, `normal:5000:1000`. */
export function formatTimeSpec(spec: TimeSpec): string {
  switch (spec.kind) {
    case "fixed":
      return String(spec.ms);
    case "uniform":
      return `uniform:${spec.low}:${spec.high}`;
    case "normal":
      return `normal:${spec.mean}:${spec.std}`;
    case "lognormal":
      return `lognormal:${spec.median}:${spec.sigma}`;
    case "exponential":
      return `exponential:${spec.mean}`;
  }
}

/** Milliseconds on average; what is drawn below 0 counts as 0, which makes it a little more. */
export function meanTimeMs(spec: TimeSpec): number {
  switch (spec.kind) {
    case "fixed":
      return spec.ms;
    case "uniform":
      return (spec.low + spec.high) / 2;
    case "lognormal":
      return spec.median * Math.exp(spec.sigma ** 2 / 2);
    default:
      return spec.mean;
  }
}

/**
 * How long a user thinks before its request number `k`, in ms: a function of the seed, the load, the
 * user and `k` alone.
 */
export function thinkTimes(
  spec: TimeSpec,
  { seed, loadNumber }: { readonly seed: number; readonly loadNumber: number },
): (user: number, k: number) => number {
  if (spec.kind === "fixed") return () => spec.ms;
  return (user, k) =>
    Math.min(
      LONGEST_MS,
      Math.max(0, drawMs(createRandom(seed, `think/${loadNumber}/${user}/${k}`), spec)),
    );
}

function drawMs(random: Random, spec: Exclude<TimeSpec, { readonly kind: "fixed" }>): number {
  switch (spec.kind) {
    case "uniform":
      return uniform(random, spec);
    case "normal":
      return normal(random, spec);
    case "lognormal":
      return lognormal(random, spec);
    case "exponential":
      return exponential(random, spec.mean);
  }
}
