/**
 * Latencies over time in cells, on the page of a run.
 *
 * @module
 */
import { heatChart, heatLegend } from "./chart_heat.ts";
import type { LoadSummary } from "./load_summary.ts";
import { type Markup, markup } from "./markup.ts";

/** A column alone is a histogram, which the distributions are. */
const LEAST_COLUMNS = 4;

/** TTFT and ITL over the load; `id` is that of the load's section. */
export function heatFigures(
  { heatMaps, durationMs }: Pick<LoadSummary, "heatMaps" | "durationMs">,
  id: string,
): Markup {
  const figures = heatMaps.filter(({ counts }) => counts.length >= LEAST_COLUMNS).map((map) => {
    const by = map.per === "request" ? "by when it was sent" : "by when it ended";
    return markup`<figure><figcaption><strong>${map.title} over time</strong><span>${by}</span></figcaption>
${heatLegend(map)}${heatChart({ id: `${id}-heat-${map.name}`, map, durationMs })}</figure>
`;
  });
  return figures.length === 0 ? markup`` : markup`<div class="charts two heats">${figures}</div>
`;
}
