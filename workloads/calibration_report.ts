/**
 * What a calibration found, as text.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { findTransport } from "../backends/transports.ts";
import type {
  CalibrationCell,
  CalibrationLimit,
  ErrorSpread,
  MemoryPerStream,
} from "../metrics/run_calibration.ts";
import {
  formatCount,
  formatMs,
  formatNumber,
  formatShare,
  NOT_AVAILABLE,
  plural,
} from "../metrics/format.ts";
import { minimumSamples } from "../metrics/stat_quantile.ts";
import { type TextColumn, textTable, wrapText } from "../metrics/report_text_table.ts";
import type { Cores } from "./effective_cores.ts";

/** What a calibration found so far. */
export interface Findings {
  readonly cells: CalibrationCell[];
  /** For each cell: cores that other programs kept busy; `undefined` = hidden. */
  readonly strangers: (number | undefined)[];
  readonly limits: CalibrationLimit[];
  readonly memory: MemoryPerStream[];
  /** Transports that could not be opened, and why. */
  readonly skipped: { readonly transport: string; readonly reason: string }[];
  /** Highest rate at which the engine wrote tokens, per second. */
  capacityPerSec: number | undefined;
}

/** Is it a transport of gRPC? */
export function isGrpc(transport: string): boolean {
  return findTransport(transport).carrier === "grpc";
}

/** Whether a load says something about the client: the engine kept up, and requests completed. */
export function isUsable({ engine, error }: CalibrationCell): boolean {
  return !engine.limited && error.matched > 0;
}

/** Lines for a terminal of that width. */
export function describeFindings(
  found: Findings,
  { columns, cores }: { readonly columns: number; readonly cores: Cores },
): readonly string[] {
  const width = Math.min(100, columns);
  const cells = [...found.cells].sort((a, b) =>
    a.itlMs - b.itlMs || a.transport.localeCompare(b.transport) || a.streams - b.streams
  );
  const column = (
    heading: string,
    cell: (cell: CalibrationCell) => string,
    dropOrder?: number,
  ): TextColumn => ({
    heading,
    cells: cells.map(cell),
    align: "right",
    ...defined({ dropOrder }),
  });
  const limited = cells.filter(({ engine }) => engine.limited);
  const failed = cells.reduce((sum, cell) => sum + cell.failed, 0);
  return [
    "Client error: what the client measured minus what the engine did, absolute",
    "",
    ...textTable([
      {
        heading: "Transport",
        cells: cells.map(({ transport, workers }) =>
          workers === 1 ? transport : `${transport} × ${workers}`
        ),
        align: "left",
      },
      column("gap", ({ itlMs }) => formatMs(itlMs), 4),
      column(
        "streams",
        ({ streams, engine }) => formatCount(streams) + (engine.limited ? "*" : ""),
      ),
      column("tokens/s", ({ tokensPerSec }) => formatCount(tokensPerSec)),
      column("TTFT p50", ({ error }) => formatMs(error.ttft.p50Ms), 1),
      column("p99", ({ error }) => tailText(error.ttft)),
      column("max", ({ error }) => formatMs(error.ttft.maxMs), 3),
      column("gap p50", ({ error }) => formatMs(error.itl.p50Ms), 1),
      column("p99", ({ error }) => tailText(error.itl)),
      column("max", ({ error }) => formatMs(error.itl.maxMs), 3),
      column("E2E p99", ({ error }) => tailText(error.e2e), 2),
      column("sent late p99", ({ departure }) => tailText(departure), 2),
      column("µs/token", ({ cpuUsPerToken }) => formatNumber(cpuUsPerToken), 1),
    ], width),
    ...(limited.length === 0 ? [] : [
      "",
      ...wrapText(
        "* the engine itself was late: these loads say little about the client and are not used",
        width,
      ),
    ]),
    ...(cells.some(({ error }) => isSmall(error.ttft))
      ? [
        "",
        ...wrapText(
          `n/a (N): a p99 needs ${
            minimumSamples(99)
          } values and there were N; --requests gives more`,
          width,
        ),
      ]
      : []),
    "",
    ...found.limits.flatMap((limit) => wrapText(describeLimit(limit), width)),
    ...found.memory.flatMap((memory) => wrapText(describeMemory(memory), width)),
    ...describeEngine(found, cells).flatMap((line) => wrapText(line, width)),
    ...(failed === 0 ? [] : wrapText(`${plural(failed, "request")} did not complete`, width)),
    ...found.skipped.flatMap(({ transport, reason }) =>
      wrapText(`${transport} was left out: ${reason}`, width)
    ),
    ...describeUnknown(found, cores).flatMap((line) => wrapText(line, width)),
    "",
    ...wrapText(describePlan(found, cores), width),
  ];
}

function isSmall({ count, p99Ms }: ErrorSpread): boolean {
  return count > 0 && p99Ms === undefined;
}

function tailText(spread: ErrorSpread): string {
  return isSmall(spread) ? `${NOT_AVAILABLE} (${spread.count})` : formatMs(spread.p99Ms);
}

const LIMIT_REASONS: Readonly<Record<CalibrationLimit["endedBy"], string>> = {
  error: "more streams had larger errors",
  engine: "beyond that the engine was the limit",
  time: "the search ran out of time, more may work",
  descriptors: "more need a higher limit of open files (ulimit -n)",
};

