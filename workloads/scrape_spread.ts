/**
 * What a load adds to one histogram or summary of a server.
 *
 * @module
 */
import { MOST_BUCKETS, type PrometheusSpread } from "../backends/telemetry_prometheus.ts";
import type { ServerHistogram } from "../metrics/run_server.ts";

/** A histogram, growing. */
export interface SpreadKeeper {
  /** Its newest state. `isNew`: it was not listed by the answer before, and so was empty. */
  add(spread: PrometheusSpread, isNew: boolean): void;
  /** How often it began anew. */
  resets(): number;
  /** What was added to it; `undefined` before its first state. */
  added(): ServerHistogram | undefined;
}

/** A state with all of its values told. */
interface State {
  readonly count: number;
  readonly sum: number;
  /** Without the infinite one. */
  readonly edges: readonly number[];
  /** Values up to each edge. */
  readonly upTo: readonly number[];
}

const EMPTY: State = { count: 0, sum: 0, edges: [], upTo: [] };

/** Starts a load. */
export function keepSpread(): SpreadKeeper {
  let last: State | undefined;
  let total: State | undefined;
  let resets = 0;
  return {
    add(spread, isNew) {
      const state = stateOf(spread);
      // A state that cannot be: nothing is known of it.
      if (state === undefined) return;
      if (last === undefined && !isNew) {
        total = { ...state, count: 0, sum: 0, upTo: state.upTo.map(() => 0) };
        last = state;
        return;
      }
      const anew = last !== undefined && isLower(state, last);
      if (anew) resets++;
      const before = anew || last === undefined ? EMPTY : last;
      total = plus(total, state, before);
      last = state;
    },
    resets: () => resets,
    added() {
      if (total === undefined) return undefined;
      const { count, sum, edges, upTo } = total;
      return {
        ...{ count, sum, edges },
        counts: edges.length === 0
          ? []
          : [...upTo, count].map((one, i) => Math.max(0, one - (upTo[i - 1] ?? 0))),
      };
    },
  };
}

/** Larger values mean nothing, and their sums could be infinite, which a record file cannot hold. */
const MOST_VALUE = 1e100;

/** Whether it is a number that many more like it can be added to. */
export function canBeAdded(value: number): boolean {
  return Math.abs(value) <= MOST_VALUE;
}

function stateOf({ count, sum = 0, edges, upTo }: PrometheusSpread): State | undefined {
  const finite = edges.filter((edge) => Number.isFinite(edge));
  const known = upTo.slice(0, finite.length);
  const all = count ?? known.at(-1);
  if (all === undefined || ![all, sum, ...known].every(canBeAdded) || all < 0) {
    return undefined;
  }
  const kept = finite.length > MOST_BUCKETS || edges[0] === -Infinity ? [] : finite;
  return { count: all, sum, edges: kept, upTo: kept.length === 0 ? [] : known };
}

function isLower(state: State, last: State): boolean {
  return state.count < last.count ||
    sameEdges(state, last) && state.upTo.some((one, i) => one < last.upTo[i]!);
}

function sameEdges(a: State, b: State): boolean {
  return a.edges.length === b.edges.length && a.edges.every((edge, i) => edge === b.edges[i]);
}

/** The total with what came between two states; without buckets where they are others. */
function plus(total: State | undefined, state: State, before: State): State {
  const rise = {
    count: state.count - before.count,
    sum: state.sum - before.sum,
  };
  const usable = before === EMPTY || sameEdges(state, before);
  const sum = total ?? { ...EMPTY, edges: state.edges, upTo: state.upTo.map(() => 0) };
  const buckets = usable && sameEdges(sum, state)
    ? {
      edges: state.edges,
      upTo: state.upTo.map((one, i) => sum.upTo[i]! + one - (before.upTo[i] ?? 0)),
    }
    : { edges: [], upTo: [] };
  return { count: sum.count + rise.count, sum: sum.sum + rise.sum, ...buckets };
}
