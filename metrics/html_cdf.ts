/**
 * Distributions of all loads over each other, on the page: one metric at a time or all, each load shown or
 * hidden. Both are done by the style sheet, so that they work without a script.
 *
 * @module
 */
import { cdfChart, type CdfCurve, hueOf } from "./chart_cdf.ts";
import { plural } from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import { type Markup, markup } from "./markup.ts";
import { KEY_METRICS } from "./metrics.ts";
import type { Summary } from "./summary.ts";
import { limitsOn } from "./html_limits.ts";

/** More curves cannot be told apart, and the style sheet knows no more. */
export const MOST_CURVES = 16;

/** Metrics that a reader can choose; the style sheet knows so many. */
export const MOST_METRICS = 6;

/** One metric of all loads. */
export interface LoadCdf {
  /** Name of the metric. */
  readonly name: string;
  /** For headings. */
  readonly title: string;
  readonly chart: Markup;
}

/** The loads that have curves: all, or as many as can be told apart, spread evenly. */
export function curveLoads(loads: readonly LoadSummary[]): readonly number[] {
  const all = loads.flatMap(({ quantiles }, i) => quantiles.length > 0 ? [i] : []);
  if (all.length <= MOST_CURVES) return all;
  const step = (all.length - 1) / (MOST_CURVES - 1);
  return Array.from({ length: MOST_CURVES }, (_, i) => all[Math.round(i * step)]!);
}

/** A chart for each key metric that is a time and that some load has. */
export function loadCdfs({ loads }: Pick<Summary, "loads">): readonly LoadCdf[] {
  const shown = curveLoads(loads);
  return KEY_METRICS.flatMap((name): readonly LoadCdf[] => {
    const found = shown.map((i) => loads[i]!.quantiles.find((one) => one.name === name));
    const known = found.find((one) => one !== undefined);
    if (known === undefined || known.unit !== "ms") return [];
    const curves = shown.flatMap((position, load): readonly CdfCurve[] => {
      const own = found[load];
      const { label, plan } = loads[position]!;
      if (own === undefined) return [];
      const short = `${plan.repeat === undefined ? plan.users ?? plan.ratePerSec ?? label : label}`;
      return [{ ...own, short, label, load }];
    });
    const { title, unit } = known;
    const chart = cdfChart({
      id: `cdf-${name}`,
      title,
      unit,
      curves,
      limits: limitsOn(name, loads),
    });
    return [{ name, title, chart }];
  }).slice(0, MOST_METRICS);
}

/** The section; nothing for a single load, whose distributions stand with it. */
export function cdfSection({ loads }: Summary): Markup {
  const shown = curveLoads(loads);
  const cdfs = loadCdfs({ loads });
  if (shown.length < 2 || cdfs.length === 0) return markup``;
  const pick = (text: string, value: string, checked: boolean) =>
    markup`<label><input type="radio" name="cdf" class="metric-${value}"${
      checked && markup` checked=""`
    }/> ${text}</label>
`;
  const toggles = shown.map((position, load) =>
    markup`<label><input type="checkbox" class="pick${load}" checked=""/> <svg width="30" height="10" aria-hidden="true"><path class="cdf hue${
      hueOf(load)
    }" d="M0 5H30"/></svg> ${loads[position]!.label}</label>
`
  );
  const left = loads.length - shown.length;
  return markup`<section class="cdfs">
<h2>Distributions of all loads</h2>
<div class="picks">
<fieldset><legend>Metric</legend>
${cdfs.map(({ title }, i) => pick(title, `${i}`, i === 0))}${
    cdfs.length > 1 && pick("all", "all", false)
  }</fieldset>
<fieldset><legend>Loads</legend>
${toggles}</fieldset>
</div>
<div class="charts two">${
    cdfs.map(({ title, chart }, i) =>
      markup`<figure class="metric${i}"><figcaption><strong>${title}</strong></figcaption>
${chart}</figure>
`
    )
  }</div>
<p class="note">A curve further left is faster. The axis of percentiles is stretched towards the tail; a curve ends at the last percentile that its load has enough values for.${
    left > 0 && ` ${plural(left, "load")} without a curve of its own.`
  }</p>
</section>
`;
}
