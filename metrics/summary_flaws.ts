/**
 * Why the figures of a load must not be quoted as they are: one list for the answer of a run and for the
 * hollow points of its charts.
 *
 * @module
 */
import { warnings } from "./check.ts";
import { brokenText } from "./check_fleet.ts";
import { formatCount, formatMs, plural } from "./format.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { RunHeader } from "./run.ts";

/** What is wrong with a load, the worst first. */
export type FlawKind =
  /** No request completed. */
  | "nothing"
  /** It is not the load that was planned: stopped, or the server was lost. */
  | "unfinished"
  /** An agent of the fleet was lost or late: not all of the load was there. */
  | "fleet"
  /** The client was the limit. */
  | "client-bound"
  /** More requests failed, or were never sent, than were allowed. */
  | "failures"
  /** More was sent than the server ends. */
  | "saturated"
  /** Some figures may be the client's. */
  | "suspect"
  /** Nothing shows how exact the client was. */
  | "unknown"
  /** Too short to tell what chance leaves open. */
  | "short";

/** One reason. */
export interface Flaw {
  /** What kind of reason it is. */
  readonly kind: FlawKind;
  /** A clause without a period. */
  readonly text: string;
}

/** What the flaws of a load are read from. */
export type FlawedLoad = Pick<
  LoadSummary,
  | "counts"
  | "interrupted"
  | "complete"
  | "serverLost"
  | "fleet"
  | "verdict"
  | "checks"
  | "limits"
  | "sampling"
>;

/** Flaws that make a point hollow: its place in a chart is not the server's, or not certain. */
const HOLLOW: readonly FlawKind[] = [
  "nothing",
  "unfinished",
  "fleet",
  "client-bound",
  "failures",
  "suspect",
  "short",
];

/** Everything that is wrong with a load, the worst first; empty = its figures stand. */
export function flawsOf(load: FlawedLoad, header: Pick<RunHeader, "options">): readonly Flaw[] {
  const { counts, interrupted, complete, serverLost, verdict, sampling } = load;
  const flaws: Flaw[] = [];
  const add = (kind: FlawKind, text: string) => void flaws.push({ kind, text });
  if (counts.completed === 0) add("nothing", "no request completed");
  if (serverLost !== undefined) {
    add("unfinished", `the server was lost ${formatMs(serverLost.atMs)} after the start`);
  } else if (interrupted) add("unfinished", "the load was stopped before its end");
  else if (!complete) add("unfinished", "its record has no end");
  const broken = brokenText(load.fleet);
  if (broken !== undefined) add("fleet", broken);
  if (counts.completed === 0) return flaws;
  if (verdict?.kind === "client-bound") {
    add("client-bound", "the client was the limit, the server may be faster");
  }
  const failed = counts.failed + counts.dropped;
  if (failed > allowedFailures(load, header) * (counts.completed + failed)) {
    add("failures", failuresText(counts));
  }
  if (warnings(load.checks).some(({ name }) => name === "saturation")) {
    add(
      "saturated",
      "more was sent than the server ended, so latencies grow with the length of the load",
    );
  }
  if (verdict?.kind === "suspect") {
    add("suspect", "some figures, mostly the tails, may be the client's");
  }
  if (verdict === undefined || verdict.kind === "unknown") {
    add("unknown", "nothing shows how exact the client was");
  }
  if (sampling.blocks === undefined) {
    add("short", "the load was too short to tell what chance leaves open");
  }
  return flaws;
}

/** Those for which a point of this load is drawn hollow; empty = it is drawn full. */
export function hollowFlaws(flaws: readonly Flaw[]): readonly Flaw[] {
  return flaws.filter(({ kind }) => HOLLOW.includes(kind));
}

/** Share of requests that may fail: as the run was told; a limit on failures is the limit. */
function allowedFailures(
  { limits }: Pick<LoadSummary, "limits">,
  { options }: Pick<RunHeader, "options">,
): number {
  if (limits.some(({ name }) => ["failures", "errors", "success"].includes(name))) return 1;
  const percent = options["max-failures"];
  return typeof percent === "number" && percent >= 0 ? percent / 100 : 0;
}

function failuresText({ failed, dropped, offered }: LoadSummary["counts"]): string {
  const of = `of ${plural(offered, "request")}`;
  if (dropped === 0) return `${formatCount(failed)} ${of} failed`;
  if (failed === 0) return `${formatCount(dropped)} ${of} were never sent`;
  return `${formatCount(failed)} ${of} failed and ${formatCount(dropped)} were never sent`;
}
