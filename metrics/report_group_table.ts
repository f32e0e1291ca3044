/**
 * The terminal's tables of groups: the key figures of each turn, class, model, server, or stage.
 *
 * @module
 */
import { formatCount, formatMs, formatNumber, formatPercentile, formatShare } from "./format.ts";
import { metricOf } from "./load_figures.ts";
import type { Grouping, GroupSummary } from "./load_groups.ts";
import { numberColumn, type TextColumn, textTable } from "./report_text_table.ts";

/** Latencies in the table, those that give way first last. */
const SHOWN = [
  { name: "ttft", title: "TTFT", dropOrder: undefined },
  { name: "e2e", title: "E2E", dropOrder: 3 },
  { name: "tpot", title: "TPOT", dropOrder: 6 },
] as const;

/** Lines of the table of one grouping, heading first. */
export function groupTableLines(
  { title, groups }: Grouping,
  percentiles: readonly number[],
  width: number,
): readonly string[] {
  // A percentile that no group has enough requests for would be a column of n/a.
  const known = percentiles.map((p, i) => ({ p, i })).filter(({ p, i }) =>
    p > 50 && p <= 99 &&
    groups.some(({ metrics }) =>
      metrics.some(({ distribution }) => distribution.percentiles[i]?.value !== undefined)
    )
  );
  const tails = known.length < 2 ? known : [
    known.find(({ p }) => p === 90) ?? known[0]!,
    known.reduce((a, b) => a.p > b.p ? a : b),
  ].filter((one, i, all) => all.indexOf(one) === i);
  const column = (
    heading: string,
    cell: (group: GroupSummary) => string,
    dropOrder?: number,
  ): TextColumn => numberColumn(heading, groups.map(cell), dropOrder);
  const some = (has: (group: GroupSummary) => unknown, columns: readonly TextColumn[]) =>
    groups.some(has) ? columns : [];
  const latencies = SHOWN.flatMap(({ name, title, dropOrder }) => {
    const of = (group: GroupSummary) => metricOf(group, name)?.distribution;
    if (groups.every((group) => (of(group)?.count ?? 0) === 0)) return [];
    return [
      column(`${title} p50`, (group) => formatMs(of(group)?.median), dropOrder),
      ...tails.map(({ p, i }, rank) =>
        column(
          formatPercentile(p),
          (group) => formatMs(of(group)?.percentiles[i]?.value),
          // The tail of the first latency stays longest.
          (dropOrder ?? 0) + (rank === tails.length - 1 ? 1 : 2),
        )
      ),
    ];
  });
  return textTable([
    { heading: title, cells: groups.map(({ name }) => name), align: "left" },
    column("ok", ({ counts }) => formatCount(counts.completed)),
    column("failed", ({ counts }) => formatCount(counts.failed)),
    ...some(({ counts }) => counts.cancelledAsPlanned > 0, [
      column("left", ({ counts }) => formatCount(counts.cancelledAsPlanned)),
    ]),
    ...some(({ rate }) => rate, [
      column("due/s", ({ rate }) => formatNumber(rate?.offeredPerSec)),
      column("sent/s", ({ rate }) => formatNumber(rate?.sentPerSec), 8),
      column("done/s", ({ rate }) => formatNumber(rate?.completedPerSec)),
    ]),
    ...latencies,
    column("out tok/s", ({ throughput }) => formatNumber(throughput.outputTokensPerSec), 3),
    ...some(({ slo }) => slo, [column("good", ({ slo }) => formatShare(slo?.attainment), 0)]),
    ...some(({ prefix }) => prefix, [
      column("expected", ({ prefix }) => formatShare(prefix?.expected.share), 9),
    ]),
    ...some(({ prefix }) => prefix?.measured.share, [
      column("cached", ({ prefix }) => formatShare(prefix?.measured.share), 0),
    ]),
  ], width);
}
