/**
 * What changes on the live page, as markup made from the state of the run. Everything that others wrote
 * is escaped here; the page's script only puts it in its place.
 *
 * @module
 */
import {
  capitalize,
  formatCount,
  formatMs,
  formatNumber,
  formatShare,
  plural,
} from "../metrics/format.ts";
import { numberCard } from "../metrics/html_page.ts";
import { type Markup, markup } from "../metrics/markup.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import { endedParts, liveCharts } from "./live_page_charts.ts";
import { fleetPart } from "./live_page_fleet.ts";
import { clockText } from "./live_progress.ts";
import type { LiveLatency, LiveState, LiveVerdict } from "./live_state.ts";
import type { LiveOver, LiveSeen, LiveStop } from "./live_status.ts";
import { VERSION } from "./version.ts";

/** One update of the page. */
export interface LiveFrame {
  /** For the browser's tab. */
  readonly title: string;
  /** For screen readers: changes only when there is something to say. */
  readonly said: string;
  readonly stopping: LiveStop | "over";
  /** Markup by the id of the element that it fills. */
  readonly parts: Readonly<Record<string, string>>;
}

/** The page now. */
export function liveFrame(seen: LiveSeen): LiveFrame {
  const { state, stopping, over } = seen;
  const going = over === undefined;
  return {
    title: visibleLine(`${going ? titleOf(state) : "Over"} · Tokometer`),
    said: saidOf(seen),
    stopping: going ? stopping : "over",
    parts: {
      head: `${headOf(seen)}`,
      over: going ? "" : `${overBlock(over)}`,
      bars: going ? `${bars(state)}` : "",
      figures: going ? `${figures(state)}` : "",
      verdict: going ? `${verdictLine(state.verdict)}${failureList(state)}` : "",
      fleet: `${fleetPart(state)}`,
      charts: `${liveCharts(state)}`,
      ended: `${endedParts(state)}`,
    },
  };
}

function titleOf(state: LiveState): string {
  const share = loadShare(state);
  return `${state.label || state.phase}${
    share === undefined ? "" : ` ${Math.floor(share * 100)} %`
  }`;
}

/** `Load 2 of 4`. */
function loadText({ load, loads }: LiveState): string {
  return `Load ${formatCount(load)}${loads === undefined ? "" : ` of ${formatCount(loads)}`}`;
}

function saidOf({ state, stopping, over }: LiveSeen): string {
  if (over !== undefined) return overText(over).join(". ");
  const { load, label, phase, verdict } = state;
  const place = load === 0
    ? capitalize(`${phase} ${label}`.trim())
    : `${loadText(state)}, ${label}: ${phase}`;
  return visibleLine([
    place,
    // Its reason has figures that change all the time.
    ...(verdict === undefined || verdict.state === "ok" ? [] : [VERDICTS[verdict.state]]),
    ...(state.fleet === undefined || state.fleet.lost === 0
      ? []
      : [`${plural(state.fleet.lost, "agent")} lost`]),
    ...(stopping === "no" ? [] : ["The run is stopping"]),
  ].join(". "));
}

function headOf({ header }: LiveSeen): Markup {
  if (header === undefined) {
    return markup`<p class="brand">Tokometer ${VERSION} · live</p>
<h1>Preparing the run</h1>`;
  }
  const { scenario, model, url, urls, protocol, name } = header;
  const servers = urls !== undefined && urls.length > 1 ? plural(urls.length, "server") : url;
  return markup`<p class="brand">Tokometer ${VERSION} · ${scenario} · live</p>
<h1><bdi>${model === "" ? "Unnamed model" : model}</bdi></h1>
<p class="what"><span>${servers}</span><span>${protocol}</span>${
    name !== undefined && markup`<span><bdi>${name}</bdi></span>`
  }</p>`;
}

/** How a run ended, in sentences without their periods. */
function overText({ exitCode, error, folder }: LiveOver): readonly string[] {
  return [
    error === undefined ? "The run is over" : `The run ended without results: ${error}`,
    ...(exitCode === undefined ? [] : [`Exit code ${exitCode}`]),
    ...(error === undefined && folder === undefined
      ? ["The program has printed the report; nothing was saved"]
      : []),
  ];
}

function overBlock(over: LiveOver): Markup {
  const [title, ...more] = overText(over);
  const good = over.error === undefined && (over.exitCode ?? 0) === 0;
  const { report, folder } = over;
  return markup`<section class="verdict ${good ? "clear" : "doubt"}">
<h2><span class="sign" aria-hidden="true">${good ? "✓" : "!"}</span> ${title}</h2>
${more.map((line) => markup`<p>${line}</p>`)}${
    folder !== undefined && markup`<p>Results: <code>${folder}</code></p>`
  }${report !== undefined && markup`<p>Report page: <code>${report}</code></p>`}
</section>
`;
}

