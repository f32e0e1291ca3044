/**
 * Requests as bars from the intended time to the end, one below the other.
 *
 * @module
 */
import type { Outcome } from "../backends/record.ts";
import { across, chart, path, percent, PLOT_WIDTH, type Tip } from "./chart_frame.ts";
import { timeAxis } from "./chart_scale.ts";
import { formatCount, formatMs, plural } from "./format.ts";
import { type Markup, markup } from "./markup.ts";
import type { TimelineEntry } from "./load_summary.ts";

interface TimelineChart {
  readonly id: string;
  /** Requests in any order, drawn in the order of sending. */
  readonly entries: readonly TimelineEntry[];
  /** All requests of the load; more than `entries` when these are a sample. */
  readonly offered: number;
  readonly durationMs: number;
  /** Most bars; more requests are thinned out. Default 160. */
  readonly rows?: number;
}

const ROWS = 160;

/** Height of a bar up to a number of rows. */
const ROW_HEIGHTS: readonly { readonly rows: number; readonly height: number }[] = [
  { rows: 0, height: 60 },
  { rows: 8, height: 14 },
  { rows: 24, height: 10 },
  { rows: 60, height: 6 },
];

/** Least width of a bar, in thousandths of the chart. */
const LEAST_WIDTH = 1;

/** Mark at the end of a request that did not complete: a shape, so that no color is needed. */
export const TIMELINE_MARKS: readonly {
  readonly kind: "failed" | "cancelled" | "cancelledAsPlanned" | "dropped";
  readonly mark: string;
}[] = [
  { kind: "failed", mark: "×" },
  { kind: "cancelled", mark: "○" },
  { kind: "cancelledAsPlanned", mark: "◇" },
  { kind: "dropped", mark: "△" },
];

/**
 * Thin line: waiting to be sent; half bar: waiting for the first token; full bar: tokens. Requests
 * that did not complete are dashed and have a mark at the end.
 */
export function timelineChart(data: TimelineChart): Markup {
  const { id, entries, offered, durationMs, rows = ROWS } = data;
  const shown = thinOut(entries, rows).toSorted((a, b) => departureMs(a) - departureMs(b));
  const lastMs = Math.max(durationMs, ...shown.map(({ intendedMs }) => intendedMs));
  const { at, ticks, name } = timeAxis(lastMs);
  const row = ROW_HEIGHTS.find(({ rows }) => shown.length <= rows)?.height ?? 3;
  const height = Math.max(row, shown.length * row);
  const half = Math.max(1, Math.round(row * 0.5));
  const widths: Readonly<Record<Stretch, number>> = {
    ...{ waiting: 1, prefill: Math.max(1, Math.round(row * 0.4)), decode: row - 1 },
    ...{ failed: half, cancelled: half },
  };
  const paths: Partial<Record<Stretch, string>> = {};
  const marks: Markup[] = [];
  for (const [i, entry] of shown.entries()) {
    const y = (i + 0.5) * row;
    for (const { kind, fromMs, toMs } of stretches(entry)) {
      if (!(toMs > fromMs)) continue;
      const [from, to] = [at(fromMs), Math.max(at(toMs), at(fromMs) + LEAST_WIDTH / PLOT_WIDTH)];
      paths[kind] = `${paths[kind] ?? ""}M${across(from)} ${y}H${across(to)}`;
    }
    const ended = groupOf(entry.outcome);
    const mark = TIMELINE_MARKS.find(({ kind }) => kind === ended);
    if (mark !== undefined) {
      marks.push(
        markup`<text class="${mark.kind}" x="${percent(at(lastStamp(entry)))}" y="${
          y + 4
        }" text-anchor="middle">${mark.mark}</text>`,
      );
    }
  }
  const drawn = (Object.keys(widths) as Stretch[]).map((kind) =>
    markup`<g stroke-width="${widths[kind]}">${path(kind, paths[kind] ?? "")}</g>`
  );
  const all = plural(offered, "request");
  const sample = shown.length < offered ? `${formatCount(shown.length)} of ${all}` : undefined;
  const found = sample === undefined
    ? all
    : `${sample}, those that did not complete first, the others spread evenly`;
  return chart({
    id,
    title: "Timeline of requests",
    description: shown.length === 0 ? "No requests" : `${found}, from the intended time to the end`,
    panels: [{
      height,
      name: `${sample ?? "Request"}, in the order of sending`,
      ticks: rowTicks(shown.length, height),
      shapes: drawn,
      labels: marks,
      empty: shown.length === 0 ? "nothing was sent" : undefined,
    }],
    ticks: shown.length === 0 ? [] : ticks,
    name,
    tips: {
      axis: "y",
      list: shown.map((entry, i): Tip => ({
        at: (i + 0.5) / shown.length,
        lines: describeEntry(entry),
      })),
    },
  });
}

