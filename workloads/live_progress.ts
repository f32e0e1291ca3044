/**
 * The progress line of a long run: rendered from its state, written as often as its reader can use.
 *
 * @module
 */
import { unicodeWidth } from "@std/cli/unicode-width";
import { type Clock, systemClock } from "../backends/clock.ts";

/** Progress of a run. */
export interface ProgressState {
  /** `loading prompts`, `warm-up`, `measuring` … */
  readonly phase: string;
  /** 0-based number of the load; absent = none is sent. */
  readonly load?: number;
  /** How many loads there are; absent = nobody knows. */
  readonly loads?: number;
  /** Which part of the run: `64 users`. */
  readonly label: string;
  /** Requests that have ended. */
  readonly done: number;
  /** Requests of the whole phase, where that is known. */
  readonly total?: number;
  /** Ended requests that did not succeed. */
  readonly failed: number;
  /** Sent and not ended. */
  readonly inFlight: number;
  /** Output tokens per second since the last update, estimated from reads. */
  readonly tokensPerSec?: number;
  /** Milliseconds since this phase began. */
  readonly elapsedMs: number;
  /** Estimated time left, where there is an estimate. */
  readonly leftMs?: number;
}

/** Between the parts of a line. */
export const GAP = "  ";
const BAR_COLUMNS = 20;
/** In a line that is not wide. */
const SHORT_BAR_COLUMNS = 10;
const WIDE_COLUMNS = 100;
const BAR_RANK = 4;

/** A part of a line. */
export interface LinePart {
  /** Empty = it is left out. */
  readonly text: string;
  /** The highest is left out first when the line is too long. */
  readonly rank: number;
  /** Colors of the terminal (SGR), e.g. `1` for bold. */
  readonly style?: string | undefined;
}

/** How lines are drawn. */
export interface LineOptions {
  /** Width that they have to fit into. */
  readonly columns: number;
  /** Styles are welcome. Default: no. */
  readonly color?: boolean;
}

/** The parts in at most so many columns; what matters least is left out first. */
export function fitLine(
  parts: readonly LinePart[],
  { columns, color = false }: LineOptions,
): string {
  const kept = parts.filter(({ text }) => text !== "");
  const width = () => unicodeWidth(kept.map(({ text }) => text).join(GAP));
  while (kept.length > 1 && width() > columns) {
    const last = Math.max(...kept.map(({ rank }) => rank));
    kept.splice(kept.findIndex(({ rank }) => rank === last), 1);
  }
  const line = kept.map(({ text, style }) => {
    const fitting = cut(text, columns);
    return color && style !== undefined ? `\x1b[${style}m${fitting}\x1b[0m` : fitting;
  });
  return line.join(GAP);
}

/**
 * The state in at most `columns` columns; what matters least is left out first, and `bar: false` leaves
 * out the bar, which says nothing in a log.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { renderProgress } from "@tokometer/tokometer/workloads";
 *
 * const line = renderProgress({
 *   phase: "measuring",
 *   label: "4 users",
 *   done: 30,
 *   total: 40,
 *   failed: 1,
 *   inFlight: 4,
 *   elapsedMs: 65_000,
 * }, 70);
 * assertEquals(line, "measuring 4 users  ━━━━━━━───  30/40  1 failed  4 in flight  1:05");
 * ```
 */
export function renderProgress(
  state: ProgressState,
  columns: number,
  { bar = true }: { readonly bar?: boolean } = {},
): string {
  const parts = progressParts(state, columns);
  return fitLine(bar ? parts : parts.filter(({ rank }) => rank !== BAR_RANK), { columns });
}

/**
 * The parts of {@linkcode renderProgress}.
 *
 * @param left texts in place of the time left of the load, without which the time so far stands there,
 * and of all loads.
 */
export function progressParts(
  state: ProgressState,
  columns: number,
  { own, all = "" }: { readonly own: string; readonly all?: string } = {
    own: state.leftMs === undefined ? "" : `${clockText(state.leftMs)} left`,
  },
): readonly LinePart[] {
  const { phase, label, load = 0, loads = 1, done, total, failed, inFlight } = state;
  const share = shareDone(state);
  return [
    { text: `${phase} ${label}`.trim(), rank: 0, style: "1" },
    { text: loads > 1 ? `load ${load + 1} of ${loads}` : "", rank: 5 },
    { text: share === undefined ? "" : bar(share, columns), rank: BAR_RANK, style: "36" },
    { text: total !== undefined ? `${done}/${total}` : done > 0 ? `${done} done` : "", rank: 1 },
    { text: failed === 0 ? "" : `${failed} failed`, rank: 2, style: "31" },
    { text: `${inFlight} in flight`, rank: 8 },
    {
      text: state.tokensPerSec === undefined ? "" : `${Math.round(state.tokensPerSec)} tokens/s`,
      rank: 7,
    },
    { text: own === "" ? clockText(state.elapsedMs) : own, rank: 3 },
    { text: all, rank: 6 },
  ];
}

