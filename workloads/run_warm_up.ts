/**
 * What a load sends before it is measured, unless so many whole requests were asked for: short answers
 * for all of its streams at once. They warm up the server at the load's concurrency (its kernels, graphs
 * and memory), its connections and this program, at the cost of a few tokens each.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { GenerationRequest } from "../backends/protocol.ts";
import type { RequestRecord } from "../backends/record.ts";
import { MOST_WARMUPS } from "./bench_options_load.ts";
import type { ClosedLoad, Load, Stop } from "./load.ts";
import { answerMs, inFlight, paceOf } from "./load_pace.ts";
import { type SharedWires, shareWires } from "./load_wires.ts";
import { withOtherMark } from "./dataset_salt.ts";
import type { Dataset } from "./prompt.ts";
import type { LoadReach } from "./run_load_requests.ts";
import { loadMark, otherMarkOf } from "./run_salt.ts";
import { MOST_LOADS } from "../metrics/run.ts";
import { markedRequest } from "./run_check_request.ts";
import { meanTokens, type Prepared } from "./run_prepare.ts";

/** A load of its own before the one that is measured. */
export interface WarmUp {
  readonly load: ClosedLoad;
  readonly requests: readonly GenerationRequest[];
  readonly wires: SharedWires;
  /** Position in the pool of the request that each is like. */
  readonly likeAt: (index: number) => number;
}

/** What the warm-up depends on. */
export interface WarmUpNeed {
  readonly prepared: Pick<Prepared, "protocol" | "targets" | "pool" | "requests" | "marks"> & {
    readonly dataset: Pick<Dataset, "prompts" | "prefixes">;
  };
  /** The record of the request that checked the server: it has the pace, and a length that works. */
  readonly checked: RequestRecord;
  readonly load: Load;
  readonly stop: Stop;
  /** Number of the load: each has a warm-up of its own. */
  readonly number: number;
  /** Machines that send it together; default 1. */
  readonly agents?: number;
}

/** Requests like those of the load, that share no beginning with them, as short as the check. */
export function shortWarmUp(
  { prepared, checked, load, stop, number, agents }: WarmUpNeed,
): WarmUp {
  const { requests: pool, dataset, marks } = prepared;
  const likeAt = (index: number) => index % pool.length;
  const users = warmUpStreams({
    load,
    stop,
    meanMs: answerMs(paceOf(checked), meanTokens(prepared)),
    ...defined({ agents }),
  });
  const requests = Array.from({ length: users }, (_, i): GenerationRequest => {
    const request = pool[likeAt(i)]!;
    const prompt = dataset.prompts[likeAt(i) % dataset.prompts.length];
    const mark = otherMarkOf(marks, `warm-up/${number}`, prompt);
    return {
      ...markedRequest(request, `Warm-up ${number + 1}. `, number + 1, mark),
      outputTokens: Math.min(request.outputTokens, checked.requestedTokens),
      // Below the check's.
      requestId: pool[0]!.requestId - BigInt(2 + number * MOST_WARMUPS + i),
    };
  });
  return atOnce(prepared, { users, requests, likeAt });
}

/**
 * The prefixes of a load's prompts with the load's own mark, once to each server and for each model that
 * has such prompts: a prefix cache has them when the load begins. Absent where there are none.
 */
export function prefixWarmUp(
  { prepared, checked, load, stop, number }: WarmUpNeed,
  { from, count }: Pick<LoadReach, "from" | "count">,
): WarmUp | undefined {
  const { pool: { serverAt, modelAt }, requests: pool, marks } = prepared;
  const { prompts, prefixes } = prepared.dataset;
  if (prefixes === undefined) return undefined;
  const positions = new Map<string, number>();
  for (let n = 0; n < Math.min(count, pool.length); n++) {
    const position = (from + n) % pool.length;
    const { prefix } = prompts[position % prompts.length]!;
    if (prefix === undefined || !prefixes.has(prefix.pool)) continue;
    const key = `${prefix.pool} ${serverAt(position)} ${modelAt(position)}`;
    if (!positions.has(key)) positions.set(key, position);
  }
  if (positions.size === 0) return undefined;
  const likes = [...positions.values()];
  const likeAt = (index: number) => likes[index]!;
  const requests = likes.map((position, i): GenerationRequest => {
    const request = pool[position]!;
    const made = prefixes.get(prompts[position % prompts.length]!.prefix!.pool)!;
    const { messages, tokenIds } = marks?.scope === "load"
      ? withOtherMark(made, marks.marks.of(loadMark(0)), marks.marks.of(loadMark(number)))
      : made;
    return {
      ...request,
      messages,
      outputTokens: Math.min(request.outputTokens, checked.requestedTokens),
      // Below those of the short warm-ups.
      requestId: pool[0]!.requestId - BigInt(2 + (MOST_LOADS + number) * MOST_WARMUPS + i),
      ...defined({ promptTokenIds: tokenIds }),
    };
  });
  const meanMs = answerMs(paceOf(checked), meanTokens(prepared));
  const users = Math.min(requests.length, warmUpStreams({ load, stop, meanMs }));
  return atOnce(prepared, { users, requests, likeAt });
}

/** So many users who send these requests. */
function atOnce(
  { protocol, targets, pool: { serverAt } }: WarmUpNeed["prepared"],
  { users, requests, likeAt }: Pick<WarmUp, "requests" | "likeAt"> & { readonly users: number },
): WarmUp {
  return {
    load: { kind: "closed", users, rampUpMs: 0, sequence: "shared" },
    requests,
    wires: shareWires(
      requests.map((one, i) => protocol.buildRequest(one, targets[serverAt(likeAt(i))]!)),
    ),
    likeAt,
  };
}

/**
 * As many as will be in flight, and where a schedule is dealt at least one for each machine: each has
 * connections and code of its own to warm.
 *
 * @param meanMs how long an answer of the load takes.
 */
export function warmUpStreams(
  { load, stop, meanMs, agents = 1 }: Pick<WarmUpNeed, "load" | "stop" | "agents"> & {
    readonly meanMs: number;
  },
): number {
  const most = Math.min(MOST_WARMUPS, stop.requests ?? Infinity);
  const hasUsers = load.kind === "closed" || load.kind === "replay" && load.mode === "sessions";
  const least = hasUsers ? 1 : Math.min(most, agents);
  return Math.max(1, least, Math.min(most, Math.ceil(inFlight(load, meanMs))));
}