function describeLimit(limit: CalibrationLimit): string {
  const { transport, streams, tokensPerSec, boundMs, itlMs, endedBy, tooManyStreams } = limit;
  const kept = `the p99 errors of TTFT and gap within ${formatMs(boundMs)}`;
  if (streams === 0 && endedBy !== "error" && tooManyStreams !== undefined) {
    return `${transport}: ${
      plural(tooManyStreams, "stream")
    } did not keep ${kept}; fewer were not tried`;
  }
  if (streams === 0 && endedBy !== "error") {
    return `${transport}: no limit is known, ${LIMIT_REASONS[endedBy]}`;
  }
  if (streams === 0) {
    return `${transport}: not even the fewest streams kept ${kept} (one token every ${itlMs} ms)`;
  }
  return `${transport}: up to ${plural(streams, "stream")} (${
    formatCount(tokensPerSec)
  } tokens/s) kept ${kept}; ${
    tooManyStreams === undefined
      ? LIMIT_REASONS[endedBy]
      : `${formatCount(tooManyStreams)} did not${
        endedBy === "time" ? ", and between them was no time to search" : ""
      }`
  }`;
}

function describeMemory(memory: MemoryPerStream): string {
  const { transport, kibPerStream, atMost, fewStreams, manyStreams } = memory;
  return `${transport}: ${atMost ? "less than " : ""}${formatNumber(kibPerStream)} KiB of memory ` +
    `per additional stream, record included (whole runs with ${fewStreams} and ${manyStreams} streams)`;
}

const EXACT_ENGINE =
  "Over HTTP the engine ran on epoll: it took stamps directly before each write, and " +
  "arrivals are stamped by the kernel";
const PLAIN_ENGINE =
  "The engine ran on the platform's loop, and some of its own lateness is in the " +
  "errors; on Linux with --allow-ffi it is exact";

function describeEngine(found: Findings, cells: readonly CalibrationCell[]): readonly string[] {
  const heaviest = Math.max(
    0,
    ...cells.filter(({ transport }) => !isGrpc(transport))
      .map(({ engine }) => engine.tokensPerSec ?? 0),
  );
  const worst = cells.reduce<CalibrationCell | undefined>(
    (a, b) => (b.engine.lateP99Ms ?? 0) > (a?.engine.lateP99Ms ?? -1) ? b : a,
    undefined,
  );
  const loops = new Set(
    cells.filter(({ transport }) => !isGrpc(transport)).map(({ engine }) => engine.loop),
  );
  return [
    ...(loops.has("epoll") ? [EXACT_ENGINE] : loops.has("platform") ? [PLAIN_ENGINE] : []),
    ...(found.capacityPerSec === undefined ? [] : [
      `The engine can send ${
        formatCount(found.capacityPerSec)
      } tokens/s to this client over HTTP, of which ` +
      `the heaviest load took ${formatShare(heaviest / found.capacityPerSec)}`,
    ]),
    ...(worst === undefined ? [] : [
      `Its tokens left at most ${formatMs(worst.engine.lateP50Ms)} behind plan at the median, ${
        formatMs(worst.engine.lateP99Ms)
      } at p99 (${
        plural(worst.streams, "stream")
      } over ${worst.transport}); errors count from the ` +
      "instant they left, not from the plan",
    ]),
  ];
}

/** What this calibration cannot know, where it ran. */
function describeUnknown(found: Findings, { cores, effectiveCores }: Cores): readonly string[] {
  return [
    ...(effectiveCores < cores
      ? [
        `By affinity or quota this process may use ${effectiveCores} of ${cores} cores: what was ` +
        "found holds for runs that may use as many",
      ]
      : []),
    ...(effectiveCores < 2
      ? [
        "Client and engine had to share less than two cores: part of the error is waiting for the " +
        "engine, which a client with a core of its own does not do",
      ]
      : []),
    ...(found.strangers.every((one) => one === undefined)
      ? [
        "Whether other programs were busy cannot be seen here, which needs Linux and --allow-all: " +
        "run this on an idle machine",
      ]
      : []),
  ];
}

/** Which client to plan with. */
function describePlan(found: Findings, { effectiveCores }: Cores): string {
  if (!found.cells.some(isUsable)) {
    return "Nothing usable: the engine was late in every load, which says nothing about the client; " +
      "try fewer streams (--concurrency), a longer gap (--itl) or --pattern spread";
  }
  const best = found.limits.reduce<CalibrationLimit | undefined>(
    (a, b) => b.tokensPerSec > (a?.tokensPerSec ?? 0) ? b : a,
    undefined,
  );
  if (best === undefined) return "No limit is known: for a plan, search for one (without --quick)";
  const { transport, workers, streams, tokensPerSec, endedBy } = best;
  const more = endedBy !== "error"
    ? "it may carry more"
    : effectiveCores - 1 - workers >= 1
    ? `for more, --workers ${workers + 1} (calibrate it, too) or more client machines`
    : "for more, more client machines: no core is free for another thread";
  return `Plan: --transport ${transport} --workers ${workers} carries ${
    plural(streams, "stream")
  } with ${formatCount(tokensPerSec)} tokens/s; ${more}`;
}
