/**
 * A search in the terminal: its probes.
 *
 * @module
 */
import { axisText, VERDICT_WORDS } from "./capacity_summary.ts";
import { formatNumber, NOT_AVAILABLE } from "./format.ts";
import { numberColumn, textTable } from "./report_text_table.ts";
import type { Summary } from "./summary.ts";

/** What each probe of a search found; none where the run looked for no limit. */
export function probeLines({ capacity, loads }: Summary, width: number): readonly string[] {
  const { probes = [], axis } = capacity ?? {};
  if (axis === undefined || probes.length === 0) return [];
  const table = textTable([
    { heading: "Probe", cells: probes.map((_, i) => `${i + 1}`), align: "right" },
    {
      heading: "Load",
      cells: probes.map(({ value, repeat }) =>
        `${axisText(value, axis)}${repeat > 1 ? `, repeat ${repeat}` : ""}`
      ),
      align: "left",
    },
    numberColumn(
      "Requests",
      probes.map(({ load }) => formatNumber(loads[load]!.counts.offered)),
      1,
    ),
    {
      heading: "Service level",
      cells: probes.map(({ verdict, cutShort }) =>
        `${VERDICT_WORDS[verdict]}${cutShort ? ", stopped" : ""}`
      ),
      align: "left",
    },
    numberColumn(
      "Of limit",
      probes.map(({ ratio }) => ratio === undefined ? NOT_AVAILABLE : percentOf(ratio)),
    ),
  ], width);
  return ["Probes", ...table];
}

/** `82 %`, `12,000 %`. */
function percentOf(ratio: number): string {
  return `${formatNumber(Number((ratio * 100).toPrecision(3)))} %`;
}
