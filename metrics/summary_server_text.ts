/**
 * What the server said of a load in words, the same in the terminal and on the page.
 *
 * @module
 */
import { minimumSamples } from "./stat_quantile.ts";
import {
  formatCount,
  formatMib,
  formatMs,
  formatNumber,
  formatPercentile,
  formatShare,
  NOT_AVAILABLE,
  plural,
} from "./format.ts";
import type {
  ServerCounts,
  ServerEndpoint,
  ServerFigure,
  ServerSummary,
  Speculation,
  TimePart,
  TimeSplit,
} from "./load_server.ts";

/** What each part of the time to the first token is, for people who see its name alone. */
export const PART_MEANINGS: Readonly<Record<TimePart["name"], string>> = {
  client: "in this program",
  connect: "opening connections",
  network: "on the way, and in what stands between",
  queue: "in the server, waiting to be taken up",
  prefill: "in the server, reading the prompt",
  rest: "what nothing tells: in the server, on the way, or both",
};

/** What the counts of both sides are of. */
export const COUNT_TITLES: Readonly<Record<ServerCounts["what"], string>> = {
  requests: "requests",
  prompt_tokens: "prompt tokens",
  output_tokens: "output tokens",
  cached_tokens: "cached prompt tokens",
};

/** A value of a server's metric with its unit; counts of things have none. */
export function formatServerValue(value: number | undefined, unit: string): string {
  if (value === undefined) return NOT_AVAILABLE;
  switch (unit) {
    case "ms":
      return formatMs(value);
    case "share":
      return formatShare(value);
    case "MiB":
      return formatMib(value);
    case "W":
    case "J":
      return `${formatNumber(value)} ${unit}`;
    default:
      return formatNumber(value);
  }
}

/** A title, with what is counted where it does not say so: `GPU power`, `Prompt tokens/s`. */
export function serverLineTitle(title: string, unit: string): string {
  if (unit.endsWith("/s")) return `${title}/s`;
  switch (unit) {
    case "share":
      return `${title}, %`;
    case "ms":
    case "MiB":
    case "W":
    case "J":
      return `${title}, ${unit}`;
    default:
      return title;
  }
}

/** A percentile of a histogram, and the edges of the bucket that it lies in. */
function bucketTexts(
  { value, bucket }: ServerFigure["percentiles"][number],
  unit: string,
): { readonly value: string; readonly bucket: string } {
  const shown = formatServerValue(value, unit);
  if (bucket === undefined || (value === undefined && bucket.high !== undefined)) {
    return { value: shown, bucket: "" };
  }
  const low = formatServerValue(bucket.low, unit);
  // Nothing says how far above the last edge it lies.
  if (bucket.high === undefined) return { value: `> ${low}`, bucket: "" };
  const high = formatServerValue(bucket.high, unit);
  const [number, own] = low.split(" ");
  return { value: shown, bucket: `${high.endsWith(` ${own}`) ? number : low}–${high}` };
}

/** `vllm at http://…: read 11 times, the slowest answer took 4.2 ms`. */
export function endpointText(endpoint: ServerEndpoint): string {
  const { url, engine, scrapes, failed, failure, slowestMs, window, resets } = endpoint;
  return [
    `${url}${engine === undefined ? "" : ` (${engine})`}: ${
      scrapes === 0 ? "never read" : `read ${plural(scrapes, "time")}`
    }${
      window === undefined
        ? ""
        : ` from ${formatMs(window.fromMs).replace("-", "−")} to ${formatMs(window.toMs)}`
    }`,
    ...(slowestMs === undefined ? [] : [`the slowest answer took ${formatMs(slowestMs)}`]),
    ...(failed === 0 ? [] : [
      `${plural(failed, "scrape")} failed${failure === undefined ? "" : `, the last: ${failure}`}`,
    ]),
    ...(resets === 0 ? [] : [
      `${plural(resets, "counter")} began anew: the server, or a part of it, started again`,
    ]),
  ].join("; ");
}

/** `120 ms = client 0.2 + network 0.8 + queue 80 + prefill 39`, in one unit, so that a reader can add. */
export function splitText(split: TimeSplit): string {
  const { unit, number } = splitScale(split);
  const sum = split.parts.map(({ name, meanMs }) => `${name} ${number(meanMs)}`).join(" + ");
  const whole = formatMs(split.ttftMs);
  return `${whole} = ${sum}${whole.endsWith(` ${unit}`) ? "" : ` ${unit}`}`;
}

/** What the parts are means of; percentiles of differences are no differences of percentiles. */
export function splitBasisText({ basis, requests }: TimeSplit): string {
  return basis === "requests"
    ? `of ${plural(requests, "answer")} that carried the server's times`
    : `means of both sides over the same time, ${
      plural(requests, "request")
    }; percentiles do not subtract, so there are none`;
}

