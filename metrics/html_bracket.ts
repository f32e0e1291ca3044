/**
 * Numbers of the page with what the client and what chance leave open about them, in small type.
 *
 * @module
 */
import { type Doubt, type Doubted, doubtTexts, formatShare, formatWider } from "./format.ts";
import { type MetricSummary, percentileDoubt } from "./load_figures.ts";
import type { Throughput } from "./load_series.ts";
import type { LoadSummary, SloSummary } from "./load_summary.ts";
import { type HtmlValue, markup } from "./markup.ts";
import type { Unit } from "./metric.ts";
import {
  bracketsText,
  type RateName,
  samplingText,
  shareEnds,
  witnessText,
} from "./summary_text.ts";

/** What the names of the ends mean, for the foot of a table. */
export function doubtNotes({ loads }: { readonly loads: readonly LoadSummary[] }): HtmlValue {
  const notes = [
    ...(loads.some(({ bracketBasis }) => bracketBasis !== undefined)
      ? ["client: the true figure at the client's host lies between."]
      : []),
    ...(loads.some(({ sampling }) => sampling.blocks !== undefined)
      ? [
        "sampling: what chance leaves open; differences from run to run are not in it.",
      ]
      : []),
  ];
  return notes.length === 0
    ? ""
    : markup`<p class="note">${notes.join(" ")}${
      notes.length > 1 && " Where there is room for one, it is the wider."
    }</p>
`;
}

/** `50.1 ms`, and behind it what is open, by its names. */
export function doubtedCell(doubted: Doubted): HtmlValue {
  const texts = doubtTexts(doubted).map((text) => markup` <small>${text}</small>`);
  return texts.length === 0 ? doubted.value : markup`${doubted.value}${texts}`;
}

/** What is open about one percentile; nothing where it was not asked for. */
export function doubtOf(metric: MetricSummary | undefined, p: number): Doubt {
  const at = metric?.distribution.percentiles.findIndex((one) => one.p === p) ?? -1;
  return metric === undefined || at < 0 ? {} : percentileDoubt(metric, at);
}

/** One percentile of a metric with the wider of what is open about it; a bare number for the unit `1`. */
export function percentileCell(
  metric: MetricSummary | undefined,
  p: number,
  unit: Unit,
): HtmlValue {
  const value = metric?.distribution.percentiles.find((one) => one.p === p)?.value;
  return doubtedCell(formatWider(value, doubtOf(metric, p), unit));
}

/** A rate with the wider of what is open about it. */
export function rateCell(window: Throughput | undefined, key: RateName): HtmlValue {
  const doubt = { client: window?.brackets?.[key], sampling: window?.intervals?.[key] };
  return doubtedCell(formatWider(window?.[key], doubt, "1"));
}

/** Good requests per second, with what chance leaves open. */
export function goodputCell({ goodput, intervals }: SloSummary, unit: Unit): HtmlValue {
  return doubtedCell(formatWider(goodput, { sampling: intervals?.goodput }, unit));
}

/** The share of good requests, likewise. */
export function attainmentCell({ attainment, intervals }: SloSummary): HtmlValue {
  const interval = intervals?.attainment;
  const sampling = interval && { sampling: shareEnds(interval) };
  return doubtedCell({ value: formatShare(attainment), ...sampling });
}

/** Where the brackets of a load come from, and what checked them. */
export function bracketNotes(load: LoadSummary): HtmlValue {
  const witness = witnessText(load);
  const brackets = load.counts.completed > 0 &&
    markup`<p class="note">Brackets: ${bracketsText(load)}.</p>
<p class="note">Sampling: ${samplingText(load)}.</p>
`;
  return markup`${brackets}${
    witness !== undefined && markup`<p class="note">Witness: ${witness}.</p>
`
  }`;
}
