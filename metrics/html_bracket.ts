/**
 * Numbers of the page with what the client leaves open about them, in small type.
 *
 * @module
 */
import { type Bracketed, formatBracketed } from "./format.ts";
import type { Bracket } from "./load_bracket.ts";
import type { MetricSummary } from "./load_figures.ts";
import type { LoadSummary } from "./load_summary.ts";
import { type HtmlValue, markup } from "./markup.ts";
import type { Unit } from "./metric.ts";
import { bracketsText, witnessText } from "./summary_text.ts";

/** What the parentheses mean, for the foot of a table. */
export const BRACKET_NOTE = "(low–high): the true figure at the client's host lies between.";

/** `50.1 ms`, and behind it (49.9–50.3) where a bracket is known. */
export function bracketedCell({ value, ends }: Bracketed): HtmlValue {
  return ends === undefined ? value : markup`${value} <small>(${ends})</small>`;
}

/** Bracket of one percentile; absent also when not requested. */
export function percentileBracket(
  metric: MetricSummary | undefined,
  p: number,
): Bracket | undefined {
  return metric?.brackets?.percentiles.find((one) => one.p === p)?.bracket;
}

/** One percentile of a metric with its bracket, in a unit or as a bare number (`1`). */
export function percentileCell(
  metric: MetricSummary | undefined,
  p: number,
  unit: Unit,
): HtmlValue {
  const value = metric?.distribution.percentiles.find((one) => one.p === p)?.value;
  return bracketedCell(formatBracketed(value, percentileBracket(metric, p), unit));
}

/** Where the brackets of a load come from, and what checked them. */
export function bracketNotes(load: LoadSummary): HtmlValue {
  const witness = witnessText(load);
  const brackets = load.counts.completed > 0 &&
    markup`<p class="note">Brackets: ${bracketsText(load)}.</p>
`;
  return markup`${brackets}${
    witness !== undefined && markup`<p class="note">Witness: ${witness}.</p>
`
  }`;
}
