/**
 * A run as a few lines of a terminal, or as one where there is little room.
 *
 * @module
 */
import {
  formatCount,
  formatMs,
  formatNumber,
  formatShare,
  NOT_AVAILABLE,
  plural,
} from "../metrics/format.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import {
  clockText,
  fitLine,
  type LineOptions,
  type LinePart,
  progressParts,
  type ProgressState,
} from "./live_progress.ts";
import { liveFleetText } from "./live_fleet.ts";
import type { LiveLatency, LiveState } from "./live_state.ts";

/** A terminal. */
export interface LiveViewOptions extends LineOptions {
  /** Its height. */
  readonly rows: number;
}

/** Smaller terminals get one line. */
const LEAST_ROWS = 8;
const LEAST_COLUMNS = 50;

/** Agents that are named in the line of the fleet. */
const AGENTS_TOLD = 2;

/** Colors of the terminal (SGR). */
const STYLE = { dim: "2", bad: "31", doubtful: "33" } as const;

/**
 * The run in a few lines, none longer than `columns`.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createLiveBoard, renderLiveView } from "@tokometer/tokometer/workloads";
 *
 * const board = createLiveBoard();
 * board.onProgress({
 *   ...{ phase: "measuring", label: "4 users", load: 0, loads: 2 },
 *   ...{ done: 30, total: 40, failed: 0, inFlight: 4, elapsedMs: 65_000 },
 * });
 * const [first] = renderLiveView(board.state(), { columns: 80, rows: 24 });
 * assertEquals(first, "measuring 4 users  load 1 of 2  ━━━━━━━───  30/40  1:05");
 * ```
 */
export function renderLiveView(state: LiveState, options: LiveViewOptions): readonly string[] {
  const { columns, rows } = options;
  const left = timeLeft(state);
  if (state.load === 0 || rows < LEAST_ROWS || columns < LEAST_COLUMNS) {
    return [fitLine(progressParts(progressOf(state), columns, left), options)];
  }
  return [
    // What stands below is not said twice.
    progressParts({ ...progressOf(state), failed: 0 }, columns, left)
      .filter(({ text }) => !/ (tokens\/s|in flight)$/.test(text)),
    flowParts(state),
    latencyParts(state),
    fleetParts(state),
    failureParts(state),
    verdictParts(state),
  ].map((parts) => parts.filter(({ text }) => text !== ""))
    .filter((parts) => parts.length > 0)
    .map((parts) => fitLine(parts, options));
}

function progressOf(state: LiveState): ProgressState {
  const { phase, label, done, failed, inFlight, elapsedMs } = state;
  const { load, loads, total, tokensPerSec, leftMs } = state;
  return {
    ...{ phase, label, done, failed, inFlight, elapsedMs, load: Math.max(0, load - 1) },
    ...loads === undefined || load === 0 ? {} : { loads },
    ...total === undefined ? {} : { total },
    ...tokensPerSec === undefined ? {} : { tokensPerSec },
    ...leftMs === undefined ? {} : { leftMs },
  };
}

/** `22 s left` and `all in 4:10`; empty where nobody knows. */
function timeLeft(
  { leftMs, runLeftMs, inFlight, load, loads = 1 }: LiveState,
): { readonly own: string; readonly all: string } {
  // Nothing more is sent, and what was sent is waited for, if there is anything.
  const over = leftMs === 0 ? inFlight > 0 ? "draining" : "" : undefined;
  return {
    own: over ?? (leftMs === undefined ? "" : `${clockText(leftMs)} left`),
    // Of the last load it is the same.
    all: load === 0 || load >= loads || runLeftMs === undefined
      ? ""
      : `all in ${clockText(runLeftMs)}`,
  };
}

function flowParts(state: LiveState): readonly LinePart[] {
  const { inFlight, server, course } = state;
  // What came last is no rate any more.
  const tokensPerSec = inFlight === 0 ? undefined : state.tokensPerSec;
  const recent = course.tokensPerSec.slice(-SPARK_SLICES);
  return [
    { text: `  ${inFlight} in flight`, rank: 0 },
    { text: tokensPerSec === undefined ? "" : `${formatCount(tokensPerSec)} tokens/s`, rank: 1 },
    { text: tokensPerSec === undefined ? "" : sparkline(recent), rank: 3, style: "36" },
    { text: serverText(server), rank: 2 },
  ];
}