/** Which part of a load is done, by its requests or by its time, whichever ends it first. */
function shareDone({ done, total, elapsedMs, leftMs }: ProgressState): number | undefined {
  const byCount = total === undefined || total === 0 ? 0 : done / total;
  const byTime = leftMs === undefined || elapsedMs <= 0 ? 0 : elapsedMs / (elapsedMs + leftMs);
  if (leftMs === undefined && (total === undefined || total === 0)) return undefined;
  return Math.min(1, Math.max(byCount, byTime));
}

function bar(share: number, columns: number): string {
  const length = columns < WIDE_COLUMNS ? SHORT_BAR_COLUMNS : BAR_COLUMNS;
  const full = Math.floor(share * length);
  return "━".repeat(full) + "─".repeat(length - full);
}

/** `5 s`, `1:05`, `1:00:05`. */
export function clockText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.slice(parts[0] === 0 ? 1 : 0)
    .map((part, index) => index === 0 ? String(part) : String(part).padStart(2, "0")).join(":");
}

/** At most so many columns of it, `…` where it was longer. */
export function cut(line: string, columns: number): string {
  if (unicodeWidth(line) <= columns) return line;
  let kept = "";
  for (const letter of line) {
    if (unicodeWidth(kept + letter) > columns - 1) break;
    kept += letter;
  }
  return `${kept}…`;
}

/** Where progress goes, and when. */
export interface ProgressLineOptions {
  /** Writes text as it is. */
  readonly write: (text: string) => void;
  /** Lines of a terminal are drawn in place; a log gets a new line, seldom. */
  readonly terminal: boolean;
  /** Width of the terminal: lines that it has become too narrow for take several rows. */
  readonly columns?: (() => number) | undefined;
  /** Says when the next line is due. Default: this process's. */
  readonly clock?: Clock | undefined;
}

/** The progress on a terminal or in a log: a line, on a terminal also a few of them. */
export interface ProgressLine {
  /** Shows lines, unless the last ones are too recent; `""` removes them. */
  show(lines: string | readonly string[]): void;
  /** Removes the lines, lets `write` put something in their place, and shows them again below. */
  around(write: () => void): void;
}

/** A terminal is redrawn at most this often. */
const REDRAW_MS = 100;
/** A log gets a line this often, and whenever the phase changes. */
const LOG_MS = 10_000;

/** Makes a progress line. */
export function createProgressLine(options: ProgressLineOptions): ProgressLine {
  const { write, terminal, columns = () => Infinity, clock = systemClock } = options;
  const everyMs = terminal ? REDRAW_MS : LOG_MS;
  /** What stands on the terminal, or was logged last. */
  let shown: readonly string[] = [];
  let head = "";
  let shownAtMs = -Infinity;
  /** From the end of the lines to the beginning of the first. */
  const toTop = () => {
    const width = Math.max(1, columns());
    const rows = shown.reduce((sum, line) => sum + rowsOf(line, width), 0);
    return rows > 1 ? `\r\x1b[${rows - 1}A` : "\r";
  };
  const clear = () => write(`${toTop()}\x1b[J`);
  return {
    show(given: string | readonly string[]): void {
      const lines = [given].flat().filter((line) => line !== "");
      if (lines.length === 0) {
        if (terminal && shown.length > 0) clear();
        shown = [];
        head = "";
        shownAtMs = -Infinity;
        return;
      }
      const nextHead = plain(lines[0]!).split(GAP, 1)[0]!;
      const nowMs = clock.now();
      if (nextHead === head && nowMs - shownAtMs < everyMs) return;
      head = nextHead;
      shownAtMs = nowMs;
      // One write, and nothing is erased before its place is taken: that would flicker.
      write(terminal ? `${toTop()}${drawn(lines)}` : `${lines.join(GAP)}\n`);
      shown = lines;
    },
    around(action: () => void): void {
      const covered = terminal && shown.length > 0;
      if (covered) clear();
      action();
      if (covered) write(drawn(shown));
    },
  };
}

/**
 * Over what stands there. Rows are erased before they are written: behind the last column the last
 * letter would be erased, too.
 */
function drawn(lines: readonly string[]): string {
  const last = lines.length - 1;
  return lines.map((line, i) => `\x1b[${i === last ? "J" : "K"}${line}`).join("\n");
}

/** Rows that a line takes. */
function rowsOf(line: string, columns: number): number {
  return Math.max(1, Math.ceil(unicodeWidth(plain(line)) / columns));
}

/** Without colors. */
function plain(line: string): string {
  // deno-lint-ignore no-control-regex
  return line.replace(/\x1b\[[\d;]*m/g, "");
}
