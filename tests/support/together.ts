/**
 * Machines of one fleet in one process: what holds them together, without a network.
 *
 * @module
 */
import { epochOriginMs, systemClock } from "../../backends/clock.ts";
import type { RequestRecord } from "../../backends/record.ts";
import type { Run } from "../../metrics/run.ts";
import type { LeasedPortion } from "../../workloads/agent_share.ts";
import { LeaseBook } from "../../workloads/fleet_lead_lease.ts";
import { type BenchOptions, measureBench } from "../../workloads/run_bench.ts";
import type { MeasureHooks } from "../../workloads/run_hooks.ts";
import type { Together } from "../../workloads/run_together.ts";
import {
  type CompletionsServer,
  type CompletionsServerOptions,
  startCompletionsServer,
} from "./completions_server.ts";

/** What else a fleet of a test does. */
export interface TogetherOptions {
  /** From the last machine's readiness to the start; default 70 ms. */
  readonly leadMs?: number;
  /** A load that is not sent. */
  readonly skipped?: (load: number) => boolean;
  /** Called before a portion is given; it waits for what this returns. */
  readonly onLease?: (load: number, agent: number) => Promise<void> | void;
}

/** Everything that was asked for and given. */
export interface TogetherLog {
  /** `agent point load`, in their order. */
  readonly met: string[];
  readonly leased: (LeasedPortion & { readonly load: number; readonly agent: number })[];
}

/** So many machines. */
export function togetherOf(
  agents: number,
  { leadMs = 70, skipped = () => false, onLease }: TogetherOptions = {},
): { readonly all: readonly Together[]; readonly log: TogetherLog } {
  const log: TogetherLog = { met: [], leased: [] };
  const points = new Map<string, { count: number; over: PromiseWithResolvers<number> }>();
  const wait = (name: string, agent: number, signal: AbortSignal): Promise<number> => {
    log.met.push(`${agent} ${name}`);
    let point = points.get(name);
    if (point === undefined) {
      points.set(name, point = { count: 0, over: Promise.withResolvers() });
    }
    const { over } = point;
    if (++point.count === agents) over.resolve(epochOriginMs() + systemClock.now() + leadMs);
    signal.addEventListener("abort", () => over.resolve(NaN));
    return over.promise;
  };
  const books = new Map<number, LeaseBook>();
  let questions = 0;
  const all = Array.from({ length: agents }, (_, agent): Together => ({
    share: { fleet: "test", run: "run", agent, agents },
    async meet(load, point, signal) {
      await wait(`${point} ${load}`, agent, signal);
    },
    async begin(load, signal) {
      const startMs = await wait(`begin ${load}`, agent, signal);
      return skipped(load) || Number.isNaN(startMs) ? undefined : startMs;
    },
    async lease(load, { want, limit }) {
      await onLease?.(load, agent);
      const book = books.get(load) ?? new LeaseBook(agents);
      books.set(load, book);
      const answer = book.answer({ agent, load, want, limit, number: questions++ });
      if (answer?.portion !== undefined) log.leased.push({ load, agent, ...answer.portion });
      return answer?.portion;
    },
  }));
  return { all, log };
}

/** Short, and the same each time. */
export const QUICK: BenchOptions = {
  ...{ protocol: "openai-completions", transport: "socket", workers: 0, outputTokens: 4 },
  ...{
    warmup: 0,
    witness: false,
    noCalibration: true,
    gpu: "off",
    salt: "test",
    serverMetrics: "off",
  },
};
/** Numbers of machines that are tried. */
export const FLEETS: readonly number[] = [2, 4, 8];

/** The workload on so many machines, of which each has a run; 0 = alone. */
export async function sendTogether(
  url: string | readonly string[],
  agents: number,
  options: BenchOptions,
  { hooks = {}, ...others }: TogetherOptions & { hooks?: Partial<MeasureHooks> } = {},
): Promise<{ runs: readonly Run[]; log: TogetherLog }> {
  const all = { ...QUICK, ...options };
  if (agents === 0) {
    return { runs: [await measureBench(url, all, hooks)], log: { met: [], leased: [] } };
  }
  const { all: machines, log } = togetherOf(agents, others);
  const runs = await Promise.all(
    machines.map((together) => measureBench(url, all, { ...hooks, together })),
  );
  return { runs, log };
}

/** Records of one phase of all machines. */
export const recordsOf = (runs: readonly Run[], phase = "measure"): readonly RequestRecord[] =>
  runs.flatMap(({ records }) => records.filter((one) => one.phase === phase));

/** What is the same on any number of machines, in an order of its own. */
export function sameOf(
  runs: readonly Run[],
  of: (record: RequestRecord) => unknown,
): readonly string[] {
  return recordsOf(runs).map((record) => JSON.stringify(of(record))).toSorted();
}

/** What is planned of a request. */
export const plannedOf = (
  { load, index, intendedMs, promptId, requestedTokens }: RequestRecord,
): unknown => {
  // Starts of the load are rounded otherwise on each machine.
  return [load, index, intendedMs.toFixed(2), promptId, requestedTokens];
};

/** Bodies of the requests that were measured, in an order of their own; the server forgets them. */
export function takeBodies({ bodies }: CompletionsServer): readonly string[] {
  return bodies.splice(0).filter(({ prompt }) => !String(prompt).includes("Checking the server"))
    .map((body) => JSON.stringify(body)).toSorted();
}

/** Lends a server. */
export async function withServer(
  use: (server: CompletionsServer) => Promise<void>,
  options: CompletionsServerOptions = {},
): Promise<void> {
  const server = startCompletionsServer(options);
  try {
    await use(server);
  } finally {
    await server.stop();
  }
}
