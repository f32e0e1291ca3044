/**
 * The tables of `rivals.ts` as Markdown. Pure.
 *
 * @module
 */
import {
  type Figure,
  figure,
  type Finding,
  median,
  own,
  ratios,
  type Rounds,
  table,
} from "./client_report.ts";
import {
  RIVAL,
  type RivalFigures,
  type RivalFinding,
  type RivalLoad,
  type Said,
} from "./rivals_run.ts";

/** From so many users on the default is judged too, and nothing may cost more than the rival. */
const HEAVY_USERS = 512;
const CPU_LIMIT = 1;
const CPU_LIMIT_LIGHT = 1.3;
const MEMORY_LIMIT = 2;
const FIRST_LIMIT_SEC = 0.5;

type Read = Figure<RivalFigures>;

/** A load's runs; each round by itself. */
interface Measured extends Rounds<RivalFigures> {
  readonly load: RivalLoad;
}

/** A goal of a row: what must hold of whom, and what was measured. */
interface Goal {
  readonly name: "cpu" | "memory" | "first" | "p50" | "p99";
  readonly text: string;
  readonly limit: number;
  readonly value: number | undefined;
}

/** The nth run of each client makes round n, whichever file it came from. */
function measuredOf(load: RivalLoad, findings: readonly RivalFinding[]): Measured {
  const rounds: Finding<RivalFigures>[][] = [];
  const runs = new Map<string, number>();
  for (const { load: name, client, figures } of findings) {
    if (name !== load.name) continue;
    const round = runs.get(client) ?? 0;
    runs.set(client, round + 1);
    rounds[round] ??= [];
    if (figures !== undefined) rounds[round].push({ client, result: figures });
  }
  return { load, rounds };
}

const error = ({ printed, truth }: Said): number => Math.abs(printed - truth);
const errorP50: Read = ({ ttftP50 }) => error(ttftP50);
const errorP99: Read = ({ ttftP99 }) => error(ttftP99);
const cpu: Read = ({ cpuSec }) => cpuSec;
const memory: Read = ({ largestMiB }) => largestMiB;
const first: Read = ({ firstSec }) => firstSec;

/** What is asked of a client under a load; nothing of those that are only shown. */
function goalsOf(measured: Measured, client: string): Goal[] {
  const { users } = measured.load;
  const heavy = users !== undefined && users >= HEAVY_USERS;
  if (client !== "epoll" && !(client === "auto" && heavy)) return [];
  const times = (read: Read) => median(ratios(measured, client, RIVAL, read));
  // Of a Poisson load nothing is asked but that it is shown.
  const cpuLimit = heavy ? CPU_LIMIT : users === undefined ? Infinity : CPU_LIMIT_LIGHT;
  return [
    { name: "cpu", text: "× CPU", limit: cpuLimit, value: times(cpu) },
    { name: "memory", text: "× memory", limit: MEMORY_LIMIT, value: times(memory) },
    {
      ...{ name: "first", text: "s to the first measured request" },
      ...{ limit: FIRST_LIMIT_SEC, value: own(measured, client, first) },
    },
    { name: "p50", text: "× error of TTFT p50", limit: 1, value: times(errorP50) },
    { name: "p99", text: "× error of TTFT p99", limit: 1, value: times(errorP99) },
  ];
}

function isMissed({ value, limit }: Goal): boolean {
  return value !== undefined && value > limit;
}

/** The clients' names; of the default also what it chose. */
function nameOf(client: string, findings: readonly RivalFinding[]): string {
  const used = new Set(findings.filter((one) => one.client === client).map(({ used }) => used));
  used.delete(client);
  return used.size === 0 ? client : `${client} (${[...used].join(", ")})`;
}

function rowOf(measured: Measured, client: string, name: string): string[] {
  const goals = goalsOf(measured, client);
  const mark = (goal: Goal["name"], text: string) =>
    goals.some((one) => one.name === goal && isMissed(one)) ? `**${text}**` : text;
  const mine = (read: Read) => own(measured, client, read);
  const beside = (read: Read, decimals: number) => {
    const times = client === RIVAL ? undefined : median(ratios(measured, client, RIVAL, read));
    const value = mine(read)?.toFixed(decimals) ?? "n/a";
    return times === undefined ? value : `${value} (${figure(times)} ×)`;
  };
  const said = (read: (figures: RivalFigures) => Said) =>
    `${mine((one) => read(one).printed)?.toFixed(2) ?? "n/a"} ` +
    `(${mine((one) => read(one).truth)?.toFixed(2) ?? "n/a"})`;
  return [
    name,
    mark("cpu", beside(cpu, 2)),
    mark("memory", beside(memory, 0)),
    figure(mine(({ togetherMiB }) => togetherMiB), 0),
    mark("first", mine(first)?.toFixed(2) ?? "n/a"),
    mine(({ wallSec }) => wallSec)?.toFixed(1) ?? "n/a",
    said(({ ttftP50 }) => ttftP50),
    said(({ ttftP99 }) => ttftP99),
    `${mark("p50", figure(mine(errorP50)))} / ${mark("p99", figure(mine(errorP99)))}`,
    said(({ itlP99 }) => itlP99),
    figure(mine(({ itlP99 }) => error(itlP99))),
  ];
}

/** The whole page: medians over rounds; ratios to the rival are taken inside each. */
export function rivalsReport(
  loads: readonly RivalLoad[],
  findings: readonly RivalFinding[],
): string {
  const rows: string[][] = [];
  const missed: string[] = [];
  let judged = 0;
  let rounds = 0;
  for (const load of loads) {
    const measured = measuredOf(load, findings);
    const mine = findings.filter((one) => one.load === load.name && one.figures !== undefined);
    rounds = Math.max(rounds, measured.rounds.length);
    let title = load.title;
    for (const client of load.clients) {
      if (!mine.some((one) => one.client === client)) continue;
      rows.push([title, ...rowOf(measured, client, nameOf(client, mine))]);
      title = "";
      for (const goal of goalsOf(measured, client)) {
        if (goal.value === undefined || goal.limit === Infinity) continue;
        judged++;
        if (!isMissed(goal)) continue;
        missed.push(
          `- ${load.name}, ${client}: ${figure(goal.value)} ${goal.text}, at most ${goal.limit}`,
        );
      }
    }
  }
  const failures = findings.filter(({ failed }) => failed !== undefined);
  const dates = findings.map(({ at }) => at.slice(0, 10)).toSorted();
  const head = [
    "load",
    "client",
    `CPU s (× ${RIVAL})`,
    "memory MiB",
    "of all",
    "first request s",
    "wall s",
    "TTFT p50 (true)",
    "TTFT p99 (true)",
    "error p50 / p99 ms",
    "ITL p99 (true)",
    "error ms",
  ];
  return [
    `Measured ${
      dates[0] ?? "never"
    }: Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} ` +
    `cores, medians of ${rounds} rounds.`,
    "",
    ...table(head, rows),
    "",
    `${judged - missed.length} of ${judged} goals are reached${missed.length > 0 ? "; not:" : "."}`,
    ...(missed.length > 0 ? ["", ...missed] : []),
    ...(failures.length > 0 ? ["", "Failed:", ""] : []),
    ...failures.map(({ load, client, round, failed }) =>
      `- ${load}, ${client}, round ${round + 1}: ${failed}`
    ),
  ].join("\n") + "\n";
}
