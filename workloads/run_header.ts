/**
 * The header of a run: what was planned, for which server, on which machine.
 *
 * @module
 */
import { wallClockMs } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import { type LoadPlan, RECORD_SCHEMA, type RunHeader } from "../metrics/run.ts";
import type { BenchPlan } from "./bench_plan.ts";
import { type Load, type Stop, stopOfPool } from "./load.ts";
import { meanRate } from "./load_stages.ts";
import { shownReset } from "./bench_reset.ts";
import { labelOf, orderOf } from "./bench_order.ts";
import { withoutPassword } from "./secret_names.ts";
import { formatCancel } from "./load_cancel.ts";
import { formatTimeSpec } from "./load_time.ts";
import type { Dataset } from "./prompt.ts";
import type { Prepared } from "./run_prepare.ts";
import { withoutSecrets, withoutSecretsIn } from "./secret.ts";
import { proxyOver } from "./server_proxy.ts";
import { VERSION } from "./version.ts";

/** What a header holds that is in no plan. */
interface HeaderFacts
  extends
    Pick<RunHeader, "commandLine" | "environment">,
    Partial<Pick<RunHeader, "replay" | "sides" | "find" | "serverMetrics" | "part">> {
  /** What else is to be said of the prompts. */
  readonly remarks?: readonly string[];
}

/** Makes the header of the record file. */
export function describeRun(
  plan: BenchPlan,
  { dataset, counter, model }: Prepared,
  { commandLine, environment, replay, remarks, sides, find, serverMetrics, part }: HeaderFacts,
): RunHeader {
  const proxy = proxyOver(plan.transport, plan);
  return {
    schema: RECORD_SCHEMA,
    version: VERSION,
    startedAt: new Date(wallClockMs()).toISOString(),
    scenario: plan.scenario,
    ...withoutSecretsIn(plan.called ?? {}),
    commandLine: withoutSecretsIn(commandLine),
    options: withoutSecretsIn(plan.options as Readonly<Record<string, unknown>>),
    url: withoutSecrets(withoutPassword(plan.url)),
    ...defined({
      ruledBy: plan.ruledBy,
      urls: plan.urls?.map(({ url }) => withoutSecrets(withoutPassword(url))),
      models: plan.models?.map((one) => ({ ...one, name: withoutSecrets(one.name) })),
      classes: plan.classes?.map(({ name, weight }) => ({ name, weight })),
    }),
    protocol: plan.protocol,
    transport: plan.transport,
    ...defined({ transportChoice: plan.transportChoice }),
    workers: plan.workers,
    ...(proxy === undefined ? {} : { proxied: true, proxy: proxy.address }),
    model: withoutSecrets(model),
    length: plan.length,
    stream: plan.stream,
    seed: plan.seed,
    dataset: {
      kind: plan.dataset,
      source: withoutSecrets(dataset.source),
      prompts: replay?.turns ?? dataset.prompts.length,
      skipped: dataset.skipped,
      duplicates: dataset.duplicates,
      ...defined({
        ...{ sha256: dataset.sha256, bad: dataset.bad, remarks: remarksOf(dataset, remarks) },
        parts: dataset.parts?.map((one) => ({ ...one, source: withoutSecrets(one.source) })),
      }),
    },
    saltScope: plan.saltScope,
    ...defined({
      replay,
      repeats: repeatsOf(plan),
      sides,
      serverMetrics,
      askedCachedShare: plan.warmPrefixes === true ? dataset.askedCachedShare : undefined,
      resetCache: plan.resetCache === undefined ? undefined : shownReset(plan.resetCache),
    }),
    tokenizer: { source: counter.source, name: counter.name },
    ...defined({ find, part }),
    loads: find !== undefined
      ? []
      : orderOf(plan).map((_, number) => planOfLoad(plan, number, dataset.prompts.length)),
    environment,
  };
}

/** How often each load is measured; absent = once. */
function repeatsOf({ order = [] }: BenchPlan): number | undefined {
  const last = Math.max(...order.map(({ repeat = 0 }) => repeat));
  return last > 1 ? last : undefined;
}

function remarksOf(
  { note, remarks = [] }: Dataset,
  more: readonly string[] = [],
): readonly string[] | undefined {
  const all = [...(note === undefined ? [] : [note]), ...remarks, ...more];
  return all.length === 0 ? undefined : all;
}

/** A load as the header keeps it. @param pool prompts that there are. */
export function planOfLoad(plan: BenchPlan, number: number, pool: number): LoadPlan {
  const { base, repeat, side } = orderOf(plan)[number]!;
  return {
    label: labelOf(plan, number),
    ...describeLoad(plan.loads[base]!, stopOfPool(plan.stops[base] ?? {}, pool)),
    ...defined({
      ...{ repeat, side },
      maxPrefill: plan.maxPrefill,
      cancel: plan.cancel && formatCancel(plan.cancel),
    }),
  };
}

function describeLoad(load: Load, stop: Stop): Omit<LoadPlan, "label"> {
  const stops = defined({ stopRequests: stop.requests, stopDurationMs: stop.durationMs });
  if (load.kind === "closed") {
    const { users, rampUpMs, thinkTime } = load;
    const think = thinkTime === undefined ? {} : { thinkTime: formatTimeSpec(thinkTime) };
    return { ...stops, kind: "closed", users, rampUpMs, ...think };
  }
  if (load.kind === "replay") {
    const { mode, users, rampUpMs = 0, speedup, maxInFlight, overflow } = load;
    return mode === "sessions"
      ? { ...stops, kind: "closed", users, rampUpMs, replay: mode }
      : { ...stops, kind: "open", arrival: "trace", replay: mode, speedup, maxInFlight, overflow };
  }
  return {
    ...stops,
    kind: "open",
    arrival: load.arrival,
    ...(load.stages !== undefined
      ? { ratePerSec: meanRate(load.stages), stages: load.stages }
      // JSON has no infinity; the label says it.
      : load.ratePerSec === Infinity
      ? {}
      : { ratePerSec: load.ratePerSec }),
    maxInFlight: load.maxInFlight,
    overflow: load.overflow,
  };
}
