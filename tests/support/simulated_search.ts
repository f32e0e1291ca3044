/**
 * A search as `bench --find rate` makes it, against an engine on simulated time.
 *
 * @module
 */
import type { CapacitySummary } from "../../metrics/capacity_result.ts";
import type { LoadEnd, LoadPlan } from "../../metrics/run.ts";
import { summarizeCapacity } from "../../metrics/capacity_summary.ts";
import type { LoadSummary } from "../../metrics/load_summary.ts";
import { createFinder } from "../../workloads/find_finder.ts";
import { type FindValues, planFind } from "../../workloads/find_plan.ts";
import type { BenchPlan } from "../../workloads/bench_plan.ts";
import type { OpenLoad } from "../../workloads/load.ts";
import { createHeader } from "./create_run.ts";
import type { SimulatedEngine } from "./simulated_queue.ts";

/** What a search found, and what it cost. */
export interface SimulatedSearch {
  readonly capacity: CapacitySummary;
  readonly probes: number;
  readonly requests: number;
  /** Simulated time of all probes. */
  readonly minutes: number;
}

const EXAMPLE: OpenLoad = {
  ...{ kind: "open", arrival: "poisson", ratePerSec: 1, shape: 1 },
  ...{ maxInFlight: 0, overflow: "wait" },
};
/** The watch is asked as often as in a run. */
const LOOK_EVERY_MS = 250;

/** Searches the highest rate of an engine. */
export function searchSimulated(
  engine: SimulatedEngine,
  { seed, ...values }: FindValues & { readonly seed: number },
): SimulatedSearch {
  const asked = planFind({ find: "rate", slo: `ttft:p99<${engine.limitMs}`, ...values })!;
  const plan = { loads: [EXAMPLE], stops: [{}], warmups: ["short"] } as unknown as BenchPlan;
  const loads: LoadSummary[] = [];
  const finder = createFinder({ asked, plan, onLoad: (load) => loads.push(load) });
  const find = finder.begin(engine.answerMs);
  finder.open(createHeader({ find }));
  let [probes, requests, minutes] = [0, 0, 0];
  for (let next = finder.next(); next !== undefined; next = finder.next()) {
    const load = probes++;
    const { ratePerSec } = next.load as OpenLoad;
    const planned: LoadPlan = {
      ...{ label: `${ratePerSec} req/s`, kind: "open", arrival: "poisson", ratePerSec },
      probe: next.probe,
      ...(next.repeat === undefined ? {} : { repeat: next.repeat }),
    };
    finder.plan(planned);
    const all = engine.run({
      ratePerSec,
      requests: next.stop.requests!,
      seed: `${engine.name} ${seed} ${load}`,
    });
    const sent = all.map(({ sentMs }) => sentMs!).toSorted((a, b) => a - b);
    let lookMs = LOOK_EVERY_MS;
    let cutShort: string | undefined;
    let [seen, left] = [0, 0];
    for (const record of all) {
      while (cutShort === undefined && lookMs < record.endMs! && lookMs < sent.at(-1)!) {
        while (left < sent.length && sent[left]! <= lookMs) left++;
        cutShort = finder.whyStop({ elapsedMs: lookMs, sent: left, inFlight: left - seen });
        lookMs += LOOK_EVERY_MS;
      }
      if (cutShort !== undefined) break;
      seen++;
      finder.see({ ...record, load });
    }
    const durationMs = cutShort === undefined ? all.at(-1)!.endMs! : lookMs;
    const end: LoadEnd = {
      ...{ load, durationMs, rampEndMs: 0, sendingEndMs: Math.min(durationMs, sent.at(-1)!) },
      interrupted: false,
      ...(cutShort === undefined ? {} : { cutShort }),
    };
    finder.end(end);
    requests += seen;
    minutes += durationMs / 60_000;
  }
  return { capacity: summarizeCapacity(find, asked.level!, loads), probes, requests, minutes };
}
