/**
 * The answer of a run: what was found, and whether it stands. The same words for the page, the terminal
 * and JSON.
 *
 * @module
 */
import type { CapacitySummary, CurveSummary } from "./capacity_result.ts";
import type { Count } from "./count.ts";
import { brokenText } from "./check_fleet.ts";
import { capitalize, formatCount, formatShare, formatValue, plural } from "./format.ts";
import { limitValueText } from "./limit.ts";
import type { LimitResult } from "./load_limits.ts";
import { baseLabel } from "./load_repeats.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { RunHeader } from "./run.ts";
import { inShort, rateText, tailTexts } from "./summary_contender_text.ts";
import {
  type Contender,
  contendersOf,
  excess,
  figureOf,
  highest,
  isLargest,
  keepsAll,
  kneeOf,
  missedLimits,
  nearestOf,
  open,
  type RateBasis,
  rateBasis,
  rateOf,
} from "./summary_contenders.ts";
import { type Flaw, flawsOf } from "./summary_flaws.ts";
import type { RepeatedLoad } from "./summary_repeats.ts";
import { sloLimitText } from "./summary_text.ts";
import { visibleLine } from "./visible_text.ts";

/** What a run says at a glance. */
export interface Answer {
  /** What was found, in one sentence: `Best of 8 loads within ttft:p99 < 500 ms: 64 users, …`. */
  readonly sentence: string;
  /** Whether it stands, in one or two sentences. */
  readonly soundness: string;
  /**
   * `sound`: it can be quoted; `doubtful`: read why; `none`: there is no answer, or it is not one to what
   * was asked, as a fleet was not complete.
   */
  readonly standing: "sound" | "doubtful" | "none";
  /** The load that it names, position in the run; absent = none. */
  readonly load: Count | undefined;
  /** A load with nearly the same throughput and less waiting; absent = there is none. */
  readonly knee: Count | undefined;
}

/** What the answer is made from. */
export interface AnsweredRun {
  readonly header: RunHeader;
  readonly loads: readonly LoadSummary[];
  readonly repeats: readonly RepeatedLoad[] | undefined;
  readonly capacity: CapacitySummary | undefined;
  readonly curve: CurveSummary | undefined;
}

/** What one way of answering found, without what is said of every answer. */
interface Found extends Partial<Pick<Answer, "load" | "knee">> {
  /** Without a period. */
  readonly sentence: string;
  /** Not even the best load is an answer. */
  readonly none?: true;
  /** Loads whose flaws are told; default the named one. */
  readonly of?: readonly LoadSummary[];
}

/** More of a server's words would hide ours. */
const MESSAGE_LENGTH = 120;

/** A server that answers less than this part of what is sent to it falls behind. */
const ANSWERED = 0.9;

const SOUND = "The server was measured, not the client.";

/** The answer of a run. */
export function answerOf(run: AnsweredRun): Answer {
  const found = searched(run) ?? nothing(run) ?? sided(run) ?? compared(run);
  const { sentence, load, knee, none } = found;
  const of = found.of ?? (load === undefined ? [] : [run.loads[load]!]);
  const broken = brokenFleetText(run.loads);
  const { part } = run.header;
  const flaws = none ? [] : sharedFlaws(of, run.header).filter(({ kind }) => kind !== "fleet");
  const unmeasured = unmeasuredText(run);
  const told = [
    ...(part === undefined ? [] : [
      `These are the figures of agent ${part.agent} of ${part.agents}, which sent its share only.`,
    ]),
    ...(broken === undefined ? [] : [`Does not count as asked: ${broken}.`]),
    ...(of.length > 0 && flaws.length === 0 && !none && broken === undefined && part === undefined
      ? [SOUND]
      : []),
    ...(flaws.length > 0 ? [`Read with care: ${flaws.map(({ text }) => text).join("; ")}.`] : []),
    ...(unmeasured === undefined ? [] : [`${unmeasured}.`]),
  ];
  return {
    sentence: `${capitalize(sentence)}.`,
    soundness: told.join(" "),
    standing: none || broken !== undefined
      ? "none"
      : flaws.length > 0 || unmeasured !== undefined || part !== undefined
      ? "doubtful"
      : "sound",
    load,
    knee,
  };
}

