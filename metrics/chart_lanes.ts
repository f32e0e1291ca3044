/**
 * Sessions as swim lanes: a lane a slot, whose sessions follow each other; requests as bars, pauses as
 * thin lines, and below the main agent those that it started.
 *
 * @module
 */
import { across, chart, path, percent, PLOT_WIDTH, round, type SpanTip } from "./chart_frame.ts";
import { LANE_MARKS, type LaneMark, markOf } from "./chart_lane_marks.ts";
import { beginOf, endOf, rowsOf } from "./chart_lane_rows.ts";
import { timeAxis } from "./chart_scale.ts";
import { formatCount, formatMs, plural } from "./format.ts";
import type { Lane, LaneChain, Lanes, LaneSession } from "./load_sessions.ts";
import { type Markup, markup } from "./markup.ts";

interface LanesChart {
  readonly id: string;
  readonly lanes: Lanes;
  readonly durationMs: number;
  /** Most requests that are drawn; lanes are left out for it. Default all that were kept. */
  readonly requests?: number;
}

/** Heights of rows in pixels: they shrink with the number of rows, then the chart scrolls. */
const ALL_ROWS = 900;
const [LEAST_ROW, MOST_ROW] = [4, 16];

/** A departure that is later than this is marked: it is what the schedule's check allows. */
export const LATE_MS = 5;

/** Least width of a bar, and of what is late, in thousandths of the chart. */
const LEAST_WIDTH = 1;
const LEAST_LATE = 3;

/** More marks than this hide what they mark. */
const MOST_MARKS = 500;

/** Strokes of a lane, drawn in this order. */
const STROKES = [
  "session",
  "spawn",
  "delay",
  "prefill",
  "decode",
  "failed",
  "cancelled",
  "late",
] as const;
type Stroke = (typeof STROKES)[number];

/** Lanes that fit: all, or every n-th, evenly. */
export function drawnLanes({ lanes }: Lanes, requests: number = Infinity): readonly Lane[] {
  const count = ({ sessions }: Lane) =>
    sessions.reduce(
      (sum, { chains }) => sum + chains.reduce((sum, { turn }) => sum + turn.length, 0),
      0,
    );
  const counts = lanes.map(count);
  for (let every = 1;; every *= 2) {
    const shown = lanes.filter((_, i) => i % every === 0);
    const drawn = counts.reduce((sum, one, i) => i % every === 0 ? sum + one : sum, 0);
    if (drawn <= requests || shown.length <= 1) return shown;
  }
}

