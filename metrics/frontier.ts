/**
 * What a server can do for all users and for each of them: throughput against the speed that slow users
 * get, one point a load. Points that no other point of the same side beats in both make its frontier.
 *
 * Between two points nothing was measured. A frontier therefore goes in steps: who asks for a speed
 * between two points gets the throughput of the faster one, for certain.
 *
 * @module
 */
import type { Count } from "./count.ts";
import { type Figure, type FigureValue, findFigure } from "./figure.ts";
import type { Bracket } from "./load_bracket.ts";
import type { ServerScale } from "./load_speed.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { RunHeader } from "./run.ts";
import { flawsOf, hollowFlaws } from "./summary_flaws.ts";
import type { Summary } from "./summary.ts";

/** Version of the JSON of a frontier. */
export const FRONTIER_SCHEMA = "tokometer.frontier/1";

/** Percentile of the speed unless another one is asked for: what the slowest tenth fall short of. */
export const FRONTIER_PERCENTILE = 90;

/** Window that the throughput is of. */
export type FrontierWindow = keyof LoadSummary["throughput"];

/** One load, or the mean of its repeats. */
export interface FrontierLoad {
  /** Name of the load. */
  readonly label: string;
  /** Beside the point: as short as `64`. */
  readonly short: string;
  /** How often it was measured. */
  readonly repeats: Count;
  /** Output tokens per second of all users. */
  readonly throughput: FigureValue;
  /** Output tokens per second of one user: the inverse of a percentile of E2E per token. */
  readonly interactivity: FigureValue;
  /** The client was the limit: the server may be faster. */
  readonly clientBound: boolean;
  /** Some requests failed, and a server that refuses work looks fast. */
  readonly failed: boolean;
  /** Why the point is not certain, clauses without a period; empty = it stands. */
  readonly doubts: readonly string[];
}

/** Loads of one server. */
export interface FrontierSide {
  /** Its name in reports. */
  readonly name: string;
  /** Its size and price. */
  readonly scale: ServerScale | undefined;
  /** Loads with both figures. */
  readonly loads: readonly FrontierLoad[];
  /** Loads that have no point. */
  readonly leftOut: readonly {
    /** Name of the load. */
    readonly label: string;
    /** Why, in a clause without a period. */
    readonly why: string;
  }[];
}

/** What a point is; what is not certain of any of them is in its `doubts`. */
export type FrontierRole = "frontier" | "dominated" | "client-bound";

/** A load as a point. Its throughput is that of one GPU where all sides say how many they have. */
export interface FrontierPoint extends FrontierLoad {
  /** Position of its side. */
  readonly side: Count;
  /** Whether another point of its side beats it. */
  readonly role: FrontierRole;
  /** On the frontier of all sides together. */
  readonly best: boolean;
  /** Cost of a million output tokens; absent where the price is not known. */
  readonly costPerMillionOutputTokens: number | undefined;
}

/** Frontiers of one or several servers. */
export interface Frontier {
  /** Version of its JSON. */
  readonly schema: typeof FRONTIER_SCHEMA;
  /** Percentile of the speed: the higher, the slower the users it speaks for. */
  readonly percentile: number;
  /** Window of the throughput: the steady one where every load has it. */
  readonly window: FrontierWindow;
  /** Throughput is per GPU. */
  readonly perGpu: boolean;
  /** Servers, in the order given. */
  readonly sides: readonly Omit<FrontierSide, "loads">[];
  /** Points of all sides, each side by rising speed of one user. */
  readonly points: readonly FrontierPoint[];
}

/** The window that all of these loads have, the steady one where they can be told by it. */
export function frontierWindow(loads: readonly LoadSummary[]): FrontierWindow {
  const measured = loads.filter(({ counts }) => counts.completed > 0);
  // The drain at the end of a short load says nothing about the server.
  return measured.every(({ throughput }) => throughput.steady !== undefined) ? "steady" : "run";
}

/** The two figures of a point. */
export function frontierFigures(
  window: FrontierWindow,
  percentile: number,
): { readonly throughput: Figure; readonly interactivity: Figure } {
  const whole = findFigure("throughput")!;
  return {
    throughput: {
      ...whole,
      of: (load) => {
        const rates = load.throughput[window];
        return rates && whole.of({ ...load, throughput: { run: rates, steady: rates } });
      },
    },
    interactivity: findFigure(`interactivity:p${percentile}`)!,
  };
}