/** Searches have their own words. */
function searched({ capacity, curve, loads }: AnsweredRun): Found | undefined {
  if (curve !== undefined) {
    const at = curve.loads.find((i) => loads[i]!.plan.probe === curve.knee) ?? curve.loads.at(-1);
    return { sentence: curve.sentence, load: at, ...(at === undefined && { none: true as const }) };
  }
  if (capacity === undefined) return undefined;
  const { outcome, sentence, kept, probes } = capacity;
  const answered = outcome === "found" || outcome === "at-least" || outcome === "below";
  const at = probes.findLast(({ value, verdict }) => value === kept && verdict === "keeps");
  return {
    // Those sentences begin with what the server holds.
    sentence: answered ? `the server ${sentence}` : sentence,
    load: at?.load,
    ...(answered ? {} : { none: true as const }),
  };
}

/** Runs without a result. */
function nothing({ loads }: AnsweredRun): Found | undefined {
  if (loads.some(({ counts }) => counts.completed > 0)) return undefined;
  const lost = loads.find(({ serverLost }) => serverLost !== undefined)?.serverLost;
  const sent = loads.reduce((sum, { counts }) => sum + counts.sent, 0);
  const none = true as const;
  if (lost !== undefined) return { sentence: `nothing was measured: ${lost.message}`, none };
  if (sent === 0) return { sentence: "nothing was measured: no request was sent", none };
  const [worst] = loads.flatMap(({ failures }) => failures)
    .toSorted((a, b) => b.count - a.count);
  const [said] = worst?.messages ?? [];
  const cause = worst === undefined
    ? ""
    : `: ${worst.kind} ${plural(worst.count, "time")}${
      said === undefined ? "" : `, "${visibleLine(said.message).slice(0, MESSAGE_LENGTH)}"`
    }`;
  return { sentence: `none of ${plural(sent, "request")} completed${cause}`, none };
}

/** Sides of one run: their means beside each other, without a winner: that is what compare is for. */
function sided(run: AnsweredRun): Found | undefined {
  const { header: { sides }, loads } = run;
  if (sides === undefined) return undefined;
  const contenders = contendersOf(run);
  const basis = rateBasis(contenders);
  const best = sides.flatMap((side, i) => {
    const own = contenders.filter(({ loads: [load] }) => load!.plan.side === i);
    const top = highest(own, basis);
    return top === undefined ? [] : [{ side, top }];
  });
  if (best.length === 0) return undefined;
  const parts = best.map(({ side, top }) => {
    const rate = rateText(top, basis);
    return `${side.name} ${rate} at ${baseLabel(top.loads[0]!.plan)}`;
  });
  return {
    sentence: `highest throughput of ${plural(sides.length, "side")}: ${parts.join(", ")}`,
    of: loads.filter(({ counts }) => counts.completed > 0),
    load: best[0]!.top.position,
  };
}

/** The best of the loads, or the only one. */
function compared(run: AnsweredRun): Found {
  const contenders = contendersOf(run);
  const basis = rateBasis(contenders);
  const named = (best: Contender, sentence: string, more: Partial<Found> = {}): Found => ({
    sentence,
    load: best.position,
    of: best.loads,
    ...more,
  });
  const [only] = contenders;
  if (only === undefined) return { sentence: "no load ran to its end", none: true };
  const planned = run.repeats?.length ?? run.loads.length;
  if (planned === 1) return named(only, `${only.label}${ownLimits(only)}: ${inShort(only, basis)}`);
  const count = plural(planned, "load");
  const { limits } = only.loads[0]!;
  if (limits.length > 0) {
    const texts = limits.map(({ text }) => text).join(" and ");
    const keeping = contenders.filter(keepsAll);
    const best = highest(keeping, basis) ?? keeping[0];
    if (best !== undefined) {
      const near = open(best);
      return named(
        best,
        `best of ${count} within ${texts}: ${best.label}, ${inShort(best, basis)}${
          near.length === 0
            ? ""
            : `; by chance it may not keep ${near.map(({ text }) => text).join(" and ")}`
        }`,
      );
    }
    const nearest = nearestOf(contenders);
    const [worst] = missedLimits(nearest).toSorted((a, b) => excess(b) - excess(a));
    return named(
      nearest,
      `none of ${count} keeps ${texts}: the nearest is ${nearest.label}, ${missText(worst!)}`,
    );
  }
  const goods = contenders.filter(({ loads: [load] }) => load!.slo !== undefined);
  if (goods.length > 0) return mostGoodput(goods, { count, basis, named });
  const best = highest(contenders, basis);
  if (best === undefined) return named(only, `${only.label}: ${inShort(only, basis)}`);
  const knee = kneeOf(contenders, best, basis);
  return named(
    best,
    `highest throughput of ${count}: ${best.label}, ${inShort(best, basis)}${
      knee === undefined ? lastText(best, contenders) : `; ${kneeText(knee, best, basis)}`
    }`,
    { knee: knee?.position },
  );
}

