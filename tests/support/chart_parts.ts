/**
 * Parts of a chart's SVG, for tests of charts.
 *
 * @module
 */
import type { Markup } from "../../metrics/markup.ts";

/** Texts at the pointer, a list of lines for each place. */
export function tipsOf(chart: Markup): readonly (readonly string[])[] {
  const tips = /data-tips="([^"]*)"/.exec(chart.toString())?.[1];
  return tips === undefined ? [] : tips.split("\n").map((tip) => tip.split("\t"));
}

/** The path of this kind; empty when there is none. */
export function pathOf(chart: Markup, kind: string): string {
  return new RegExp(`<path class="${kind}" d="([^"]*)"`).exec(chart.toString())?.[1] ?? "";
}
