/**
 * Makes the requests of a run into spans, load by load, and says how many of them were sent.
 *
 * @module
 */
import { patientClock } from "../backends/clock.ts";
import type { RequestRecord } from "../backends/record.ts";
import { formatCount, plural } from "../metrics/format.ts";
import type { LoadEnd, LoadPlan } from "../metrics/run.ts";
import type { RunObserver } from "./run_hooks.ts";
import type { Host } from "./command.ts";
import { otelIds } from "./otel_ids.ts";
import { exportBody, type OtelSpan } from "./otel_json.ts";
import { type OtelTarget, type OtelTools, sendSpans, type Sent } from "./otel_send.ts";
import type { OtelValues } from "./otel_options.ts";
import { planOtel } from "./otel_target.ts";
import {
  loadSpan,
  requestSpan,
  runSpan,
  sourceOf,
  type SpannedRequest,
  spannedRequest,
  type SpannedRun,
} from "./otel_spans.ts";

/** Spans of one request to the collector: about 1 MB. */
const BATCH = 512;
/** A run waits no longer for the spans of a load, apart from the batch that is on its way. */
const LOAD_MS = 30_000;
/** Requests of a load that are kept for their spans: about 100 MB. */
const MOST_REQUESTS = 200_000;

/** What an observer is made with. */
export interface OtelOptions extends OtelTools {
  readonly target: OtelTarget;
  readonly note: (line: string) => void;
  /** Second Ctrl-C: nothing more is sent. */
  readonly signal: AbortSignal;
  /** First Ctrl-C: nothing is sent a second time. */
  readonly stopSignal?: AbortSignal;
  /** Most requests of a load. Default 200,000. */
  readonly mostRequests?: number;
  /** Nothing waits to be measured: a load's spans may take as long as they take. */
  readonly patient?: boolean;
}

/**
 * Reads the options; what it returns begins to observe a run.
 *
 * @throws {UserError} for options that cannot be used.
 */
export async function planCollector(
  values: OtelValues,
  { patient = false }: Pick<OtelOptions, "patient"> = {},
): Promise<(host: Pick<Host, "note" | "interrupted" | "aborted">) => Promise<OtelObserver>> {
  const target = await planOtel(values);
  return async ({ note, interrupted: stopSignal, aborted: signal }) => {
    const observer = createOtelObserver({ target, note, signal, stopSignal, patient });
    await observer.check();
    return observer;
  };
}

/** Tells a collector of a run. */
export interface OtelObserver extends RunObserver {
  /** Asks the collector before anything is measured, and tells where it does not answer. */
  check(): Promise<void>;
  /** What was sent so far. */
  sent(): SpansSent;
}

/** How many spans there were, and how many of them the collector took. */
export interface SpansSent {
  /** Of requests, loads and the run. */
  readonly spans: number;
  /** Of these, the ones that it took. */
  readonly sent: number;
  /** Why it did not take the others, a clause without a period; empty = it took all. */
  readonly why: string;
}

/** Observes one run. */
export function createOtelObserver(options: OtelOptions): OtelObserver {
  const { target, note, mostRequests = MOST_REQUESTS, clock = patientClock } = options;
  const limitMs = options.patient ? Infinity : LOAD_MS;
  const place = target.url;
  let run: Promise<SpannedRun> | undefined;
  const plans: LoadPlan[] = [];
  let requests: SpannedRequest[] = [];
  let beyond = 0;
  let endMs = 0;
  const tally = { spans: 0, sent: 0, why: "" };
  /** The collector did not take the last batch: it is not waited for again. */
  let lost = false;

  const send = (body: string): Promise<Sent> =>
    sendSpans(target, body, {
      ...options,
      attempts: lost || options.stopSignal?.aborted ? 1 : undefined,
    });
  const sendAll = async (spanned: SpannedRun, spans: Iterable<OtelSpan>, count: number) => {
    tally.spans += count;
    const source = sourceOf(spanned);
    const untilMs = clock.now() + limitMs;
    for (const batch of batches(spans)) {
      if (clock.now() > untilMs) {
        tally.why = `it took more than ${limitMs / 1000} s for the spans of a load`;
        return;
      }
      const { failure, rejected, message } = await send(exportBody(source, batch));
      lost = failure !== undefined;
      tally.why = failure ?? message ?? tally.why;
      if (lost) return;
      tally.sent += Math.max(0, batch.length - rejected);
    }
  };

  return {
    async check() {
      const { failure } = await sendSpans(target, '{"resourceSpans":[]}', {
        ...options,
        attempts: 1,
      });
      if (failure === undefined) return;
      lost = true;
      note(`The collector at ${place} does not take spans: ${failure}; the run goes on`);
    },
    onHeader(begun) {
      plans.push(...begun.loads);
      run = otelIds(begun).then((ids) => ({ header: begun, ids }));
    },
    onPlan(plan) {
      plans.push(plan);
    },
    onRecord(record: RequestRecord) {
      if (record.phase !== "measure") return;
      if (requests.length < mostRequests) requests.push(spannedRequest(record));
      else beyond++;
    },
    async onLoadEnd(end: LoadEnd) {
      const [own, more] = [requests, beyond];
      [requests, beyond] = [[], 0];
      const plan = plans[end.load];
      const { startedAtMs, skipped } = end;
      if (skipped || run === undefined || plan === undefined) return;
      if (startedAtMs === undefined) {
        tally.spans += own.length + more;
        tally.why = "the record file does not say when its loads began";
        return;
      }
      endMs = Math.max(endMs, startedAtMs + end.durationMs);
      const spanned = await run;
      const load = { ...spanned, plan, end: { ...end, startedAtMs } };
      const failed =
        own.filter(({ outcome: { kind } }) =>
          !["ok", "cancelled", "cancelled_as_planned"].includes(kind)
        ).length;
      const counts = { requests: own.length + more, failed };
      await sendAll(spanned, loadSpans(own, load, counts), own.length + 1);
      if (more > 0) {
        tally.spans += more;
        tally.why ||= `more than ${formatCount(mostRequests)} requests of a load are not kept`;
      }
    },
    sent: () => ({ ...tally }),
    async finish() {
      const spanned = await run;
      if (spanned !== undefined && endMs > 0) {
        const startMs = Date.parse(spanned.header.startedAt);
        const whole = runSpan(spanned, { startMs: Number.isNaN(startMs) ? endMs : startMs, endMs });
        await sendAll(spanned, [whole], 1);
      }
      const { spans, sent, why } = tally;
      if (spans === 0) return;
      const reason = why === "" ? "" : `; the last reason: ${why}`;
      note(
        sent === spans
          ? `Spans:   ${plural(spans, "span")} sent to ${place}`
          : `Spans:   ${formatCount(sent)} of ${plural(spans, "span")} sent to ${place}${reason}`,
      );
    },
  };
}

function* loadSpans(
  requests: readonly SpannedRequest[],
  load: Parameters<typeof loadSpan>[0],
  counts: Parameters<typeof loadSpan>[1],
): Generator<OtelSpan> {
  for (const request of requests) yield requestSpan(load, request);
  yield loadSpan(load, counts);
}

function* batches(spans: Iterable<OtelSpan>): Generator<OtelSpan[]> {
  let batch: OtelSpan[] = [];
  for (const span of spans) {
    batch.push(span);
    if (batch.length < BATCH) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
