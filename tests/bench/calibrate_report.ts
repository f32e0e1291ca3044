/**
 * The tables of `calibrate.ts` as Markdown. Pure.
 *
 * @module
 */
import type { CalibrationCell, ErrorSpread } from "../../metrics/run_calibration.ts";
import { type Circumstances, figure, median, table } from "./client_report.ts";

/** A load of both servers. */
export interface CalibrationPlan {
  readonly name: string;
  readonly streams: number;
  readonly itlMs: number;
  readonly pattern: "lockstep" | "spread";
  readonly outputTokens: number;
  /** Of each stream; the first is not judged. */
  readonly requests: number;
}

/** One load in one round: what `calibrate` said, and what the C server's log says. */
export interface CalibrationFinding {
  readonly plan: string;
  readonly transport: string;
  readonly estimate: CalibrationCell;
  readonly judged: CalibrationCell;
}

/** When a client in C had what a server had stamped, in ms after the stamp. */
export interface ReceiptFinding {
  readonly plan: string;
  readonly server: string;
  readonly count: number;
  readonly leastMs: number;
  readonly p50Ms: number;
  readonly p99Ms: number;
  readonly maxMs: number;
  /** Half of the tightest question for the server's clock. */
  readonly uncertainMs: number;
  /** Behind the server's own plan; null = it does not say. */
  readonly lateP50Ms: number | null;
  readonly lateP99Ms: number | null;
  /** Tokens/s that the C client got out of it, as fast as it goes; null = not tried. */
  readonly capacityPerSec: number | null;
}

/** Metrics that are compared, and how they are called. */
const METRICS: readonly (readonly [keyof CalibrationCell["error"], string])[] = [
  ["receipt", "token"],
  ["ttft", "TTFT"],
  ["itl", "gap"],
  ["e2e", "E2E"],
];

/** An estimate may be off by a share of the truth, or by so many ms. */
interface Bound {
  readonly share: number;
  readonly ms: number;
}

/** What must be reached, and what would be better still, where no milliseconds help. */
const BOUNDS: Readonly<Record<"p50" | "p99", { readonly must: Bound; readonly stretch: Bound }>> = {
  p50: { must: { share: 0.2, ms: 0.2 }, stretch: { share: 0.1, ms: 0 } },
  p99: { must: { share: 0.4, ms: 1 }, stretch: { share: 0.2, ms: 0 } },
};

/** Whether an estimate is near enough. */
export function near(estimate: number, truth: number, { share, ms }: Bound): boolean {
  const off = Math.abs(estimate - truth);
  return off <= share * truth || off <= ms;
}

/** How near an estimate of one percentile is. */
export function reached(
  percentile: "p50" | "p99",
  estimate: number | undefined,
  truth: number | undefined,
): string {
  if (estimate === undefined || truth === undefined) return "n/a";
  const { must, stretch } = BOUNDS[percentile];
  return near(estimate, truth, stretch)
    ? "stretch"
    : near(estimate, truth, must)
    ? "yes"
    : "**no**";
}

/** The whole page. */
export function calibrationReport(
  all: readonly (CalibrationFinding | ReceiptFinding)[],
  plans: readonly CalibrationPlan[],
  where: Circumstances,
): string {
  const compared = all.filter((one) => "estimate" in one);
  const received = all.filter((one) => "server" in one);
  const rows = plans.flatMap((plan) =>
    unique(compared.filter((one) => one.plan === plan.name).map(({ transport }) => transport))
      .flatMap((transport) => {
        const own = compared.filter((one) => one.plan === plan.name && one.transport === transport);
        return METRICS.map(([metric, title]) =>
          comparedRow(own, metric, [
            plan.name,
            transport,
            title,
          ])
        );
      })
  );
  const marks = rows.flatMap((row) => [row[5]!, row[8]!]);
  const count = (mark: string) => marks.filter((one) => one === mark).length;
  return [
    `Measured ${where.date} with \`${where.command}\`: Deno ${where.deno}, ${where.cores} cores, ` +
    `load average ${where.load.toFixed(2)} before the start, ${where.seconds.toFixed(0)} s.`,
    "",
    "Must: p50 within 20 % or 0.2 ms, p99 within 40 % or 1 ms; stretch: within 10 % and 20 %. " +
    `Of ${marks.length} figures ${count("stretch")} reach the stretch goal, ${count("yes")} more ` +
    `the goal, ${count("**no**")} do not.`,
    "",
    ...table(
      [
        ...["load", "transport", "error of", "p50: calibrate", "C server", "reached"],
        ...["p99: calibrate", "C server", "reached", "p99, range: calibrate", "C server", "rounds"],
      ],
      rows,
    ),
    "",
    ...table(
      [
        ...["load", "server", "tokens", "stamp to receipt in C: least", "p50", "p99", "max"],
        ...["clock ±", "behind its plan: p50", "p99", "capacity, tokens/s"],
      ],
      plans.flatMap((plan) =>
        unique(received.filter((one) => one.plan === plan.name).map(({ server }) => server))
          .map((server) =>
            receivedRow(received.filter((one) => one.plan === plan.name && one.server === server))
          )
      ),
    ),
  ].join("\n") + "\n";
}

function comparedRow(
  own: readonly CalibrationFinding[],
  metric: keyof CalibrationCell["error"],
  head: readonly string[],
): string[] {
  const values = (side: "estimate" | "judged", of: "p50Ms" | "p99Ms") =>
    own.flatMap((one) => (one[side].error[metric] as ErrorSpread)[of] ?? []);
  const both = (of: "p50Ms" | "p99Ms") => {
    const [estimate, truth] = [median(values("estimate", of)), median(values("judged", of))];
    return [
      figure(estimate),
      figure(truth),
      reached(of === "p50Ms" ? "p50" : "p99", estimate, truth),
    ];
  };
  const range = (side: "estimate" | "judged") => {
    const all = values(side, "p99Ms");
    return `${figure(Math.min(...all))}–${figure(Math.max(...all))}`;
  };
  return [
    ...head,
    ...both("p50Ms"),
    ...both("p99Ms"),
    range("estimate"),
    range("judged"),
    `${own.length}`,
  ];
}

function receivedRow(own: readonly ReceiptFinding[]): string[] {
  const mid = (of: (one: ReceiptFinding) => number | null) => {
    const values = own.flatMap((one) => of(one) ?? []);
    return values.length === 0 ? "n/a" : figure(median(values));
  };
  const { plan, server } = own[0]!;
  return [
    plan,
    server,
    mid(({ count }) => count),
    mid(({ leastMs }) => leastMs),
    mid(({ p50Ms }) => p50Ms),
    mid(({ p99Ms }) => p99Ms),
    mid(({ maxMs }) => maxMs),
    mid(({ uncertainMs }) => uncertainMs),
    mid(({ lateP50Ms }) => lateP50Ms),
    mid(({ lateP99Ms }) => lateP99Ms),
    figure(median(own.flatMap(({ capacityPerSec }) => capacityPerSec ?? [])), 0),
  ];
}

function unique(all: readonly string[]): readonly string[] {
  return [...new Set(all)];
}