/** Whether a part is below zero, which no time is: the remarks say what that may be. */
export function isBelowZero({ parts }: TimeSplit): boolean {
  return parts.some(({ meanMs }) => meanMs < 0);
}

/** Percentiles that any part has: of a part that is the same for every request there are none. */
export function splitPercentiles({ parts }: TimeSplit): readonly number[] {
  const all = new Set(parts.flatMap(({ percentiles }) => percentiles.map(({ p }) => p)));
  return [...all].sort((a, b) => a - b);
}

/** One part of a split in cells. */
export interface SplitRow {
  readonly name: TimePart["name"];
  /** Mean with its unit. */
  readonly mean: string;
  /** What the client's stamps leave open, `0.1–0.3`; empty = unknown, or none of it. */
  readonly client: string;
  /** Share of the TTFT; below zero for a part that is. */
  readonly share: string;
  /** Values of {@linkcode splitPercentiles}, in their order; empty = the part has none. */
  readonly percentiles: readonly string[];
  /** Where its bar begins and ends, in ms; backwards for a part below zero. */
  readonly fromMs: number;
  readonly toMs: number;
}

/** The parts as rows, each beginning where the one before it ended. */
export function splitRows(split: TimeSplit): readonly SplitRow[] {
  const { ttftMs, parts } = split;
  const { unit, number } = splitScale(split);
  const wanted = splitPercentiles(split);
  let atMs = 0;
  return parts.map(({ name, meanMs, bracket, percentiles }) => {
    const fromMs = atMs;
    atMs += meanMs;
    return {
      name,
      mean: `${number(meanMs)} ${unit}`,
      client: bracket === undefined ? "" : `${number(bracket.low)}–${number(bracket.high)}`,
      share: ttftMs > 0
        ? `${(100 * meanMs / ttftMs).toFixed(1).replace("-", "−")} %`
        : NOT_AVAILABLE,
      percentiles: wanted.map((p) => {
        const found = percentiles.find((one) => one.p === p);
        return found === undefined ? "" : formatMs(found.valueMs).replace("-", "−");
      }),
      fromMs,
      toMs: atMs,
    };
  });
}

/** Counts of both sides: `requests 120 (ours 120), prompt tokens …`. */
export function countsText(counts: readonly ServerCounts[]): string | undefined {
  if (counts.length === 0) return undefined;
  const parts = counts.map(({ what, server, client }) =>
    server === client
      ? `${COUNT_TITLES[what]} ${formatCount(server)} on both sides`
      : `${COUNT_TITLES[what]} ${formatCount(server)} (ours ${formatCount(client)})`
  );
  const others = othersText(counts);
  return [parts.join(", "), ...(others === undefined ? [] : [others])].join("; ");
}

/** Gauges that a reader asks for first. */
const FIRST_ROLES: readonly string[] = ["running", "waiting", "cache_use"];

/** The server in one line: `running 3.34 (max 4), waiting 2 (max 5); requests as ours`. */
export function serverShortText(
  { figures, endpoints }: ServerSummary,
  counts: readonly ServerCounts[],
): string {
  const gauges = figures.filter(({ role }) => FIRST_ROLES.includes(role))
    .map(({ title, mean, max, unit }) =>
      `${title.replace("Requests ", "")} ${formatServerValue(mean, unit)} (max ${
        formatServerValue(max, unit)
      })`
    );
  const preempted = figures.find(({ role }) => role === "preemptions")?.difference ?? 0;
  const failed = endpoints.reduce((sum, { failed }) => sum + failed, 0);
  const titles = (same: boolean) =>
    counts.filter(({ server, client }) => (server === client) === same)
      .map(({ what }) => COUNT_TITLES[what]).join(", ");
  return [
    ...(gauges.length === 0 ? [] : [gauges.join(", ")]),
    ...(preempted === 0 ? [] : [plural(preempted, "preemption")]),
    ...(titles(true) === "" ? [] : [`${titles(true)} as ours`]),
    ...(titles(false) === "" ? [] : [`${titles(false)} not as ours`]),
    ...(failed === 0 ? [] : [`${plural(failed, "scrape")} failed`]),
    "all of it with --details",
  ].join("; ");
}

/** That somebody else was served, too; absent where nothing shows it. */
export function othersText(counts: readonly ServerCounts[]): string | undefined {
  return counts.some(({ others }) => others)
    ? "someone else uses this server: its own times and means are of both"
    : undefined;
}

/** Where the accepted length comes from. */
export const SPECULATION_BASES: Readonly<Record<Speculation["basis"], string>> = {
  counters: "by the server's counters",
  requests: "by the answers' own counts",
  ticks: "our estimate, tokens per tick",
};

