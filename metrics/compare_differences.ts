/**
 * What differs between sides besides what is compared, and what of it makes a verdict meaningless.
 *
 * @module
 */
import { leftOutFor, type MeasuredLoad, type Repeats, usedRepeats } from "./compare_measured.ts";
import type { CompareSide, Difference } from "./compare_result.ts";
import { formatPercent } from "./compare_words.ts";
import { formatMs, formatNumber, formatShare, plural } from "./format.ts";
import type { LoadPlan, RunHeader } from "./run.ts";

/** Mean lengths that differ by more are told. */
const LENGTHS_TOLD = 0.01;

/** Mean lengths that differ by more are another load. */
const LENGTHS_FATAL = 0.05;

/** Shares of cached prompt tokens that differ by more are told. */
const CACHE_TOLD = 0.05;

/** A fact of a run, in words; absent = it has none. */
interface RunFact {
  readonly what: string;
  readonly fatal?: true;
  readonly of: (header: RunHeader, side: CompareSide) => string | undefined;
}

/** Options that say which prompts and lengths are sent. */
const FATAL_OPTIONS: readonly string[] = [
  ..."mix input-tokens output-tokens num-turns system-prompt-file sampler order".split(" "),
  ..."min-prompt-tokens max-prompt-tokens min-output-tokens max-total-tokens".split(" "),
  ..."require-human prompt-key output-key prefix-tokens prefix-pools cached-share".split(" "),
  ..."token-ids trace-format replay speedup from to idle-cap max-context history".split(" "),
  ..."session-start scenario trial-duration once".split(" "),
];

/**
 * Options that the facts or the loads already tell, that name the run, and that change no request: what
 * is printed, kept and checked.
 */
const SILENT_OPTIONS: readonly string[] = [
  ..."url urls protocol transport model seed salt salt-scope length stream dataset".split(" "),
  ..."dataset-path prompts tokenizer reset-cache concurrency rate rate-stages arrival".split(" "),
  ..."burstiness ramp-up think-time max-prefill max-in-flight overflow cancel".split(" "),
  ..."duration requests repeat against against-body against-model against-protocol".split(" "),
  ..."sweep find attainment tolerance gate margin undecided slo require".split(" "),
  ..."out name tag format details percentiles max-failures client-tolerance values gpus".split(" "),
  ..."cost-per-hour slices save save-text color config quiet dry-run witness calibration".split(
    " ",
  ),
  ..."no-calibration gpu launch-timeout launch-port launch-log log-level wait".split(" "),
  ..."api-key grace stop-on-errors max-answer live plots otel otel-header".split(" "),
];

/** What differs between the sides of one run besides their servers. */
export const OWN_OPTIONS = "side's own options";

const RUN_FACTS: readonly RunFact[] = [
  { what: "dataset", fatal: true, of: ({ dataset }) => dataset.kind },
  {
    ...{ what: "dataset sha256", fatal: true },
    of: ({ dataset: { sha256, parts } }) =>
      sha256?.slice(0, 12) ?? parts?.map((part) => part.sha256?.slice(0, 12) ?? "none").join(" "),
  },
  { what: "length", fatal: true, of: ({ length }) => length },
  { what: "streaming", fatal: true, of: ({ stream }) => stream ? "streamed" : "not streamed" },
  {
    ...{ what: "replay", fatal: true },
    of: ({ replay }) => replay && `${replay.format} ${replay.mode} ${replay.history}`,
  },
  { what: "dataset source", of: ({ dataset: { source } }) => source },
  { what: "prompts", of: ({ dataset: { prompts } }) => plural(prompts, "prompt") },
  {
    what: "server",
    of: ({ sides, url }, { side }) => side === undefined ? url : sides?.[side]?.url ?? url,
  },
  {
    what: OWN_OPTIONS,
    of: ({ sides }, { side }) => side === undefined ? undefined : sides?.[side]?.differs,
  },
  { what: "model", of: ({ model }) => model },
  { what: "protocol", of: ({ protocol }) => protocol },
  { what: "transport", of: ({ transport }) => transport },
  { what: "seed", of: ({ seed }) => String(seed) },
  { what: "salt", of: ({ saltScope }) => saltScope },
  { what: "cache reset", of: ({ resetCache }) => resetCache },
  { what: "tokenizer", of: ({ tokenizer }) => tokenizer.name },
  { what: "Tokometer", of: ({ version }) => version },
  { what: "Deno", of: ({ environment: { deno } }) => deno },
  {
    what: "system",
    of: ({ environment: { os, osRelease, arch } }) =>
      [os, osRelease, arch].filter((one) => one !== undefined).join(" "),
  },
  { what: "client's CPU", of: ({ environment: { cpu } }) => cpu },
  {
    what: "client's cores",
    of: ({ environment: { cores, effectiveCores } }) => String(effectiveCores ?? cores),
  },
  { what: "client's host", of: ({ environment: { hostname } }) => hostname },
];

