/**
 * The results of a load for parts of its requests: one mechanism for turns, prompt lengths, classes,
 * models, servers, and stages. A load whose requests have none of these pays for none.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { GROUP_KEYS, type GroupContext } from "./summary_group_keys.ts";
import type { Grouping, GroupSlo, GroupSummary } from "./load_groups.ts";
import type { Window } from "./load_series.ts";
import type { Mergeable } from "./load_state.ts";
import type { Metric } from "./metric.ts";
import { isWork, sentTokens } from "./record_streaming.ts";
import type { Witness } from "./run_client.ts";
import {
  mergeAll,
  readFields,
  reading,
  readList,
  readNumber,
  readText,
  sums,
} from "./state_read.ts";
import { createGroupValues, type GroupValues } from "./summary_group_values.ts";
import { describeMetric } from "./summary_metrics.ts";
import { outcomeFold } from "./summary_outcomes.ts";
import { prefixFold } from "./summary_prefix.ts";
import { createStageRates, stageWindows } from "./summary_stages.ts";
import { rates } from "./summary_throughput.ts";

/** What the groups of a load depend on. */
export interface GroupsOptions extends GroupContext {
  /** Metrics of the load. */
  readonly metrics: readonly Metric[];
  /** As those of the load are kept. */
  readonly values: "raw" | "histogram";
  /** Whether limits were given. */
  readonly slo: boolean;
}

/** Adds up the groups of a load. */
export interface Groups extends Mergeable {
  /** Adds a measured record; `good`: it met all limits. */
  add(record: RequestRecord, good: boolean): void;
  /** Results so far. */
  result(
    options: {
      readonly durationMs: number;
      readonly witness: Witness | undefined;
      readonly percentiles: readonly number[];
    },
  ): readonly Grouping[];
}

/** Latencies of a group: one value a request, so that a request costs the same however long it is. */
export const GROUP_METRICS: readonly string[] = [
  "ttft",
  "ttft_intended",
  "tpot",
  "e2e",
  "e2e_intended",
];

/** More groups of one kind than this are counted as one. */
const MOST_GROUPS = 50;
const OTHERS = "(others)";

/** Numbers of groups are positions in lists of the header. */
const MOST_ID = 1e5;

/** Has no group yet. */
export function createGroups(options: GroupsOptions): Groups {
  const { plan, slo, values } = options;
  const metrics = options.metrics.filter(({ name }) => GROUP_METRICS.includes(name));
  const windows = stageWindows(plan);
  const stages = windows && createStageRates(windows);
  const groupings = GROUP_KEYS.map((key) => ({
    key,
    groups: new Map<number | string, Group>(),
  }));
  const createEmpty = () => createGroup(createGroupValues(metrics, plan, values));
  const groupOf = (groups: Map<number | string, Group>, found: number | string): Group => {
    const id = groups.has(found) || groups.size < MOST_GROUPS ? found : OTHERS;
    let group = groups.get(id);
    if (group === undefined) groups.set(id, group = createEmpty());
    return group;
  };
  return {
    state: () => ({
      stages: stages?.state() ?? null,
      groups: Object.fromEntries(
        groupings.filter(({ groups }) => groups.size > 0).map(({ key, groups }) => [
          key.by,
          [...groups].map(([id, group]) => [id, group.state()]),
        ]),
      ),
    }),
    merger(state) {
      const more = readFields(state);
      const merge = stages === undefined ? [] : [
        reading("stages", () => stages.merger(more.stages)),
      ];
      const there = readFields(more.groups);
      for (const { key, groups } of groupings) {
        if (!Object.hasOwn(there, key.by)) continue;
        for (const one of readList(there[key.by], MOST_GROUPS + 1)) {
          const [id, own] = readList(one, 2);
          const name = typeof id === "number" ? readNumber(id, 0, MOST_ID) : readText(id);
          // Any group can check it; which one it is added to is known only when those before are there.
          reading(`${key.by} ${id}`, () => createEmpty().merger(own));
          merge.push(() => groupOf(groups, name).merger(own)());
        }
      }
      return () => merge.forEach((add) => add());
    },
    add(record, good) {
      stages?.add(record);
      for (const { key, groups } of groupings) {
        const found = key.of(record, options);
        if (found !== undefined) groupOf(groups, found).add(record, good);
      }
    },
    result({ durationMs, witness, percentiles }) {
      const run: Window = { fromMs: 0, toMs: durationMs };
      return groupings.flatMap(({ key, groups }): readonly Grouping[] => {
        if (groups.size === 0 || key.onlySeveral && groups.size < 2) return [];
        const summaries = inOrder(groups).map(([id, group]): GroupSummary => {
          const stage = key.by === "stage" && typeof id === "number" ? id : undefined;
          const window = stage === undefined ? run : windows?.[stage] ?? run;
          const ends = group.values.ends(witness);
          return {
            name: id === OTHERS ? OTHERS : key.name(id, options),
            ...group.result(window, slo),
            metrics: metrics.map((metric) =>
              describeMetric(metric, group.values.valuesOf(metric), { percentiles, ends }).summary
            ),
            rate: stage === undefined ? undefined : stages?.of(stage, plan.stages?.[stage]),
          };
        });
        return [{ by: key.by, title: key.title, groups: summaries }];
      });
    },
  };
}

