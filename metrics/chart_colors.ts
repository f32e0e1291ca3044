/**
 * The colors of pages and charts, by what they are for: on light ground, on dark ground, and on paper
 * where that differs from light ground.
 *
 * @module
 */

import { SIDE_COLORS } from "./chart_side_colors.ts";

/** Names as in `var(--text)`; the six of `heat` grow from nearly nothing to much. */
export const COLORS: Readonly<
  Record<string, readonly [light: string, dark: string, paper?: string]>
> = {
  bg: ["#fff", "#15181c"],
  raised: ["#f6f7f8", "#1d2126", "#fff"],
  text: ["#1b1e23", "#e4e7eb", "#000"],
  muted: ["#5c636e", "#9ba3ae", "#444"],
  line: ["#dfe2e6", "#30353c", "#ccc"],
  accent: ["#1f5fbf", "#78abf5"],
  soft: ["#5f97de", "#4c78b5"],
  shade: ["#eff1f3", "#21262c", "#f0f0f0"],
  good: ["#13713f", "#6cc995"],
  goodbg: ["#eef8f2", "#17251d", "#fff"],
  warn: ["#8a5200", "#e3b261"],
  warnbg: ["#fdf6e8", "#2a2315", "#fff"],
  wait: ["#c07f14", "#d9a441"],
  bad: ["#b3261e", "#ff8d84"],
  // Of loads that are drawn over each other.
  ...Object.fromEntries(SIDE_COLORS.map((colors, i) => [`hue${i}`, colors])),
  // One hue, its lightness in steps that the eye takes for equal: also told apart in gray.
  heat0: ["#dbe8f8", "#1d2f49"],
  heat1: ["#b3cfef", "#24446f"],
  heat2: ["#84b0e2", "#2f5f9c"],
  heat3: ["#528cd0", "#4a83c9"],
  heat4: ["#2a65b0", "#82b1ee"],
  heat5: ["#123c77", "#cfe3ff"],
};

const list = (of: 0 | 1 | 2): string =>
  Object.entries(COLORS).map(([name, colors]) => `--${name}:${colors[of] ?? colors[0]}`).join(";");

/** The same as rules of a style sheet: as the system wants it, or as the reader chose on the page. */
export const COLOR_RULES: string = `:root{color-scheme:light dark;${list(0)}}
@media screen and (prefers-color-scheme:dark){:root:not([data-theme=light]){${list(1)}}}
@media screen{:root[data-theme=light]{color-scheme:light}:root[data-theme=dark]{color-scheme:dark;${
  list(1)
}}}
@media print{:root{color-scheme:light;${list(2)}}}`;
