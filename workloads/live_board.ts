/**
 * Collects what a run tells as it goes on into the one state that its views are drawn from, in memory
 * that does not grow with the run.
 *
 * @module
 */
import { type Clock, systemClock } from "../backends/clock.ts";
import type { RequestRecord } from "../backends/record.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "../metrics/run.ts";
import type { Witness } from "../metrics/run_client.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import { type AgentTold, FleetBoard } from "./live_fleet.ts";
import { LoadBoard } from "./live_load_board.ts";
import type { ProgressState } from "./live_progress.ts";
import { RecentCount, RecentValues } from "./live_recent.ts";
import type { LiveLoadEnd, LiveServer, LiveState } from "./live_state.ts";
import { runLeftMs } from "./live_time_left.ts";
import { withoutSecrets } from "./secret.ts";

/** What a board is made with. */
export interface LiveBoardOptions {
  /** Share of a figure by which its ends may differ from it. Default: that of reports. */
  readonly clientTolerance?: number | undefined;
  /** Default: this process's. */
  readonly clock?: Clock | undefined;
}

/** A run as it goes on: hooks that are told of it, and the state that is seen. */
export interface LiveBoard {
  /** The run's header; absent = nothing is measured yet. */
  readonly header: RunHeader | undefined;
  /** The run begins. */
  onHeader(header: RunHeader): void;
  /** A load was decided that the header does not know. */
  onPlan(plan: LoadPlan): void;
  /** How far it is, a few times a second. */
  onProgress(progress: ProgressState): void;
  /** A request has ended. */
  onRecord(record: RequestRecord): void;
  /** What the witness of the load has shown so far. */
  onWitness(witness: Witness): void;
  /** A load has ended. */
  onLoadEnd(end: LoadEnd): void;
  /** Nothing more is sent: Ctrl-C, or whoever stops it. */
  onStop(): void;
  /** The server's metrics were read. */
  onScrape(server: LiveServer): void;
  /** An agent of a fleet tells how it is, or is lost. */
  onAgent(told: AgentTold): void;
  /** The run as it is now. */
  state(): LiveState;
  /**
   * Calls `listener` when there is something new, a few times a second at most.
   *
   * @returns what ends that.
   */
  subscribe(listener: () => void): () => void;
}

/** Phase of the requests before a load. */
const WARM_UP = "warm-up";

/**
 * Makes an empty board.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { createLiveBoard } from "@tokometer/tokometer/workloads";
 * import { measureBench, startSimServer } from "@tokometer/tokometer";
 *
 * const server = await startSimServer({ ttft: "1", itl: "0" });
 * const board = createLiveBoard();
 * const run = await measureBench(server.url, { concurrency: [2], requests: 4 }, {
 *   onHeader: (header) => Promise.resolve(board.onHeader(header)),
 *   onProgress: board.onProgress,
 *   onRecord: board.onRecord,
 *   onLoadEnd: board.onLoadEnd,
 * });
 * await server.stop();
 * assertEquals(board.state().ended[0]?.completed, run.records.filter(
 *   ({ phase }) => phase === "measure",
 * ).length);
 * ```
 */