/** What differs between the runs of the sides, the fatal first. */
export function runDifferences(sides: readonly CompareSide[]): readonly Difference[] {
  const facts = [...RUN_FACTS, ...optionFacts(sides)];
  const found = facts.flatMap(({ what, fatal = false, of }) => {
    const values = sides.map((side) =>
      unique(side.runs.map(({ header }) => of(header, side) ?? "none"))
    );
    // Repeats of a side may differ where that is no other load, such as in their seeds.
    const differ = fatal
      ? unique(values.flat()).length > 1
      : new Set(values.map((own) => own.toSorted().join("\n"))).size > 1;
    return differ
      ? [{ what, values: values.map((own) => own.join(", ")), fatal, load: undefined }]
      : [];
  });
  return fatalFirst(found);
}

function optionFacts(sides: readonly CompareSide[]): readonly RunFact[] {
  const names = unique(
    sides.flatMap(({ runs }) => runs.flatMap(({ header }) => Object.keys(header.options))),
  );
  return names.filter((name) => !SILENT_OPTIONS.includes(name)).map((name) => ({
    what: `--${name}`,
    ...(FATAL_OPTIONS.includes(name) ? { fatal: true as const } : {}),
    of: ({ options }) => options[name] === undefined ? undefined : optionText(options[name]),
  }));
}

function optionText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value);
}

/** What makes a load another one, besides its label. */
const PLAN_FIELDS: readonly (keyof LoadPlan)[] = [
  ..."kind users arrival ratePerSec stages replay speedup thinkTime maxPrefill".split(" "),
  ..."cancel maxInFlight overflow".split(" "),
] as (keyof LoadPlan)[];

/** What one load has to be to be compared. */
export interface LoadRules {
  /** Its name on both sides. */
  readonly label: string;
  /** Largest share of requests that may fail. */
  readonly maxFailures: number;
  /** The sides ask the same model in the same way, so that the same prompts are as many tokens. */
  readonly sameTokens: boolean;
}

/** What differs between the repeats of one load on two sides, the fatal first. */
export function loadDifferences(
  sides: readonly [Repeats, Repeats],
  { label, maxFailures, sameTokens }: LoadRules,
): readonly Difference[] {
  const found: Difference[] = [];
  const tell = (what: string, values: readonly string[], fatal: boolean): void => {
    found.push({ what, values, fatal, load: label });
  };
  const whole = sides.map(usedRepeats);
  if (whole.some((used, i) => used.length < sides[i]!.length)) {
    const values = sides.map((repeats, i) => leftOutText(repeats, whole[i]!));
    tell("repeats left out", values, whole.some(({ length }) => length === 0));
  }
  // Of what was not measured nothing differs.
  if (whole.some(({ length }) => length === 0)) return found;
  const each = (of: (one: MeasuredLoad) => string) => whole.map((own) => unique(own.map(of)));
  const texts = (values: readonly (readonly string[])[]) => values.map((own) => own.join(", "));

  const plans = each(({ load: { plan } }) => planText(plan, PLAN_FIELDS));
  if (unique(plans.flat()).length > 1) tell("load", texts(plans), true);
  const ends = each(({ load: { plan } }) => lengthText(plan));
  if (unique(ends.flat()).length > 1) tell("length of the load", texts(ends), false);

  const clients = each(({ load: { verdict } }) => verdict?.kind ?? "not measured");
  const stopped = clients.flat().some((kind) =>
    kind === "client-bound" || kind === "no-measurement"
  );
  if (stopped || clients.flat().includes("suspect") || isDifferent(clients)) {
    tell("client verdict", texts(clients), stopped);
  }
  const failed = whole.map((own) => Math.max(0, ...own.map(failedShare)));
  if (failed.some((share) => share > 0)) {
    const fatal = failed.some((share) => share > maxFailures);
    tell("failed requests", failed.map((share) => formatShare(share)), fatal);
  }
  const dropped = whole.map((own) =>
    Math.max(0, ...own.map(({ load: { counts } }) => shareOf(counts.dropped, counts.offered)))
  );
  if (dropped.some((share) => share > 0)) {
    tell("dropped requests", dropped.map((share) => formatShare(share)), false);
  }
  for (const length of LENGTHS) {
    const means = whole.map((own) => meanOfKnown(own.map(length.of)));
    const [a, b] = means;
    if (a === undefined || b === undefined) continue;
    const apart = Math.abs(b - a) / Math.max(a, b, 1e-9);
    const fatal = apart > LENGTHS_FATAL &&
      (length.fatal === "always" || (length.fatal === "same tokens" && sameTokens));
    if (apart > LENGTHS_TOLD) {
      tell(length.what, means.map((one) => `${formatNumber(one)} tokens`), fatal);
    }
  }
  const cached = whole.map((own) => meanOfKnown(own.map(({ load }) => load.cache.share)));
  if (Math.abs((cached[0] ?? 0) - (cached[1] ?? 0)) > CACHE_TOLD) {
    tell("cached prompt tokens", cached.map((share) => formatShare(share)), false);
  }
  const reset = each(({ load }) => load.cacheNotReset === undefined ? "as asked" : "not emptied");
  if (isDifferent(reset)) tell("prefix cache", texts(reset), false);
  return fatalFirst(found);
}

