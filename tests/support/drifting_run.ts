/**
 * Runs of a server that gets slower as time goes on, on simulated time: each load is slower than the one
 * before it, by itself scattered, and made of requests that scatter.
 *
 * @module
 */
import { createRandom, normal, type Random } from "../../backends/random.ts";
import { turnLabel } from "../../metrics/load_repeats.ts";
import type { LoadPlan, RunHeader } from "../../metrics/run.ts";
import { summarize, type Summary } from "../../metrics/summary.ts";
import { createRecord } from "./create_record.ts";
import { createRun } from "./create_run.ts";

/** What the server does. */
export interface Drifting {
  /** Sides of the loads in the order of measurement; absent = there are none. */
  readonly sides?: readonly number[];
  /** Loads, where there are no sides. */
  readonly loads?: number;
  readonly seed: number;
  /** Change of TTFT from one load to the next, as a share. */
  readonly drift: number;
  /** Change of TTFT on side 1, as a share. */
  readonly effect?: number;
  /** Place of the first load, for runs that follow others. */
  readonly from?: number;
}

const TTFT_MS = 100;
const REQUESTS = 20;
/** Standard deviation between requests, and from load to load. */
const NOISE = 0.03;
const RUN_NOISE = 0.01;

/** Its summary. */
export function drifting({ sides, loads, seed, drift, effect = 0, from = 0 }: Drifting): Summary {
  const random = createRandom(seed, `drifting/${from}`);
  const order = sides ?? Array.from({ length: loads ?? 1 }, () => undefined);
  const counts = new Map<number | undefined, number>();
  const plans = order.map((side): Partial<LoadPlan> => {
    const repeat = (counts.get(side) ?? 0) + 1;
    counts.set(side, repeat);
    const turn = { repeat, ...(side === undefined ? {} : { side }) };
    return { label: turnLabel("1 user", turn), ...turn };
  });
  const records = order.flatMap((side, load) => {
    const level = TTFT_MS * (1 + drift * (from + load)) * (1 + (side === 1 ? effect : 0)) *
      (1 + RUN_NOISE * draw(random));
    let atMs = 0;
    return Array.from({ length: REQUESTS }, (_, index) => {
      const ttft = level * (1 + NOISE * draw(random));
      const sentMs = atMs;
      atMs += ttft + 20;
      const ticks = [0, 10, 20].map((ms, n) => [sentMs + ttft + ms, n + 1] as const);
      return createRecord({ load, index, sentMs, ticks });
    });
  });
  const header: Partial<RunHeader> = sides === undefined ? { repeats: order.length } : {
    repeats: order.length / 2,
    sides: [{ name: "a", url: "http://127.0.0.1:8000" }, {
      name: "b",
      url: "http://127.0.0.1:8001",
    }],
  };
  const startedAt = new Date(Date.UTC(2026, 0, 2) + 60_000 * from).toISOString();
  return summarize(createRun(records, { loads: plans, header: { ...header, startedAt } }));
}

function draw(random: Random): number {
  return normal(random, { mean: 0, std: 1 });
}
