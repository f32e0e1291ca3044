/**
 * One grammar for limits, wherever they are asked for:
 * `metric[:percentile] (< | <= | > | >=) value[unit]`, several by commas. Limits on changes have a sign:
 * `ttft:p99<+5%`.
 *
 * @module
 */
import { formatPercentile, NOT_AVAILABLE } from "./format.ts";
import type { Unit } from "./metric.ts";

/** How a value is compared with a limit. */
export type LimitOperator = "<" | "<=" | ">" | ">=";

/** Which one of many values: a percentile from 0 to below 100, or a figure with a name. */
export type LimitStatistic = number | "mean" | "median" | "min" | "max";

/** Something that can have a limit. */
export interface Limited {
  /** As it is written, e.g. `ttft` or `attainment`. */
  readonly name: string;
  /** Unit of its values; `share` = a part from 0 to 1, written as such or in %. */
  readonly unit: Unit | "share";
  /** Unit in which another value of the same name is meant, e.g. `req/s` of a throughput. */
  readonly otherUnit?: Unit;
  /** One value per request, gap or tick, of which a percentile can be taken. */
  readonly many: boolean;
  /** What a limit without an operator means, as in `ttft:500`; absent = it needs one. */
  readonly bare?: "<=" | ">=";
  /** It limits a change, a share with a sign: `+5%`, `-3%`. */
  readonly change?: true;
}

/** A limit as it was written, in base units: ms, tokens/s, req/s, shares from 0 to 1. */
export interface Limit {
  /** Name of what it limits, one of {@linkcode Limited}. */
  readonly name: string;
  /** Absent where there is one value, and where every value has to keep the limit. */
  readonly statistic?: LimitStatistic;
  /** How a value has to compare with the limit. */
  readonly operator: LimitOperator;
  /** The limit. */
  readonly value: number;
  /** Unit of the limit. */
  readonly unit: Limited["unit"];
  /** It was written without an operator, as in `ttft:500`. */
  readonly bare?: true;
}

/** Those with a name of their own. */
const STATISTICS: readonly LimitStatistic[] = ["mean", "median", "min", "max"];

/** Units as they are written, for each unit of ours: the factor to it. */
const UNITS: Readonly<Record<Limited["unit"], Readonly<Record<string, number>>>> = {
  ms: { ms: 1, s: 1000, us: 0.001, "µs": 0.001 },
  share: { "%": 0.01 },
  tokens: { tokens: 1, tok: 1 },
  "tokens/s": { "tok/s": 1, "tokens/s": 1, "t/s": 1 },
  "req/s": { "req/s": 1, "requests/s": 1, rps: 1 },
  "req/min": { "req/min": 1 },
  bytes: { bytes: 1 },
  "1": {},
  "%": { "%": 1 },
};

/** The shortest correct example, for messages. */
const EXAMPLE = "ttft:p99<500, attainment>95%, failures<1%";

const CUT = "has no limit behind it: put it in quotes, or the shell takes < and > for files";

/**
 * Reads limits, e.g. `ttft:p99<500,attainment>0.95,failures<1%`.
 *
 * @param known what can have a limit here.
 * @param option for messages, e.g. `--require`.
 * @throws {SyntaxError} when the text is no list of limits.
 * @throws {RangeError} when a name, a statistic, a unit or a number does not fit.
 */
export function parseLimits(
  text: string,
  { known, option }: { readonly known: readonly Limited[]; readonly option: string },
): readonly Limit[] {
  const limits = text.split(",").map((part) => {
    try {
      return parseLimit(part.trim(), known);
    } catch (error) {
      const ErrorKind = error instanceof SyntaxError ? SyntaxError : RangeError;
      throw new ErrorKind(`Cannot use ${option} "${text}": ${(error as Error).message}`);
    }
  });
  for (const [i, limit] of limits.entries()) {
    const same = limits.slice(0, i).find((one) =>
      one.name === limit.name && one.statistic === limit.statistic && one.unit === limit.unit &&
      one.operator[0] === limit.operator[0]
    );
    if (same === undefined) continue;
    throw new RangeError(
      `Cannot use ${option} "${text}": "${nameOf(limit)}" has two limits, give one`,
    );
  }
  return limits;
}

function parseLimit(part: string, known: readonly Limited[]): Limit {
  const match = /^([a-z0-9_]+)\s*(?::\s*([a-z]\S*?)\s*)?(<=|>=|≤|≥|<|>|:|=)\s*(.*)$/i.exec(part);
  if (match === null) {
    const cut = /^[a-z0-9_]+(:\s*[a-z][a-z0-9.]*)?$/i.test(part);
    throw new SyntaxError(
      `"${part}" is not metric:limit or metric[:percentile]<limit, as in ${EXAMPLE}` +
        (cut ? `; it ${CUT}` : ""),
    );
  }
  const [, name = "", ofMany, sign = "", written = ""] = match;
  const limited = known.find((one) => one.name === name.toLowerCase());
  if (limited === undefined) {
    throw new RangeError(
      `"${name}" is nothing that can have a limit; known are ${
        known.map((one) => one.name).join(", ")
      }`,
    );
  }
  if (sign === "=") {
    throw new SyntaxError(`"${part}" compares with "=", use < <= > or >=`);
  }
  const bare = sign === ":";
  if (bare && limited.bare === undefined) {
    throw new SyntaxError(`"${part}" does not say which side is good, use < <= > or >=`);
  }
  const operator = bare
    ? limited.bare!
    : sign.replace("≤", "<=").replace("≥", ">=") as LimitOperator;
  const statistic = ofMany === undefined ? undefined : parseStatistic(ofMany, limited);
  return {
    name: limited.name,
    ...(statistic === undefined ? {} : { statistic }),
    operator,
    ...parseValue(written, limited),
    ...(bare ? { bare: true as const } : {}),
  };
}

