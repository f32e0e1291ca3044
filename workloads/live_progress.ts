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

const GAP = "  ";
const BAR_COLUMNS = 20;

/**
 * The state in at most `columns` columns; what matters least is left out first.
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
 * }, 60);
 * assertEquals(line, "measuring 4 users  30/40  1 failed  4 in flight  1:05");
 * ```
 */
export function renderProgress(state: ProgressState, columns: number): string {
  const { phase, label, done, total, failed, inFlight, tokensPerSec, elapsedMs, leftMs } = state;
  const share = total === undefined || total === 0 ? undefined : Math.min(1, done / total);
  // In the order shown; the highest rank is left out first when the line is too long.
  const parts: { text: string; rank: number }[] = [
    { text: `${phase} ${label}`.trim(), rank: 0 },
    { text: share === undefined ? "" : bar(share), rank: 7 },
    { text: total !== undefined ? `${done}/${total}` : done > 0 ? `${done} done` : "", rank: 1 },
    { text: failed === 0 ? "" : `${failed} failed`, rank: 2 },
    { text: `${inFlight} in flight`, rank: 6 },
    { text: tokensPerSec === undefined ? "" : `${Math.round(tokensPerSec)} tokens/s`, rank: 5 },
    { text: clockText(elapsedMs), rank: 3 },
    { text: leftMs === undefined ? "" : `${clockText(leftMs)} left`, rank: 4 },
  ].filter(({ text }) => text !== "");
  const line = () => parts.map(({ text }) => text).join(GAP);
  while (parts.length > 1 && unicodeWidth(line()) > columns) {
    const last = Math.max(...parts.map(({ rank }) => rank));
    parts.splice(parts.findIndex(({ rank }) => rank === last), 1);
  }
  return cut(line(), columns);
}

function bar(share: number): string {
  const full = Math.floor(share * BAR_COLUMNS);
  return "━".repeat(full) + "─".repeat(BAR_COLUMNS - full);
}

/** `5 s`, `1:05`, `1:00:05`. */
export function clockText(ms: number): string {
  const seconds = Math.max(0, Math.round(ms / 1000));
  if (seconds < 60) return `${seconds} s`;
  const parts = [Math.floor(seconds / 3600), Math.floor(seconds / 60) % 60, seconds % 60];
  return parts.slice(parts[0] === 0 ? 1 : 0)
    .map((part, index) => index === 0 ? String(part) : String(part).padStart(2, "0")).join(":");
}

function cut(line: string, columns: number): string {
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
  /** A terminal's line is rewritten; a log gets a new line, seldom. */
  readonly terminal: boolean;
  /** Says when the next line is due. Default: this process's. */
  readonly clock?: Clock | undefined;
}

/** The progress line of a terminal or log. */
export interface ProgressLine {
  /** Shows a line, unless the last one is too recent; `""` removes it. */
  show(line: string): void;
  /** Removes the line, lets `write` put something in its place, and shows it again below. */
  around(write: () => void): void;
}

/** A terminal is redrawn at most this often. */
const REDRAW_MS = 100;
/** A log gets a line this often, and whenever the phase changes. */
const LOG_MS = 10_000;

/** Makes a progress line. */
export function createProgressLine(options: ProgressLineOptions): ProgressLine {
  const { write, terminal, clock = systemClock } = options;
  const everyMs = terminal ? REDRAW_MS : LOG_MS;
  let shown = "";
  let head = "";
  let shownAtMs = -Infinity;
  return {
    show(line: string): void {
      if (line === "") {
        if (terminal && shown !== "") write("\r\x1b[K");
        shown = head = "";
        shownAtMs = -Infinity;
        return;
      }
      const nextHead = line.split(GAP, 1)[0]!;
      const nowMs = clock.now();
      if (nextHead === head && nowMs - shownAtMs < everyMs) return;
      head = nextHead;
      shownAtMs = nowMs;
      shown = line;
      write(terminal ? `\r\x1b[K${line}` : `${line}\n`);
    },
    around(action: () => void): void {
      const covered = terminal && shown !== "";
      if (covered) write("\r\x1b[K");
      action();
      if (covered) write(shown);
    },
  };
}