/** The chart, in a box that scrolls where it is taller than a screen. */
export function lanesChart({ id, lanes, durationMs, requests }: LanesChart): Markup {
  const shown = drawnLanes(lanes, requests);
  const lastMs = shown.reduce(
    (last, { sessions }) => sessions.reduce((last, { endMs }) => Math.max(last, endMs), last),
    lanes.untilMs === undefined ? durationMs : 0,
  );
  const { at, ticks, name } = timeAxis(lastMs);
  const rows = shown.map(rowsOf);
  const all = rows.reduce((sum, { count }) => sum + count, 0);
  const row = Math.min(MOST_ROW, Math.max(LEAST_ROW, Math.floor(ALL_ROWS / Math.max(1, all))));
  const gap = Math.max(1, Math.round(row / 4));
  const strokes = createStrokes(row);
  const marks: Markup[] = [];
  const tips: SpanTip[] = [];
  const places: { readonly y: number; readonly height: number; readonly user: number }[] = [];
  let top = 0;
  for (const [i, lane] of shown.entries()) {
    const height = rows[i]!.count * row + gap;
    places.push({ y: top, height, user: lane.user });
    for (const session of lane.sessions) {
      const x = across(at(session.startMs));
      strokes.add("session", false, `M${x} ${round(top + gap / 2, 1)}v${rows[i]!.count * row}`);
      for (const [k, chain] of session.chains.entries()) {
        const number = rows[i]!.of.get(chain)!;
        const y = round(top + gap / 2 + (number + 0.5) * row, 1);
        drawChain(chain, { session, at, y, strokes, first: k === 0 });
        if (number > 0) {
          const start = across(at(beginOf(chain, 0)));
          strokes.add("spawn", false, `M${start} ${round(y - number * row, 1)}V${y}`);
        }
        for (const i of chain.turn.keys()) {
          const mark = markOf(session, chain, i);
          if (mark !== undefined && marks.length < MOST_MARKS) {
            marks.push(markAt(mark, at(endOf(chain, i)), y));
          }
          tips.push({
            at: y,
            from: at(beginOf(chain, i)),
            to: at(endOf(chain, i)),
            lines: describe(lane, session, chain, i),
          });
        }
      }
    }
    top += height;
  }
  const height = Math.max(MOST_ROW, top);
  const shaded = places.filter((_, i) => i % 2 === 1)
    .map(({ y, height }) => `M0 ${y}h${PLOT_WIDTH}v${height}H0z`).join("");
  const instants = ticks.map((tick) => `M${across(tick.at)} 0V${height}`).join("");
  return chart({
    id,
    title: "Sessions in their slots",
    description: `${slotsText(lanes, shown.length)}, ${
      plural(tips.length, "request")
    } from the instant at which each was due to its end`,
    panels: [{
      height,
      name: "Slot",
      ticks: laneTicks(places, height),
      plain: true,
      shapes: [path("lane", shaded), path("grid", instants), ...strokes.drawn()],
      labels: marks,
      empty: tips.length === 0 ? "nothing was sent" : undefined,
    }],
    ticks: tips.length === 0 ? [] : ticks,
    name,
    scrolls: true,
    tips: { axis: "xy", list: tips.map((tip) => ({ ...tip, at: tip.at / height })) },
  });
}

/** `16 slots`, `63 of 500 slots, every 8th`. */
export function slotsText({ slots, every, lanes, untilMs }: Lanes, shown: number): string {
  const step = every * Math.max(1, Math.round(lanes.length / Math.max(1, shown)));
  const which = shown >= slots || step === 1
    ? plural(slots, "slot")
    : `${formatCount(shown)} of ${plural(slots, "slot")}, every ${step}${ordinal(step)}`;
  return untilMs === undefined
    ? which
    : `${which}, only requests that were due in the first ${formatMs(untilMs)}`;
}

function ordinal(number: number): string {
  const teen = number % 100 > 10 && number % 100 < 14;
  return (teen ? undefined : ["th", "st", "nd", "rd"][number % 10]) ?? "th";
}

interface Strokes {
  add(kind: Stroke, nested: boolean, d: string): void;
  drawn(): readonly Markup[];
}

/** Paths by what they are: thousands of bars are some fifteen elements. */
function createStrokes(row: number): Strokes {
  const paths = new Map<string, string[]>();
  const part = (share: number) => Math.max(1, Math.round(row * share));
  const widths: Readonly<Record<Stroke, number>> = {
    ...{ session: 1, spawn: 1, delay: 1, prefill: part(0.4), decode: part(0.75) },
    ...{ failed: part(0.5), cancelled: part(0.5), late: part(0.75) },
  };
  return {
    add(kind, nested, d) {
      const key = `${kind}${nested ? " nested" : ""}`;
      const list = paths.get(key);
      if (list === undefined) paths.set(key, [d]);
      else list.push(d);
    },
    drawn: () =>
      STROKES.flatMap((kind) => [kind, `${kind} nested`]).map((key) => {
        const width = widths[key.split(" ")[0] as Stroke];
        // What an agent started is thinner than the agent.
        const own = key.endsWith("nested") ? Math.max(1, Math.round(width * 0.7)) : width;
        const d = paths.get(key)?.join("") ?? "";
        return d === "" ? markup`` : markup`<g stroke-width="${own}">${path(key, d)}</g>`;
      }),
  };
}

