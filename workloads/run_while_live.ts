/**
 * Shows a run while it goes on, where that was asked for; else loads nothing of it.
 *
 * @module
 */
import { messageOf } from "../backends/error_message.ts";
import type { Host } from "./command.ts";
import type { LiveRun } from "./run_live.ts";

/** What is shown, and to whom. */
export interface WhileLiveOptions {
  /** Port of the page; absent = nothing is shown. */
  readonly port: number | undefined;
  readonly host: Host;
  /** In percent, as `--client-tolerance`; absent = its default. */
  readonly clientTolerance?: number;
  /** What is done before the first load: `starting the server`. */
  readonly phase: string;
}

/**
 * Does some work whose exit code ends what is shown.
 *
 * @param work is given what begins to show it, once everything is checked and nothing is sent.
 * @throws as `work`; {@linkcode UserError} when the port cannot be had.
 */
export async function whileLive(
  { port, host, clientTolerance, phase }: WhileLiveOptions,
  work: (open: () => Promise<LiveRun | undefined>) => Promise<number>,
): Promise<number> {
  let live: LiveRun | undefined;
  const open = async () => {
    if (port === undefined) return undefined;
    const { startLive } = await import("./run_live.ts");
    live = await startLive({
      ...{ port, host },
      ...(clientTolerance === undefined ? {} : { clientTolerance: clientTolerance / 100 }),
      announce: (url) => host.note(`Live: ${url}`, { styled: true }),
    });
    live.watch.onProgress({ phase, label: "", done: 0, failed: 0, inFlight: 0, elapsedMs: 0 });
    return live;
  };
  try {
    const exitCode = await work(open);
    await live?.finish({ exitCode });
    return exitCode;
  } catch (error) {
    await live?.finish({ error: messageOf(error) });
    throw error;
  }
}
