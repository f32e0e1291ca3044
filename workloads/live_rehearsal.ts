/**
 * Draws an invented run a few times before anything is sent: the first time that code runs takes ten
 * times as long, which would be time of the leading thread while streams are read.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { createLiveBoard } from "./live_board.ts";
import type { LiveState } from "./live_state.ts";

const TIMES = 5;
const REQUESTS = 120;
const TICKS = 24;

/** Calls `draw` with states of a run that has something of everything. */
export function rehearse(draw: (state: LiveState) => unknown): void {
  const board = createLiveBoard();
  for (let time = 0; time < TIMES; time++) {
    const elapsedMs = (time + 1) * 1000;
    for (let index = 0; index < REQUESTS; index++) board.onRecord(answer(index, elapsedMs));
    board.onRecord({ ...answer(0, elapsedMs), outcome: { kind: "timeout", message: "late" } });
    board.onScrape({ running: 1, waiting: 0, cacheUse: 0.5 });
    board.onProgress({
      ...{ phase: "measuring", label: "rehearsal", load: 0, loads: 2, done: 1, total: 2 },
      ...{ failed: 1, inFlight: 1, tokensPerSec: 100, elapsedMs, leftMs: 1000 },
    });
    draw(board.state());
  }
}

function answer(index: number, endMs: number): RequestRecord {
  const sentMs = endMs - 500;
  const tickMs = Float64Array.from(
    { length: TICKS },
    (_, i) => endMs - TICKS + i + index / REQUESTS,
  );
  return {
    ...{ load: 0, phase: "measure", index, user: 0, promptId: "", intendedMs: sentMs, sentMs },
    ...{ departedMs: sentMs, firstTokenMs: tickMs[0]!, lastTokenMs: tickMs[TICKS - 1]!, endMs },
    tickMs,
    tickTokens: Uint32Array.from({ length: TICKS }, (_, i) => i + 1),
    tickWidthUs: new Uint32Array(TICKS).fill(10),
    ...{ reads: TICKS, events: TICKS, bytes: TICKS, requestedTokens: TICKS, lengthForced: true },
    outputTokens: { tokens: TICKS, source: "counter" },
    ...{ connection: "reused", outcome: { kind: "ok" } },
  };
}