type Stretch = "waiting" | "prefill" | "decode" | "failed" | "cancelled";

type Group = "completed" | (typeof TIMELINE_MARKS)[number]["kind"];

function groupOf(outcome: Outcome["kind"]): Group {
  switch (outcome) {
    case "ok":
      return "completed";
    case "cancelled":
    case "dropped":
      return outcome;
    case "cancelled_as_planned":
      return "cancelledAsPlanned";
    default:
      return "failed";
  }
}

function stretches(
  entry: TimelineEntry,
): readonly { readonly kind: Stretch; readonly fromMs: number; readonly toMs: number }[] {
  const { intendedMs, sentMs, firstTokenMs, lastTokenMs, outcome } = entry;
  if (sentMs === undefined) return [];
  const waiting = { kind: "waiting", fromMs: intendedMs, toMs: sentMs } as const;
  const group = groupOf(outcome);
  if (group === "failed" || group === "cancelled") {
    return [waiting, { kind: group, fromMs: sentMs, toMs: lastStamp(entry) }];
  }
  const firstMs = firstTokenMs ?? lastStamp(entry);
  return [
    waiting,
    { kind: "prefill", fromMs: sentMs, toMs: firstMs },
    { kind: "decode", fromMs: firstMs, toMs: lastTokenMs ?? firstMs },
  ];
}

/** Each user of a closed loop has its own sequence, so request numbers give no order. */
function departureMs({ sentMs, intendedMs }: TimelineEntry): number {
  return sentMs ?? intendedMs;
}

function lastStamp(entry: TimelineEntry): number {
  const { intendedMs, sentMs, firstTokenMs, lastTokenMs, endMs } = entry;
  return endMs ?? lastTokenMs ?? firstTokenMs ?? sentMs ?? intendedMs;
}

function describeEntry(entry: TimelineEntry): readonly string[] {
  const { index, user, intendedMs, sentMs, firstTokenMs, endMs, outcome } = entry;
  const since = (ms: number | undefined) =>
    formatMs(ms === undefined || sentMs === undefined ? undefined : ms - sentMs);
  return [
    `Request ${formatCount(index)}, user ${formatCount(user)}: ${outcome}`,
    `intended at ${formatMs(intendedMs)}`,
    ...(sentMs === undefined ? ["never sent"] : [
      `sent ${formatMs(sentMs - intendedMs)} later`,
      `first token after ${since(firstTokenMs)}, end after ${since(endMs)}`,
    ]),
  ];
}

/** At most five row numbers, at the middle of their rows. */
function rowTicks(
  rows: number,
  height: number,
): readonly { readonly at: number; readonly label: string }[] {
  const ticks = Math.min(5, rows, Math.floor(height / 14));
  return Array.from({ length: ticks }, (_, k) => {
    const i = ticks === 1 ? 0 : Math.round(k * (rows - 1) / (ticks - 1));
    return { at: 1 - (i + 0.5) / rows, label: formatCount(i + 1) };
  });
}

/**
 * Keeps requests that did not complete, up to half of the rows: an even sample of thousands would miss
 * the few that a reader looks for.
 */
function thinOut(entries: readonly TimelineEntry[], rows: number): readonly TimelineEntry[] {
  if (entries.length <= rows) return entries;
  // Users who leave as planned are as many as the plan says.
  const usual = new Set<TimelineEntry["outcome"]>(["ok", "cancelled_as_planned"]);
  const rare = spread(
    entries.filter(({ outcome }) => !usual.has(outcome)),
    Math.floor(rows / 2),
  );
  const common = entries.filter(({ outcome }) => usual.has(outcome));
  const kept = new Set([...rare, ...spread(common, rows - rare.length)]);
  return entries.filter((entry) => kept.has(entry));
}

/** At most `count` of them, spread evenly. */
function spread(entries: readonly TimelineEntry[], count: number): readonly TimelineEntry[] {
  const shown = Math.min(entries.length, count);
  return Array.from({ length: shown }, (_, i) => entries[Math.floor(i * entries.length / shown)]!);
}
