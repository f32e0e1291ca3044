/**
 * A course as straight lines between points in time.
 *
 * @module
 */
import { across, down } from "./chart_frame.ts";

/** Straight lines between neighbors, with a gap where a value is unknown; `place` from 0 to 1. */
export function lineOf(
  values: readonly (number | null)[],
  height: number,
  place: (i: number, value: number) => readonly [x: number, y: number],
): string {
  let pen = "M";
  return values.map((value, i) => {
    if (value === null) {
      pen = "M";
      return "";
    }
    const [x, y] = place(i, value);
    const step = `${pen}${across(x)} ${down(y, height)}`;
    const alone = pen === "M" && (values[i + 1] ?? null) === null;
    pen = "L";
    // A single point would draw nothing.
    return alone ? `${step}h1` : step;
  }).join("");
}
