/**
 * The tables of `truth.ts`.
 *
 * @module
 */
import { figure, table } from "./client_report.ts";
import type { Figure } from "./truth_join.ts";
import { RATE } from "./truth_join.ts";
import { type MachineState, PLANS, STATES } from "./truth_plans.ts";
import type { TruthFinding } from "./truth_run.ts";

/** Largest error that an `ok` allows: a share of the printed number, and at least so much. */
export function limitOf({ name, printed }: Pick<Figure, "name" | "printed">): number {
  if (name === RATE) return 0.05 * printed;
  return Math.max(0.05 * printed, /^(ITL|TPOT)/.test(name) ? 0.1 : 1);
}

/**
 * Whether the truth lies in what was printed, as far as the server's stamps tell; `undefined` where
 * only a number was printed.
 */
export function inside({ truth, truthLow, truthHigh, low, high }: Figure): boolean | undefined {
  if (low === null || high === null) return undefined;
  // The first raw lines had the value alone.
  return (truthHigh ?? truth) >= low && (truthLow ?? truth) <= high;
}

/** Half of what was printed may be so wide, over socket and epoll on an idle machine. */
function widthLimitOf({ name, printed }: Figure): number {
  return name.endsWith("p99") ? Math.max(2, 0.05 * printed) : Math.max(0.5, 0.02 * printed);
}

/** True error as a multiple of what `ok` allows, the worst figure of a run. */
export function worstError(figures: readonly Figure[]): number {
  return Math.max(...figures.map((one) => Math.abs(one.printed - one.truth) / limitOf(one)));
}

function share(part: number, all: number): string {
  return all === 0 ? "n/a" : `${part} of ${all} (${figure(100 * part / all)} %)`;
}

function range({ low, high }: Figure): string {
  return low === null || high === null ? "none" : `${figure4(low)}–${figure4(high)}`;
}

/** Four significant digits, which tell 50.1 from 50.15. */
function figure4(value: number): string {
  return Math.abs(value) >= 1000 ? value.toFixed(0) : Number(value.toPrecision(4)).toString();
}

const isLatency = ({ name }: Figure): boolean => name !== RATE;

function coverageRows(findings: readonly TruthFinding[]): string[][] {
  return groups(findings).map(([state, mine]) => {
    const all = mine.flatMap(({ figures }) => figures);
    const count = (figures: readonly Figure[]) =>
      share(figures.filter((one) => inside(one) === true).length, figures.length);
    return [
      STATES[state],
      `${mine.length}`,
      count(all),
      ...["p50", "p90", "p99"].map((p) => count(all.filter(({ name }) => name.endsWith(p)))),
      count(all.filter((one) => !isLatency(one))),
      `${mine.filter(({ failed }) => failed !== undefined).length}`,
    ];
  });
}

function verdictRows(findings: readonly TruthFinding[]): string[][] {
  return groups(findings.filter(({ failed }) => failed === undefined)).map(([state, mine]) => {
    const bad = mine.filter(({ figures }) => worstError(figures) > 1);
    const good = mine.filter(({ figures, used }) =>
      worstError(figures) < 0.5 && ["socket", "epoll", "grpc-socket"].includes(used)
    );
    const ok = (runs: readonly TruthFinding[]) => runs.filter(({ verdict }) => verdict === "ok");
    const kinds = Map.groupBy(mine, ({ verdict }) => verdict);
    return [
      STATES[state],
      `${ok(bad).length} of ${bad.length}`,
      share(ok(good).length, good.length),
      [...kinds].map(([kind, runs]) => `${runs.length} × ${kind}`).join(", "),
    ];
  });
}

/** How wide what is printed is: the median and the largest half of each, and how many are narrow enough. */
function widthRows(findings: readonly TruthFinding[]): string[][] {
  const rows: string[][] = [];
  for (const [state, mine] of groups(findings)) {
    for (const [used, runs] of Map.groupBy(mine, ({ used }) => used)) {
      const small = runs.filter(({ plan }) => !plan.endsWith("-4096"))
        .flatMap(({ figures }) => figures).filter((one) => inside(one) !== undefined)
        .filter(isLatency);
      if (small.length === 0) continue;
      const cells = ["p50", "p90", "p99"].flatMap((p) => {
        const figures = small.filter(({ name }) => name.endsWith(p));
        const halves = figures.map(({ low, high }) => (high! - low!) / 2).sort((a, b) => a - b);
        const narrow = figures.filter((one) => (one.high! - one.low!) / 2 <= widthLimitOf(one));
        return [
          `${figure(halves[halves.length >> 1])} / ${figure(halves.at(-1))}`,
          share(narrow.length, figures.length),
        ];
      });
      rows.push([state, used, ...cells]);
    }
  }
  return rows;
}

function outsideRows(findings: readonly TruthFinding[]): string[][] {
  return findings.flatMap((finding) =>
    finding.figures.filter((one) => inside(one) !== true).map((one) => [
      ...[finding.state, finding.plan, finding.transport, finding.verdict, one.name],
      ...[figure4(one.truth), figure4(one.printed), range(one)],
    ])
  );
}

