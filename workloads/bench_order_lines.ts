/**
 * The order of a run's loads for people, before anything is sent.
 *
 * @module
 */
import { formatCount, formatMs, plural } from "../metrics/format.ts";
import { SIDE_NAMES } from "../metrics/load_repeats.ts";
import { labelOf, orderOf } from "./bench_order.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { serversOf } from "./bench_servers.ts";
import { type Load, type Stop, stopOfPool } from "./load.ts";

/** More of them are counted. */
const MOST_LINES = 40;

/** A line for each server; with two sides their names stand before them. */
export function serverLines(plan: BenchPlan): readonly string[] {
  const { other } = plan;
  const lines = (side: BenchPlan, name: string, differs?: string) =>
    serversOf(side).map(({ url }) =>
      `${name}${url}, ${side.protocol} over ${side.transport}${
        differs === undefined ? "" : `, ${differs}`
      }`
    );
  return other === undefined ? lines(plan, "server      ") : [
    ...lines(plan, `side        ${SIDE_NAMES[0]} `),
    ...lines(other.plan, `side        ${SIDE_NAMES[1]} `, other.differs),
  ];
}

/**
 * In which order loads are repeated, and how long all of them take.
 *
 * @param poolLength prompts that there are.
 */
export function orderLines(plan: BenchPlan, poolLength: number): readonly string[] {
  const order = orderOf(plan);
  const width = String(order.length).length;
  const shown = plan.order === undefined
    ? []
    : order.slice(0, MOST_LINES).map((_, i) =>
      `${i === 0 ? "order" : "     "}       ${String(i + 1).padStart(width)}  ${labelOf(plan, i)}`
    );
  const more = plan.order === undefined ? 0 : order.length - shown.length;
  return [
    ...shown,
    ...(more > 0 ? [`${" ".repeat(12)}… and ${formatCount(more)} more`] : []),
    ...timeLines(plan, poolLength),
  ];
}

/** How long the loads take together; nothing for a single one, whose own line says it. */
function timeLines(plan: BenchPlan, poolLength: number): readonly string[] {
  const order = orderOf(plan);
  if (order.length < 2) return [];
  const times = order.map(({ base }) =>
    loadMs(plan.loads[base]!, stopOfPool(plan.stops[base] ?? {}, poolLength))
  );
  const knownMs = times.reduce<number>((sum, ms = 0) => sum + ms, 0);
  const open = times.filter((ms) => ms === undefined).length;
  const together = `for ${plural(order.length, "load")}, warm-ups apart`;
  if (open === 0) return [`time        ${formatMs(knownMs)} at least ${together}`];
  const rest = `as long as ${open === order.length ? "" : `${open} of them`} take`;
  return knownMs === 0
    ? [`time        as long as the requests of ${plural(order.length, "load")} take`]
    : [`time        ${formatMs(knownMs)} and ${rest}, ${together}`];
}

/** How long a load sends; absent where that is for the server to say. */
function loadMs(load: Load, { requests, durationMs }: Stop): number | undefined {
  if (load.kind === "open" && requests !== undefined && load.stages === undefined) {
    return Math.min(durationMs ?? Infinity, requests / load.ratePerSec * 1000);
  }
  if (load.kind === "replay" && load.mode === "schedule" && load.lastMs !== undefined) {
    return Math.min(durationMs ?? Infinity, load.lastMs);
  }
  return requests === undefined ? durationMs : undefined;
}
