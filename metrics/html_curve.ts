/**
 * The load curve of the page: throughput against latency, a point per load.
 *
 * @module
 */
import { curveChart, type CurvePoint } from "./chart_curve.ts";
import { formatPercentile, plural } from "./format.ts";
import { doubtOf } from "./html_bracket.ts";
import { whiskerLegend } from "./chart_whisker.ts";
import { type Markup, markup } from "./markup.ts";
import { metricOf } from "./load_figures.ts";
import type { LoadSummary } from "./load_summary.ts";
import { KEY_METRICS } from "./metrics.ts";
import type { Summary } from "./summary.ts";
import { flawsOf, hollowFlaws } from "./summary_flaws.ts";
import { limitsOn } from "./html_limits.ts";
import { keyPercentiles, percentileOf } from "./html_overview.ts";

/** Loads that a note names; the rest is counted. */
const LOADS_NAMED = 4;

/** Throughput against latency, for more than one load. */
export function loadCurve(summary: Summary): Markup {
  const { loads } = summary;
  if (loads.length < 2) return markup``;
  const key = keyPercentiles(summary);
  const percentiles = key.length < 2 ? key : [key[0]!, key.at(-1)!];
  // The drain at the end of a short load says nothing about the server.
  const steady = loads.every(({ throughput }) => throughput.steady !== undefined);
  const sizeOf = ({ plan }: LoadSummary) => plan.users ?? plan.ratePerSec ?? 0;
  const sorted = [...loads].sort((a, b) => sizeOf(a) - sizeOf(b));
  const kinds = new Set(loads.map(({ plan }) => plan.kind));
  const arrivals = new Set(loads.map(({ plan }) => plan.arrival));
  const shortNames = kinds.size === 1 && arrivals.size === 1 &&
    loads.every((load) => sizeOf(load) > 0);
  const charts = KEY_METRICS.flatMap((name) => {
    const metric = metricOf(loads[0]!, name);
    // The end-to-end latency grows with the length of the answer.
    if (metric === undefined || metric.unit !== "ms" || name === "e2e") return [];
    const points = sorted.map((load): CurvePoint => {
      const own = metricOf(load, name);
      const rate = steady ? load.throughput.steady : load.throughput.run;
      return {
        short: shortNames ? String(sizeOf(load)) : load.label,
        label: load.label,
        throughput: rate?.outputTokensPerSec,
        latencies: percentiles.map((p) => percentileOf(own, p)),
        doubts: percentiles.map((p) => doubtOf(own, p)),
        failed: load.counts.failed > 0,
        flaws: hollowFlaws(flawsOf(load, summary.header)).map(({ text }) => text),
      };
    });
    const curve = curveChart({
      id: `curve-${name}`,
      title: metric.title,
      name: `Output tokens/s, ${steady ? "steady window" : "whole run"}`,
      percentiles,
      points,
      limits: limitsOn(name, loads),
    });
    return markup`<figure><figcaption><strong>${metric.title}</strong></figcaption>
${curve}${missingNotes(points, percentiles)}</figure>
`;
  });
  const swatches = percentiles.map((p, rank) =>
    markup`<span><svg width="30" height="10" aria-hidden="true">
<path class="curve rank${rank}" d="M0 5H30"/><circle class="dot rank${rank}" cx="15" cy="5" r="3.5"/>
</svg> ${formatPercentile(p)}</span>`
  );
  const drawn = loads.flatMap((load) =>
    KEY_METRICS.flatMap((name) => percentiles.map((p) => doubtOf(metricOf(load, name), p)))
  );
  const unit = kinds.has("closed") ? "users" : "requests/s";
  const hollow = loads.some((load) => hollowFlaws(flawsOf(load, summary.header)).length > 0) &&
    markup`<span><svg width="30" height="10" aria-hidden="true"><circle class="dot hollow" cx="15" cy="5" r="3.5"/></svg> not certain</span>`;
  const failed = loads.some(({ counts }) => counts.failed > 0) &&
    markup`<span><b class="bad">×</b> with failed requests</span>`;
  return markup`<section>
<h2>Throughput against latency</h2>
<p class="legend">${swatches}${whiskerLegend(drawn)}${hollow}${failed}<span>${
    shortNames ? `numbers beside points: ${unit}` : "one point per load"
  }</span></p>
<div class="charts">${charts}</div>
</section>
`;
}

/** Names the loads that a curve leaves out, so that a gap is not taken for a result. */
function missingNotes(
  points: readonly CurvePoint[],
  percentiles: readonly number[],
): readonly Markup[] {
  return percentiles.flatMap((p, rank) => {
    const missing = points.filter(({ throughput, latencies }) =>
      throughput === undefined || latencies[rank] === undefined
    );
    if (missing.length === 0) return [];
    const names = missing.slice(0, LOADS_NAMED).map(({ label }) => label).join(", ");
    const more = missing.length - LOADS_NAMED;
    return markup`<p class="note">No ${formatPercentile(p)} at ${names}${
      more > 0 && ` and ${plural(more, "more load")}`
    }: too few completed requests</p>`;
  });
}
