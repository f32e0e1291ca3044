/**
 * What a calibration found, as text.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { findTransport } from "../backends/transports.ts";
import type { CalibrationCell, CalibrationLimit, MemoryPerStream } from "../metrics/run.ts";
import { formatCount, formatMs, formatNumber, formatShare, plural } from "../metrics/format.ts";
import { type TextColumn, textTable, wrapText } from "../metrics/report_text_table.ts";

/** What a calibration found so far. */
export interface Findings {
  readonly cells: CalibrationCell[];
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

/** Lines for a terminal of that width. */
export function describeFindings(found: Findings, columns: number): readonly string[] {
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
      column("p99", ({ error }) => formatMs(error.ttft.p99Ms)),
      column("max", ({ error }) => formatMs(error.ttft.maxMs), 3),
      column("gap p50", ({ error }) => formatMs(error.itl.p50Ms), 1),
      column("p99", ({ error }) => formatMs(error.itl.p99Ms)),
      column("max", ({ error }) => formatMs(error.itl.maxMs), 3),
      column("E2E p99", ({ error }) => formatMs(error.e2e.p99Ms), 2),
      column("sent late p99", ({ departure }) => formatMs(departure.p99Ms), 2),
      column("µs/token", ({ cpuUsPerToken }) => formatNumber(cpuUsPerToken), 1),
    ], width),
    ...(limited.length === 0 ? [] : [
      "",
      ...wrapText(
        "* the engine itself was late: these loads say little about the client and are not used",
        width,
      ),
    ]),
    "",
    ...found.limits.flatMap((limit) => wrapText(describeLimit(limit), width)),
    ...found.memory.flatMap((memory) => wrapText(describeMemory(memory), width)),
    ...describeEngine(found, cells).flatMap((line) => wrapText(line, width)),
    ...(failed === 0 ? [] : wrapText(`${plural(failed, "request")} did not complete`, width)),
    ...found.skipped.flatMap(({ transport, reason }) =>
      wrapText(`${transport} was left out: ${reason}`, width)
    ),
    ...describeNoise(cells).flatMap((line) => wrapText(line, width)),
  ];
}

const LIMIT_REASONS: Readonly<Record<CalibrationLimit["endedBy"], string>> = {
  error: "more streams had larger errors",
  engine: "with more streams the engine was the limit",
  time: "the search ran out of time, more may work",
  descriptors: "more need a higher limit of open files (ulimit -n)",
};

function describeLimit(limit: CalibrationLimit): string {
  const { transport, streams, tokensPerSec, boundMs, itlMs, endedBy, tooManyStreams } = limit;
  const kept = `the p99 errors of TTFT and gap within ${formatMs(boundMs)}`;
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

/**
 * Least share of the time that the client waited for a core: other programs used it. Absent while
 * small.
 */
export function busyShare(
  cells: readonly Pick<CalibrationCell, "client">[],
): number | undefined {
  const waits = cells.flatMap(({ client }) => client.threadWait ?? []);
  const least = Math.min(...waits);
  return waits.length > 0 && least >= BUSY_SHARE ? least : undefined;
}

/** On an idle machine the share is a tenth of this. */
const BUSY_SHARE = 0.15;

function describeNoise(cells: readonly CalibrationCell[]): readonly string[] {
  const share = busyShare(cells);
  if (share === undefined) return [];
  return [
    `The machine was busy: even at its best the client waited for a core for ${
      formatShare(share)
    } of the time, so the limits are not saved; run it again on an idle machine`,
  ];
}