interface Group extends Mergeable {
  readonly values: GroupValues;
  add(record: RequestRecord, good: boolean): void;
  result(window: Window, slo: boolean): Omit<GroupSummary, "name" | "metrics" | "rate">;
}

function createGroup(values: GroupValues): Group {
  const outcomes = outcomeFold();
  const prefix = prefixFold();
  // Those of completed requests, and those of users who left as planned.
  const done = createTokens();
  const left = createTokens();
  const counts = { good: 0 };
  return {
    values,
    ...mergeAll({
      ...{ outcomes, prefix, done, left, counts: sums(counts) },
      ...(values.parts === undefined ? {} : { values: values.parts }),
    }),
    add(record, isGood) {
      outcomes.add(record);
      values.add(record, isGood);
      if (!isWork(record)) return;
      const completed = record.outcome.kind === "ok";
      const tokens = completed ? done : left;
      if (completed || record.firstTokenMs !== undefined) {
        tokens.add("prompt", record.promptTokens?.tokens);
      }
      tokens.add("output", completed ? record.outputTokens?.tokens : sentTokens(record));
      if (!completed) return;
      prefix.add(record);
      if (isGood) counts.good++;
    },
    result(window, slo) {
      const { empty: _, ...ended } = outcomes.result();
      const throughput = rates(window, {
        completed: ended.completed,
        prompt: plus(done.total("prompt"), left.total("prompt")),
        output: plus(done.total("output"), left.total("output")),
      });
      return {
        counts: ended,
        throughput,
        promptTokens: done.total("prompt"),
        outputTokens: done.total("output"),
        prefix: prefix.result(),
        slo: slo ? sloOf(counts.good, ended, window) : undefined,
      };
    },
  };
}

/** Tokens of prompts and answers, and how many of these are counted. */
function createTokens(): Mergeable & {
  add(side: "prompt" | "output", tokens: number | undefined): void;
  total(side: "prompt" | "output"): number | undefined;
} {
  const tokens = { prompt: 0, output: 0 };
  const counted = { prompt: 0, output: 0 };
  return {
    ...mergeAll({ tokens: sums(tokens), counted: sums(counted) }),
    add(side, more) {
      if (more === undefined) return;
      counted[side]++;
      tokens[side] += more;
    },
    total: (side) => counted[side] === 0 ? undefined : tokens[side],
  };
}

function plus(sum: number | undefined, more: number | undefined): number | undefined {
  return more === undefined ? sum : (sum ?? 0) + more;
}

function sloOf(
  good: number,
  { offered, cancelledAsPlanned }: GroupSummary["counts"],
  window: Window,
): GroupSlo {
  const meant = offered - cancelledAsPlanned;
  return {
    good,
    goodput: rates(window, { completed: good, prompt: undefined, output: undefined }).qps,
    attainment: meant === 0 ? undefined : good / meant,
  };
}

/** Numbers ascending, then names, the others last. */
function inOrder(
  groups: ReadonlyMap<number | string, Group>,
): readonly (readonly [number | string, Group])[] {
  const rank = (id: number | string) =>
    typeof id === "number" ? id : id === OTHERS ? Number.MAX_VALUE : Number.MAX_SAFE_INTEGER;
  return [...groups].sort(([a], [b]) => rank(a) - rank(b) || (a < b ? -1 : 1));
}
