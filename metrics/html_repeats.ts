/**
 * Repeats on the page: a chart and a table for each load that was measured several times.
 *
 * @module
 */
import { repeatsChart } from "./chart_repeats.ts";
import { capitalize, formatShare, NOT_AVAILABLE, plural } from "./format.ts";
import { type HtmlColumn, htmlTable, left, right } from "./html_table.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import type { Summary } from "./summary.ts";
import type { RepeatedFigure, RepeatedLoad } from "./summary_repeats.ts";
import {
  driftText,
  intervalText,
  percentText,
  REPEATS_NOTE,
  withinShare,
} from "./summary_repeats_text.ts";

/** Figures of the charts; tables have all. */
const CHARTED: readonly string[] = [
  "throughput",
  "goodput",
  "ttft:mean",
  "ttft:p99",
  "tpot:mean",
  "e2e:mean",
  "e2e:p99",
];

/** The section of repeats; nothing for a run without them. */
export function repeatsSection({ repeats }: Summary): Markup {
  if (repeats === undefined) return markup``;
  return markup`<section>
<h2>From run to run</h2>
<p class="note">${capitalize(REPEATS_NOTE)}</p>
<div class="charts two">${repeats.map(figureOf)}</div>
${repeats.map(tableOf)}</section>
`;
}

function figureOf(load: RepeatedLoad, i: number): Markup {
  const figures = load.figures.filter(({ name }) => CHARTED.includes(name));
  return markup`<figure><figcaption><strong>${load.label}</strong>
<span>${
    plural(load.loads.length, "run")
  } as dots, 95 % interval of the mean behind them</span></figcaption>
${repeatsChart(load, figures, `repeats-${i + 1}`)}</figure>
`;
}

function tableOf({ label, loads, leftOut, figures }: RepeatedLoad): Markup {
  const columns: readonly HtmlColumn[] = [
    left("Figure"),
    right("mean", "Run to run"),
    right("95 %", "Run to run"),
    right("spread", "Run to run"),
    right("within", "In a run"),
    right("change", "Drift"),
    right("p", "Drift"),
    ...loads.map((_, i) => right(String(i + 1), "Runs")),
  ];
  const table = htmlTable({
    caption: `Repeats of ${label}`,
    hideCaption: true,
    dense: true,
    columns,
    rows: figures.map((figure): readonly HtmlValue[] => {
      const { value, ends } = intervalText(figure.mean, figure.interval, figure.unit);
      return [
        figure.title,
        value,
        ends ?? NOT_AVAILABLE,
        percentText(figure.cv),
        percentText(withinShare(figure)),
        driftText(figure),
        figure.drift === undefined ? NOT_AVAILABLE : figure.drift.pValue.toFixed(3),
        ...figure.values.map((one) => valueText(one, figure)),
      ];
    }),
  });
  const missing = leftOut.map(({ label, why }) => `${label}: ${why}`).join("; ");
  return markup`<h3>${label}, ${plural(loads.length, "run")}</h3>
${table}${
    missing !== "" && markup`<p class="note">Left out: ${missing}</p>
`
  }`;
}

function valueText(value: number | undefined, { unit }: RepeatedFigure): string {
  return unit === "share" ? formatShare(value) : intervalText(value, undefined, unit).value;
}
