/**
 * Keeps what one endpoint said during one load, in bounded memory: a run of a day has as many points
 * as one of ten minutes, only further apart; differences, means and extremes are of all answers.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import {
  MOST_SERIES,
  type PrometheusFamily,
  type PrometheusSeries,
  type PrometheusText,
  type PrometheusType,
} from "../backends/telemetry_prometheus.ts";
import { labelsKey } from "../backends/telemetry_prometheus_labels.ts";
import type { ServerFamily, ServerScrapes, ServerSeries } from "../metrics/run_server.ts";
import { knownKind } from "../metrics/server_known.ts";
import { keepPoints, type PointLine } from "./scrape_points.ts";
import { canBeAdded, keepSpread, type SpreadKeeper } from "./scrape_spread.ts";

/** Answers of a load whose values are kept; an even number. */
export const MOST_POINTS = 600;
/** Series of one endpoint whose values are kept at each of them. */
const MOST_LINES = 1000;

/** Answers of one endpoint over one load, growing. */
export interface ScrapeKeeper {
  /**
   * An answer; `atMs` on any scale, `tookMs` from asking to its end. What is not of the load itself is of
   * no gauge's mean: before and after it a server is idle.
   */
  add(atMs: number, text: PrometheusText, tookMs: number, outside?: boolean): void;
  /** A scrape without a usable answer. */
  fail(message: string, tookMs?: number): void;
  /** Known gauges with their newest values. */
  latest(): ServerScrapes;
  /** What was kept, with times from `startMs` on. */
  scrapes(startMs: number): ServerScrapes;
}

/** One series, growing. */
interface Track {
  readonly labels: Readonly<Record<string, string>>;
  readonly spread: SpreadKeeper | undefined;
  /** Its values at the points; absent = not kept. */
  readonly line: PointLine | undefined;
  first?: number;
  last?: number;
  /** The answer that `last` is of. */
  lastAnswer: number;
  /** The same of the newest answer during the load. */
  inside?: { readonly answer: number; readonly atMs: number; readonly value: number };
  rise: number;
  resets: number;
  min: number;
  max: number;
  /** Value times time, and the time. */
  area: number;
  spanMs: number;
}

interface Family {
  readonly type: PrometheusType;
  /** How its values are understood. */
  readonly kind: "counter" | "gauge" | "untyped" | "spread";
  readonly known: boolean;
  readonly tracks: Map<string, Track>;
}

