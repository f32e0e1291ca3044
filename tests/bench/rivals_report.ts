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
/** Without the server's own time for what comes before. */
const ownFirst: Read = ({ firstSec, servingSec }) => firstSec - servingSec;

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
      ...{ name: "first", text: "s of its own to the first measured request" },
      ...{ limit: FIRST_LIMIT_SEC, value: own(measured, client, ownFirst) },
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

/** Cells of a client under a load: medians over rounds; ratios to the rival are taken inside each. */
function cellsOf(measured: Measured, client: string) {
  const goals = goalsOf(measured, client);
  const mark = (goal: Goal["name"], text: string) =>
    goals.some((one) => one.name === goal && isMissed(one)) ? `**${text}**` : text;
  const mine = (read: Read) => own(measured, client, read);
  const fixed = (read: Read, decimals: number) => mine(read)?.toFixed(decimals) ?? "n/a";
  const times = (read: Read) => figure(median(ratios(measured, client, RIVAL, read)));
  const said = (read: (figures: RivalFigures) => Said): [printed: string, truth: string] => [
    fixed((one) => read(one).printed, 2),
    fixed((one) => read(one).truth, 2),
  ];
  return {
    cpu: fixed(cpu, 2),
    cpuTimes: mark("cpu", times(cpu)),
    memory: fixed(memory, 0),
    memoryTimes: mark("memory", times(memory)),
    together: fixed(({ togetherMiB }) => togetherMiB, 0),
    first: fixed(first, 2),
    ownFirst: mark("first", fixed(ownFirst, 2)),
    wall: fixed(({ wallSec }) => wallSec, 1),
    ttftP50: said(({ ttftP50 }) => ttftP50),
    ttftP99: said(({ ttftP99 }) => ttftP99),
    itlP99: said(({ itlP99 }) => itlP99),
    errorP50: mark("p50", figure(mine(errorP50))),
    errorP99: mark("p99", figure(mine(errorP99))),
    errorItl: figure(mine(({ itlP99 }) => error(itlP99))),
  };
}

type Cells = ReturnType<typeof cellsOf>;

/** Of the short table: what was printed less what is true is its error. */
const SHORT: readonly (readonly [head: string, cell: (cells: Cells) => string])[] = [
  ["CPU s", ({ cpu }) => cpu],
  [`× ${RIVAL}`, ({ cpuTimes }) => cpuTimes],
  ["MiB", ({ memory }) => memory],
  ["×", ({ memoryTimes }) => memoryTimes],
  ["first s", ({ first }) => first],
  ["its own", ({ ownFirst }) => ownFirst],
  ["TTFT p50", ({ ttftP50: [printed] }) => printed],
  ["error", ({ errorP50 }) => errorP50],
  ["p99", ({ ttftP99: [printed] }) => printed],
  ["error", ({ errorP99 }) => errorP99],
  ["ITL p99", ({ itlP99: [printed] }) => printed],
  ["error", ({ errorItl }) => errorItl],
];

const beside = ([printed, truth]: readonly [string, string]): string => `${printed} (${truth})`;

/** Of the whole table. */
const WHOLE: typeof SHORT = [
  ["CPU s", ({ cpu }) => cpu],
  ["memory of the largest process MiB", ({ memory }) => memory],
  ["of all", ({ together }) => together],
  ["first request s (its own)", ({ first, ownFirst }) => `${first} (${ownFirst})`],
  ["wall s", ({ wall }) => wall],
  ["TTFT p50 (true)", ({ ttftP50 }) => beside(ttftP50)],
  ["TTFT p99 (true)", ({ ttftP99 }) => beside(ttftP99)],
  ["error p50 / p99 ms", ({ errorP50, errorP99 }) => `${errorP50} / ${errorP99}`],
  ["ITL p99 (true)", ({ itlP99 }) => beside(itlP99)],
  ["error ms", ({ errorItl }) => errorItl],
];

/** Two rows a load: the rival, and all of ours. */
function shortRows(measured: Measured, clients: readonly string[]): string[][] {
  const groups = [[RIVAL], clients.filter((client) => client !== RIVAL)];
  return groups.flatMap((group, i) => {
    const present = group.filter((client) => clients.includes(client));
    if (present.length === 0) return [];
    const cells = present.map((client) => cellsOf(measured, client));
    return [[
      i === 0 ? measured.load.title : "",
      present.join(" / "),
      ...SHORT.map(([, cell]) => cells.map(cell).join(" / ")),
    ]];
  });
}

/** The whole page. */
export function rivalsReport(
  loads: readonly RivalLoad[],
  findings: readonly RivalFinding[],
): string {
  const short: string[][] = [];
  const whole: string[][] = [];
  const missed: string[] = [];
  let judged = 0;
  let rounds = 0;
  for (const load of loads) {
    const measured = measuredOf(load, findings);
    const mine = findings.filter((one) => one.load === load.name && one.figures !== undefined);
    rounds = Math.max(rounds, measured.rounds.length);
    const clients = load.clients.filter((client) => mine.some((one) => one.client === client));
    short.push(...shortRows(measured, clients));
    for (const client of clients) {
      const cells = cellsOf(measured, client);
      whole.push([load.name, nameOf(client, mine), ...WHOLE.map(([, cell]) => cell(cells))]);
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
  return [
    `Measured ${
      dates[0] ?? "never"
    }: Deno ${Deno.version.deno}, ${navigator.hardwareConcurrency} ` +
    `cores, medians of ${rounds} rounds.`,
    "",
    ...table(["load", "client", ...SHORT.map(([head]) => head)], short),
    "",
    `${judged - missed.length} of ${judged} goals are reached${missed.length > 0 ? "; not:" : "."}`,
    ...(missed.length > 0 ? ["", ...missed] : []),
    "",
    ...table(["load", "client", ...WHOLE.map(([head]) => head)], whole),
    ...(failures.length > 0 ? ["", "Failed:", ""] : []),
    ...failures.map(({ load, client, round, failed }) =>
      `- ${load}, ${client}, round ${round + 1}: ${failed}`
    ),
  ].join("\n") + "\n";
}
