/**
 * Two servers of ours by turns, of which one runs at a time: each block of loads has one that was just
 * started, so that both sides begin alike, and what differs between two starts is in the spread.
 *
 * @module
 */
import type { Host } from "./command.ts";
import { type Launched, startLaunched, whileThere, withSignal } from "./server_launch.ts";
import type { LaunchPlan } from "./server_launch_plan.ts";

/** Which server is to be there, and for what. */
export interface ServerTurn {
  /** Position of the side. */
  readonly side: number;
  /** Loads of one block have the same server; absent = the check, after which it may go on. */
  readonly block?: number;
}

/**
 * Lends two servers by turns.
 *
 * @param use is given what makes the server of a turn ready, and the host to be used; returns the exit
 * code.
 * @throws {UserError} as `withLaunched`.
 */
export async function withLaunchedByTurns(
  plans: readonly LaunchPlan[],
  host: Host,
  use: (ready: (turn: ServerTurn) => Promise<void>, host: Host) => Promise<number>,
): Promise<number> {
  const gone = new AbortController();
  const watched = withSignal(host, gone.signal);
  let running: { readonly server: Launched; turn: ServerTurn } | undefined;
  const ready = async (turn: ServerTurn) => {
    if (running !== undefined && isFor(running.turn, turn)) {
      running.turn = turn;
      return;
    }
    await running?.server.stop();
    running = undefined;
    running = { server: await startLaunched(plans[turn.side]!, watched, gone), turn };
  };
  try {
    return await whileThere(
      () => use(ready, watched),
      { host, gone: gone.signal, told: async () => await running?.server.told },
    );
  } finally {
    await running?.server.stop();
  }
}

/** Whether the server that is there will do: of the same block, or only checked so far. */
function isFor(now: ServerTurn, next: ServerTurn): boolean {
  return now.side === next.side && (now.block === undefined || now.block === next.block);
}