/** Why a load has no point, in a clause; absent = it has one. */
export function withoutPoint(
  load: LoadSummary,
  { throughput, interactivity }: ReturnType<typeof frontierFigures>,
): string | undefined {
  if (load.interrupted || !load.complete) return "it did not run to its end";
  if (load.counts.completed === 0) return "no request completed";
  if (throughput.of(load) === undefined) return "its output tokens were not counted";
  return interactivity.of(load) === undefined
    ? `too few completed requests for ${interactivity.name.replace(/^.*:/, "")}`
    : undefined;
}

/** What a load says of itself beside its figures; `repeats`: how many of it make the point. */
export function frontierFacts(
  load: LoadSummary,
  header: Pick<RunHeader, "options">,
  repeats: Count = 1,
): Pick<FrontierLoad, "short" | "clientBound" | "failed" | "doubts"> {
  const { plan, verdict, counts } = load;
  // Several repeats have an interval of their own.
  const flaws = flawsOf(load, header).filter(({ kind }) => repeats === 1 || kind !== "short");
  return {
    short: `${plan.users ?? plan.ratePerSec ?? plan.label}`,
    clientBound: verdict?.kind === "client-bound" || verdict?.kind === "no-measurement",
    failed: counts.failed + counts.dropped > 0,
    doubts: hollowFlaws(flaws).map(({ text }) => text),
  };
}

/** A run as a side: each load a point, also those of the same load. */
export function frontierSide(
  { header, loads, scale }: Pick<Summary, "header" | "loads" | "scale">,
  { name, window, percentile }: {
    readonly name: string;
    readonly window: FrontierWindow;
    readonly percentile: number;
  },
): FrontierSide {
  const figures = frontierFigures(window, percentile);
  const points: FrontierLoad[] = [];
  const leftOut: { label: string; why: string }[] = [];
  for (const load of loads) {
    const { label } = load;
    const why = withoutPoint(load, figures);
    if (why !== undefined) {
      leftOut.push({ label, why });
      continue;
    }
    points.push({
      ...{ label, repeats: 1, ...frontierFacts(load, header) },
      throughput: figures.throughput.of(load)!,
      interactivity: figures.interactivity.of(load)!,
    });
  }
  return { name, scale, loads: points, leftOut };
}

/** The frontier of each side, and of all together. */
export function frontierOf(
  sides: readonly FrontierSide[],
  { window, percentile }: { readonly window: FrontierWindow; readonly percentile: number },
): Frontier {
  const perGpu = sides.length > 0 && sides.every(({ scale }) => scale?.gpus !== undefined);
  const all = sides.flatMap(({ loads, scale }, side) =>
    loads.map((load) => ({
      ...{ ...load, side },
      throughput: perGpu ? divided(load.throughput, scale!.gpus!) : load.throughput,
      costPerMillionOutputTokens: costOf(load.throughput.value, scale),
    })).sort((a, b) => a.interactivity.value - b.interactivity.value)
  );
  const rivals = all.filter(({ clientBound }) => !clientBound);
  const points = all.map((point): FrontierPoint => {
    const beatenBy = rivals.filter((rival) => beats(rival, point));
    const role = point.clientBound
      ? "client-bound"
      : beatenBy.some(({ side }) => side === point.side)
      ? "dominated"
      : "frontier";
    return { ...point, role, best: role === "frontier" && beatenBy.length === 0 };
  });
  return {
    ...{ schema: FRONTIER_SCHEMA, percentile, window, perGpu, points },
    sides: sides.map(({ loads: _, ...side }) => side),
  };
}

/** At least as much of both, and more of one. */
function beats(one: FrontierLoad, other: FrontierLoad): boolean {
  const [x, y] = [one.interactivity.value, one.throughput.value];
  const [otherX, otherY] = [other.interactivity.value, other.throughput.value];
  return x >= otherX && y >= otherY && (x > otherX || y > otherY);
}

function divided({ value, bracket, interval, samples }: FigureValue, by: number): FigureValue {
  const ends = (both: Bracket | undefined) => both && { low: both.low / by, high: both.high / by };
  return { value: value / by, bracket: ends(bracket), interval: ends(interval), samples };
}

function costOf(tokensPerSec: number, scale: ServerScale | undefined): number | undefined {
  const { costPerHour } = scale ?? {};
  return costPerHour === undefined || !(tokensPerSec > 0)
    ? undefined
    : costPerHour * 1e6 / (tokensPerSec * 3600);
}
