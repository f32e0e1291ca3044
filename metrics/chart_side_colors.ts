/**
 * Colors that tell several servers apart, on light and on dark ground.
 *
 * @module
 */

/** One for each side; further sides share the last one. */
export const SIDE_COLORS: readonly (readonly [light: string, dark: string])[] = [
  ["#1f5fbf", "#78abf5"],
  ["#b85c00", "#eda35c"],
  ["#13713f", "#6cc995"],
  ["#8337ad", "#c79bee"],
  ["#b3261e", "#ff8d84"],
  ["#0b7885", "#5cc6d3"],
  ["#6f6200", "#cdbc55"],
  ["#5c636e", "#9ba3ae"],
];

/** Number of the color of a side. */
export function colorOf(side: number): number {
  return Math.min(side, SIDE_COLORS.length - 1);
}

/** Lines in these colors differ in their dashes, too. */
export const SIDE_DASHES: readonly string[] = [
  "none",
  "7 3",
  "2 3",
  "9 3 2 3",
  "5 2",
  "1 2",
  "11 4",
  "3 5",
];
