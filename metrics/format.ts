/**
 * Numbers for people: three significant digits, a unit that fits, `n/a` for what is not known. Files
 * keep full numbers and one unit.
 *
 * @module
 */
import type { Bracket } from "./load_bracket.ts";
import type { Interval } from "./load_interval.ts";
import type { Unit } from "./metric.ts";

/** Digits of milliseconds that records hold. */
const MS_DIGITS = 3;

/** Text for a number that does not exist. */
export const NOT_AVAILABLE = "n/a";

/** `6 µs`, `4.12 ms`, `412 ms`, `1.24 s`, `2 min 5 s`: a stamp is known to a microsecond. */
export function formatMs(ms: number | undefined): string {
  if (ms === undefined) return NOT_AVAILABLE;
  const rounded = Number(Math.abs(ms).toPrecision(3));
  if (isMicroseconds(rounded)) return `${fixed(Math.round(ms * 1000), 0)} µs`;
  if (rounded < 1000) return `${fixed(ms, Math.min(MS_DIGITS, decimals(ms, 3)))} ms`;
  if (rounded < 100_000) return `${formatSignificant(ms / 1000)} s`;
  const seconds = Math.round(ms / 1000);
  return `${Math.trunc(seconds / 60)} min ${Math.abs(seconds % 60)} s`;
}

/** `1,234,567`; a fraction is rounded away. */
export function formatCount(count: number | undefined): string {
  return count === undefined ? NOT_AVAILABLE : groupThousands(count.toFixed(0));
}

/** Three significant digits, but all digits of integers and large numbers: `0.0123`, `4.56`, `5`, `12,346`. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined) return NOT_AVAILABLE;
  return Number.isInteger(value) ? formatCount(value) : formatSignificant(value);
}

/** Memory: `640 MiB`, `78.2 GiB`. */
export function formatMib(mib: number | undefined): string {
  if (mib === undefined) return NOT_AVAILABLE;
  return Math.abs(mib) < 1000
    ? `${formatSignificant(mib)} MiB`
    : `${formatSignificant(mib / 1024)} GiB`;
}

/** A share from 0 to 1 as `97.5 %`; `100 %` and `0 %` only where it is exactly that. */
export function formatShare(share: number | undefined): string {
  if (share === undefined) return NOT_AVAILABLE;
  if (share === 0 || share === 1) return `${share * 100} %`;
  return `${Math.min(99.9, Math.max(0.1, share * 100)).toFixed(1)} %`;
}

/** A value with its unit; ratios (`1`) have none. */
export function formatValue(value: number | undefined, unit: Unit): string {
  if (value === undefined) return NOT_AVAILABLE;
  switch (unit) {
    case "ms":
      return formatMs(value);
    case "1":
      return formatNumber(value);
    default:
      return `${formatNumber(value)} ${unit}`;
  }
}

/** A number and what the client leaves open about it, in digits that fit each other. */
export interface Bracketed {
  /** The number with its unit: `50.1 ms`. */
  readonly value: string;
  /** Its bracket without a unit, `49.9–50.3`, as it stands in parentheses; absent = none is known. */
  readonly ends: string | undefined;
}

/**
 * A number and its bracket. Digits follow from the bracket's width: as many as tell its ends apart,
 * four significant ones at most. Ends are rounded outwards, so that what is printed still holds, and
 * the number never lies outside of it.
 */
export function formatBracketed(
  value: number | undefined,
  bracket: Bracket | undefined,
  unit: Unit,
): Bracketed {
  if (value === undefined || bracket === undefined) {
    return { value: formatValue(value, unit), ends: undefined };
  }
  const scale = unit === "ms" ? timeScale(value) : { per: 1, name: unit === "1" ? "" : ` ${unit}` };
  const [low, high] = [bracket.low / scale.per, bracket.high / scale.per];
  const most = decimals(Math.max(Math.abs(low), Math.abs(high)), 4);
  const apart = high > low
    ? Math.max(0, Math.ceil(-Math.log10((high - low) / STEPS) - ROUNDING))
    : most;
  const known = unit !== "ms" || scale.per > 1 ? Infinity : scale.per === 1 ? MS_DIGITS : 0;
  const digits = Math.min(most, apart, known);
  const own = Math.min(known, Math.max(digits, decimals(value / scale.per, 3)));
  return {
    value: scale.name === MINUTES
      ? formatMs(value)
      : `${fixed(value / scale.per, own)}${scale.name}`,
    ends: `${outward(low, digits, Math.floor)}–${outward(high, digits, Math.ceil)}${
      scale.name === MINUTES ? " s" : ""
    }`,
  };
}

/** `50.1 ms (49.9–50.3)`; the number alone where nothing is known of its bracket. */
export function bracketedText({ value, ends }: Bracketed): string {
  return ends === undefined ? value : `${value} (${ends})`;
}

/** The two things that are open about a number, and the names that they have wherever they are told. */
export interface Doubt {
  /** What the client's stamps leave open. */
  readonly client?: Bracket | undefined;
  /** What chance leaves open. */
  readonly sampling?: Interval | undefined;
}

/** Names of what is open, in the order in which it is told. */
export const DOUBTS: readonly (keyof Doubt)[] = ["client", "sampling"];

/** A number and what is open about it; names go with the ends, so that neither is taken for the other. */
export interface Doubted extends Partial<Readonly<Record<keyof Doubt, string>>> {
  /** The number with its unit: `50.1 ms`. */
  readonly value: string;
}

