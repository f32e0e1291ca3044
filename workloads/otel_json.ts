/**
 * The parts of OTLP's JSON that spans are made of. 64-bit numbers are texts in it, ids are
 * hexadecimal.
 *
 * Written by hand, since `@opentelemetry/exporter-trace-otlp-http` 0.301 throws where it may not read
 * each variable `OTEL_…` of the environment, would have to be downloaded when the load has been
 * measured, and tells what a collector refused to its own log only.
 *
 * @module
 */

/** A value of an attribute. */
export type OtelValue =
  | { readonly stringValue: string }
  | { readonly intValue: string }
  | { readonly doubleValue: number }
  | { readonly boolValue: boolean }
  | { readonly arrayValue: { readonly values: readonly OtelValue[] } };

/** A named value. */
export interface OtelAttribute {
  readonly key: string;
  readonly value: OtelValue;
}

/** An instant inside of a span. */
export interface OtelEvent {
  readonly timeUnixNano: string;
  readonly name: string;
}

/** Kinds of spans. */
export const SPAN_KIND = { internal: 1, client: 3 } as const;
/** Status of a span that failed; one that did not has none. */
export const STATUS_ERROR = 2;

/** What took time. */
export interface OtelSpan {
  readonly traceId: string;
  readonly spanId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly OtelAttribute[];
  readonly events?: readonly OtelEvent[];
  readonly status?: { readonly code: number; readonly message?: string };
}

/** Where spans come from. */
export interface OtelSource {
  /** Of the program that sends them. */
  readonly resource: readonly OtelAttribute[];
  /** Of the part of it that made them. */
  readonly scope: { readonly name: string; readonly version: string };
}

/** The body of a request with these spans. */
export function exportBody({ resource, scope }: OtelSource, spans: readonly OtelSpan[]): string {
  return JSON.stringify({
    resourceSpans: [{
      resource: { attributes: resource },
      scopeSpans: [{ scope, spans }],
    }],
  });
}

/** Longest text of an attribute: servers choose some of them. */
const TEXT_CHARACTERS = 1000;

/** Attributes of what is known: numbers that are whole become integers. */
export function attributes(
  values: Readonly<Record<string, OtelPlain>>,
): OtelAttribute[] {
  return Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [{ key, value: valueOf(value) }]
  );
}

/** What an attribute is made from; a number in seconds or ms is given as {@linkcode double}. */
export type OtelPlain =
  | string
  | number
  | bigint
  | boolean
  | readonly string[]
  | OtelValue
  | undefined;

/** A number that is no count. */
export function double(value: number | undefined): OtelValue | undefined {
  return value === undefined ? undefined : { doubleValue: value };
}

function valueOf(value: Exclude<OtelPlain, undefined>): OtelValue {
  switch (typeof value) {
    case "string":
      return { stringValue: textOf(value) };
    case "boolean":
      return { boolValue: value };
    case "bigint":
      return { intValue: String(value) };
    case "number":
      return Number.isSafeInteger(value) ? { intValue: String(value) } : { doubleValue: value };
    default:
      return isList(value)
        ? { arrayValue: { values: value.map((one) => ({ stringValue: textOf(one) })) } }
        : value;
  }
}

function isList(value: readonly string[] | OtelValue): value is readonly string[] {
  return Array.isArray(value);
}

function textOf(text: string): string {
  return text.toWellFormed().slice(0, TEXT_CHARACTERS).toWellFormed();
}

/** An instant of a load in nanoseconds since the epoch, exact to the stamps' microseconds. */
export function unixNano(startedAtMs: number, ms: number): string {
  return String(
    BigInt(Math.round(startedAtMs * 1000)) * 1000n + BigInt(Math.round(ms * 1000)) * 1000n,
  );
}