/** How much of the load is done, 0 to 1; absent = unknown. */
function loadShare({ done, total, elapsedMs, leftMs }: LiveState): number | undefined {
  const byCount = total === undefined || total === 0 ? undefined : done / total;
  // Whichever comes first ends the load.
  const byTime = leftMs === undefined || elapsedMs + leftMs === 0
    ? undefined
    : elapsedMs / (elapsedMs + leftMs);
  const known = [byCount, byTime].filter((share) => share !== undefined);
  return known.length === 0 ? undefined : Math.min(1, Math.max(...known));
}

function bars(state: LiveState): Markup {
  const { phase, label, done, total, elapsedMs, leftMs, runElapsedMs, runLeftMs, loads, load } =
    state;
  const share = loadShare(state);
  const runShare = runLeftMs !== undefined && runElapsedMs + runLeftMs > 0
    ? runElapsedMs / (runElapsedMs + runLeftMs)
    : loads === undefined || loads === 0
    ? undefined
    : Math.min(1, (Math.max(0, load - 1) + (share ?? 0)) / loads);
  const ended = total === undefined
    ? `${formatCount(done)} ended`
    : `${formatCount(done)} of ${formatCount(total)} ended`;
  return markup`${
    bar("Run", load === 0 ? "Before the first load" : loadText(state), {
      share: runShare,
      right: timesOf(runElapsedMs, runLeftMs),
    })
  }${
    bar("Load", capitalize([phase, label].filter((one) => one !== "").join(" ")), {
      share,
      right: load === 0 ? clockText(elapsedMs) : `${ended}, ${timesOf(elapsedMs, leftMs)}`,
    })
  }`;
}

function timesOf(elapsedMs: number, leftMs: number | undefined): string {
  return `${clockText(elapsedMs)}${leftMs === undefined ? "" : `, ${clockText(leftMs)} left`}`;
}

function bar(
  name: string,
  text: string,
  { share, right }: { readonly share: number | undefined; readonly right: string },
): Markup {
  return markup`<div><p><b>${text}</b> <span>${right}</span></p>
${
    share !== undefined &&
    markup`<progress aria-label="${name}" max="1000" value="${
      Math.round(share * 1000)
    }"></progress>`
  }</div>
`;
}

function figures(state: LiveState): Markup {
  const { done, failed, inFlight, tokensPerSec, recent, server } = state;
  return markup`${numberCard("In flight", formatCount(inFlight), [`${formatCount(done)} ended`])}${
    numberCard("Output tokens/s", formatNumber(tokensPerSec), ["estimated from reads"])
  }${latencyCard("TTFT", recent.ttft, "request")}${latencyCard("ITL", recent.itl, "gap")}${
    state.fleet === undefined && latencyCard("E2E", recent.e2e, "request")
  }${
    numberCard(
      "Failed",
      failed === 0 ? "0" : markup`<b class="bad">${formatCount(failed)}</b>`,
      failed === 0 || done === 0 ? [] : [`${formatShare(failed / done)} of the load`],
    )
  }${server && serverCard(server)}`;
}

function latencyCard(name: string, { count, p50Ms, p99Ms }: LiveLatency, of: string): Markup {
  return numberCard(`${name}, last 10 s`, formatMs(p50Ms), [
    `median of ${plural(count, of)}`,
    `p99 ${formatMs(p99Ms)}`,
  ]);
}

function serverCard({ running, waiting, cacheUse }: NonNullable<LiveState["server"]>): Markup {
  return numberCard("Server, running", formatCount(running), [
    ...(waiting === undefined ? [] : [`${formatCount(waiting)} waiting`]),
    ...(cacheUse === undefined ? [] : [`${formatShare(cacheUse)} of its cache in use`]),
  ]);
}

/** The verdict so far, in words. */
const VERDICTS: Readonly<Record<LiveVerdict["state"], string>> = {
  ok: "So far the server is measured, not the client",
  doubtful: "It is doubtful whether the server is measured",
  "client-bound": "The client is the limit, not the server",
};

function verdictLine(verdict: LiveVerdict | undefined): Markup {
  if (verdict === undefined) return markup``;
  const { state, why } = verdict;
  const good = state === "ok";
  return markup`<section class="verdict ${good ? "clear" : "doubt"}" aria-label="Verdict so far">
<h2><span class="sign" aria-hidden="true">${good ? "✓" : "!"}</span> ${VERDICTS[state]}</h2>
${why !== "" && markup`<p>${why}</p>`}</section>
`;
}

function failureList({ failures }: LiveState): Markup {
  if (failures.length === 0) return markup``;
  const rows = failures.map(({ kind, count, message }) =>
    markup`<li><b>${formatCount(count)}</b> ${kind.replaceAll("_", " ")}: ${message}</li>`
  );
  return markup`<ul class="failures" aria-label="Failures of this load">${rows}</ul>
`;
}
