/**
 * What is shown of one load while it runs.
 *
 * @module
 */
import type { Outcome, RequestRecord } from "../backends/record.ts";
import { e2e as E2E } from "../metrics/metric_e2e.ts";
import { itl as ITL } from "../metrics/metric_itl.ts";
import { ttft as TTFT } from "../metrics/metric_ttft.ts";
import { isWork, sentTokens } from "../metrics/record_streaming.ts";
import type { LoadEnd } from "../metrics/run.ts";
import type { FleetPart } from "../metrics/run_fleet.ts";
import { isFailure } from "../metrics/summary_outcomes.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import { Course } from "./live_course.ts";
import type { AgentGrowth, AgentTold } from "./live_fleet.ts";
import { SmallHistogram } from "./live_histogram.ts";
import type { ProgressState } from "./live_progress.ts";
import type { LiveFailure, LiveLoadEnd } from "./live_state.ts";
import { type VerdictOptions, VerdictSoFar } from "./live_verdict.ts";
import { cleanMessage } from "./secret.ts";

/** Messages are cut to this length. */
const MESSAGE_LETTERS = 300;

/** One load, or the warm-up before it. */
export class LoadBoard {
  /** The load over time. */
  readonly course = new Course();
  /** What can be told of the client. */
  readonly verdict: VerdictSoFar;
  readonly #failures = new Map<Outcome["kind"], { count: number; message: string }>();
  readonly #latencies = {
    ttft: new SmallHistogram(),
    itl: new SmallHistogram(),
    e2e: new SmallHistogram(),
  };
  #completed = 0;
  #failed = 0;
  #tokens = 0;
  #counted = false;

  constructor(options: VerdictOptions) {
    this.verdict = new VerdictSoFar(options);
  }

  /** Takes how far it is. */
  see({ elapsedMs, tokensPerSec, inFlight }: ProgressState): void {
    this.course.see({ atMs: elapsedMs, tokensPerSec, inFlight });
    this.verdict.inFlight(inFlight);
  }

  /** Adds a request; returns its latencies where it was measured and completed. */
  add(
    record: RequestRecord,
  ): Readonly<Record<"ttft" | "itl" | "e2e", readonly number[]>> | undefined {
    const { outcome, endMs = 0, phase } = record;
    const failure = isFailure(record);
    if (outcome.kind !== "ok" && (failure || outcome.kind === "dropped")) {
      const count = (this.#failures.get(outcome.kind)?.count ?? 0) + 1;
      this.#failures.set(outcome.kind, { count, message: outcome.message });
    }
    if (failure) this.#failed++;
    if (phase === "warmup") return undefined;
    if (failure) this.course.failed(endMs);
    if (isWork(record) && record.outputTokens !== undefined) {
      this.#counted = true;
      this.#tokens += outcome.kind === "ok" ? record.outputTokens.tokens : sentTokens(record) ?? 0;
    }
    this.verdict.add(record);
    if (outcome.kind !== "ok") return undefined;
    this.#completed++;
    const values = { ttft: TTFT.values(record), itl: ITL.values(record), e2e: E2E.values(record) };
    for (const name of ["ttft", "itl", "e2e"] as const) {
      for (const value of values[name]) this.#latencies[name].add(value);
    }
    this.course.completed(endMs, values.ttft, values.itl);
    return values;
  }

  /** Adds what an agent of a fleet has counted since it told the last time. */
  absorb(
    { ttft, itl }: Pick<AgentTold, "ttft" | "itl">,
    growth: AgentGrowth,
    atMs: number,
  ): void {
    this.#completed += growth.completed;
    this.#failed += growth.failed;
    this.#tokens += growth.outputTokens;
    this.#counted ||= growth.outputTokens > 0;
    this.#latencies.ttft.absorb(ttft);
    this.#latencies.itl.absorb(itl);
    this.course.absorb(atMs, { ...growth, ttft, itl });
  }

  /** Failures by kind, most frequent first. */
  failures(): readonly LiveFailure[] {
    return [...this.#failures]
      .map(([kind, { count, message }]): LiveFailure => ({
        ...{ kind, count },
        message: visibleLine(cleanMessage(message.slice(0, MESSAGE_LETTERS))),
      }))
      .sort((a, b) => b.count - a.count);
  }

  /** The load in short. */
  end({ load, durationMs, skipped, fleet }: LoadEnd, label: string): LiveLoadEnd {
    if (fleet !== undefined) {
      // What came in at the end is more than what was told while it ran.
      const sum = (of: (part: FleetPart) => number) =>
        fleet.parts.reduce((total, part) => total + of(part), 0);
      this.#completed = sum(({ completed }) => completed);
      this.#failed = sum(({ failed }) => failed);
      this.#tokens = sum(({ outputTokens }) => outputTokens);
      this.#counted = this.#tokens > 0;
    }
    const perSec = (count: number) => durationMs > 0 ? count * 1000 / durationMs : undefined;
    const { ttft, itl, e2e } = this.#latencies;
    return {
      ...{ load: load + 1, label, skipped: skipped === true, durationMs },
      ...skipped
        ? { completed: 0, failed: 0, tokensPerSec: undefined, completedPerSec: undefined }
        : {
          ...{ completed: this.#completed, failed: this.#failed },
          tokensPerSec: this.#counted ? perSec(this.#tokens) : undefined,
          completedPerSec: perSec(this.#completed),
        },
      ...{ ttft: ttft.latency(), itl: itl.latency(), e2e: e2e.latency() },
    };
  }
}