/** The number in digits that fit its bracket, and both ends of each, outwards: `49.9–50.3`. */
export function formatDoubted(value: number | undefined, doubt: Doubt, unit: Unit): Doubted {
  const client = formatBracketed(value, doubt.client, unit);
  const sampling = formatBracketed(value, doubt.sampling, unit);
  return {
    value: (client.ends === undefined ? sampling : client).value,
    ...(client.ends !== undefined && { client: client.ends }),
    ...(sampling.ends !== undefined && { sampling: sampling.ends }),
  };
}

/** Only the wider one, where there is no room for both. */
export function formatWider(value: number | undefined, doubt: Doubt, unit: Unit): Doubted {
  const { client, sampling } = doubt;
  const wider = client === undefined ||
    sampling !== undefined && sampling.high - sampling.low > client.high - client.low;
  return formatDoubted(value, wider ? { sampling } : { client }, unit);
}

/** `client 49.9–50.3`, `sampling 48.7–51.6`: what is known to be open. */
export function doubtTexts(doubted: Doubted): readonly string[] {
  return DOUBTS.flatMap((name) => doubted[name] === undefined ? [] : `${name} ${doubted[name]}`);
}

/** `50.1 ms, client 49.9–50.3, sampling 48.7–51.6`. */
export function doubtedText(doubted: Doubted): string {
  return [doubted.value, ...doubtTexts(doubted)].join(", ");
}

/**
 * The number alone, in as many digits as the wider of what is open about it supports, at least two and at
 * most four: `45 ms`, `1,480`; in three where nothing is known.
 */
export function formatByError(value: number | undefined, doubt: Doubt, unit: Unit): string {
  const widths = DOUBTS.flatMap((name) => {
    const ends = doubt[name];
    return ends === undefined ? [] : [ends.high - ends.low];
  });
  if (value === undefined || value === 0 || widths.length === 0) return formatValue(value, unit);
  const scale = unit === "ms" ? timeScale(value) : { per: 1, name: unit === "1" ? "" : ` ${unit}` };
  if (scale.name === MINUTES) return formatMs(value);
  const [shown, width] = [value / scale.per, Math.max(...widths) / scale.per];
  const most = decimals(shown, 4);
  const apart = width > 0 ? Math.ceil(-Math.log10(width / STEPS) - ROUNDING) : most;
  const least = 1 - Math.floor(Math.log10(Math.abs(shown)));
  const known = unit !== "ms" || scale.per > 1 ? Infinity : scale.per === 1 ? MS_DIGITS : 0;
  const digits = Math.min(known, Math.max(Math.min(most, apart), least));
  const whole = 10 ** -digits;
  const rounded = Math.round(shown / whole) * whole;
  // 999 µs in two digits is 1 ms.
  if (unit === "ms" && scale.per < 1000 && Math.abs(rounded) >= 1000) {
    return formatByError(Math.round(rounded) * scale.per, doubt, unit);
  }
  return digits >= 0
    ? `${fixed(shown, digits)}${scale.name}`
    : `${formatCount(rounded)}${scale.name}`;
}

/** A bracket is at least so many units of its last digit wide, unless that takes too many digits. */
const STEPS = 4;

/** Values so long are printed in minutes, their ends in seconds. */
const MINUTES = "min";

/** Whether a time, rounded, is told in microseconds. Nothing is 0 ms. */
function isMicroseconds(ms: number): boolean {
  return ms > 0 && ms < 1;
}

function timeScale(ms: number): { readonly per: number; readonly name: string } {
  const rounded = Number(Math.abs(ms).toPrecision(3));
  if (isMicroseconds(rounded)) return { per: 0.001, name: " µs" };
  if (rounded < 1000) return { per: 1, name: " ms" };
  return { per: 1000, name: rounded < 100_000 ? " s" : MINUTES };
}

/** What binary fractions add to a number that is exact in decimal ones, as a share of one unit. */
const ROUNDING = 1e-6;

function outward(
  value: number,
  digits: number,
  round: typeof Math.floor | typeof Math.ceil,
): string {
  const units = value * 10 ** digits;
  const near = Math.round(units);
  return fixed((Math.abs(units - near) < ROUNDING ? near : round(units)) / 10 ** digits, digits);
}

/** `p50`, `p99.9`. */
export function formatPercentile(p: number): string {
  return `p${p}`;
}

/** The text with a capital letter at its beginning. */
export function capitalize(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/** `1 request`, `2,000 requests`. */
export function plural(count: number, one: string, many: string = `${one}s`): string {
  return `${formatCount(count)} ${count === 1 ? one : many}`;
}

function formatSignificant(value: number): string {
  return fixed(value, decimals(value, 3));
}

/** Digits behind the point that make so many significant ones, at most six. */
function decimals(value: number, significant: number): number {
  const rounded = Math.abs(Number(value.toPrecision(significant)));
  if (rounded === 0) return 0;
  return Math.min(6, Math.max(0, significant - 1 - Math.floor(Math.log10(rounded))));
}

function fixed(value: number, digits: number): string {
  if (value === 0) return "0";
  const text = value.toFixed(digits);
  return digits === 0 ? groupThousands(text) : text;
}

function groupThousands(integer: string): string {
  return integer.replace(/\B(?=(\d{3})+$)/g, ",");
}
