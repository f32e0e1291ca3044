/**
 * What requests are told apart by. A new grouping is one entry here.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { formatMs, formatNumber } from "./format.ts";
import type { GroupingName } from "./load_groups.ts";
import type { LoadPlan, RateStagePlan, RunHeader } from "./run.ts";

/** Where names of groups come from. */
export interface GroupContext {
  /** The load as planned. */
  readonly plan: LoadPlan;
  /** The run that it belongs to. */
  readonly header: RunHeader;
}

/** One way to tell requests apart. */
export interface GroupKey {
  /** Its name in files. */
  readonly by: GroupingName;
  /** Heading of its table. */
  readonly title: string;
  /** Group of a request; absent = it is in none. Numbers order the groups, texts are listed after them. */
  readonly of: (record: RequestRecord, context: GroupContext) => number | string | undefined;
  /** Name of a group, from what {@linkcode GroupKey.of} gave. */
  readonly name: (key: number | string, context: GroupContext) => string;
  /** A single group says what the load says: it is left out. */
  readonly onlySeveral: boolean;
}

/** First turn of each group; they grow, as chains of a hundred turns are usual. */
const TURNS: readonly number[] = [1, 2, 3, 6, 11, 21, 51, 101, 201, 501];

/** Prompts shorter than this are in one group, those of the last one are longer than any context. */
const SHORT_PROMPT = 128;
const LONG_PROMPT = 2 ** 20;

/** All of them, in the order of the reports. */
export const GROUP_KEYS: readonly GroupKey[] = [
  {
    ...{ by: "class", title: "Class", onlySeveral: false },
    of: ({ class: name }, { header }) => positionIn(header.classes, name),
    name: (key, { header }) => nameIn(header.classes, key),
  },
  {
    ...{ by: "model", title: "Model", onlySeveral: false },
    of: ({ model }, { header }) => positionIn(header.models, model),
    name: (key, { header }) => nameIn(header.models, key),
  },
  {
    ...{ by: "server", title: "Server", onlySeveral: false },
    of: ({ server }) => server,
    name: (key, { header }) => header.urls?.[Number(key)] ?? `server ${Number(key) + 1}`,
  },
  {
    ...{ by: "stage", title: "Stage", onlySeveral: false },
    of: ({ stage }) => stage,
    name: (key, { plan }) => stageName(Number(key), plan.stages?.[Number(key)]),
  },
  {
    ...{ by: "turn", title: "Turn", onlySeveral: true },
    of: ({ turn }) => turn === undefined ? undefined : turnGroup(turn),
    name: (key) => turnGroupName(Number(key)),
  },
  {
    ...{ by: "prompt", title: "Prompt tokens", onlySeveral: true },
    // Lengths of single requests are the run's own choice.
    of: ({ contentTokens, promptTokens }, { plan }) =>
      plan.replay === undefined ? undefined : lengthGroup(contentTokens ?? promptTokens?.tokens),
    name: (key) => lengthGroupName(Number(key)),
  },
];

function positionIn(
  list: RunHeader["classes"] = [],
  name: string | undefined,
): number | string | undefined {
  if (name === undefined) return undefined;
  const position = list.findIndex((one) => one.name === name);
  return position < 0 ? name : position;
}

function nameIn(list: RunHeader["classes"] = [], key: number | string): string {
  return typeof key === "string" ? key : list[key]?.name ?? String(key);
}

function turnGroup(turn: number): number {
  return Math.max(0, TURNS.findLastIndex((first) => turn >= first));
}

function turnGroupName(group: number): string {
  const first = TURNS[group]!;
  const next = TURNS[group + 1];
  if (next === undefined) return `${first} and later`;
  return next - first === 1 ? String(first) : `${first}–${next - 1}`;
}

/** Powers of two: 0 = short, then one for each doubling. */
function lengthGroup(tokens: number | undefined): number | undefined {
  if (tokens === undefined) return undefined;
  if (tokens < SHORT_PROMPT) return 0;
  const group = 1 + Math.floor(Math.log2(Math.min(tokens, LONG_PROMPT) / SHORT_PROMPT));
  return group;
}

function lengthGroupName(group: number): string {
  if (group === 0) return `below ${SHORT_PROMPT}`;
  const from = SHORT_PROMPT * 2 ** (group - 1);
  return from >= LONG_PROMPT ? `${short(from)} and more` : `${short(from)}–${short(2 * from)}`;
}

/** `512`, `4k`, `1M`: 1k = 1,024. */
function short(tokens: number): string {
  if (tokens < 1024) return String(tokens);
  return tokens < 2 ** 20 ? `${tokens / 1024}k` : `${tokens / 2 ** 20}M`;
}

function stageName(number: number, stage: RateStagePlan | undefined): string {
  return stage === undefined ? `stage ${number + 1}` : `${number + 1}: ${stageText(stage)}`;
}

/** `2/s, 30 s`, `2–16/s, 60 s`, `exp. 16–2/s, 30 s`. */
export function stageText(stage: RateStagePlan): string {
  const { fromPerSec, toPerSec, exponential, durationMs } = stage;
  const rate = fromPerSec === toPerSec
    ? formatNumber(fromPerSec)
    : `${exponential ? "exp. " : ""}${formatNumber(fromPerSec)}–${formatNumber(toPerSec)}`;
  return `${rate}/s, ${formatMs(durationMs)}`;
}