/** Mean lengths: what was asked has to be the same, what came may follow from what is compared. */
const LENGTHS: readonly {
  readonly what: string;
  readonly fatal: "always" | "same tokens" | "never";
  readonly of: (one: MeasuredLoad) => number | undefined;
}[] = [
  {
    ...{ what: "requested answers, mean", fatal: "always" },
    of: ({ load: { lengths } }) => {
      const answers = lengths.exact + lengths.shorter + lengths.longer;
      return lengths.requestedTokens === undefined || answers === 0
        ? undefined
        : lengths.requestedTokens / answers;
    },
  },
  {
    ...{ what: "prompts, mean", fatal: "same tokens" },
    of: ({ load: { tokens } }) => tokens.prompt.mean,
  },
  {
    ...{ what: "answers, mean", fatal: "never" },
    of: ({ load: { tokens } }) => tokens.output.mean,
  },
];

/** Why a load, or all of them, cannot be compared: the fatal differences in a sentence. */
export function refusal(differences: readonly Difference[]): string | undefined {
  const fatal = differences.filter((one) => one.fatal);
  if (fatal.length === 0) return undefined;
  return fatal.map(({ what, values }) => {
    const [first, ...others] = values;
    const same = others.length === 1 && others[0] === first;
    return `${what}: ${same ? `${first} on both sides` : values.join(" against ")}`;
  }).join("; ");
}

/** `more than 1 % of the requests failed`, for remarks. */
export function failureRule(maxFailures: number): string {
  return `a load of which more than ${formatPercent(maxFailures)} failed is not compared`;
}

/** `1 of 5: client-bound`. */
function leftOutText(repeats: Repeats, used: Repeats): string {
  const out = repeats.filter((one) => !used.includes(one));
  if (out.length === 0) return "none";
  return `${out.length} of ${repeats.length}: ${
    unique(out.map((one) => leftOutFor(one)!)).join(", ")
  }`;
}

function failedShare({ load: { counts } }: MeasuredLoad): number {
  return shareOf(counts.failed, counts.offered);
}

function shareOf(part: number, whole: number): number {
  return whole === 0 ? 0 : part / whole;
}

function planText(plan: LoadPlan, fields: readonly (keyof LoadPlan)[]): string {
  const texts = fields.flatMap((field) => {
    const value = plan[field];
    if (value === undefined) return [];
    return [`${field} ${typeof value === "object" ? JSON.stringify(value) : value}`];
  });
  return texts.length === 0 ? "none" : texts.join(" ");
}

/** `60 s, 100 requests`, with the time over which users start. */
function lengthText({ stopDurationMs, stopRequests, rampUpMs }: LoadPlan): string {
  const parts = [
    ...(stopDurationMs === undefined ? [] : [formatMs(stopDurationMs)]),
    ...(stopRequests === undefined ? [] : [plural(stopRequests, "request")]),
    ...(rampUpMs === undefined || rampUpMs === 0 ? [] : [`ramp-up ${formatMs(rampUpMs)}`]),
  ];
  return parts.length === 0 ? "no limit" : parts.join(", ");
}

function isDifferent(values: readonly (readonly string[])[]): boolean {
  return new Set(values.map((own) => own.toSorted().join("\n"))).size > 1;
}

function meanOfKnown(values: readonly (number | undefined)[]): number | undefined {
  const known = values.filter((value) => value !== undefined);
  return known.length === 0 ? undefined : known.reduce((sum, one) => sum + one, 0) / known.length;
}

function unique(values: readonly string[]): readonly string[] {
  return [...new Set(values)];
}

function fatalFirst(found: readonly Difference[]): readonly Difference[] {
  return [...found.filter(({ fatal }) => fatal), ...found.filter(({ fatal }) => !fatal)];
}
