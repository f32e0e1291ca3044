/**
 * Numbers for people: three significant digits, a unit that fits, `n/a` for what is not known. Files
 * keep full numbers and one unit.
 *
 * @module
 */
import type { Unit } from "./metric.ts";

/** Text for a number that does not exist. */
export const NOT_AVAILABLE = "n/a";

/** `0.35 ms`, `4.12 ms`, `412 ms`, `1.24 s`, `2 min 5 s`. */
export function formatMs(ms: number | undefined): string {
  if (ms === undefined) return NOT_AVAILABLE;
  const rounded = Number(Math.abs(ms).toPrecision(3));
  if (rounded < 1000) return `${formatSignificant(ms)} ms`;
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
  if (value === 0) return "0";
  const rounded = Math.abs(Number(value.toPrecision(3)));
  if (rounded >= 1000) return groupThousands(value.toFixed(0));
  const digits = Math.min(6, Math.max(0, 2 - Math.floor(Math.log10(rounded))));
  return value.toFixed(digits);
}

function groupThousands(integer: string): string {
  return integer.replace(/\B(?=(\d{3})+$)/g, ",");
}