function parseStatistic(text: string, { name, many }: Limited): LimitStatistic {
  if (!many) throw new RangeError(`${name} is one number and has no "${text}", leave it out`);
  const named = STATISTICS.find((one) => one === text.toLowerCase());
  if (named !== undefined) return named;
  const p = /^p(\d+(?:\.\d+)?)$/i.exec(text);
  if (p !== null && Number(p[1]) < 100) return Number(p[1]);
  throw new RangeError(
    `"${text}" of ${name} is not a percentile from p0 to below p100, nor ${STATISTICS.join(", ")}`,
  );
}

function parseValue(text: string, limited: Limited): Pick<Limit, "value" | "unit"> {
  const { name, unit, otherUnit, change } = limited;
  const match = /^([+\-−]?(?:\d+\.?\d*|\.\d+)(?:e[+-]?\d+)?)\s*([^\s<>≤≥]*)$/i.exec(text);
  const signed = match === null ? NaN : Number(match[1]!.replace("−", "-"));
  const number = /^[-−]/.test(text) && change !== true ? NaN : signed;
  if (!Number.isFinite(number)) {
    const [, p] = /^([\d.]+)\s*[<>≤≥]/.exec(text) ?? [];
    if (p !== undefined) throw new RangeError(`"${p}" of ${name} is no percentile, write p${p}`);
    if (/^(p\d|mean$|median$|min$|max$)/.test(text)) {
      throw new SyntaxError(`${name}:${text} ${CUT}`);
    }
    if (change === true) {
      throw new RangeError(
        `the limit "${text}" of ${name} is no change in %, such as +5% or -3%`,
      );
    }
    throw new RangeError(
      `the limit "${text}" of ${name} is not a number of ${unitName(unit)}; give a number of at ` +
        `least 0${unitsText(limited)}`,
    );
  }
  const written = match![2]!;
  if (written === "") {
    if (change === true && Math.abs(number) > 1) {
      throw new RangeError(`the limit "${text}" of ${name} is a change: write ${text}%`);
    }
    if (unit === "share" && number > 1) {
      throw new RangeError(`${name} is a share from 0 to 1: write ${number}% or ${number / 100}`);
    }
    return { value: number, unit };
  }
  for (const one of otherUnit === undefined ? [unit] : [unit, otherUnit]) {
    const factor = UNITS[one][written] ?? UNITS[one][written.toLowerCase()];
    // 99.9 × 0.01 is not 0.999 in binary.
    if (factor !== undefined) {
      return { value: Number((number * factor).toPrecision(12)), unit: one };
    }
  }
  throw new RangeError(
    `"${written}" is no unit of ${name}${unitsText(limited) || ", which has none"}`,
  );
}

function unitName(unit: Limited["unit"]): string {
  return unit === "share" ? "a share" : unit;
}

function unitsText({ unit, otherUnit }: Limited): string {
  const units = [unit, ...(otherUnit === undefined ? [] : [otherUnit])]
    .flatMap((one) => Object.keys(UNITS[one]));
  return units.length === 0 ? "" : `, in ${units.join(", ")}`;
}

/** `ttft:p99`, `attainment`. */
export function nameOf({ name, statistic }: Pick<Limit, "name" | "statistic">): string {
  if (statistic === undefined) return name;
  return `${name}:${typeof statistic === "number" ? formatPercentile(statistic) : statistic}`;
}

/** `ttft:p99 < 500 ms`, `attainment > 95.0 %`. */
export function limitText(limit: Limit): string {
  return `${nameOf(limit)} ${limit.operator} ${limitValueText(limit.value, limit.unit)}`;
}

/** A value in the unit of its limit, in digits that tell it from the limit: `412.3 ms`, `98.5 %`. */
export function limitValueText(value: number | undefined, unit: Limited["unit"]): string {
  if (value === undefined) return NOT_AVAILABLE;
  const digits = (scaled: number) => String(Number(scaled.toPrecision(5)));
  if (unit === "share") return `${digits(value * 100)} %`;
  if (unit === "ms" && value >= 1000) return `${digits(value / 1000)} s`;
  return unit === "1" ? digits(value) : `${digits(value)} ${unit}`;
}

/** Whether a value keeps a limit. */
export function keepsLimit(
  value: number,
  { operator, value: limit }: Pick<Limit, "operator" | "value">,
): boolean {
  switch (operator) {
    case "<":
      return value < limit;
    case "<=":
      return value <= limit;
    case ">":
      return value > limit;
    case ">=":
      return value >= limit;
  }
}
