/**
 * The speed of one user and the cost of the work, on the page of a run.
 *
 * @module
 */
import { formatDoubted, formatNumber, formatPercentile } from "./format.ts";
import { doubtedCell } from "./html_bracket.ts";
import { numberCard } from "./html_page.ts";
import { htmlTable, left, right } from "./html_table.ts";
import { metricOf, percentileDoubt } from "./load_figures.ts";
import type { SpeedSummary } from "./load_speed.ts";
import type { LoadSummary } from "./load_summary.ts";
import { type Markup, markup } from "./markup.ts";

/** What one user gets, and what the work costs where that was asked for. */
export function speedCards(
  { speed: { interactivity, userTokens }, economy }: LoadSummary,
): readonly Markup[] {
  const slower = interactivity.percentiles.filter(({ p, value }) =>
    (p === 90 || p === 99) && value !== undefined
  );
  const cards = interactivity.median === undefined ? [] : [numberCard(
    "One user, tokens/s at p50",
    formatNumber(interactivity.median),
    [
      "from sent to last token",
      ...(slower.length === 0 ? [] : [
        `slower users: ${
          slower.map(({ p, value }) => `${formatPercentile(p)} ${formatNumber(value)}`).join(" · ")
        }`,
      ]),
      ...(userTokens.median === undefined
        ? []
        : [`once tokens flow ${formatNumber(userTokens.median)}`]),
    ],
  )];
  const { outputTokensPerSecPerGpu: perGpu, costPerMillionOutputTokens: cost } = economy?.run ?? {};
  const steady = economy?.steady;
  if (perGpu !== undefined) {
    cards.push(numberCard("Output tokens/s per GPU", formatNumber(perGpu), [
      `whole run; steady window ${formatNumber(steady?.outputTokensPerSecPerGpu)}`,
    ]));
  }
  if (cost !== undefined) {
    cards.push(numberCard("Cost of 1M output tokens", formatNumber(cost), [
      `whole run; steady window ${formatNumber(steady?.costPerMillionOutputTokens)}`,
    ]));
  }
  return cards;
}

/** Speed of one user: at high percentiles that of the slowest. */
export function speedTable({ speed, metrics }: LoadSummary): Markup {
  const { interactivity, userTokens, overall } = speed;
  const shown = interactivity.percentiles.map(({ p }, i) => ({ p, i })).filter(({ p }) =>
    p === 50 || p === 90 || p === 99
  );
  if (interactivity.count === 0 || shown.length === 0) return markup``;
  const cell = ({ percentiles, brackets, intervals }: SpeedSummary, i: number) =>
    doubtedCell(
      formatDoubted(percentiles[i]?.value, percentileDoubt({ brackets, intervals }, i), "1"),
    );
  const row = (speed: SpeedSummary) => [
    `${speed.title}, 1 ÷ ${metricOf({ metrics }, speed.metric)?.title ?? speed.metric}`,
    ...shown.map(({ i }) => cell(speed, i)),
  ];
  return htmlTable({
    caption: "Speed of one user, output tokens/s",
    columns: [
      left(""),
      ...shown.map(({ p }) => right(p > 50 ? `${formatPercentile(p)}, slow` : formatPercentile(p))),
    ],
    rows: [
      row(interactivity),
      row(userTokens),
      ["All output tokens ÷ all E2E", formatNumber(overall), ...shown.slice(1).map(() => "")],
    ],
  });
}
