/**
 * How often the sampling intervals of a summary hold the truth, and how wide they are beside those of an
 * oracle, who knows how far such figures are from the truth: of series whose truth is known, by other
 * methods, and of whole simulated loads. Prints Markdown.
 *
 *     deno task bench:coverage [--series 2000] [--loads 1000] [--seed 1]
 *
 * @module
 */
import { parseArgs } from "node:util";
import { coverLoads, type LoadKind } from "./coverage_loads.ts";
import { alone, percentileBootstrap, studentizedBootstrap } from "./coverage_methods.ts";
import {
  autocorrelated,
  cover,
  type Coverage,
  type FigureName,
  FIGURES,
  LAWS,
  type Method,
  ours,
  queue,
  type Series,
} from "./coverage_series.ts";

/** Series of the table, and how long they are. */
export const CASES: readonly (readonly [series: Series, lengths: readonly number[]])[] = [
  [autocorrelated(LAWS.normal, 0), [400, 2000]],
  [autocorrelated(LAWS.lognormal, 0), [2000, 8000]],
  [autocorrelated(LAWS.heavy, 0), [4000]],
  [autocorrelated(LAWS.pareto, 0), [4000]],
  [autocorrelated(LAWS.normal, 10), [2000, 8000]],
  [autocorrelated(LAWS.normal, 20), [2000, 16_000]],
  [autocorrelated(LAWS.lognormal, 20), [4000, 16_000]],
  [autocorrelated(LAWS.pareto, 20), [16_000]],
  [queue(0.5), [4000, 16_000]],
  [queue(0.7), [8000, 20_000]],
  [autocorrelated(LAWS.bimodal, 0), [1000]],
  [autocorrelated(LAWS.bimodal, 20), [4000]],
];

const COMPARED: readonly (readonly [series: Series, length: number])[] = [
  [autocorrelated(LAWS.normal, 0), 2000],
  [autocorrelated(LAWS.normal, 10), 8000],
  [autocorrelated(LAWS.lognormal, 20), 8000],
  [autocorrelated(LAWS.pareto, 20), 16_000],
];

const METHODS: readonly (readonly [name: string, method: Method])[] = [
  ["as if independent", alone],
  ["block bootstrap, percentiles", percentileBootstrap],
  ["block bootstrap, studentized", studentizedBootstrap],
  ["ours", ours],
];

const LOADS: readonly (readonly [name: string, kind: LoadKind, values: "raw" | "histogram"])[] = [
  ["8 users", closed(0), "raw"],
  ["8 users, server changes", closed(0.1), "raw"],
  ["8 users, server changes, histograms", closed(0.1), "histogram"],
  [
    "10 req/s, server changes",
    { kind: "open", level: 10, sendingMs: 60_000, state: 0.1, stateMs: 500 },
    "raw",
  ],
];

function closed(state: number): LoadKind {
  return { kind: "closed", level: 8, sendingMs: 60_000, state, stateMs: 500 };
}

const print = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

/** Of fewer intervals, a share says nothing; they are n/a. */
const FEWEST = 0.01;

/** `94.3 % × 1.21`, and how many have one where not all have. */
function cell(one: Omit<Coverage, "name"> | undefined): string {
  if (one === undefined || one.given < FEWEST) return "n/a";
  const few = one.given > 0.995 ? "" : ` (of ${(100 * one.given).toFixed(0)} %)`;
  return `${(100 * one.held).toFixed(1)} % × ${one.width.toFixed(2)}${few}`;
}

function row(cells: readonly string[]): void {
  print(`| ${cells.join(" | ")} |`);
}

function head(cells: readonly string[], left: number): void {
  row(cells);
  row(cells.map((_, i) => i < left ? "---" : "---:"));
}

function main(): void {
  const { values } = parseArgs({
    options: {
      series: { type: "string", default: "2000" },
      loads: { type: "string", default: "1000" },
      seed: { type: "string", default: "1" },
    },
  });
  const seed = Number(values.seed);
  const count = Number(values.series);
  if (count > 0) {
    print(`\n${count} series each: share of intervals that hold the truth × width ÷ an oracle's\n`);
    head(["values", "alike for", "length", ...FIGURES], 1);
    for (const [series, lengths] of CASES) {
      for (const length of lengths) {
        const found = cover(series, { method: ours, length, count, seed });
        const cells = FIGURES.map((name) => cell(found[name]));
        row([series.name, String(series.alike), String(length), ...cells]);
      }
    }
    const fewer = Math.ceil(count / 4);
    const figures: readonly FigureName[] = ["mean", "p50", "p99"];
    print(`\n${fewer} series each, by method\n`);
    head(["values", "alike for", "length", "method", ...figures], 1);
    for (const [series, length] of COMPARED) {
      for (const [name, method] of METHODS) {
        const found = cover(series, { method, length, count: fewer, seed });
        const cells = figures.map((figure) => cell(found[figure]));
        row([series.name, String(series.alike), String(length), name, ...cells]);
      }
    }
  }
  const loads = Number(values.loads);
  if (loads === 0) return;
  print(`\n${loads} simulated loads of 60 s each; the truth is their mean\n`);
  const found = LOADS.map(([, kind, values]) => coverLoads(kind, { count: loads, seed, values }));
  head(["figure", ...LOADS.map(([name]) => name)], 1);
  found[0]!.forEach(({ name }, i) => row([name, ...found.map((all) => cell(all[i]))]));
}

if (import.meta.main) main();