/** Seconds of the sparkline, or slices of long loads. */
const SPARK_SLICES = 16;
const LEVELS = "▁▂▃▄▅▆▇█";

/** Bars from 0 to the highest value; empty for fewer than three values. */
export function sparkline(values: readonly (number | null)[]): string {
  const highest = Math.max(0, ...values.map((value) => value ?? 0));
  if (values.length < 3 || highest === 0) return "";
  const level = (value: number) =>
    LEVELS[Math.min(LEVELS.length - 1, Math.floor(value / highest * LEVELS.length))]!;
  return values.map((value) => value === null ? " " : level(value)).join("");
}

function serverText(server: LiveState["server"]): string {
  const { running, waiting, cacheUse } = server ?? {};
  const parts = [
    running === undefined ? "" : `${formatNumber(running)} running`,
    waiting === undefined ? "" : `${formatNumber(waiting)} waiting`,
    cacheUse === undefined ? "" : `cache ${formatShare(cacheUse)}`,
  ].filter((text) => text !== "");
  return parts.length === 0 ? "" : `server: ${parts.join(", ")}`;
}

function latencyParts({ phase, recent: { ttft, itl, e2e } }: LiveState): readonly LinePart[] {
  if (phase === "warm-up") return [];
  if (e2e.count === 0) {
    return [{ text: "  no request completed in the last 10 s", rank: 0, style: STYLE.dim }];
  }
  // Without streaming, how long answers take is all there is.
  const shown = ttft.count > 0 || e2e.p50Ms === undefined
    ? [["TTFT", ttft], ["ITL", itl]] as const
    : [["E2E", e2e]] as const;
  return [
    ...shown.map(([name, latency], i): LinePart => ({
      text: `${i === 0 ? "  " : ""}${name} ${latencyText(latency)}`,
      rank: i,
    })),
    { text: `last 10 s, ${plural(e2e.count, "request")}`, rank: 2, style: STYLE.dim },
  ];
}

/** `p50 42.1 ms, p99 80 ms`; a percentile of too few values is none. */
function latencyText({ p50Ms, p99Ms }: LiveLatency): string {
  if (p50Ms === undefined) return NOT_AVAILABLE;
  return `p50 ${formatMs(p50Ms)}, p99 ${formatMs(p99Ms)}`;
}

function fleetParts({ fleet }: LiveState): readonly LinePart[] {
  if (fleet === undefined) return [];
  const wrong = fleet.shown.filter((one) => one.wrong !== "");
  return [
    {
      text: `  ${liveFleetText(fleet)}`,
      rank: 0,
      style: fleet.lost > 0 ? STYLE.bad : fleet.silent > 0 ? STYLE.doubtful : STYLE.dim,
    },
    ...wrong.slice(0, AGENTS_TOLD).map(({ name, wrong }, i): LinePart => ({
      text: `${name} ${wrong}`,
      rank: i + 1,
      style: fleet.lost > i ? STYLE.bad : STYLE.doubtful,
    })),
  ];
}

function failureParts({ failures }: LiveState): readonly LinePart[] {
  return failures.map(({ kind, count, message }, i): LinePart => ({
    text: `${i === 0 ? "  failed: " : ""}${formatCount(count)} × ${kind.replaceAll("_", " ")}: ${
      visibleLine(message)
    }`,
    rank: i,
    style: STYLE.bad,
  }));
}

function verdictParts({ verdict }: LiveState): readonly LinePart[] {
  if (verdict === undefined) return [];
  return [
    verdict.state === "ok"
      ? { text: "  so far: the client has time", rank: 0, style: STYLE.dim }
      : { text: `  so far: ${verdict.why}`, rank: 0, style: STYLE.doubtful },
  ];
}
