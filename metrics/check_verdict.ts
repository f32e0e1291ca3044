/**
 * Whether the numbers are the server's or the client's.
 *
 * Where the brackets are known the verdict follows from them: it names the headline figures whose ends
 * are too far from what is printed, and the client's own figures only say why. Where nothing is known,
 * the client's own figures are all there is.
 *
 * @module
 */
import { adviceFor } from "./check_advice.ts";
import { isHeldBack } from "./check_generated.ts";
import {
  arrivesInGroups,
  reasonOf,
  RUN_AGAIN,
  VERDICT_RULES,
  type VerdictEvidence,
} from "./check_causes.ts";
import { disagreement, explainDisagreement, isTrusted } from "./check_coverage.ts";
import { withAgents } from "./check_fleet.ts";
import { nameFigures, type OpenFigure, openFigures } from "./check_figures.ts";
import { formatMs } from "./format.ts";
import type { ServerLost } from "./run.ts";
import type { Verdict, VerdictKind, VerdictReason } from "./load_client.ts";
import { findMetric } from "./load_summary.ts";

const OK = "The client had time: these numbers are the server's";

const HELD_BACK =
  "The client had time, but the answers did not reach it as streams: TTFT and TPOT are not defined";

const IN_GROUPS =
  "The client had time: these numbers are those of tokens that arrived in groups, joined before they came here";

/** What a kind of verdict says where no figure can be named. */
const MESSAGES: Readonly<Record<VerdictKind, string>> = {
  "no-measurement": "No measurement",
  "ok": OK,
  "unknown": "The client seemed to have time, but its error is not known",
  "suspect": "Some of these numbers, mostly the tails, may be the client's",
  "client-bound": "The client was the limit: the server may be faster than shown",
};

/** The verdict on a load; absent where neither brackets nor the client's own figures are known. */
export function clientVerdict(evidence: VerdictEvidence): Verdict | undefined {
  return withAgents(ownVerdict(evidence), evidence.load.fleet);
}

/** The verdict on all that was measured together. */
function ownVerdict(evidence: VerdictEvidence): Verdict | undefined {
  const { counts, serverLost } = evidence.load;
  if (counts.completed === 0) return verdictWithoutResults(evidence);
  if (serverLost !== undefined) return verdictOnLoss(serverLost);
  return evidence.load.bracketBasis === undefined
    ? verdictByRules(evidence)
    : verdictByBrackets(evidence);
}

/** A load that broke off is not the one that was asked for, however well its client did. */
function verdictOnLoss({ atMs }: ServerLost): Verdict {
  const kind = "no-measurement";
  const message =
    `${MESSAGES[kind]} as it was planned: the server was lost ${formatMs(atMs)} after ` +
    "the start; what was measured before stands";
  return { kind, message, reasons: [] };
}

/** Without a completed request the client's own figures say nothing, unless they are the cause. */
function verdictWithoutResults(evidence: VerdictEvidence): Verdict | undefined {
  const { load: { serverLost, counts }, client } = evidence;
  const reasons = worstFirst(
    VERDICT_RULES.flatMap((rule) => rule.always ? reasonOf(rule, evidence) ?? [] : []),
  );
  const worst = reasons.at(0)?.kind;
  if (worst !== undefined) return { kind: worst, message: MESSAGES[worst], reasons };
  if (client === undefined && serverLost === undefined) return undefined;
  const why = serverLost !== undefined
    ? "the server was gone"
    : counts.offered === 0
    ? "nothing was sent"
    : "no request completed";
  const kind = "no-measurement";
  return { kind, message: `${MESSAGES[kind]}: ${why}`, reasons };
}

function verdictByBrackets(evidence: VerdictEvidence): Verdict {
  const { load, figures, tolerance } = evidence;
  // Gaps between the pieces that a buffer let through are neither the server's nor the client's.
  const ofStreams = isHeldBack(load) ? figures.filter(({ metric }) => metric !== "itl") : figures;
  const open = openFigures(ofStreams, load.throughput.run, tolerance);
  const kind = open.length === 0
    ? "ok"
    : open.some(({ middle }) => middle)
    ? "client-bound"
    : "suspect";
  const trusted = isTrusted(load);
  const found = VERDICT_RULES.flatMap((rule): readonly VerdictReason[] => {
    const reason = reasonOf(rule, evidence);
    if (reason === undefined) return [];
    if (rule.always || !trusted && !rule.explains) return [reason];
    // A cause is no worse than what it caused.
    return kind === "ok" ? [] : [{ ...reason, kind: kind === "suspect" ? kind : reason.kind }];
  });
  const outside = disagreement(load);
  const reasons = worstFirst([
    ...(kind === "ok" ? [] : [openReason(open, kind, evidence)]),
    ...(outside === undefined ? [] : [{
      rule: "witness",
      kind: "suspect" as const,
      message: explainDisagreement(outside),
      advice: "do not rely on the brackets of this load; run it again",
    }]),
    ...found,
  ]);
  const worst = reasons.at(0)?.kind ?? "ok";
  if (worst === "ok") {
    const message = isHeldBack(load) ? HELD_BACK : arrivesInGroups(load) ? IN_GROUPS : OK;
    return { kind: worst, message, reasons };
  }
  if (worst === kind) {
    const names = nameFigures(open);
    const message = kind === "suspect"
      ? `${names} may be the client's`
      : `The client was the limit of ${names}: the server may be faster than shown`;
    return { kind, message, reasons };
  }
  const message = outside !== undefined && worst === "suspect"
    ? "What the client leaves open may be more than is shown: its witness streams disagree"
    : MESSAGES[worst];
  return { kind: worst, message, reasons };
}

/** The figure that is farthest from holding, with its ends. */
function openReason(
  open: readonly OpenFigure[],
  kind: VerdictReason["kind"],
  { load, header }: VerdictEvidence,
): VerdictReason {
  const worst = open.reduce((one, other) => other.excess > one.excess ? other : one);
  const answerMs = findMetric(load, "e2e").distribution.median;
  const [advice = RUN_AGAIN] = adviceFor({
    header,
    load: load.plan,
    ...(answerMs === undefined ? {} : { answerMs }),
  });
  return { rule: "brackets", kind, message: worst.text, advice };
}

function verdictByRules(evidence: VerdictEvidence): Verdict | undefined {
  const { load, client } = evidence;
  const reasons = worstFirst(
    VERDICT_RULES.flatMap((rule) => rule.explains ? [] : reasonOf(rule, evidence) ?? []),
  );
  const kind = reasons.at(0)?.kind ?? "unknown";
  if (kind === "unknown" && client === undefined) return undefined;
  const why = load.witnessAbsent ??
    (load.counts.completed === 0
      ? "no request completed"
      : "nothing tells how late its stamps may be");
  const known = kind === "unknown" ? "" : "; its error is not known";
  return { kind, message: `${MESSAGES[kind]}${known}: ${why}`, reasons };
}

function worstFirst(reasons: readonly VerdictReason[]): readonly VerdictReason[] {
  return [
    ...reasons.filter(({ kind }) => kind === "client-bound"),
    ...reasons.filter(({ kind }) => kind === "suspect"),
  ];
}
