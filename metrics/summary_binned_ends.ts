/**
 * The ends of a load's values in bounded memory.
 *
 * Records that know their own bounds have their ends counted as they come. Where the witness has to
 * say how late a read was, it says so only when the load is over: then every record is taken to have
 * been as late as the latest stream of the witness, in proportion to what that does to a value.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import type { Mergeable } from "./load_state.ts";
import type { Metric } from "./metric.ts";
import { type BoundsOf, ownBounds, type RecordBounds } from "./record_bounds.ts";
import type { LoadPlan } from "./run.ts";
import type { LatenessSpread, Witness } from "./run_client.ts";
import type { ValueSet } from "./stat_quantile.ts";
import {
  createValueHistogram,
  RELATIVE_ERROR,
  type ValueHistogram,
} from "./stat_value_histogram.ts";
import { mergeAll, mergeEach, most, readList, same, sums } from "./state_read.ts";
import { type ConstantLateness, NEVER_LATE, paceFold } from "./summary_pace.ts";
import { finiteEnds, type ValuesEnds } from "./summary_values.ts";

/** Collects the ends of records, in any order. */
export interface BinnedEnds extends Mergeable {
  /** Adds a record; returns its bounds, as if it had never been late where it does not say. */
  add(record: RequestRecord): RecordBounds | undefined;
  /** As {@linkcode LoadValues.ends}, and how late reads can have been besides. */
  result(
    witness: Witness | undefined,
  ): Omit<ValuesEnds, "work"> & { readonly late: ConstantLateness } | undefined;
}

/** Ends of one metric. */
interface MetricEnds {
  readonly metric: Metric;
  readonly ends: NonNullable<Metric["ends"]>;
  readonly low: ValueHistogram;
  readonly high: ValueHistogram;
  readonly hidden: ValueHistogram;
  /** What a ms of lateness of all reads, or of the departure, does to a value at most. */
  readonly perMs: Record<"read" | "departure", { low: number; high: number }>;
}

/** Small against any gap, so that no end runs into zero; large against the rounding of a stamp. */
const PROBE_MS = 2 ** -10;

/** Stamps that leave nothing open, all reads a little late, a departure a little late. */
const EXACT: BoundsOf = probe(0, 0);
const LATE = { read: probe(PROBE_MS, 0), departure: probe(0, PROBE_MS) } as const;

function probe(readMs: number, departureMs: number): BoundsOf {
  return ({ sentMs, tickMs }) =>
    sentMs === undefined || tickMs.length === 0 ? undefined : {
      departedMs: sentMs + departureMs,
      tickLowMs: (tick) => tickMs[tick]! - readMs,
    };
}

/** Has no record yet. */
export function createBinnedEnds(
  metrics: readonly Metric[],
  plan: Pick<LoadPlan, "rampUpMs">,
): BinnedEnds {
  const all = metrics.flatMap((metric): readonly MetricEnds[] =>
    metric.ends === undefined ? [] : [{
      metric,
      ends: metric.ends,
      low: createValueHistogram(),
      high: createValueHistogram(),
      hidden: createValueHistogram(),
      perMs: { read: { low: 0, high: 0 }, departure: { low: 0, high: 0 } },
    }]
  );
  const pace = paceFold(plan, (record) => ownBounds(record) ?? EXACT(record));
  const counts = { own: 0, others: 0, unknowable: 0 };
  const names = all.map(({ metric }) => metric.name).join(" ");
  return {
    ...mergeAll({
      names: same(names, "other metrics"),
      counts: sums(counts),
      pace,
      metrics: mergeEach(all.map(mergeableEnds)),
    }),
    add(record) {
      pace.add(record);
      if (record.outcome.kind !== "ok") return undefined;
      const knows = ownBounds(record) !== undefined;
      if (knows) counts.own++;
      else if (EXACT(record) === undefined) counts.unknowable++;
      else counts.others++;
      const boundsOf = knows ? ownBounds : EXACT;
      for (const { metric, ends, low, high, hidden, perMs } of all) {
        const found = finiteEnds(ends, record, boundsOf);
        for (let i = 0; i < found.low.length; i++) {
          low.add(found.low[i]!);
          high.add(found.high[i]!);
        }
        for (const value of found.hidden ?? []) hidden.add(value);
        // A late read does the same to every gap.
        if (knows || metric.per === "gap" && perMs.read.low > 0) continue;
        for (const stamp of ["read", "departure"] as const) {
          const late = finiteEnds(ends, record, LATE[stamp]);
          const own = perMs[stamp];
          for (let i = 0; i < late.low.length; i++) {
            own.low = Math.max(own.low, perProbe(found.low[i]! - late.low[i]!));
            own.high = Math.max(own.high, perProbe(late.high[i]! - found.high[i]!));
          }
        }
      }
      return boundsOf(record);
    },
    result(witness) {
      const { own, others, unknowable } = counts;
      if (unknowable > 0 || own + others === 0) return undefined;
      const none = createValueHistogram();
      if (others === 0) {
        return {
          basis: "stamps",
          late: NEVER_LATE,
          pace: pace.result()(NEVER_LATE),
          of(metric) {
            const found = all.find((one) => one.metric === metric);
            return found && { ...found, relativeError: RELATIVE_ERROR };
          },
        };
      }
      const readMs = lateness(witness?.readLate);
      const departureMs = lateness(witness?.departLate);
      if (readMs === undefined || departureMs === undefined) return undefined;
      const late = { readMs, departureMs };
      return {
        basis: "witness",
        late,
        pace: pace.result()(late),
        of(metric) {
          const found = all.find((one) => one.metric === metric);
          if (found === undefined) return undefined;
          const { low, high, perMs: { read, departure } } = found;
          return {
            low: shifted(low, -(read.low * readMs + departure.low * departureMs)),
            high: shifted(high, read.high * readMs + departure.high * departureMs),
            hidden: none,
            relativeError: RELATIVE_ERROR,
          };
        },
      };
    },
  };
}

/** Differences of stamps differ in their last bits: the first of many equal ones must not decide. */
function perProbe(differenceMs: number): number {
  return Math.round(differenceMs / PROBE_MS * 1e6) / 1e6;
}

/** Ends that are the same on both sides are told once. */
function mergeableEnds({ low, high, hidden, perMs: { read, departure } }: MetricEnds): Mergeable {
  const rest = mergeAll({ hidden, read: most(read), departure: most(departure) });
  return {
    state() {
      const [lows, highs] = [low.state(), high.state()];
      const equal = JSON.stringify(lows) === JSON.stringify(highs);
      return [lows, equal ? true : highs, rest.state()];
    },
    merger(state) {
      const [lows, highs, more] = readList(state, 3);
      const merge = [
        low.merger(lows),
        high.merger(highs === true ? lows : highs),
        rest.merger(more),
      ];
      return () => merge.forEach((add) => add());
    },
  };
}

/** An engine's clock that is ahead makes no read early. */
function lateness(spread: LatenessSpread | undefined): number | undefined {
  return spread?.maxMs === undefined ? undefined : Math.max(0, spread.maxMs);
}

/** All values moved by so much, none below 0 that was not. */
function shifted(values: ValueSet, by: number): ValueSet {
  const move = (value: number | undefined) =>
    value === undefined ? undefined : Math.max(Math.min(0, value), value + by);
  return {
    count: values.count,
    min: move(values.min),
    max: move(values.max),
    mean: move(values.mean),
    std: values.std,
    quantile: (p) => move(values.quantile(p)),
    each: (visit) => values.each((value, count) => visit(move(value)!, count)),
  };
}
