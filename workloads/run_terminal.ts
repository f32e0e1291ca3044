/**
 * A run drawn on a terminal while it goes on.
 *
 * @module
 */
import type { Host } from "./command.ts";
import { createLiveBoard } from "./live_board.ts";
import { rehearse } from "./live_rehearsal.ts";
import { renderLiveView } from "./live_view.ts";
import type { LiveRun, RunWatch } from "./run_live.ts";

/** A run that is drawn. */
export interface DrawnRun {
  /** To be told of the run, unless another view tells the same board. */
  readonly watch: RunWatch;
  /** Draws how it is. */
  readonly show: () => void;
}

/** Draws a run on the host's screen. */
export function drawRun(
  host: Host,
  { live, clientTolerance }: {
    /** Another view, whose board this one shares. */
    readonly live?: Pick<LiveRun, "board"> | undefined;
    readonly clientTolerance?: number | undefined;
  },
): DrawnRun {
  rehearse((state) => renderLiveView(state, { columns: 120, rows: 40, color: true }));
  const board = live?.board ?? createLiveBoard({ clientTolerance });
  return {
    watch: {
      ...board,
      // deno-lint-ignore require-await
      onHeader: async (header) => board.onHeader(header),
    },
    show() {
      if (host.interrupted.aborted) board.onStop();
      const { screen } = host;
      if (screen !== undefined) {
        host.progress(renderLiveView(board.state(), screen), { styled: true });
      }
    },
  };
}
