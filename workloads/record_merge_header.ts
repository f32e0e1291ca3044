/**
 * The header of a run of several clients.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import type { MergedClient } from "../metrics/merged_clients.ts";
import type { LoadEnd, LoadPlan, RunHeader } from "../metrics/run.ts";
import type { RunReplay } from "../metrics/run_replay.ts";
import type { Axis, Client } from "./record_merge_axis.ts";

/** The first load that a client took no part in. */
function absenceOf(
  ends: readonly LoadEnd[],
  loads: number,
): Pick<MergedClient, "absentFrom" | "killed"> {
  for (let load = 0; load < loads; load++) {
    const end = ends.find((one) => one.load === load);
    // The client was in this load, or in its warm-up; later ones were never begun.
    if (end === undefined) return { absentFrom: load + 1, killed: true };
    if (end.skipped) return { absentFrom: load };
  }
  return {};
}

/** Whether the marks at the front of their prompts are the same; most are drawn in each run. */
function hasMarksOf(header: RunHeader, first: RunHeader): boolean {
  if (first.saltScope === undefined || first.saltScope === "none") return true;
  return first.options.salt !== undefined && header.options.salt === first.options.salt;
}

/** The first client's header, with what adds up or differs. */
export function mergeHeaders(
  clients: readonly Client[],
  { clock, laterMs, untimed }: Axis,
): RunHeader {
  const headers = clients.map(({ header }) => header);
  const first = headers[0]!;
  const { dataset } = first;
  // The error of one client under its part of the load is not that of all of them.
  const { calibration: _, ...rest } = first;
  // Clients of one seed send the same prompts, unless these are generated anew or marked in each run.
  const repeated = headers.filter((header) =>
    header.dataset.kind !== "synthetic" && header.seed === first.seed &&
    header.dataset.source === dataset.source && hasMarksOf(header, first)
  ).slice(1);
  const { replay } = first;
  const recordings = new Set(headers.map(({ dataset }) => dataset.sha256 ?? dataset.source));
  return {
    ...rest,
    ...(replay === undefined || recordings.size < 2
      ? {}
      : { replay: mergeReplays(headers.flatMap(({ replay }) => replay ?? [])) }),
    ...mergeScenarios(headers),
    loads: first.loads.map((_, load) => mergePlans(headers.map(({ loads }) => loads[load]!))),
    dataset: {
      ...dataset,
      prompts: sum(headers.map(({ dataset: { prompts } }) => prompts)),
      duplicates: sum(headers.map(({ dataset: { duplicates } }) => duplicates)) +
        sum(repeated.map(({ dataset: { prompts, duplicates } }) => prompts - duplicates)),
    },
    ...mergeEndpoints(headers),
    merged: {
      clock,
      clients: clients.map(({ header: { environment, startedAt }, ends }, client) => ({
        ...defined({ hostname: environment.hostname }),
        startedAt,
        laterMs: Math.max(0, ...laterMs[client]!),
        ...absenceOf(ends, first.loads.length),
        ...(untimed[client] ? { untimed: true } : {}),
      })),
    },
  };
}

/** All that were read. */
function mergeEndpoints(headers: readonly RunHeader[]): Pick<RunHeader, "serverMetrics"> {
  const urls = new Set(headers.flatMap(({ serverMetrics }) => serverMetrics ?? []));
  return urls.size === 0 ? {} : { serverMetrics: [...urls] };
}

/** Of different recordings, whose order in one file does not exist. */
function mergeReplays(replays: readonly RunReplay[]): RunReplay {
  const { expectedShare: _, ...first } = replays[0]!;
  return {
    ...first,
    sessions: sum(replays.map(({ sessions }) => sessions)),
    turns: sum(replays.map(({ turns }) => turns)),
  };
}

/** A rule that one client broke is broken. */
function mergeScenarios(headers: readonly RunHeader[]): Pick<RunHeader, "ruledBy"> {
  const ruled = headers.flatMap(({ ruledBy }) => ruledBy ?? []);
  if (ruled.length === 0) return {};
  const broken = new Set(ruled.flatMap(({ broken }) => broken));
  if (ruled.length < headers.length) broken.add("some of the merged clients had no scenario");
  return { ruledBy: { name: ruled[0]!.name, broken: [...broken] } };
}

/** `2 × 64 users`, `64 users + 32 users`. */
function mergePlans(plans: readonly LoadPlan[]): LoadPlan {
  const first = plans[0]!;
  const labels = plans.map(({ label }) => label);
  const same = labels.every((label) => label === first.label);
  /** Combined where every plan has it. */
  const together = (
    field:
      | ("users" | "ratePerSec" | "stopRequests" | "rampUpMs" | "stopDurationMs" | "maxInFlight")
      | ("maxPrefill" | "speedup"),
    combine: (values: readonly number[]) => number,
  ) => {
    const values = plans.flatMap((plan) => plan[field] ?? []);
    return values.length < plans.length ? {} : { [field]: combine(values) };
  };
  const largest = (values: readonly number[]) => Math.max(...values);
  return {
    label: same ? `${plans.length} × ${first.label}` : labels.join(" + "),
    kind: first.kind,
    ...defined({
      arrival: first.arrival,
      overflow: first.overflow,
      stages: mergeStages(plans.map(({ stages }) => stages)),
      replay: first.replay,
      thinkTime: anyOf(plans.map(({ thinkTime }) => thinkTime)),
      cancel: anyOf(plans.map(({ cancel }) => cancel)),
    }),
    ...together("users", sum),
    ...together("ratePerSec", sum),
    ...together("stopRequests", sum),
    ...together("maxPrefill", sum),
    ...together("speedup", largest),
    ...together("rampUpMs", largest),
    ...together("stopDurationMs", largest),
    ...together("maxInFlight", (limits) => limits.includes(0) ? 0 : sum(limits)),
  };
}

/** What the clients did, one or the other. */
function anyOf(texts: readonly (string | undefined)[]): string | undefined {
  return [...new Set(texts.filter((text) => text !== undefined))].join(" or ") || undefined;
}

/** Equal stages with the sum of their rates; different ones have nothing in common. */
function mergeStages(all: readonly LoadPlan["stages"][]): LoadPlan["stages"] {
  const [first] = all;
  const ofOne = JSON.stringify(first);
  if (first === undefined || all.some((stages) => JSON.stringify(stages) !== ofOne)) {
    return undefined;
  }
  return first.map((stage) => ({
    ...stage,
    fromPerSec: all.length * stage.fromPerSec,
    toPerSec: all.length * stage.toPerSec,
  }));
}

function sum(values: readonly number[]): number {
  return values.reduce((total, one) => total + one, 0);
}
