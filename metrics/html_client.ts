/**
 * The client's part in the numbers: verdict, brackets, and what it measured of itself.
 *
 * @module
 */
import type { Verdict } from "./load_client.ts";
import { formatCount, formatMs, formatNumber, formatShare, NOT_AVAILABLE } from "./format.ts";
import { type Markup, markup } from "./markup.ts";
import { bracketNotes } from "./html_bracket.ts";
import { factTable } from "./html_table.ts";
import type { LoadSummary } from "./load_summary.ts";
import type { LatenessSpread, Witness } from "./run_client.ts";

/** Verdict, brackets, witness and health of one load; empty when nothing is known about the client. */
export function clientSection(load: LoadSummary): Markup {
  const { client, verdict, bracketBasis, witness, witnessAbsent } = load;
  const known = [client, verdict, bracketBasis, witness, witnessAbsent];
  if (known.every((one) => one === undefined)) return markup``;
  const sentence = verdict && markup`<p>${verdictBadge(verdict.kind)} ${verdict.message}</p>
`;
  return markup`<h3>The client's part</h3>
${sentence}${bracketNotes(load)}<div class="facts">${witness && witnessTable(witness)}${
    client && healthTable(client)
  }</div>
`;
}

/** The kind of a verdict, in its color. */
export function verdictBadge(kind: Verdict["kind"]): Markup {
  return markup`<b class="${CLASSES[kind]}">${kind}</b>`;
}

const CLASSES: Readonly<Record<Verdict["kind"], string>> = {
  "ok": "good",
  "unknown": "warn",
  "suspect": "warn",
  "client-bound": "bad",
  "no-measurement": "bad",
};

function witnessTable(witness: Witness): Markup {
  const { streams, requests, ticks, ticksInside, departuresInside } = witness;
  const inside = (part: number | undefined, all: number) =>
    part === undefined || all === 0
      ? formatCount(all)
      : `${formatCount(all)}, ${formatShare(part / all)} inside`;
  const late = ({ p50Ms, p99Ms, maxMs }: LatenessSpread) =>
    [p50Ms, p99Ms, maxMs].map(formatMs).join(" · ");
  return factTable("Witness", [
    ["Streams to an engine of known timing", formatCount(streams)],
    ["Ticks compared", inside(ticksInside, ticks)],
    ["Departures compared", inside(departuresInside, requests)],
    ["Ticks read late, p50 · p99 · max", late(witness.readLate)],
    ["Requests sent late, p50 · p99 · max", late(witness.departLate)],
    ["CPU time of the engine", formatMs(witness.cpuMs)],
  ]);
}

function healthTable(client: NonNullable<LoadSummary["client"]>): Markup {
  const { descriptors, descriptorLimit, replacedConnections } = client;
  return factTable("Client health", [
    ["Busy cores, whole client", formatNumber(client.cpuCores)],
    ["Reading thread busy", formatShare(client.threadCpu)],
    ["Reading thread waiting for a core", formatShare(client.threadWait)],
    [
      "Timers late, p50 · p99 · max",
      [client.loopLagP50Ms, client.loopLagP99Ms, client.loopLagMaxMs].map(formatMs).join(" · "),
    ],
    ["Reads stamped by the kernel", formatShare(client.kernelStampedReads)],
    ["Peak memory, MiB", formatCount(client.peakRssMiB)],
    [
      "Open files",
      descriptors === undefined
        ? NOT_AVAILABLE
        : `${formatCount(descriptors)} of ${formatCount(descriptorLimit)}`,
    ],
    ["Connections replaced", formatCount(replacedConnections)],
  ]);
}
