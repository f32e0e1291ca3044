/**
 * The tables of `client.ts` as Markdown. Pure.
 *
 * @module
 */
import type { Plan } from "./client.ts";
import type { ClientResult } from "./client_load.ts";

/** One client in one round. */
export interface Finding<Result = ClientResult> {
  readonly client: string;
  readonly result: Result;
}

/** What was found in each round. */
export interface Rounds<Result = ClientResult> {
  readonly rounds: readonly (readonly Finding<Result>[])[];
}

/** All rounds of a plan. */
export interface Measured extends Rounds {
  readonly plan: Plan;
}

/** Where and how it was measured. */
export interface Circumstances {
  readonly date: string;
  readonly command: string;
  readonly deno: string;
  readonly cores: number;
  /** Load average of the machine before the start. */
  readonly load: number;
  readonly seconds: number;
}

/** A number of a result; `null` where it has none. */
export type Figure<Result = ClientResult> = (result: Result) => number | null;

/** A row of the goals; `limits` are what must be reached and what would be better still. */
interface Goal {
  readonly what: string;
  readonly plan: string;
  readonly better: "higher" | "lower";
  readonly limits: readonly [must: number, stretch: number];
  readonly unit: string;
  readonly value: (measured: Measured) => number | undefined;
}

const perToken: Figure = ({ cpuMs, tokens }) => cpuMs / tokens;

/** Median over the rounds of a client's own figure. */
export function own<Result>(
  measured: Rounds<Result>,
  client: string,
  figure: Figure<Result>,
): number | undefined {
  return median(
    measured.rounds.flatMap((round) => {
      const found = round.find((one) => one.client === client);
      const value = found === undefined ? null : figure(found.result);
      return value === null || !isFinite(value) ? [] : [value];
    }),
  );
}

/** Ratios of two clients' figures, each taken inside its own round. */
export function ratios<Result>(
  measured: Rounds<Result>,
  over: string,
  under: string,
  figure: Figure<Result>,
): number[] {
  return measured.rounds.flatMap((round) => {
    const a = round.find(({ client }) => client === over);
    const b = round.find(({ client }) => client === under);
    return a === undefined || b === undefined ? [] : [figure(a.result)! / figure(b.result)!];
  });
}

/** Middle of the values, or of the two in the middle; nothing of none. */
export function median(values: readonly number[]): number | undefined {
  if (values.length === 0) return undefined;
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
}

const againstAiohttp = (client: string) => (measured: Measured) =>
  median(ratios(measured, "aiohttp", client, perToken));
const againstC = (client: string) => (measured: Measured) =>
  median(ratios(measured, client, "C", perToken));
const figureOf = (client: string, figure: Figure) => (measured: Measured) =>
  own(measured, client, figure);

function ratioGoal(
  what: string,
  plan: string,
  { client, limits }: { readonly client: string; readonly limits: readonly [number, number] },
): Goal {
  const value = againstAiohttp(client);
  return { what, plan, better: "higher", limits, unit: "× aiohttp", value };
}

function lateGoal(
  what: string,
  plan: string,
  { client, limits, figure }: {
    readonly client: string;
    readonly limits: readonly [number, number];
    readonly figure: Figure;
  },
): Goal {
  return { what, plan, better: "lower", limits, unit: "ms", value: figureOf(client, figure) };
}

const warmP50: Figure = ({ warm }) => warm.p50;
const warmP99: Figure = ({ warm }) => warm.p99;

const GOALS: readonly Goal[] = [
  ratioGoal("tokens per CPU-second, socket", "paced-1024", { client: "socket", limits: [2, 2.7] }),
  ratioGoal("tokens per CPU-second, fetch", "paced-1024", { client: "fetch", limits: [1.3, 1.6] }),
  ratioGoal("tokens per CPU-second, epoll", "paced-1024", { client: "epoll", limits: [3.3, 4] }),
  {
    what: "CPU of a token, epoll",
    plan: "paced-1024",
    better: "lower",
    limits: [1.45, 1.25],
    unit: "× C",
    value: againstC("epoll"),
  },
  ratioGoal("tokens per CPU-second, socket", "flood", { client: "socket", limits: [2.4, 3] }),
  ratioGoal("tokens per CPU-second, socket", "flood-16", { client: "socket", limits: [3.5, 5] }),
  ratioGoal("requests per CPU-second, socket", "one-token", {
    client: "socket",
    limits: [12, 15],
  }),
  lateGoal("error p50, warm, socket", "paced-1024", {
    client: "socket",
    limits: [0.1, 0.05],
    figure: warmP50,
  }),
  lateGoal("error p99, warm, socket", "paced-1024", {
    client: "socket",
    limits: [10, 3],
    figure: warmP99,
  }),
  lateGoal("error p99, warm, fetch", "paced-1024", {
    client: "fetch",
    limits: [30, 15],
    figure: warmP99,
  }),
  lateGoal("error p99, warm, socket, two workers", "lockstep-1024", {
    client: "socket ×2",
    limits: [12, 6],
    figure: warmP99,
  }),
  lateGoal("error p99, warm, socket, one core", "paced-4096", {
    client: "socket",
    limits: [115, 60],
    figure: warmP99,
  }),
  ...["departures-1000", "departures-5000"].flatMap((plan) =>
    ["socket ×1", "epoll"].flatMap((client): Goal[] => [
      lateGoal(`departure lateness p50, ${client}`, plan, {
        client,
        limits: [0.15, 0.1],
        figure: ({ departures }) => departures.p50,
      }),
      lateGoal(`departure lateness p99, ${client}`, plan, {
        client,
        limits: [1.6, 0.7],
        figure: ({ departures }) => departures.p99,
      }),
    ])
  ),
  {
    what: "peak memory, socket",
    plan: "memory-10000",
    better: "lower",
    limits: [200, 140],
    unit: "MiB",
    value: figureOf("socket", ({ peakMiB }) => peakMiB),
  },
];

