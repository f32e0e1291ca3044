/**
 * The loop of a run that decides its loads while it goes on.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { LoadEnd, LoadPlan } from "../metrics/run.ts";
import type { Measurement } from "./bench_order.ts";
import { poolOfWarmups } from "./bench_pool.ts";
import type { Load, Stop } from "./load.ts";
import { sparePrompts } from "./load_sequence.ts";
import type { LoadFinder } from "./run_finder.ts";
import { planOfLoad } from "./run_header.ts";
import type { Running } from "./run_load.ts";
import { reachOf } from "./run_load_part.ts";
import type { LoadReach } from "./run_load_requests.ts";
import { EXIT, UserError } from "./user_error.ts";

/** Measures one load after its warm-up. */
type MeasureOne = (
  running: Running,
  planned: { readonly load: Load; readonly stop: Stop; readonly reach: LoadReach },
) => Promise<LoadEnd>;

/**
 * Measures the loads that `finder` decides, each with new instants; Ctrl-C and the loss of the server
 * end the run.
 *
 * @throws {UserError} when it was interrupted before anything was measured.
 */
export async function measureFound(
  running: Running,
  finder: LoadFinder,
  measureOne: MeasureOne,
): Promise<{ readonly ends: readonly LoadEnd[]; readonly plans: readonly LoadPlan[] }> {
  const { plan, hooks, prepared } = running;
  const ends: LoadEnd[] = [];
  const plans: LoadPlan[] = [];
  const loads: Load[] = [];
  const stops: Stop[] = [];
  const warmups: (number | "short")[] = [];
  const order: Measurement[] = [];
  const warmup = plan.warmups[0] ?? "short";
  let from = poolOfWarmups([warmup]);
  while (!hooks.stopSignal.aborted) {
    const decided = await finder.next();
    if (decided === undefined) break;
    const { load, stop, probe, repeat } = decided;
    const number = loads.push(load) - 1;
    stops.push(stop);
    warmups.push(warmup);
    order.push({ base: number, ...defined({ repeat }) });
    const grown = { ...plan, loads: [...loads], stops: [...stops], warmups, order: [...order] };
    const described = { ...planOfLoad(grown, number, prepared.requests.length), probe };
    plans.push(described);
    hooks.onPlan?.(described);
    finder.plan(described);
    const reach = { number, base: number, again: false, from, count: reachOf(load, stop) };
    const end = await measureOne({ ...running, plan: grown }, { load, stop, reach });
    ends.push(end);
    await hooks.onLoadEnd?.(end);
    finder.end(end);
    if (end.serverLost !== undefined) break;
    from += (stop.requests ?? 0) + sparePrompts(load, stop);
  }
  if (ends.every(({ skipped, serverLost }) => skipped && serverLost === undefined)) {
    throw new UserError("Interrupted before anything was measured", EXIT.interrupted);
  }
  return { ends, plans };
}
