/**
 * Reads what a metrics endpoint says: Prometheus's text format 0.0.4 and OpenMetrics 1.0, names in quotes
 * included. Nothing that a server sends makes it throw; what cannot be used is counted and told.
 *
 * Our own, because no package serves: parse-prometheus-text-format 1.1.1 (its last release is of 2024) loses
 * the type of `c_total` under `# TYPE c counter`, takes an exemplar for a timestamp, throws everything away
 * for one bad line, and tells a page of HTML from an empty answer by nothing; the others on npm only write
 * the format.
 *
 * @module
 */
import { labelsKey, readLabels } from "./telemetry_prometheus_labels.ts";

/** A metric with its series, in their order. */
export interface PrometheusFamily {
  /** As its samples have it: a counter with its `_total`, a histogram without `_bucket`. */
  readonly name: string;
  /** As its type line says; `untyped` without one, and for the types that only OpenMetrics has. */
  readonly type: PrometheusType;
  /** One for each set of labels. */
  readonly series: readonly PrometheusSeries[];
}

/** What a type line may say, and `untyped`. */
export type PrometheusType = "counter" | "gauge" | "histogram" | "summary" | "untyped";

/** The series of one set of labels. */
export interface PrometheusSeries {
  /** Without `le` and `quantile`. */
  readonly labels: Readonly<Record<string, string>>;
  /** Counter, gauge, untyped; may be NaN or infinite. */
  readonly value?: number;
  /** Histogram, summary. */
  readonly spread?: PrometheusSpread;
}

/** A histogram or a summary. */
export interface PrometheusSpread {
  /** Values; absent = not told. */
  readonly count?: number;
  /** Their sum; absent = not told. */
  readonly sum?: number;
  /** Upper edges of the buckets in ascending order, the last is usually Infinity. */
  readonly edges: readonly number[];
  /** Values up to each edge. */
  readonly upTo: readonly number[];
}

/** What a text holds. */
export interface PrometheusText {
  /** In the order of their first samples. */
  readonly families: readonly PrometheusFamily[];
  /** Families with a type line. */
  readonly typed: number;
  /** Lines that could not be used; comments and blank lines are not among them. */
  readonly unusable: number;
  /** The first of them: its number and what is wrong with it. */
  readonly firstUnusable?: {
    /** Counted from 1. */
    readonly line: number;
    /** A clause without a period. */
    readonly why: string;
  };
  /** Series beyond the limit. */
  readonly leftOut: number;
}

/** Series of a text that are kept. */
export const MOST_SERIES = 10_000;
/** Buckets of one histogram that are kept; of one with more, only count and sum. */
export const MOST_BUCKETS = 1000;
/** Characters of a line. */
const MOST_LINE = 65_536;

/**
 * Reads a text; `mostSeries` is for tests.
 *
 * @example
 * ```ts
 * import { assertEquals } from "@std/assert";
 * import { parsePrometheus } from "@tokometer/tokometer/backends";
 *
 * const { families, unusable } = parsePrometheus(
 *   '# TYPE requests_total counter\nrequests_total{code="200"} 7\nnonsense\n',
 * );
 * assertEquals(families, [{
 *   name: "requests_total",
 *   type: "counter",
 *   series: [{ labels: { code: "200" }, value: 7 }],
 * }]);
 * assertEquals(unusable, 1);
 * ```
 */
export function parsePrometheus(
  text: string,
  mostSeries: number = MOST_SERIES,
): PrometheusText {
  const reader = new Reader(mostSeries);
  let line = 0;
  for (let from = 0; from < text.length;) {
    const end = text.indexOf("\n", from);
    const to = end < 0 ? text.length : end;
    line++;
    const why = to - from > MOST_LINE ? "it is too long" : reader.read(text.slice(from, to).trim());
    if (why === END) break;
    if (why !== undefined) reader.refuse(line, why);
    from = to + 1;
  }
  return reader.result();
}

/** OpenMetrics ends like this; what follows is none of it. */
const END = "# EOF";

const TYPES: Readonly<Record<string, PrometheusType>> = {
  counter: "counter",
  gauge: "gauge",
  histogram: "histogram",
  summary: "summary",
  info: "gauge",
  stateset: "gauge",
};

/** Endings of samples, by the types of families that have them. */
const ENDINGS: readonly (readonly [ending: string, types: readonly PrometheusType[]])[] = [
  ["_total", ["counter"]],
  ["_bucket", ["histogram"]],
  ["_sum", ["histogram", "summary"]],
  ["_count", ["histogram", "summary"]],
  ["_created", ["counter", "histogram", "summary"]],
  ["_info", ["gauge"]],
];

interface Growing {
  readonly labels: Readonly<Record<string, string>>;
  value?: number;
  count?: number;
  sum?: number;
  /** Values up to each edge. */
  readonly buckets: Map<number, number>;
}

interface Family {
  readonly type: PrometheusType;
  readonly series: Map<string, Growing>;
}

class Reader {
  readonly #most: number;
  readonly #types = new Map<string, PrometheusType>();
  readonly #families = new Map<string, Family>();
  readonly #leftOut = new Set<string>();
  #left = 0;
  #series = 0;
  #unusable = 0;
  #first: PrometheusText["firstUnusable"];

  constructor(most: number) {
    this.#most = most;
  }

  refuse(line: number, why: string): void {
    this.#unusable++;
    this.#first ??= { line, why };
  }