/** The whole page. */
export function report(all: readonly Measured[], where: Circumstances): string {
  const lines = [
    `Measured ${where.date} with \`${where.command}\`: Deno ${where.deno}, ${where.cores} cores, ` +
    `load average ${where.load.toFixed(2)} before the start, ${where.seconds.toFixed(0)} s.`,
    "",
    "### Goals",
    "",
    ...table(
      ["load", "what", "must", "stretch", "measured", "reached"],
      GOALS.flatMap((goal) => goalRow(goal, all)),
    ),
  ];
  for (const measured of all) {
    lines.push("", `### ${measured.plan.title} (\`${measured.plan.name}\`)`, "");
    lines.push(...planTable(measured));
  }
  return lines.join("\n") + "\n";
}

function goalRow(goal: Goal, all: readonly Measured[]): string[][] {
  const measured = all.find(({ plan }) => plan.name === goal.plan);
  if (measured === undefined) return [];
  const value = goal.value(measured);
  const sign = goal.better === "higher" ? "≥" : "≤";
  const meets = (limit: number) =>
    value !== undefined && (goal.better === "higher" ? value >= limit : value <= limit);
  const [must, stretch] = goal.limits;
  return [[
    goal.plan,
    goal.what,
    `${sign} ${must}`,
    `${sign} ${stretch}`,
    value === undefined ? "n/a" : `${figure(value)} ${goal.unit}`,
    value === undefined ? "n/a" : meets(stretch) ? "stretch" : meets(must) ? "yes" : "**no**",
  ]];
}

function planTable(measured: Measured): string[] {
  const { plan } = measured;
  const unit = plan.tokens === 1 ? "request" : "token";
  const rows = plan.clients.map((client) => {
    const mine = (read: Figure) => own(measured, client, read);
    const gains = ratios(measured, "aiohttp", client, perToken);
    const costs = ratios(measured, client, "C", perToken);
    return [
      client,
      figure(mine(({ cpuMs, tokens }) => cpuMs * 1e3 / tokens)),
      figure(mine(({ cpuMs, tokens }) => tokens / cpuMs * 1e3), 0),
      figure(median(costs)),
      gains.length === 0
        ? "n/a"
        : `${figure(median(gains))} (${figure(Math.min(...gains))}–${figure(Math.max(...gains))})`,
      figure(mine(({ reads, tokens }) => reads / tokens)),
      triple(measured, client, ({ all }) => all),
      triple(measured, client, ({ warm }) => warm),
      triple(measured, client, ({ departures }) => departures),
      figure(mine(({ tokens, wallMs }) => tokens / wallMs * 1e3), 0),
      figure(mine(({ peakMiB }) => peakMiB), 0),
      figure(mine(({ failures }) => failures), 0),
    ];
  });
  return table([
    "client",
    `CPU µs/${unit}`,
    `${unit}s per CPU-second`,
    "× C",
    "× aiohttp's (min–max)",
    `reads/${unit}`,
    "error p50 / p99 / max ms",
    "warm",
    "departure lateness p50 / p99 / max ms",
    `${unit}s/s`,
    "peak MiB",
    "failed",
  ], rows);
}

function triple(
  measured: Measured,
  client: string,
  of: (result: ClientResult) => ClientResult["all"],
): string {
  const parts = (["p50", "p99", "max"] as const).map((name) =>
    own(measured, client, (result) => of(result)[name])
  );
  return parts.every((part) => part === undefined)
    ? ""
    : parts.map((one) => figure(one)).join(" / ");
}

/** Three significant digits, or so many decimals. */
export function figure(value: number | undefined, decimals?: number): string {
  if (value === undefined) return "n/a";
  if (decimals !== undefined) {
    return value.toFixed(decimals).replace(/\B(?=(\d{3})+$)/g, ",");
  }
  return Math.abs(value) >= 100 ? value.toFixed(0) : Number(value.toPrecision(3)).toString();
}

/** A Markdown table; columns that are empty in every row are left out. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string[] {
  const used = head.map((_, at) => rows.some((row) => row[at] !== ""));
  const line = (cells: readonly string[]) => `| ${cells.filter((_, at) => used[at]).join(" | ")} |`;
  return [line(head), line(head.map(() => "---")), ...rows.map(line)];
}
