/**
 * In which order the loads of a run are measured: each once, or several times and by turns.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { createRandom } from "../backends/random.ts";
import { type LoadTurn, turnLabel } from "../metrics/load_repeats.ts";
import { type Load, loadLabel } from "./load.ts";

/**
 * Repeats of each load on each side, unless another number is asked for: even, so that each side comes
 * first as often as the other, and at least five, below which Student's t makes an interval twice as wide
 * as many repeats would have it.
 */
export const USUAL_PAIRS = 6;

/** One measurement of a load. */
export interface Measurement extends LoadTurn {
  /** Position of the load in the plan. */
  readonly base: number;
}

/** Where a load stands: its measurement in the run, and what is measured. */
export interface LoadPlace {
  /** Position in the order of measurement, which records and marks have. */
  readonly number: number;
  /** Position of the load in the plan, which instants, lengths and orders are drawn by. */
  readonly base: number;
}

/** What is to be repeated. */
export interface OrderAsked {
  /** Different loads. */
  readonly loads: number;
  /** How often each is measured, on each side. */
  readonly repeats: number;
  /** Sides that are compared: 1 or 2. */
  readonly sides: number;
  /** Draws which side begins. */
  readonly seed: number;
  /** A change of sides is dear: all loads of a side follow each other. */
  readonly together?: boolean;
}

/**
 * The order of all measurements; absent where each load is measured once.
 *
 * Repeat r begins with load r, so that no load is always the first, on a server that has just begun. Two sides
 * are measured next to each other: of two repeats in a row one has the order a b, the other b a,
 * and chance says which comes first, so that a steady drift adds as much to one side as to the other.
 */
export function planOrder(asked: OrderAsked): readonly Measurement[] | undefined {
  const { loads, repeats, sides } = asked;
  if (repeats === 1 && sides === 1) return undefined;
  const begins = createRandom(asked.seed, "sides");
  const firsts = Array.from(
    { length: Math.ceil(repeats / 2) },
    () => Array.from({ length: loads }, () => begins.next() < 0.5 ? 0 : 1),
  );
  return Array.from({ length: repeats }, (_, r) => {
    const repeat = repeats === 1 ? undefined : r + 1;
    const bases = Array.from({ length: loads }, (_, i) => (r + i) % loads);
    if (sides === 1) return bases.map((base): Measurement => ({ base, ...defined({ repeat }) }));
    const sidesOf = (base: number): readonly number[] => {
      const first = firsts[r >> 1]![asked.together === true ? 0 : base]! ^ (r & 1);
      return [first, 1 - first];
    };
    if (asked.together === true) {
      return sidesOf(0).flatMap((side) =>
        bases.map((base): Measurement => ({ base, side, ...defined({ repeat }) }))
      );
    }
    return bases.flatMap((base) =>
      sidesOf(base).map((side): Measurement => ({ base, side, ...defined({ repeat }) }))
    );
  }).flat();
}

/** Loads of a plan and their order. */
interface Ordered {
  readonly loads: readonly Load[];
  /** Absent = each once, in the order of the list. */
  readonly order?: readonly Measurement[];
}

/** The measurements of a plan in their order. */
export function orderOf(
  { order, loads }: Ordered,
): readonly Measurement[] {
  return order ?? loads.map((_, base) => ({ base }));
}

/** Whether an earlier measurement of the run has sent the same prompts. */
export function isSentAgain(order: readonly Measurement[], number: number): boolean {
  const { base } = order[number]!;
  return order.findIndex((one) => one.base === base) < number;
}

/** Name of a measurement in reports and progress lines. */
export function labelOf(
  plan: Ordered & { readonly own?: { readonly loads: readonly { readonly label: string }[] } },
  number: number,
): string {
  const measurement = orderOf(plan)[number]!;
  const { own, loads } = plan;
  const { base } = measurement;
  return turnLabel(own?.loads[base]?.label ?? loadLabel(loads[base]!), measurement);
}
