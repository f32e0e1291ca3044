/**
 * A run that is shown while it goes on: its board, its counters, and the server of both.
 *
 * @module
 */
import { createLiveBoard, type LiveBoard } from "./live_board.ts";
import { liveFrame } from "./live_page_frame.ts";
import { rehearse } from "./live_rehearsal.ts";
import { createLiveCounters } from "./live_counters.ts";
import { renderPrometheus } from "./live_prometheus.ts";
import { startLiveServer } from "./live_server.ts";
import type { LiveOver } from "./live_status.ts";
import { createInterrupt } from "./interrupt.ts";
import { onAbort } from "../backends/clock.ts";
import type { Host } from "./command.ts";
import type { MeasureHooks } from "./run_hooks.ts";

/** What is told of a run as it goes on. */
export type RunWatch = Required<
  Pick<
    MeasureHooks,
    | "onHeader"
    | "onPlan"
    | "onProgress"
    | "onRecord"
    | "onWitness"
    | "onScrape"
    | "onAgent"
    | "onLoadEnd"
  >
>;

/** Where a run is shown. */
export interface LiveOptions {
  /** Port of 127.0.0.1. Default 0: any free one. */
  readonly port?: number;
  /** How much of a figure the client may be, as a share, before it is doubtful. */
  readonly clientTolerance?: number;
  /** What the stop button interrupts. Default: {@linkcode LiveRun.hooks} only. */
  readonly host?: Pick<Host, "interrupted" | "aborted" | "interrupt">;
  /** Receives the address with its token, which is masked as a secret from then on. */
  readonly announce?: (url: string) => void;
}

/** A run that is shown. */
export interface LiveRun {
  /** Address of the page, with the token without which nobody sees or stops the run. */
  readonly url: string;
  /** What is shown. */
  readonly board: LiveBoard;
  /** To be told of the run. */
  readonly watch: RunWatch;
  /** The same, with the signals of the stop button: for {@linkcode measureBench}. */
  readonly hooks: RunWatch & Pick<MeasureHooks, "stopSignal" | "abortSignal">;
  /** Where the results are, for the last thing that is shown. */
  kept(place: Pick<LiveOver, "folder" | "report">): void;
  /** Shows how the run ended, and stops serving; the first call counts. */
  finish(over?: LiveOver): Promise<void>;
}

/**
 * Shows a run on a page of this machine while it goes on, as `tokometer bench --live` does: with its
 * charts and a stop button, `/status` (JSON) and `/metrics` (Prometheus). Needs
 * `--allow-net=127.0.0.1`.
 *
 * @throws {UserError} for a port that cannot be had.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { measureBench, startSimServer } from "@tokometer/tokometer";
 * import { startLive } from "@tokometer/tokometer/workloads";
 *
 * const server = await startSimServer({ ttft: "5", itl: "1" });
 * const live = await startLive(); // live.url is the page
 * const options = { concurrency: [2], requests: 4, outputTokens: 8 };
 * await measureBench(server.url, options, live.hooks);
 * const status = await fetch(new URL("/status", live.url));
 * assertEquals((await status.json()).ended[0].completed, 4);
 * await live.finish();
 * await server.stop();
 * ```
 */
export async function startLive(options: LiveOptions = {}): Promise<LiveRun> {
  const { port = 0, clientTolerance, announce } = options;
  const own = createInterrupt();
  const host = options.host ??
    { ...own, interrupt: () => void (own.aborted.aborted || own.signal()) };
  rehearse((state) => liveFrame({ state, header: undefined, stopping: "no", over: undefined }));
  const board = createLiveBoard({ clientTolerance });
  const counters = createLiveCounters();
  const server = await startLiveServer({
    ...{ port, board, stop: () => host.interrupt() },
    metrics: (accept) => renderPrometheus(counters.counts(), board.state(), accept),
    stopping: () => host.aborted.aborted ? "at once" : host.interrupted.aborted ? "draining" : "no",
    ...(announce === undefined ? {} : { announce }),
  });
  const watch: RunWatch = {
    async onHeader(header) {
      board.onHeader(header);
      counters.begin(header);
      await Promise.resolve();
    },
    onPlan: (plan) => board.onPlan(plan),
    onProgress(progress) {
      board.onProgress(progress);
      counters.progress(progress);
    },
    onRecord(record) {
      board.onRecord(record);
      counters.record(record);
    },
    onWitness: (witness) => board.onWitness(witness),
    onScrape: (server) => board.onScrape(server),
    onAgent(told) {
      board.onAgent(told);
      counters.agent(told);
    },
    onLoadEnd(end) {
      board.onLoadEnd(end);
      counters.loadEnd(end);
    },
  };
  const forget = onAbort(host.interrupted, () => board.onStop());
  let place: Pick<LiveOver, "folder" | "report"> = {};
  return {
    ...{ url: server.url, board, watch },
    kept(results): void {
      place = results;
    },
    hooks: { ...watch, stopSignal: host.interrupted, abortSignal: host.aborted },
    finish(over = {}) {
      forget();
      return server.finish({ ...place, ...over });
    },
  };
}