  /** Why a line cannot be used; `undefined` = it was. */
  read(line: string): string | undefined {
    if (line === "") return undefined;
    if (line.startsWith("#")) return this.#comment(line);
    const sample = readLabels(line);
    if (typeof sample === "string") return sample;
    const value = readNumber(sample.value);
    if (value === undefined) return "its value is no number";
    return this.#keep(sample.name, sample.labels, value);
  }

  result(): PrometheusText {
    const families = [...this.#families].filter(([, { series }]) => series.size > 0);
    return {
      families: families.map(([name, { type, series }]) => ({
        ...{ name, type },
        series: [...series.values()].map((one) => finish(one, type)),
      })),
      typed: this.#types.size,
      unusable: this.#unusable,
      ...(this.#first === undefined ? {} : { firstUnusable: this.#first }),
      leftOut: this.#left,
    };
  }

  #comment(line: string): string | undefined {
    if (line === END) return END;
    const [, name, type = ""] = /^#\s+TYPE\s+("(?:[^"\\]|\\.)*"|\S+)\s+(\S+)$/.exec(line) ?? [];
    if (name === undefined) return undefined;
    // A text of a million types is as large as one of a million series.
    if (this.#types.size >= this.#most) return undefined;
    const plain = name.startsWith('"') ? name.slice(1, -1).replace(/\\(.)/g, "$1") : name;
    this.#types.set(plain, TYPES[type.toLowerCase()] ?? "untyped");
    return undefined;
  }

  #keep(
    name: string,
    labels: Readonly<Record<string, string>>,
    value: number,
  ): string | undefined {
    const { family, type, ending } = this.#place(name);
    // When Python's client created a series.
    if (ending === "_created") return undefined;
    const spread = type === "histogram" || type === "summary";
    const { le, quantile } = labels;
    const own = spread ? withoutPlace(labels) : labels;
    const series = this.#seriesOf(family, type, own);
    if (series === undefined) return undefined;
    if (!spread) {
      if (series.value !== undefined) return "its series is there twice";
      series.value = value;
      return undefined;
    }
    if (ending === "_count") series.count = value;
    else if (ending === "_sum") series.sum = value;
    else if (ending === "_bucket") {
      const edge = readNumber(le ?? "");
      if (edge === undefined || Number.isNaN(edge)) return "its bucket has no upper edge";
      series.buckets.set(edge, value);
    } else if (quantile === undefined) return "its type has no such sample";
    return undefined;
  }

  /** The family that a sample belongs to. */
  #place(name: string): { family: string; type: PrometheusType; ending?: string } {
    const own = this.#types.get(name);
    if (own !== undefined && own !== "histogram" && own !== "summary") {
      return { family: name, type: own };
    }
    for (const [ending, types] of ENDINGS) {
      if (!name.endsWith(ending)) continue;
      const base = name.slice(0, -ending.length);
      const type = this.#types.get(base);
      if (type === undefined || !types.includes(type)) continue;
      const keepsName = type === "counter" || type === "gauge";
      return { family: keepsName ? name : base, type, ending };
    }
    return { family: name, type: own ?? "untyped" };
  }

  #seriesOf(
    name: string,
    type: PrometheusType,
    labels: Readonly<Record<string, string>>,
  ): Growing | undefined {
    const key = labelsKey(labels);
    const family = this.#families.get(name);
    const known = family?.series.get(key);
    if (known !== undefined) return known;
    if (this.#series >= this.#most) {
      // Buckets of one series are not so many series; the last ones are enough to tell them by.
      const place = name + key;
      if (!this.#leftOut.has(place)) this.#left++;
      this.#leftOut.clear();
      this.#leftOut.add(place);
      return undefined;
    }
    this.#series++;
    const series: Growing = { labels, buckets: new Map() };
    if (family !== undefined) family.series.set(key, series);
    else this.#families.set(name, { type, series: new Map([[key, series]]) });
    return series;
  }
}

/** Without what tells the parts of a histogram or a summary apart. */
function withoutPlace(labels: Readonly<Record<string, string>>): Readonly<Record<string, string>> {
  const { le: _, quantile: _quantile, ...rest } = labels;
  return rest;
}

function finish({ labels, value, count, sum, buckets }: Growing, type: PrometheusType) {
  if (type !== "histogram" && type !== "summary") {
    return { labels, ...(value === undefined ? {} : { value }) };
  }
  const kept = buckets.size > MOST_BUCKETS + 1 ? [] : [...buckets].sort(([a], [b]) => a - b);
  // Without a count of its own, all that are below the infinite edge.
  const all = count ?? buckets.get(Infinity);
  return {
    labels,
    spread: {
      ...(all === undefined ? {} : { count: all }),
      ...(sum === undefined ? {} : { sum }),
      edges: kept.map(([edge]) => edge),
      upTo: kept.map(([, upTo]) => upTo),
    },
  };
}

/** Each digit in one place only: otherwise a long line of digits would be tried in all ways to part it. */
const NUMBER = /^[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:e[+-]?\d+)?$/i;

function readNumber(text: string): number | undefined {
  if (NUMBER.test(text)) return Number(text);
  switch (text.toLowerCase()) {
    case "nan":
      return NaN;
    case "inf":
    case "+inf":
      return Infinity;
    case "-inf":
      return -Infinity;
  }
  return undefined;
}
