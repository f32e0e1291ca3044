/**
 * The client's part in the numbers: verdict, error, and what it measured of itself.
 *
 * @module
 */
import type { ClientErrorEstimate, Verdict } from "./load_client.ts";
import { ERROR_METRICS, ERROR_SIGNS } from "./check_calibration.ts";
import {
  capitalize,
  formatCount,
  formatMs,
  formatNumber,
  formatShare,
  NOT_AVAILABLE,
} from "./format.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import { factTable, htmlTable, left, right } from "./html_table.ts";
import { clientErrorText } from "./summary_text.ts";
import type { LoadSummary } from "./load_summary.ts";

/** Verdict, error and health of one load; empty when nothing is known about the client. */
export function clientSection({ client, verdict, metrics }: LoadSummary): Markup {
  if (client === undefined && verdict === undefined) return markup``;
  const sentence = verdict === undefined
    ? undefined
    : markup`<p>${verdictBadge(verdict.kind)} ${verdict.message}</p>
`;
  const error = client?.error;
  const errors = error && htmlTable({
    caption: "Client error",
    columns: [left(""), ...["p50", "p99", "max"].map((heading) => right(heading))],
    rows: ERROR_METRICS.map((name) => {
      const { p50Ms, p99Ms, maxMs } = error[name];
      const title = metrics.find((metric) => metric.name === name)?.title ?? name;
      return [title, ...[p50Ms, p99Ms, maxMs].map((ms) => boundText(ms, error))];
    }),
  });
  return markup`<h3>The client's part</h3>
${sentence}${
    error && markup`<p class="note">${basisText(error)}</p>
`
  }<div class="facts">${errors}${client && healthTable(client)}</div>
`;
}

/** Error at p99: `± 2.10 ms`, `≤ 2.10 ms` for a bound, `~ 2.10 ms` for an estimate; absent = no error. */
export function errorText(
  metric: string,
  error: ClientErrorEstimate | undefined,
): string | undefined {
  const known = ERROR_METRICS.find((name) => name === metric);
  const ms = error && known && error[known].p99Ms;
  if (error === undefined || ms === undefined) return undefined;
  return error.basis === "calibration" ? `± ${formatMs(ms)}` : boundText(ms, error);
}

/** `ok`, `suspect` or `client-bound`, in its color. */
export function verdictBadge(kind: Verdict["kind"]): Markup {
  return markup`<b class="${CLASSES[kind]}">${kind}</b>`;
}

const CLASSES: Readonly<Record<Verdict["kind"], string>> = {
  "ok": "good",
  "suspect": "warn",
  "client-bound": "bad",
};

function boundText(ms: number | undefined, { basis }: ClientErrorEstimate): string {
  if (ms === undefined) return NOT_AVAILABLE;
  return ERROR_SIGNS[basis] + formatMs(ms);
}

function basisText(error: ClientErrorEstimate): HtmlValue {
  const { text, like } = clientErrorText(error);
  return markup`${capitalize(text)}.${
    like !== undefined && markup` To measure it: <code>tokometer calibrate ${like}</code>`
  }`;
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
