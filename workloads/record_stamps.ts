/**
 * All times of a record together: rounded, or moved to another start.
 *
 * @module
 */
import type { RecordDraft, RequestRecord } from "../backends/record.ts";

/** Names of a record's stamps besides its ticks; the compiler checks that none is missing. */
type StampName = Exclude<
  Extract<keyof RequestRecord, `${string}Ms`>,
  "tickMs" | "connectMs" | "heldMs"
>;
const STAMPS = Object.keys(
  {
    intendedMs: 0,
    sentMs: 0,
    departedMs: 0,
    firstByteMs: 0,
    firstEventMs: 0,
    firstTokenMs: 0,
    firstAnswerMs: 0,
    firstToolMs: 0,
    lastTokenMs: 0,
    endMs: 0,
  } satisfies Record<StampName, 0>,
) as readonly StampName[];

/** The record with every stamp changed, ticks included; durations stay. */
export function mapStamps(record: RequestRecord, change: (ms: number) => number): RequestRecord {
  const changed: RecordDraft = { ...record, tickMs: record.tickMs.map(change) };
  for (const name of STAMPS) {
    const ms = record[name];
    if (ms !== undefined) changed[name] = change(ms);
  }
  return changed;
}

/**
 * Rounds the times of a record that nobody else has seen to whole microseconds, in place, as the file
 * keeps them: a report made while the run is fresh and one made from the file are then the same to
 * the last digit.
 */
export function roundStamps(record: RequestRecord): void {
  const changing: RecordDraft = record;
  const { tickMs, connectMs, heldMs } = record;
  for (let i = 0; i < tickMs.length; i++) tickMs[i] = microseconds(tickMs[i]!);
  for (const name of STAMPS) {
    const ms = changing[name];
    if (ms !== undefined) changing[name] = microseconds(ms);
  }
  if (connectMs !== undefined) changing.connectMs = microseconds(connectMs);
  if (heldMs !== undefined) changing.heldMs = microseconds(heldMs);
}

/** Milliseconds with whole microseconds. */
export function microseconds(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
