/**
 * Searches for the most streams that a client still measures well.
 *
 * @module
 */
import { LIMIT_TOLERANCE } from "../metrics/check_calibration.ts";
import type { CalibrationCell, CalibrationLimit, ErrorSpread } from "../metrics/run_calibration.ts";
import { readDescriptors } from "./load_client_health.ts";

export interface LimitSearch {
  /** Cells of one client that were measured already; at least one. */
  readonly known: readonly CalibrationCell[];
  /** Largest p99 error of TTFT and gap. */
  readonly boundMs: number;
  /** Whether another load still fits. */
  readonly timeIsLeft: () => boolean;
  readonly run: (streams: number) => Promise<CalibrationCell>;
  /** Most streams to try. Default: as many descriptors as the process may still open. */
  readonly most?: number;
}

/** Descriptors that are not streams. */
const RESERVED = 128;

/**
 * Doubles the streams until the error is too large, then halves the (geometric) distance.
 * `undefined` without a known cell.
 */
export async function findStreamLimit(search: LimitSearch): Promise<CalibrationLimit | undefined> {
  const { known, boundMs, timeIsLeft, run, most = openableStreams() } = search;
  const cells = [...known].sort((a, b) => a.streams - b.streams);
  const first = cells[0];
  if (first === undefined) return undefined;
  const failing = cells.findIndex((cell) => !keeps(cell, boundMs));
  let good = failing < 0 ? cells.at(-1) : cells[failing - 1];
  let bad = failing < 0 ? undefined : cells[failing];
  let endedBy: CalibrationLimit["endedBy"] | undefined;
  while (endedBy === undefined) {
    const low = good?.streams ?? 0;
    if (bad !== undefined && bad.streams <= Math.max(1, low * LIMIT_TOLERANCE)) break;
    const next = bad === undefined
      ? Math.min(2 * low, most)
      : Math.max(low + 1, Math.round(low === 0 ? bad.streams / 4 : Math.sqrt(low * bad.streams)));
    if (next <= low || next > most) endedBy = "descriptors";
    else if (!timeIsLeft()) endedBy = "time";
    else {
      const cell = await run(next);
      if (keeps(cell, boundMs)) good = cell;
      else bad = cell;
      // Not even one stream is measured well.
      if (good === undefined && next <= 1) break;
    }
  }
  endedBy ??= bad?.engine.limited ? "engine" : "error";
  const { transport, workers, itlMs, pattern } = first;
  return {
    transport,
    workers,
    itlMs,
    pattern,
    boundMs,
    streams: good?.streams ?? 0,
    tokensPerSec: good?.tokensPerSec ?? 0,
    // Where the engine was late, the client may not be the cause.
    ...(bad === undefined || bad.engine.limited ? {} : { tooManyStreams: bad.streams }),
    endedBy,
  };
}

function keeps({ error, failed, engine }: CalibrationCell, boundMs: number): boolean {
  // Of fewer than 100 values none may be larger.
  const tail = ({ p99Ms, maxMs }: ErrorSpread) => p99Ms ?? maxMs ?? Infinity;
  return failed === 0 && !engine.limited && error.matched > 0 &&
    tail(error.ttft) <= boundMs && tail(error.itl) <= boundMs;
}

function openableStreams(): number {
  const { descriptors = 0, descriptorLimit } = readDescriptors();
  return descriptorLimit === undefined
    ? Infinity
    : Math.max(1, descriptorLimit - descriptors - RESERVED);
}
