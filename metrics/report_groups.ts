/**
 * One row per group of requests, for spreadsheets and scripts.
 *
 * @module
 */
import { stringify } from "@std/csv";
import { formatPercentile } from "./format.ts";
import { metricOf } from "./load_figures.ts";
import type { GroupSummary } from "./load_groups.ts";
import type { LoadSummary } from "./load_summary.ts";
import { METRICS } from "./metrics.ts";
import type { Report } from "./report.ts";
import type { Summary } from "./summary.ts";
import { GROUP_METRICS } from "./summary_groups.ts";
import { visibleCell } from "./visible_text.ts";

interface Row {
  readonly load: LoadSummary;
  readonly by: string;
  readonly group: GroupSummary;
}

/** Header cell and where its value comes from. */
type Column = readonly [name: string, (row: Row) => string | number | undefined];

/**
 * Comma-separated values as those of the loads, in a file of their own: there, a row is a load. Only runs
 * whose requests have groups write it.
 */
export const reportGroups: Report = {
  name: "groups",
  description: "One CSV row per turn, prompt length, class, model, server, or stage",
  extension: "groups.csv",
  appliesTo: ({ loads }) => loads.some(({ groups }) => groups.length > 0),
  render: (summary) => {
    const columns = columnsOf(summary);
    const rows = summary.loads.flatMap((load) =>
      load.groups.flatMap(({ by, groups }) => groups.map((group): Row => ({ load, by, group })))
    );
    return stringify([
      columns.map(([name]) => name),
      ...rows.map((row) => columns.map(([, value]) => visibleCell(String(value(row) ?? "")))),
    ]);
  },
};

function columnsOf({ percentiles }: Summary): readonly Column[] {
  const of = (name: string, value: (group: GroupSummary) => number | undefined): Column => [
    name,
    ({ group }) => value(group),
  ];
  return [
    ["load", ({ load }) => load.label],
    ["by", ({ by }) => by],
    ["group", ({ group }) => group.name],
    of("offered", ({ counts }) => counts.offered),
    of("sent", ({ counts }) => counts.sent),
    of("completed", ({ counts }) => counts.completed),
    of("failed", ({ counts }) => counts.failed),
    of("cancelled", ({ counts }) => counts.cancelled),
    of("cancelled_as_planned", ({ counts }) => counts.cancelledAsPlanned),
    of("dropped", ({ counts }) => counts.dropped),
    of("success_rate", ({ counts }) => counts.successRate),
    of("from_ms", ({ throughput }) => throughput.fromMs),
    of("to_ms", ({ throughput }) => throughput.toMs),
    of("planned_per_sec", ({ rate }) => rate?.plannedPerSec),
    of("offered_per_sec", ({ rate }) => rate?.offeredPerSec),
    of("sent_per_sec", ({ rate }) => rate?.sentPerSec),
    of("completed_per_sec", ({ rate }) => rate?.completedPerSec),
    of("qps", ({ throughput }) => throughput.qps),
    of("output_tokens_per_sec", ({ throughput }) => throughput.outputTokensPerSec),
    of("total_tokens_per_sec", ({ throughput }) => throughput.totalTokensPerSec),
    of("prompt_tokens_total", ({ promptTokens }) => promptTokens),
    of("output_tokens_total", ({ outputTokens }) => outputTokens),
    of("expected_cached_share", ({ prefix }) => prefix?.expected.share),
    of("new_tokens_total", ({ prefix }) => prefix?.expected.newTokens),
    of("cached_share", ({ prefix }) => prefix?.measured.share),
    of("good", ({ slo }) => slo?.good),
    of("goodput_per_sec", ({ slo }) => slo?.goodput),
    of("attainment", ({ slo }) => slo?.attainment),
    ...METRICS.filter(({ name }) => GROUP_METRICS.includes(name)).flatMap(({ name }) =>
      metricColumns(name, percentiles)
    ),
  ];
}

/** Times in ms, each percentile with both ends of its bracket. */
function metricColumns(metric: string, percentiles: readonly number[]): readonly Column[] {
  const of = ({ group }: Row) => metricOf(group, metric);
  return [
    [`${metric}_count`, (row) => of(row)?.distribution.count],
    ...(["mean", "median", "max"] as const).map((
      statistic,
    ): Column => [`${metric}_${statistic}_ms`, (row) => of(row)?.distribution[statistic]]),
    ...percentiles.flatMap((p, i): readonly Column[] => {
      const name = `${metric}_${formatPercentile(p)}`;
      const bracket = (row: Row) => of(row)?.brackets?.percentiles[i]?.bracket;
      return [
        [`${name}_ms`, (row) => of(row)?.distribution.percentiles[i]?.value],
        [`${name}_low_ms`, (row) => bracket(row)?.low],
        [`${name}_high_ms`, (row) => bracket(row)?.high],
      ];
    }),
  ];
}