function mostGoodput(
  goods: readonly Contender[],
  { count, basis, named }: {
    readonly count: string;
    readonly basis: RateBasis;
    readonly named: (best: Contender, sentence: string) => Found;
  },
): Found {
  const goodputOf = (one: Contender) => figureOf(one, "goodput")?.value ?? 0;
  const best = goods.reduce((a, b) => goodputOf(b) > goodputOf(a) ? b : a);
  const [load] = best.loads;
  const texts = load!.slo!.limits.map((limit) => sloLimitText(limit, load!.metrics)).join(" and ");
  if (goodputOf(best) === 0) return named(goods[0]!, `no request of ${count} was within ${texts}`);
  const share = figureOf(best, "attainment")?.value;
  return named(
    best,
    `most goodput of ${count}: ${best.label}, ${
      formatValue(goodputOf(best), "req/s")
    } within ${texts} (${formatShare(share)} of its requests), ${inShort(best, basis)}`,
  );
}

/** What is known beyond the highest load. */
function lastText(best: Contender, contenders: readonly Contender[]): string {
  if (!isLargest(best, contenders)) return "";
  const { arrivals, throughput: { run } } = best.loads[0]!;
  const [sent = 0, answered = 0] = [arrivals?.sentPerSec, run.qps];
  if (answered < ANSWERED * sent) {
    return `; it fell behind: ${formatValue(sent, "req/s")} were sent, ${
      formatValue(answered, "req/s")
    } answered`;
  }
  return "; that is the highest load, so more may bring more";
}

/** What one load did with its limits, behind its name. */
function ownLimits(one: Contender): string {
  const [load] = one.loads;
  const { limits, slo } = load!;
  if (limits.length > 0) {
    const missed = missedLimits(one);
    const kept = limits.filter(({ text }) => missed.every((miss) => miss.text !== text));
    const parts = [
      ...(kept.length === 0 ? [] : [`keeps ${kept.map(({ text }) => text).join(" and ")}`]),
      ...(missed.length === 0
        ? []
        : [`misses ${missed.map((miss) => `${miss.text} (${valueText(miss)})`).join(" and ")}`]),
    ];
    return ` ${parts.join(" and ")}`;
  }
  if (slo === undefined) return "";
  const texts = slo.limits.map((limit) => sloLimitText(limit, load!.metrics)).join(" and ");
  return `, ${formatShare(figureOf(one, "attainment")?.value)} of its requests within ${texts}`;
}

function kneeText(knee: Contender, best: Contender, basis: RateBasis): string {
  const share = rateOf(knee, basis)!.value / rateOf(best, basis)!.value;
  const [first] = tailTexts(knee);
  return `${knee.label}: ${formatShare(share)} of it${first === undefined ? "" : ` with ${first}`}`;
}

function missText(limit: LimitResult): string {
  return `${limit.name} ${valueText(limit)}`;
}

function valueText({ value, unit, reason }: LimitResult): string {
  return value === undefined ? `not measured: ${reason}` : limitValueText(value, unit);
}

/** Why the run of a fleet is not the one that was asked for; absent where it is. */
function brokenFleetText(loads: readonly LoadSummary[]): string | undefined {
  const broken = loads.filter(({ fleet }) => fleet !== undefined && !fleet.asAsked);
  const [first] = broken;
  if (first === undefined) return undefined;
  const why = brokenText(first.fleet);
  if (loads.length === 1) return why;
  return `${formatCount(broken.length)} of ${
    plural(loads.length, "load")
  } did not have the whole fleet, first ${first.label}: ${why}`;
}

/** What is wrong with these loads, each kind once. */
function sharedFlaws(loads: readonly LoadSummary[], header: RunHeader): readonly Flaw[] {
  const flaws = new Map<string, Flaw>();
  for (const flaw of loads.flatMap((load) => flawsOf(load, header))) {
    if (!flaws.has(flaw.kind)) flaws.set(flaw.kind, flaw);
  }
  return [...flaws.values()];
}

/** Loads that the run did not get to, and why. */
function unmeasuredText({ loads, capacity, curve }: AnsweredRun): string | undefined {
  if (loads.length < 2 || capacity !== undefined || curve !== undefined) return undefined;
  const lost = loads.filter(({ serverLost }) => serverLost !== undefined);
  if (lost.length > 0) {
    return `The server was lost: ${formatCount(lost.length)} of ${
      plural(loads.length, "load")
    } did not run to the end`;
  }
  const stopped = loads.filter(({ interrupted, complete }) => interrupted || !complete);
  if (stopped.length === 0) return undefined;
  return `The run was stopped: ${formatCount(stopped.length)} of ${
    plural(loads.length, "load")
  } did not run to the end`;
}