export function createLiveBoard(
  { clientTolerance: tolerance, clock = systemClock }: LiveBoardOptions = {},
): LiveBoard {
  const startMs = clock.now();
  const recent = { ttft: new RecentValues(), itl: new RecentValues(), e2e: new RecentValues() };
  const fleet = new FleetBoard();
  const completed = new RecentCount();
  const listeners = new Set<() => void>();
  const plans: LoadPlan[] = [];
  const ended: LiveLoadEnd[] = [];
  let header: RunHeader | undefined;
  let progress: ProgressState = {
    ...{ phase: "starting", label: "", done: 0, failed: 0, inFlight: 0, elapsedMs: 0 },
  };
  let seenMs = startMs;
  let server: LiveServer | undefined;
  let load = new LoadBoard({ plan: undefined, tolerance });
  /** Load and phase that `load` is of. */
  let part = "";
  /** What is shown over time. */
  let measured = { course: load.course, number: -1 };
  let requestMs: number | undefined;
  let runningSinceMs: number | undefined;
  let measuredMs = 0;
  let stopping = false;

  const labelOf = (number: number) =>
    visibleLine(withoutSecrets(number < 0 ? "" : plans[number]?.label ?? progress.label));
  const tell = () => {
    for (const listener of listeners) listener();
  };
  /** Starts anew where another load, or the load after its warm-up, begins. */
  const begin = (number: number, phase: "warmup" | "measure") => {
    const next = `${phase} ${number}`;
    if (next === part) return;
    part = next;
    load = new LoadBoard({ plan: plans[number], tolerance });
    if (phase === "measure") measured = { course: load.course, number };
    for (const values of Object.values(recent)) values.clear();
    completed.clear();
  };

  /** What a load takes besides itself, such as its warm-up: the mean so far. */
  const betweenLoadsMs = (nowMs: number): number | undefined => {
    if (runningSinceMs === undefined) return undefined;
    const runs = part === `measure ${ended.length}`;
    const inLoadsMs = measuredMs + (runs ? progress.elapsedMs : 0);
    const begun = ended.length + (part.endsWith(` ${ended.length}`) ? 1 : 0);
    return Math.max(0, nowMs - runningSinceMs - inLoadsMs) / Math.max(1, begun);
  };

  return {
    get header() {
      return header;
    },
    onHeader(begun) {
      header = begun;
      plans.splice(0, Infinity, ...(begun.find === undefined ? begun.loads : []));
      tell();
    },
    onPlan(plan) {
      plans.push(plan);
    },
    onProgress(next) {
      progress = next;
      seenMs = clock.now();
      if (next.load !== undefined) {
        begin(next.load, next.phase === WARM_UP ? "warmup" : "measure");
        runningSinceMs ??= seenMs;
        load.see(next);
      }
      tell();
    },
    onRecord(record) {
      begin(record.load, record.phase);
      const values = load.add(record);
      if (values === undefined) return;
      const nowMs = clock.now();
      for (const name of ["ttft", "itl", "e2e"] as const) {
        for (const value of values[name]) recent[name].add(nowMs, value);
      }
    },
    onWitness: (witness) => load.verdict.see(witness),
    onLoadEnd(end) {
      const { users } = plans[end.load] ?? {};
      // One that was skipped has no part of its own.
      if (end.skipped) begin(end.load, "measure");
      const short = load.end(end, labelOf(end.load));
      ended.push(short);
      measuredMs += end.durationMs;
      if (users !== undefined && short.completed > 0) {
        requestMs = end.durationMs * users / (short.completed + short.failed);
      }
      tell();
    },
    onStop() {
      stopping = true;
    },
    onScrape(seen) {
      server = seen;
    },
    onAgent(told) {
      const nowMs = clock.now();
      const growth = fleet.see(told, nowMs);
      // A load that has ended, or has not begun here, is not the one that is shown.
      if (told.load === undefined || part !== `measure ${told.load}`) return;
      load.absorb(told, growth, progress.elapsedMs + (nowMs - seenMs));
      recent.ttft.absorb(nowMs, told.ttft);
      recent.itl.absorb(nowMs, told.itl);
      completed.add(nowMs, growth.completed);
    },
    state() {
      const nowMs = clock.now();
      const running = progress.load !== undefined && progress.load >= ended.length;
      const sinceMs = running ? nowMs - seenMs : 0;
      const ago = (ms: number | undefined) =>
        ms === undefined ? undefined : Math.max(0, ms - sinceMs);
      const { users } = plans[progress.load ?? 0] ?? {};
      const paceMs = users === undefined || !running || progress.done < users
        ? requestMs
        : progress.elapsedMs * users / progress.done;
      const leftMs = stopping ? undefined : ago(progress.leftMs);
      return {
        ...{
          phase: stopping ? "stopping" : progress.phase,
          label: visibleLine(withoutSecrets(progress.label)),
        },
        load: progress.load === undefined ? ended.length : progress.load + 1,
        loads: header === undefined
          ? progress.loads
          : header.find === undefined
          ? plans.length
          : undefined,
        ...{ done: progress.done, total: progress.total, failed: progress.failed },
        ...{ inFlight: progress.inFlight, tokensPerSec: progress.tokensPerSec },
        elapsedMs: progress.elapsedMs + sinceMs,
        leftMs,
        runElapsedMs: nowMs - startMs,
        runLeftMs: stopping || header?.find !== undefined ? undefined : runLeftMs({
          ...{ plans, ended: ended.length, leftMs, requestMs: paceMs },
          warmingUp: progress.phase === WARM_UP,
          elapsedMs: running ? progress.elapsedMs : undefined,
          betweenMs: betweenLoadsMs(nowMs),
        }),
        recent: {
          ttft: recent.ttft.latency(nowMs),
          itl: recent.itl.latency(nowMs),
          e2e: fleet.known
            // Agents do not tell it, but how many requests completed.
            ? { count: completed.count(nowMs), p50Ms: undefined, p99Ms: undefined }
            : recent.e2e.latency(nowMs),
        },
        fleet: fleet.state(nowMs, progress.load),
        failures: load.failures(),
        verdict: load.verdict.verdict(),
        server,
        course: measured.course.course(labelOf(measured.number)),
        ended: [...ended],
      };
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
  };
}