function drawChain(
  chain: LaneChain,
  { session, at, y, strokes, first }: {
    readonly session: LaneSession;
    readonly at: (ms: number) => number;
    readonly y: number;
    readonly strokes: Strokes;
    readonly first: boolean;
  },
): void {
  const nested = !first;
  const bar = (kind: Stroke, fromMs: number, toMs: number, least: number) => {
    if (!(toMs > fromMs)) return;
    const from = across(at(fromMs));
    const to = Math.max(across(at(toMs)), round(from + least, 1));
    strokes.add(kind, nested, `M${from} ${y}H${to}`);
  };
  let freeMs = first ? session.startMs : undefined;
  for (const [i, intendedMs] of chain.intendedMs.entries()) {
    // A request that the plan holds back is in a pause.
    const dueMs = intendedMs + (chain.heldMs?.[i] ?? 0);
    if (freeMs !== undefined) bar("delay", freeMs, dueMs, 0);
    const sentMs = chain.sentMs[i];
    freeMs = Math.max(freeMs ?? 0, endOf(chain, i));
    if (sentMs === null || sentMs === undefined) continue;
    if (sentMs - dueMs > LATE_MS) bar("late", dueMs, sentMs, LEAST_LATE);
    const mark = markOf(session, chain, i);
    if (mark === "failed" || mark === "context" || mark === "cancelled") {
      bar(mark === "cancelled" ? mark : "failed", sentMs, endOf(chain, i), LEAST_WIDTH);
      continue;
    }
    const firstMs = chain.firstTokenMs[i] ?? endOf(chain, i);
    bar("prefill", sentMs, firstMs, LEAST_WIDTH);
    bar("decode", firstMs, chain.lastTokenMs[i] ?? firstMs, LEAST_WIDTH);
  }
}

function markAt(kind: LaneMark, x: number, y: number): Markup {
  const { mark } = LANE_MARKS.find((one) => one.kind === kind)!;
  return markup`<text class="${kind}" x="${percent(x)}" y="${
    round(y + 4, 1)
  }" text-anchor="middle">${mark}</text>`;
}

function describe(
  { user }: Lane,
  session: LaneSession,
  chain: LaneChain,
  i: number,
): readonly string[] {
  const { depth, turn, intendedMs, sentMs, firstTokenMs, lastTokenMs, outcome } = chain;
  const sent = sentMs[i] ?? undefined;
  const since = (ms: number | null | undefined) =>
    formatMs(sent === undefined || ms === null || ms === undefined ? undefined : ms - sent);
  const tokens = chain.promptTokens[i] ?? undefined;
  const held = chain.heldMs?.[i] ?? 0;
  return [
    `${session.session}, slot ${user + 1}, turn ${turn[i]}${
      depth === 0 && chain === session.chains[0]
        ? ""
        : depth === 0
        ? " of a helper"
        : " of a sub-agent"
    }${outcome[i] === "ok" ? "" : `: ${outcome[i]}`}`,
    `due at ${formatMs(intendedMs[i])}, ${
      sent === undefined ? "never sent" : `sent ${formatMs(sent - intendedMs[i]!)} later`
    }${held > 0 ? `, held for ${formatMs(held)}` : ""}`,
    ...(sent === undefined ? [] : [
      `TTFT ${since(firstTokenMs[i])}, E2E ${since(lastTokenMs[i])}${
        tokens === undefined ? "" : `, ${formatCount(tokens)} prompt tokens`
      }`,
    ]),
  ];
}

/** At most a dozen numbers of slots, at the middle of their lanes. */
function laneTicks(
  places: readonly { readonly y: number; readonly height: number; readonly user: number }[],
  height: number,
): readonly { readonly at: number; readonly label: string }[] {
  const most = Math.max(1, Math.floor(height / 40));
  const step = Math.max(1, Math.ceil(places.length / most));
  return places.filter((_, i) => i % step === 0).map(({ y, height: own, user }) => ({
    at: 1 - (y + own / 2) / height,
    label: formatCount(user + 1),
  }));
}
