/**
 * Simulated loads as records, and how often the intervals of their summaries hold what such loads show
 * on average.
 *
 * @module
 */
import { createRandom, type Random } from "../../backends/random.ts";
import type { RequestRecord } from "../../backends/record.ts";
import { type FiguredLoad, findFigure } from "../../metrics/figure.ts";
import type { LoadSummary } from "../../metrics/load_summary.ts";
import { summarize } from "../../metrics/summary.ts";
import { parseSlo } from "../../metrics/summary_slo.ts";
import { createRecord } from "../support/create_record.ts";
import { createRun } from "../support/create_run.ts";
import { normal } from "./coverage_series.ts";

/** A kind of load: users who wait for each other, or arrivals at random. */
export interface LoadKind {
  readonly kind: "closed" | "open";
  /** Users, or arrivals per second. */
  readonly level: number;
  /** Requests are sent for so long. */
  readonly sendingMs: number;
  /** How strongly a state of the server that changes slowly acts on all requests (σ of a logarithm). */
  readonly state: number;
  /** Over which time that state stays alike. */
  readonly stateMs: number;
}

const TICKS = 6;

/** Requests whose times are lognormal, of a server whose state is an AR(1) process. */
export function simulateLoad(kind: LoadKind, random: Random): readonly RequestRecord[] {
  const { level, sendingMs, state, stateMs } = kind;
  const stepMs = 50;
  const kept = Math.exp(-stepMs / stateMs);
  const states = new Float64Array(Math.ceil(2 * sendingMs / stepMs));
  states[0] = normal(random);
  for (let i = 1; i < states.length; i++) {
    states[i] = kept * states[i - 1]! + Math.sqrt(1 - kept * kept) * normal(random);
  }
  const factor = (ms: number) => Math.exp(state * states[Math.floor(ms / stepMs)]!);
  const records: RequestRecord[] = [];
  const request = (sentMs: number): number => {
    const firstMs = sentMs + 80 * factor(sentMs) * Math.exp(0.4 * normal(random));
    const gapMs = 100 * factor(sentMs) * Math.exp(0.2 * normal(random));
    const ticks = Array.from({ length: TICKS }, (_, i) => [firstMs + i * gapMs, i + 1] as const);
    const endMs = ticks.at(-1)![0];
    records.push(createRecord({ index: records.length, sentMs, intendedMs: sentMs, endMs, ticks }));
    return endMs;
  };
  if (kind.kind === "open") {
    const gap = () => -1000 / level * Math.log(1 - random.next());
    for (let ms = gap(); ms < sendingMs; ms += gap()) request(ms);
    return records;
  }
  const freeMs = new Array<number>(level).fill(0);
  for (;;) {
    const user = freeMs.indexOf(Math.min(...freeMs));
    if (freeMs[user]! >= sendingMs) return records;
    freeMs[user] = request(freeMs[user]!);
  }
}

/** Figures that are looked at: those that {@linkcode findFigure} knows, and those of the steady window. */
export const LOAD_FIGURES: readonly string[] = [
  ...["request_throughput", "throughput", "steady throughput", "goodput", "attainment"],
  ...["ttft:mean", "ttft:p50", "ttft:p90", "itl:mean", "itl:p50", "itl:p99", "e2e:mean"],
];

function figureOf(load: LoadSummary, name: string): ReturnType<
  NonNullable<ReturnType<typeof findFigure>>["of"]
> {
  if (!name.startsWith("steady ")) return findFigure(name)!.of(load);
  const { steady } = load.throughput;
  if (steady === undefined) return undefined;
  const moved: FiguredLoad = { ...load, throughput: { ...load.throughput, run: steady } };
  return findFigure(name.slice(7))!.of(moved);
}

/** How often intervals of a figure held the mean over all loads, and what they were like. */
export interface LoadCoverage {
  readonly name: string;
  /** Share of the intervals that held it. */
  readonly held: number;
  /** Share of loads that had one. */
  readonly given: number;
  /** Mean width ÷ what an oracle needs. */
  readonly width: number;
}

/** Simulates `count` loads. */
export function coverLoads(
  kind: LoadKind,
  { count, seed, values }: {
    readonly count: number;
    readonly seed: number;
    readonly values: "raw" | "histogram";
  },
): readonly LoadCoverage[] {
  const random = createRandom(seed, `loads ${JSON.stringify(kind)}`);
  const found = LOAD_FIGURES.map((): { value: number; low: number; high: number }[] => []);
  for (let i = 0; i < count; i++) {
    const run = createRun(simulateLoad(kind, random), {
      loads: [
        kind.kind === "open"
          ? { kind: "open", ratePerSec: kind.level }
          : { kind: "closed", users: kind.level },
      ],
      ends: [{ sendingEndMs: kind.sendingMs }],
    });
    const [load] = summarize(run, { values, slo: parseSlo("ttft:120,e2e:900") }).loads;
    LOAD_FIGURES.forEach((name, at) => {
      const figure = figureOf(load!, name);
      if (figure === undefined) return;
      const { low = NaN, high = NaN } = figure.interval ?? {};
      found[at]!.push({ value: figure.value, low, high });
    });
  }
  return LOAD_FIGURES.map((name, at) => {
    const all = found[at]!;
    const mean = all.reduce((sum, { value }) => sum + value, 0) / all.length;
    const spread = Math.sqrt(all.reduce((sum, { value }) => sum + (value - mean) ** 2, 0) / count);
    const given = all.filter(({ low }) => !Number.isNaN(low));
    const width = given.reduce((sum, { low, high }) => sum + high - low, 0) / given.length;
    return {
      name,
      held: given.filter(({ low, high }) => low <= mean && mean <= high).length / given.length,
      given: given.length / count,
      width: width / (2 * 1.96 * spread),
    };
  });
}
