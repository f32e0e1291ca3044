/**
 * Builds a run of sessions that looks like agents at work: turns whose prompts grow, sub-agents that run
 * in parallel, pauses, and sessions that end badly.
 *
 * @module
 */
import { createRandom } from "../../backends/random.ts";
import type { RequestRecord } from "../../backends/record.ts";
import type { Run, RunHeader } from "../../metrics/run.ts";
import type { SessionEnd } from "../../metrics/run_replay.ts";
import { createFailure, createRecord } from "./create_record.ts";
import { createRun } from "./create_run.ts";

/** How many of what. */
export interface SessionsFields {
  /** Slots, each with sessions one after another. Default 4. */
  readonly slots?: number;
  /** Sessions of a slot. Default 2. */
  readonly sessions?: number;
  /** Turns of the main agent. Default 6. */
  readonly turns?: number;
  readonly header?: Partial<RunHeader>;
}

/**
 * The third session of the run fails at its second turn, the fourth one's context is too short there,
 * and the last session of the last slot is cut by the end of the load.
 */
export function createSessionsRun(fields: SessionsFields = {}): Run {
  const { slots = 4, sessions: perSlot = 2, turns = 6 } = fields;
  const random = createRandom(1, "sessions");
  const records: RequestRecord[] = [];
  const sessions: SessionEnd[] = [];
  const between = (low: number, high: number) => low + Math.round(random.next() * (high - low));
  // As record files keep times.
  const us = (ms: number) => Math.round(ms * 1000) / 1000;
  let index = 0;
  const request = (
    place: Partial<RequestRecord> & { readonly content: number; readonly cached: number },
    dueMs: number,
    kind: "ok" | "http_error" = "ok",
  ): number => {
    const { content, cached, ...rest } = place;
    const sentMs = us(dueMs + between(0, 2) / 10 + (random.next() < 0.03 ? 40 : 0));
    const ttft = 20 + (content - cached) / 50;
    const tokens = between(5, 40);
    const shared = {
      ...rest,
      index: index++,
      intendedMs: dueMs,
      sentMs,
      contentTokens: content,
      expectedCachedTokens: cached,
      promptTokens: { tokens: content + 12, source: "usage" as const },
    };
    const record = kind === "ok"
      ? createRecord({
        ...shared,
        cachedTokens: Math.floor(cached * 0.98 / 16) * 16,
        ticks: Array.from(
          { length: tokens },
          (_, i) => [us(sentMs + ttft + 12 * i), i + 1] as const,
        ),
        requestedTokens: tokens,
      })
      : createFailure(kind, { ...shared, afterMs: 30 });
    records.push(record);
    return record.endMs!;
  };
  for (let user = 0; user < slots; user++) {
    let nowMs = user * 20;
    for (let number = 0; number < perSlot; number++) {
      const position = user * perSlot + number;
      const session = `trace_${String(position).padStart(4, "0")}#1`;
      const startMs = nowMs;
      let content = between(3000, 8000);
      let cached = 0;
      let sent = 0;
      let end: SessionEnd["end"] = "done";
      for (let turn = 1; turn <= turns && end === "done"; turn++) {
        const breaks = turn === 2 && (position === 2 || position === 3);
        const place = { session, turn, chain: 0, user, content, cached };
        if (breaks && position === 3) {
          nowMs = request({ ...place, contextTooLong: true }, nowMs, "http_error");
          end = "context";
        } else {
          nowMs = request(place, nowMs, breaks ? "http_error" : "ok");
          if (breaks) end = "failed";
        }
        sent++;
        cached = content;
        content += between(200, 6000);
        if (end !== "done") break;
        if (turn === 2 && position % 2 === 0) {
          const joins = [1, 2].map((chain) => {
            let atMs = nowMs + between(0, 40);
            let own = between(1000, 3000);
            let known = 0;
            for (let turn = 1; turn <= 3; turn++) {
              atMs = request(
                { session, turn, chain, depth: 1, user, content: own, cached: known },
                atMs,
              ) + between(5, 60);
              sent++;
              known = own;
              own += between(200, 1500);
            }
            return atMs;
          });
          nowMs = Math.max(...joins);
        }
        if (user === slots - 1 && number === perSlot - 1 && turn === turns - 1) end = "cut";
        else if (turn < turns) nowMs += between(20, 900);
      }
      const notSent = end === "done" ? 0 : turns - Math.min(turns, sent);
      sessions.push({ load: 0, session, user, startMs, endMs: nowMs, sent, notSent, end });
    }
  }
  records.sort((a, b) => a.sentMs! - b.sentMs!);
  const run = createRun(records, {
    header: {
      dataset: {
        ...{ kind: "trace", source: "weka", prompts: records.length, skipped: {} },
        duplicates: 0,
      },
      replay: {
        ...{ format: "weka", mode: "sessions", sessions: slots * perSlot, turns: records.length },
        ...{ history: "recorded", blockTokens: 64, expectedShare: 0.93, idleCapMs: 60_000 },
      },
      saltScope: "session",
      ...fields.header,
    },
    loads: [{ label: `${slots} sessions`, users: slots, replay: "sessions" }],
  });
  return { ...run, sessions };
}
