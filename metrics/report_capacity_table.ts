/**
 * A search or a curve in the terminal: its probes, and its answer as the last thing that is read.
 *
 * @module
 */
import { axisText, VERDICT_WORDS } from "./capacity_summary.ts";
import { capitalize, formatNumber, NOT_AVAILABLE } from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import { numberColumn, textTable, wrapText } from "./report_text_table.ts";
import type { Summary } from "./summary.ts";

/** Loads that a reader wants to see whole: of a search those that its answer rests on. */
export function loadsInDetail({ loads, capacity, curve }: Summary): readonly LoadSummary[] {
  const values = capacity !== undefined
    ? [capacity.kept, capacity.broke]
    : curve !== undefined
    ? [curve.knee]
    : undefined;
  if (values === undefined) return loads;
  return loads.filter((load, i) =>
    load.interrupted ||
    values.some((value) => value !== undefined && value === load.plan.probe) &&
      loads.findLastIndex(({ plan }) => plan.probe === load.plan.probe) === i
  );
}

/** Blocks of lines; none where the run looked for nothing. */
export function searchLines(
  { capacity, curve, loads }: Summary,
  width: number,
): readonly (readonly string[])[] {
  const answer = (name: string, sentence: string) => [
    name,
    ...wrapText(capitalize(sentence), width - 2).map((line) => `  ${line}`),
  ];
  if (curve !== undefined) return [answer("Curve", curve.sentence)];
  if (capacity === undefined) return [];
  const { probes, axis } = capacity;
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
  return [
    ...(probes.length === 0 ? [] : [["Probes", ...table]]),
    answer("Answer", capacity.sentence),
  ];
}

/** `82 %`, `12,000 %`. */
function percentOf(ratio: number): string {
  return `${formatNumber(Number((ratio * 100).toPrecision(3)))} %`;
}
