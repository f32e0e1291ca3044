/**
 * Numbers of the page with what the client and what chance leave open about them, in small type.
 *
 * @module
 */
import {
  type Doubt,
  type Doubted,
  DOUBTS,
  doubtTexts,
  formatShare,
  formatWider,
} from "./format.ts";
import { type MetricSummary, percentileDoubt } from "./load_figures.ts";
import type { Throughput } from "./load_series.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { SloSummary } from "./load_limits.ts";
import { type HtmlValue, markup } from "./markup.ts";
import type { Unit } from "./metric.ts";
import {
  bracketsText,
  type RateName,
  samplingText,
  shareEnds,
  witnessText,
} from "./summary_text.ts";

/** Signs of what is open, where there is no room for its name. */
const SIGNS: Readonly<Record<keyof Doubt, (ends: string) => string>> = {
  client: (ends) => `(${ends})`,
  sampling: (ends) => `[${ends}]`,
};

/** What the names and signs mean, for the foot of a table. */
export function doubtNotes(
  { loads }: { readonly loads: readonly LoadSummary[] },
  signs: boolean = false,
): HtmlValue {
  const known = {
    client: loads.some(({ bracketBasis }) => bracketBasis !== undefined),
    sampling: loads.some(({ sampling }) => sampling.blocks !== undefined),
  };
  const shown = DOUBTS.filter((name) => known[name]);
  if (shown.length === 0) return "";
  const notes = shown.map((name) =>
    `${signs ? `${SIGNS[name]("low–high")} ` : ""}${name}: ${MEANINGS[name]}.`
  );
  const wider = shown.length > 1 ? ["The wider of the two is shown."] : [];
  return markup`<p class="note">${[...notes, ...wider].join(" ")}</p>
`;
}

const MEANINGS: Readonly<Record<keyof Doubt, string>> = {
  client: "the true figure at the client's host lies between",
  sampling: "what chance leaves open; differences from run to run are not in it",
};

/** The same as {@linkcode doubtedCell}, with signs instead of names. */
function signedCell(doubted: Doubted): HtmlValue {
  const texts = DOUBTS.flatMap((name) => {
    const ends = doubted[name];
    return ends === undefined ? [] : [markup` <small>${SIGNS[name](ends)}</small>`];
  });
  return texts.length === 0 ? doubted.value : markup`${doubted.value}${texts}`;
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

/** One percentile of a metric in its unit, with the wider of what is open about it. */
export function percentileCell(metric: MetricSummary | undefined, p: number): HtmlValue {
  return doubtedCell(widerPercentile(metric, p, metric?.unit ?? "1"));
}

/** The same as a bare number, with a sign instead of a name. */
export function barePercentileCell(metric: MetricSummary | undefined, p: number): HtmlValue {
  return signedCell(widerPercentile(metric, p, "1"));
}

function widerPercentile(metric: MetricSummary | undefined, p: number, unit: Unit): Doubted {
  const value = metric?.distribution.percentiles.find((one) => one.p === p)?.value;
  return formatWider(value, doubtOf(metric, p), unit);
}

/** A rate with the wider of what is open about it. */
export function rateCell(window: Throughput | undefined, key: RateName): HtmlValue {
  return doubtedCell(widerRate(window, key));
}

/** The same with a sign instead of a name. */
export function bareRateCell(window: Throughput | undefined, key: RateName): HtmlValue {
  return signedCell(widerRate(window, key));
}

function widerRate(window: Throughput | undefined, key: RateName): Doubted {
  const doubt = { client: window?.brackets?.[key], sampling: window?.intervals?.[key] };
  return formatWider(window?.[key], doubt, "1");
}

/** Good requests per second and their share, with what chance leaves open. */
export function goodCells({ goodput, attainment, intervals }: SloSummary): Record<
  "named" | "signed",
  readonly [goodput: HtmlValue, attainment: HtmlValue]
> {
  const rate = (unit: Unit) => formatWider(goodput, { sampling: intervals?.goodput }, unit);
  const interval = intervals?.attainment;
  const share = {
    value: formatShare(attainment),
    ...(interval && { sampling: shareEnds(interval) }),
  };
  return {
    named: [doubtedCell(rate("req/s")), doubtedCell(share)],
    signed: [signedCell(rate("1")), signedCell(share)],
  };
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
