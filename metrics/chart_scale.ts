/**
 * Places of values on an axis, and the round numbers beside it.
 *
 * @module
 */
import { isOneValue, roundStep } from "./stat_histogram.ts";

/** A labelled place on an axis. */
export interface Tick {
  /** 0 = start of the axis, 1 = its end. */
  readonly at: number;
  /** A number without its unit; the axis names the unit. */
  readonly label: string;
}

/** One axis. */
export interface Scale {
  /** Equal steps are equal differences, or equal ratios. */
  readonly kind: "linear" | "log";
  /** Value at the start. */
  readonly min: number;
  /** Value at the end, always above `min`. */
  readonly max: number;
  /** Ticks, few enough to be readable. */
  readonly ticks: readonly Tick[];
  /** From 0 at the start to 1 at the end; values outside are moved to the nearer end. */
  readonly at: (value: number) => number;
}

/** How to scale an axis. */
export interface ScaleOptions {
  /** Most ticks. Default 6. */
  readonly ticks?: number;
  /** Widens the axis to round numbers at both ends. Default false. */
  readonly round?: boolean;
  /** Ticks at whole numbers only, for counts. Default false. */
  readonly whole?: boolean;
}

/** Unit of an axis of durations, and how many milliseconds it has. */
export interface TimeUnit {
  /** As printed behind the axis' name. */
  readonly name: "ms" | "s" | "min";
  /** Milliseconds in one. */
  readonly ms: number;
}

/** Unit for an axis of this length. */
export function timeUnit(maxMs: number): TimeUnit {
  if (maxMs < 5000) return { name: "ms", ms: 1 };
  return maxMs < 900_000 ? { name: "s", ms: 1000 } : { name: "min", ms: 60_000 };
}

/** Axis of the time since the start of a load. */
export function timeAxis(
  durationMs: number,
): Pick<Scale, "ticks" | "at"> & { readonly name: string } {
  const { ms, name } = timeUnit(durationMs);
  const { ticks, at } = linearScale(0, durationMs / ms, { ticks: 8 });
  return {
    ticks,
    at: (timeMs) => at(timeMs / ms),
    name: `Time since the start of the load (${name})`,
  };
}

/**
 * Equal steps of 1, 2 or 5 × 10ⁿ. An empty range is widened, so that its value has a place; so is one
 * that is as good as empty, whose steps would be too small to change a number.
 */
export function linearScale(min: number, max: number, options: ScaleOptions = {}): Scale {
  const { ticks: most = 6, round = false, whole = false } = options;
  let [low, high] = [min, max];
  if (!(high > low) || isOneValue(low, high)) {
    // Down to zero, or up by the value's own size.
    if (low > 0) low = 0;
    else high = low + Math.max(1, Math.abs(low));
  }
  let step = roundStep((high - low) / Math.max(1, most - 1));
  if (whole) step = Math.max(1, step);
  if (round) {
    low = Math.floor(low / step + 1e-9) * step;
    high = Math.ceil(high / step - 1e-9) * step;
  }
  const at = (value: number) => clamp((value - low) / (high - low));
  const ticks: Tick[] = [];
  const last = Math.floor(high / step + 1e-9);
  for (let i = Math.ceil(low / step - 1e-9); i <= last; i++) {
    ticks.push({ at: at(i * step), label: tickLabel(i * step, step) });
  }
  return { kind: "linear", min: low, max: high, ticks, at };
}

/**
 * Equal ratios, for values above 0: ticks at 1, 2, 5 × 10ⁿ, at 10ⁿ, or at every second, third … 10ⁿ,
 * whichever are few enough.
 */
export function logScale(min: number, max: number, options: ScaleOptions = {}): Scale {
  const { ticks: most = 6, round = false } = options;
  if (!(min > 0) || !(max > min) || isOneValue(min, max)) return linearScale(min, max, options);
  let [low, high] = [Math.log10(min), Math.log10(max)];
  if (round) {
    low = Math.log10(roundBelow(min));
    high = Math.log10(roundStep(max * (1 - 1e-9)));
  }
  const at = (value: number) => value > 0 ? clamp((Math.log10(value) - low) / (high - low)) : 0;
  let values: readonly number[] = [];
  for (const factors of [[1, 2, 5], [1, 3], [1]]) {
    values = marks(low, high, { factors, every: 1 });
    if (values.length <= most) break;
  }
  for (let every = 2; values.length > most; every++) {
    values = marks(low, high, { factors: [1], every });
  }
  return {
    kind: "log",
    min: 10 ** low,
    max: 10 ** high,
    ticks: values.map((value) => ({ at: at(value), label: tickLabel(value, value) })),
    at,
  };
}

/** `0`, `0.25`, `1,500`, `20k`, `1.5M`: as many digits as `step` needs. */
export function tickLabel(value: number, step: number): string {
  const size = Math.abs(value);
  if (size === 0) return "0";
  if (size >= 1e12) return value.toExponential(1).replace("+", "");
  for (const [scale, suffix] of [[1e9, "G"], [1e6, "M"], [1e3, "k"]] as const) {
    // 1,500 is easier than 1.5k; 150k is easier than 150,000.
    if (size >= (scale === 1e3 ? 1e4 : scale)) {
      return decimals(value / scale, step / scale) + suffix;
    }
  }
  if (size < 1e-4) return value.toExponential(0);
  return decimals(value, step).replace(/\B(?=(\d{3})+$)/, step >= 1 ? "," : "");
}

function decimals(value: number, step: number): string {
  return value.toFixed(Math.min(6, Math.max(0, Math.ceil(-Math.log10(step) - 1e-9))));
}

function marks(
  low: number,
  high: number,
  { factors, every }: { readonly factors: readonly number[]; readonly every: number },
): readonly number[] {
  const values: number[] = [];
  const slack = 1e-9;
  for (let power = Math.floor(low); power <= Math.ceil(high); power++) {
    if (power % every !== 0) continue;
    for (const factor of factors) {
      const log = power + Math.log10(factor);
      if (log >= low - slack && log <= high + slack) values.push(factor * 10 ** power);
    }
  }
  return values;
}

/** Largest of 1, 2, 5 × 10ⁿ that is at most `value`. */
function roundBelow(value: number): number {
  const power = 10 ** Math.floor(Math.log10(value));
  for (const factor of [5, 2]) if (factor * power <= value * (1 + 1e-9)) return factor * power;
  return power;
}

function clamp(at: number): number {
  return Math.min(1, Math.max(0, at));
}
