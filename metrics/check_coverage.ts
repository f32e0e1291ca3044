/**
 * How well the brackets of a load agree with its witness streams, whose true times are known.
 *
 * @module
 */
import type { Finding } from "./check.ts";
import { formatCount, formatShare, plural } from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { Witness } from "./run_client.ts";
import { minimumSamples } from "./stat_quantile.ts";

/** Share of the witness' times that may lie outside what the client's stamps leave open. */
const MOST_OUTSIDE = 0.01;

/** Chance alone exceeds the allowed share by so many deviations once in a thousand runs. */
const DEVIATIONS = 3;

/** With fewer, one stray time would be more than the allowed share. */
const FEWEST_TIMES: number = minimumSamples(99);

type CoverageFacts = Pick<LoadSummary, "bracketBasis" | "witness" | "witnessAbsent">;

/** Times of one kind that were compared. */
interface Compared {
  readonly what: "ticks" | "departures";
  readonly count: number;
  readonly inside: number;
}

function comparedTimes(
  { ticks, ticksInside, requests, departuresInside }: Witness,
): readonly Compared[] {
  return [
    ...(ticksInside === undefined
      ? []
      : [{ what: "ticks", count: ticks, inside: ticksInside } as const]),
    ...(departuresInside === undefined
      ? []
      : [{ what: "departures", count: requests, inside: departuresInside } as const]),
  ];
}

/** Whether the brackets can be relied on: those of a witness that saw hardly anything cannot. */
export function isTrusted({ bracketBasis, witness }: CoverageFacts): boolean {
  return bracketBasis === "stamps" || (witness?.ticks ?? 0) >= FEWEST_TIMES;
}

/** Times of the witness outside the brackets where they are too many for chance. */
export function disagreement({ witness }: CoverageFacts): Compared | undefined {
  if (witness === undefined) return undefined;
  return comparedTimes(witness).find(({ count, inside }) => {
    const expected = MOST_OUTSIDE * count;
    const deviation = Math.sqrt(expected * (1 - MOST_OUTSIDE));
    return count >= FEWEST_TIMES && count - inside > expected + DEVIATIONS * deviation;
  });
}

/** `4.2 % of 2,000 ticks of the witness streams lie outside …`. */
export function explainDisagreement({ what, count, inside }: Compared): string {
  return `${formatShare((count - inside) / count)} of ${
    formatCount(count)
  } ${what} of the witness streams lie outside what the client's stamps leave open`;
}

/** What the witness says of the brackets; absent where there is neither. */
export function checkWitness(load: CoverageFacts): Finding | undefined {
  const { witness, witnessAbsent, bracketBasis } = load;
  if (witness === undefined) {
    return witnessAbsent === undefined
      ? undefined
      : `There were no witness streams: ${witnessAbsent}`;
  }
  const streams = plural(witness.streams, "witness stream");
  if (witness.ticks < FEWEST_TIMES) {
    const found = `${capitalCount(witness.ticks)} of ${streams} ${
      witness.ticks === 1 ? "is" : "are"
    } too few to say anything about a p99`;
    // Brackets of the stamps hold without it; those of the witness are no better than it is.
    return bracketBasis === "witness" ? [found, "measure longer"] : found;
  }
  const wrong = disagreement(load);
  if (wrong !== undefined) {
    return [explainDisagreement(wrong), "do not rely on the brackets of this load; run it again"];
  }
  const compared = comparedTimes(witness).map(({ what, count, inside }) =>
    `${formatShare(inside / count)} of ${formatCount(count)} ${what}`
  );
  return compared.length === 0
    ? `${capitalCount(witness.ticks)} of ${streams} say how wide the brackets are`
    : `Inside the brackets lie ${compared.join(" and ")} of ${streams}`;
}

function capitalCount(ticks: number): string {
  return ticks === 0 ? "No tick" : plural(ticks, "tick");
}