function wrongRows(findings: readonly TruthFinding[]): string[][] {
  return findings.filter(({ verdict, figures }) =>
    verdict === "ok" && figures.length > 0 && worstError(figures) > 1
  )
    .map(({ state, plan, transport, figures }) => {
      const worst = figures.toSorted((a, b) => worstError([b]) - worstError([a]))[0]!;
      return [state, plan, transport, worst.name, figure4(worst.truth), figure4(worst.printed)];
    });
}

function witnessRows(findings: readonly TruthFinding[]): string[][] {
  const rows: string[][] = [];
  for (const [state, mine] of groups(findings)) {
    for (const { name } of PLANS) {
      const runs = mine.filter(({ plan, witness }) => plan === name && witness !== null);
      for (const [used, some] of Map.groupBy(runs, ({ used }) => used)) {
        const middle = (read: (one: TruthFinding) => number | null | undefined) => {
          const values = some.map(read).filter((value) => typeof value === "number")
            .sort((a, b) => a - b);
          return values.length === 0 ? "n/a" : figure(values[values.length >> 1]);
        };
        const part = (a: number | null, b: number | null) => a === null || !b ? null : 100 * a / b;
        const known = some.flatMap(({ figures }) => figures)
          .filter((one) => inside(one) !== undefined);
        rows.push([
          ...[state, name, used],
          middle(({ witness }) => witness!.streams),
          middle(({ witness }) => part(witness!.ticks, witness!.loadTicks)),
          middle(({ witness, clientCpuMs }) => part(witness!.cpuMs, clientCpuMs)),
          middle(({ witness }) => part(witness!.ticksInside, witness!.ticks)),
          middle(({ witness }) => part(witness!.departuresInside, witness!.requests)),
          known.length === 0
            ? "n/a"
            : figure(100 * known.filter((one) => inside(one) === true).length / known.length),
        ]);
      }
    }
  }
  return rows;
}

function planRows(findings: readonly TruthFinding[]): string[][] {
  return PLANS.flatMap(({ name, transports }) =>
    transports.flatMap((transport) => {
      const mine = findings.filter((one) => one.plan === name && one.transport === transport);
      if (mine.length === 0) return [];
      const cells = (Object.keys(STATES) as MachineState[]).map((state) => {
        const figures = mine.filter((one) => one.state === state).flatMap(({ figures }) => figures);
        if (figures.length === 0) return "";
        return `${figures.filter((one) => inside(one) === true).length} / ${figures.length}`;
      });
      const late = mine.flatMap(({ server }) => server.itlP99Ms ?? []);
      return [[name, transport, ...cells, late.length === 0 ? "" : figure(Math.max(...late))]];
    })
  );
}

function groups(
  findings: readonly TruthFinding[],
): (readonly [MachineState, readonly TruthFinding[]])[] {
  return (Object.keys(STATES) as MachineState[])
    .map((state) => [state, findings.filter((one) => one.state === state)] as const)
    .filter(([, mine]) => mine.length > 0);
}

/** All tables, as Markdown. */
export function truthReport(findings: readonly TruthFinding[]): string {
  const failed = findings.filter(({ failed }) => failed !== undefined);
  const lines = [
    "### The truth lies inside",
    "",
    ...table(
      ["machine", "runs", "all figures", "p50", "p90", "p99", "output tokens/s", "failed"],
      coverageRows(findings),
    ),
    "",
    "### Verdicts",
    "",
    ...table(
      ["machine", "ok beyond the limit", "ok within half of it (socket, epoll)", "verdicts"],
      verdictRows(findings),
    ),
    ...section("### ok beyond the limit", [
      ...["machine", "load", "transport", "figure", "truth", "printed"],
    ], wrongRows(findings)),
    ...section("### Half of the width (median / largest, ms), up to 1,024 users", [
      ...["machine", "transport", "p50", "narrow", "p90", "narrow", "p99", "narrow"],
    ], widthRows(findings)),
    ...section("### Figures inside, by load", [
      ...["load", "transport", ...Object.keys(STATES), "server late, p99 ms"],
    ], planRows(findings)),
    ...section("### Witness (medians; shares in %)", [
      ...["machine", "load", "transport", "streams", "of ticks", "of the client's CPU"],
      ...["ticks inside", "departures inside", "figures inside"],
    ], witnessRows(findings)),
    ...section("### Outside, or without a bracket", [
      ...["machine", "load", "transport", "verdict", "figure", "truth", "printed", "bracket"],
    ], outsideRows(findings)),
    ...section(
      "### Failed",
      ["machine", "load", "transport", "why"],
      failed.map((one) => [
        ...[one.state, one.plan, one.transport, one.failed!.replaceAll(/\s+/g, " ")],
      ]),
    ),
  ];
  return lines.join("\n") + "\n";
}

function section(title: string, head: readonly string[], rows: readonly string[][]): string[] {
  return rows.length === 0 ? [] : ["", title, "", ...table(head, rows)];
}