/** Starts a load. Limits are set by tests. */
export function keepScrapes(
  url: string,
  { mostSeries = MOST_SERIES, mostPoints = MOST_POINTS }: {
    readonly mostSeries?: number;
    readonly mostPoints?: number;
  } = {},
): ScrapeKeeper {
  const families = new Map<string, Family>();
  const points = keepPoints(mostPoints);
  const counts = { answers: 0, series: 0, lines: 0, leftOut: 0, failures: 0 };
  let slowestMs: number | undefined;
  let failure = "";

  const familyOf = ({ name, type }: PrometheusFamily): Family => {
    const found = families.get(name);
    // A type that changes under way is a reload of the server's; the first one stays.
    if (found !== undefined) return found;
    const kind = knownKind(name);
    const family: Family = {
      type,
      kind: type === "histogram" || type === "summary"
        ? "spread"
        // What it means counts more than how it is exposed.
        : kind === "counter" || kind === "gauge"
        ? kind
        : type,
      known: kind !== undefined,
      tracks: new Map(),
    };
    families.set(name, family);
    return family;
  };

  const trackOf = (family: Family, { labels }: PrometheusSeries): Track | undefined => {
    const key = labelsKey(labels);
    const found = family.tracks.get(key);
    if (found !== undefined || counts.series >= mostSeries) return found;
    counts.series++;
    const isLine = family.known && family.kind !== "spread" && counts.lines < MOST_LINES;
    if (isLine) counts.lines++;
    const track: Track = {
      labels,
      spread: family.kind === "spread" ? keepSpread() : undefined,
      line: isLine ? points.line() : undefined,
      ...{ lastAnswer: 0, rise: 0, resets: 0, area: 0, spanMs: 0 },
      ...{ min: Infinity, max: -Infinity },
    };
    family.tracks.set(key, track);
    return track;
  };

  /** A single value; those that JSON does not know are none. */
  const addValue = (track: Track, value: number, atMs: number, outside: boolean) => {
    if (!canBeAdded(value)) return;
    const { answers } = counts;
    track.line?.set(value);
    if (track.last === undefined) {
      // A series that is listed only now counts from zero.
      if (answers === 1) track.first = value;
      else track.rise = Math.max(0, value);
    } else {
      if (value < track.last) track.resets++;
      track.rise += value < track.last ? Math.max(0, value) : value - track.last;
    }
    track.last = value;
    track.lastAnswer = answers;
    if (outside) return;
    const { inside: before } = track;
    if (before?.answer === answers - 1) {
      const spanMs = atMs - before.atMs;
      track.area += (value + before.value) / 2 * spanMs;
      track.spanMs += spanMs;
    }
    track.inside = { answer: answers, atMs, value };
    track.min = Math.min(track.min, value);
    track.max = Math.max(track.max, value);
  };

  const took = (ms: number | undefined) => {
    if (ms !== undefined) slowestMs = Math.max(slowestMs ?? 0, ms);
  };

  return {
    add(atMs, text, tookMs, outside = false) {
      counts.answers++;
      points.next(atMs);
      took(tookMs);
      let refused = text.leftOut;
      for (const listed of text.families) {
        const family = familyOf(listed);
        for (const series of listed.series) {
          const track = trackOf(family, series);
          if (track === undefined) refused++;
          else if (series.spread !== undefined) {
            track.spread?.add(series.spread, counts.answers > 1 && track.lastAnswer === 0);
            track.lastAnswer = counts.answers;
          } else if (series.value !== undefined && track.spread === undefined) {
            addValue(track, series.value, atMs, outside);
          }
        }
      }
      counts.leftOut = Math.max(counts.leftOut, refused);
    },
    fail(message, tookMs) {
      counts.failures++;
      failure = message;
      took(tookMs);
    },
    latest() {
      const known = [...families].filter(([, { known, kind }]) => known && kind !== "spread");
      return {
        ...{ url, timeMs: [] },
        families: known.map(([name, { type, tracks }]) => ({
          ...{ name, type },
          // What is no longer listed has no newest value.
          series: [...tracks.values()].filter(({ lastAnswer }) => lastAnswer === counts.answers)
            .map(({ labels, last }) => ({ labels, ...defined({ last }) })),
        })),
      };
    },
    scrapes(startMs) {
      const timeMs = points.timeMs.map((ms) => round(ms - startMs));
      return {
        ...{ url, timeMs },
        ...defined({
          answers: counts.answers > timeMs.length ? counts.answers : undefined,
          slowestMs: slowestMs === undefined ? undefined : round(slowestMs),
          failed: counts.failures === 0 ? undefined : { count: counts.failures, message: failure },
        }),
        families: [...families].map(([name, family]): ServerFamily => ({
          ...{ name, type: family.type },
          series: [...family.tracks.values()]
            .map((track) => seriesOf(track, family, counts.answers > 1)),
        })).filter(({ series }) => series.length > 0),
        ...(counts.leftOut === 0 ? {} : { leftOut: counts.leftOut }),
      };
    },
  };
}

/** `changes`: there was more than one answer, so that a difference is known. */
function seriesOf(track: Track, { kind }: Family, changes: boolean): ServerSeries {
  const { labels, spread, line, first, last, rise, resets, min, max, inside } = track;
  const { area, spanMs } = track;
  if (spread !== undefined) {
    return {
      labels,
      ...defined({
        resets: spread.resets() === 0 ? undefined : spread.resets(),
        added: changes ? spread.added() : undefined,
      }),
    };
  }
  if (last === undefined) return { labels };
  return {
    labels,
    ...defined({ first, last }),
    ...(kind === "counter"
      ? defined({
        difference: changes ? rise : undefined,
        resets: resets === 0 ? undefined : resets,
      })
      : inside === undefined
      ? {}
      : { mean: spanMs > 0 ? area / spanMs : inside.value, min, max }),
    ...defined({ values: line?.values }),
  };
}

function round(ms: number): number {
  return Math.round(ms * 1000) / 1000;
}
