/**
 * The observers of `observers.ts`, and whether they change the errors of our stamps.
 *
 * @module
 */
import { studentQuantile } from "../../metrics/stat_student.ts";
import { median, table } from "./client_report.ts";

/** Who looks on. */
interface Observer {
  readonly title: string;
  /** Options of `bench`; ENDPOINT is an address of the measuring script. */
  readonly options: readonly string[];
  /** The program runs on a pseudo-terminal. */
  readonly terminal?: true;
}

const UNSCRAPED = "--server-metrics=off";

/** By their names; the first is compared with all others. */
export const OBSERVERS: Readonly<Record<string, Observer>> = {
  nobody: { title: "nobody", options: [UNSCRAPED] },
  again: { title: "nobody, once more", options: [UNSCRAPED] },
  terminal: { title: "view on a terminal", options: [UNSCRAPED], terminal: true },
  page: { title: "`--live`, a page that is read", options: [UNSCRAPED, "--live=0"] },
  scrape: { title: "`--server-metrics`", options: ["--server-metrics=ENDPOINT/metrics"] },
  slow: {
    title: "`--server-metrics`, 30 s for an answer during the load",
    options: ["--server-metrics=ENDPOINT/slow"],
  },
  otel: { title: "`--otel`", options: [UNSCRAPED, "--otel=ENDPOINT"] },
};

/** One run. */
export interface ObservedRun {
  readonly at: string;
  /** Runs of one round are compared with each other. */
  readonly round?: string;
  readonly observer: string;
  readonly transport: string;
  /** Requests found in the server's log. */
  readonly matched: number;
  /** Errors of stamps in ms. */
  readonly errors: Readonly<Record<ErrorName, number>>;
  readonly cpuCores: number | null;
  readonly verdict: string;
}

const ERRORS = {
  ttftP50: "TTFT p50",
  itlP50: "ITL p50",
  itlP99: "ITL p99",
  receiptP50: "reads p50",
  receiptP99: "reads p99",
} as const;

type ErrorName = keyof typeof ERRORS;

/** The Markdown. */
export function observersReport(runs: readonly ObservedRun[]): string {
  const { at = "", transport = "" } = runs[0] ?? {};
  const names = Object.keys(OBSERVERS).filter((name) =>
    runs.some(({ observer }) => observer === name)
  );
  const errors = Object.keys(ERRORS) as ErrorName[];
  const rounds = new Set(runs.map(({ round }) => round)).size;
  const of = (observer: string, error: ErrorName) =>
    runs.filter((run) => run.observer === observer).map((run) => run.errors[error]);
  const micro = (ms: number | undefined) => ms === undefined ? "n/a" : (ms * 1000).toFixed(0);
  const rows = names.map((name) => {
    const own = runs.filter(({ observer }) => observer === name);
    return [
      OBSERVERS[name]!.title,
      ...errors.map((error) => micro(median(of(name, error)))),
      (median(own.flatMap(({ cpuCores }) => cpuCores ?? [])) ?? NaN).toFixed(3),
      `${own.filter(({ verdict }) => verdict === "ok").length} of ${own.length}`,
    ];
  });
  const ratios = names.slice(1).map((name) => [
    OBSERVERS[name]!.title,
    ...errors.map((error) => ratioText(pairs(runs, name, error))),
  ]);
  return [
    `Errors of stamps by the server's log, µs, medians of ${rounds} rounds; ${transport}; ` +
    `${at.slice(0, 10)}`,
    "",
    ...table(["observer", ...Object.values(ERRORS), "cores busy", "verdict ok"], rows),
    "",
    "Ratio to nobody of the same round: geometric mean, 95 % interval, and the chance of so large a " +
    "difference where there is none (signs flipped)",
    "",
    ...table(["observer", ...Object.values(ERRORS)], ratios),
    "",
    smallestChance(runs, names.slice(1), errors),
    "",
  ].join("\n");
}

/** Among so many comparisons a small chance is found by chance. */
function smallestChance(
  runs: readonly ObservedRun[],
  names: readonly string[],
  errors: readonly ErrorName[],
): string {
  const chances = names.flatMap((name) =>
    errors.map((error) => flippedChance(pairs(runs, name, error)))
  );
  const smallest = Math.min(1, ...chances);
  return `The smallest of ${chances.length} chances is ${smallest.toFixed(3)}; of so many ` +
    `(Bonferroni) ${Math.min(1, smallest * chances.length).toFixed(2)}`;
}

/** Logarithms of the ratios to nobody of the same round. */
function pairs(runs: readonly ObservedRun[], observer: string, error: ErrorName): number[] {
  return runs.filter((run) => run.observer === observer).flatMap(({ round, errors }) => {
    const other = runs.find((run) => run.round === round && run.observer === "nobody");
    return other === undefined ? [] : [Math.log(errors[error] / other.errors[error])];
  });
}

function ratioText(logs: readonly number[]): string {
  const n = logs.length;
  if (n < 2) return "n/a";
  const mean = logs.reduce((a, b) => a + b, 0) / n;
  const spread = Math.sqrt(logs.reduce((sum, log) => sum + (log - mean) ** 2, 0) / (n - 1));
  const half = studentQuantile(0.025, n - 1) * spread / Math.sqrt(n);
  const text = (log: number) => Math.exp(log).toFixed(2);
  return `${text(mean)} (${text(mean - half)}–${text(mean + half)}), p ${
    flippedChance(logs).toFixed(2)
  }`;
}

/** Share of all ways to flip signs whose sum is at least as far from zero: exact, for few pairs. */
export function flippedChance(values: readonly number[]): number {
  const most = Math.abs(values.reduce((a, b) => a + b, 0)) - 1e-12;
  let far = 0;
  for (let flips = 0; flips < 2 ** values.length; flips++) {
    let sum = 0;
    for (let i = 0; i < values.length; i++) sum += flips >> i & 1 ? values[i]! : -values[i]!;
    if (Math.abs(sum) >= most) far++;
  }
  return far / 2 ** values.length;
}