/** Positions of a draft that are shown: later ones are seldom reached. */
export const MOST_POSITIONS = 8;

/** How well the server guessed ahead, in one sentence. */
export function speculationText(speculation: Speculation): string {
  const { basis, acceptedLength, acceptance, byPosition, tokensPerTick, joinedTicks } = speculation;
  return [
    `${formatNumber(acceptedLength)} tokens a step ${SPECULATION_BASES[basis]}`,
    ...(acceptance === undefined ? [] : [`${formatShare(acceptance)} of guessed tokens accepted`]),
    ...(byPosition.length === 0 ? [] : [
      `by position ${
        byPosition.slice(0, MOST_POSITIONS).map((share) => formatShare(share)).join(", ")
      }${byPosition.length > MOST_POSITIONS ? " …" : ""}`,
    ]),
    ...(tokensPerTick === undefined || basis === "ticks" ? [] : [
      `our estimate beside it: ${formatNumber(tokensPerTick)} tokens per tick`,
    ]),
    ...(joinedTicks === undefined
      ? []
      : [`${formatShare(joinedTicks)} of ticks with more than one token`]),
  ].join(", ");
}

/** Shown with what they are about: tokens accepted at a position, under speculative decoding. */
const SHOWN_ELSEWHERE: readonly string[] = ["accepted_at_position"];

/**
 * The figures of a server as they are shown, those in which nothing happened by their titles alone; those
 * that no scrape of the load told are left out.
 */
export function shownFigures(
  { figures }: ServerSummary,
): {
  /** Gauges, and histograms with a value. */
  readonly measured: readonly ServerFigure[];
  /** Counters that rose. */
  readonly counted: readonly ServerFigure[];
  /** `Preemptions, Drafts`: what stayed at zero; absent = nothing. */
  readonly none: string | undefined;
} {
  const shown = figures.filter(({ role }) => !SHOWN_ELSEWHERE.includes(role));
  const isNone = ({ count, difference }: ServerFigure) => count === 0 || difference === 0;
  const none = shown.filter(isNone).map(({ title }) => title);
  const isKnown = ({ mean, count, difference }: ServerFigure) =>
    mean !== undefined || count !== undefined || difference !== undefined;
  const some = shown.filter((figure) => isKnown(figure) && !isNone(figure));
  return {
    measured: some.filter(({ kind }) => kind !== "counter"),
    counted: some.filter(({ kind }) => kind === "counter"),
    none: none.length === 0 ? undefined : none.join(", "),
  };
}

/** Percentiles that any histogram of the server has, in ascending order. */
export function serverPercentiles({ figures }: ServerSummary): readonly number[] {
  const all = new Set(figures.flatMap(({ percentiles }) => percentiles.map(({ p }) => p)));
  return [...all].sort((a, b) => a - b);
}

/** The percentile of a figure as texts; empty where it has none. */
export function percentileTexts(
  { percentiles, unit, count }: ServerFigure,
  p: number,
): { readonly value: string; readonly bucket: string } {
  const found = percentiles.find((one) => one.p === p);
  if (found === undefined) return { value: "", bucket: "" };
  // Of too few values the bucket says no more than the percentile.
  return bucketTexts(
    count !== undefined && count < minimumSamples(p) ? { ...found, bucket: undefined } : found,
    unit,
  );
}

/** Headings of percentiles. */
export function percentileHeadings(percentiles: readonly number[]): readonly string[] {
  return percentiles.map(formatPercentile);
}

/** Unit and digits of all parts: three significant ones of the whole. */
function splitScale({ ttftMs }: TimeSplit): {
  readonly unit: "ms" | "µs";
  readonly number: (ms: number) => string;
} {
  // As the whole is printed.
  const micro = formatMs(ttftMs).endsWith(" µs");
  const whole = micro ? ttftMs * 1000 : ttftMs;
  const before = Math.floor(Math.log10(Math.max(1, Math.abs(whole)))) + 1;
  const digits = Math.max(0, 3 - before);
  return {
    unit: micro ? "µs" : "ms",
    number: (ms) => splitNumber(micro ? ms * 1000 : ms, digits),
  };
}

/** A part in these digits; one too small for them keeps its first digit. */
function splitNumber(value: number, digits: number): string {
  for (let more = Math.abs(value) < 1 ? Math.max(1, digits) : digits; more <= 3; more++) {
    const text = value.toFixed(more);
    if (Number(text) !== 0) return grouped(text.replace("-", "−"));
  }
  return "0";
}

function grouped(text: string): string {
  return text.replace(/\B(?=(\d{3})+(?=$|\.))/g, ",");
}
