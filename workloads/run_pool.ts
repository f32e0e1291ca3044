/**
 * The pool that loads take their requests from: which prompt, model and server each position has. They
 * follow from the seed and the position alone, so that threads and answers change nothing.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { RequestRecord } from "../backends/record.ts";
import { MOST_WARMUPS } from "./bench_options_load.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { poolStretches } from "./bench_pool.ts";
import { serversOf } from "./bench_servers.ts";
import { dealShares } from "./dataset_shares.ts";
import type { Prompt } from "./prompt.ts";

/** What a record says of a request's share in a load. */
export type RequestShare = Pick<RequestRecord, "class" | "model" | "server">;

/** What each position of a pool holds. Positions beyond the prompts begin again with the first. */
export interface PoolPlan {
  /** A whole number of times as long as the list of prompts. */
  readonly length: number;
  /** Model to ask for; absent = the run's. */
  modelAt(position: number): string | undefined;
  /** Position of the server that it goes to. */
  serverAt(position: number): number;
  /** For its record; absent = there is one class, one model, one server. */
  readonly shareAt?: (position: number) => RequestShare;
}

/** Positions for loads that end by time, and at most where prompts are repeated. */
const FOR_DURATION = 1000;
const MOST_REPEATED = 100_000;

/** Plans the pool of a run. */
export function planPool(
  plan:
    & Pick<BenchPlan, "url" | "urls" | "models" | "modelAssignment" | "classes" | "seed">
    & Pick<BenchPlan, "warmups" | "loads" | "stops">,
  prompts: readonly Prompt[],
): PoolPlan {
  const { models, classes } = plan;
  const servers = serversOf(plan).length;
  if (models === undefined && servers === 1) {
    return {
      length: prompts.length,
      modelAt: () => undefined,
      serverAt: () => 0,
      ...classes && { shareAt: (position: number) => classOf(prompts, position) },
    };
  }
  const length = prompts.length * timesOver(plan, prompts.length);
  const assigned = models === undefined
    ? undefined
    : plan.modelAssignment === "round-robin"
    ? Uint32Array.from({ length }, (_, position) => position % models.length)
    : dealShares(models.map(({ weight }) => weight), {
      ...{ seed: plan.seed, label: "models" },
      stretches: poolStretches(plan, length),
    });
  const modelAt = (position: number) => assigned && models![assigned[position]!]!.name;
  const serverAt = (position: number) => position % servers;
  return {
    ...{ length, modelAt, serverAt },
    shareAt: (position) => ({
      ...classOf(prompts, position),
      ...defined({
        model: modelAt(position),
        server: servers > 1 ? serverAt(position) : undefined,
      }),
    }),
  };
}

function classOf(prompts: readonly Prompt[], position: number): Pick<RequestShare, "class"> {
  return defined({ class: prompts[position % prompts.length]!.class });
}

/**
 * How often each prompt is in the pool: few prompts must not keep a load from its shares. Where each
 * prompt is sent once, it is there once.
 */
function timesOver(
  { warmups, stops, replay }: Pick<BenchPlan, "warmups" | "stops" | "replay">,
  prompts: number,
): number {
  // Its pool is for warm-ups alone.
  if (replay !== undefined) return Math.ceil(MOST_WARMUPS / prompts);
  if (stops.some(({ once }) => once)) return 1;
  const wanted = stops.reduce((sum, { requests = FOR_DURATION }) => sum + requests, 0) +
    warmups.reduce<number>((sum, warmup) => sum + (warmup === "short" ? 0 : warmup), 0);
  return Math.max(1, Math.ceil(Math.min(wanted, MOST_REPEATED) / prompts));
}
