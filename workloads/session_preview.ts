/**
 * What a replay would send, for a dry run.
 *
 * @module
 */
import { contentText } from "../backends/protocol_fields.ts";
import { formatMs, formatShare, plural } from "../metrics/format.ts";
import { outlineOf } from "./session_outline.ts";
import type { ReplayPlan } from "./session_plan.ts";
import { sessionQueue } from "./session_queue.ts";
import type { TraceSession, Turn } from "./trace.ts";

/** Requests that are shown. */
const SHOWN = 6;
/** Of a written message so much is shown. */
const SHOWN_CHARS = 70;

/** What a preview depends on besides the replay. */
export interface PreviewSettings {
  readonly seed: number;
  readonly saltScope: string;
}

/** The recording and how it is replayed. */
export function replayLines(plan: ReplayPlan, { saltScope }: PreviewSettings): readonly string[] {
  const { trace, mode, history, idleCapMs, sessionStart } = plan;
  const { sessions, turns, expectedShare } = outlineOf(plan);
  return [
    `recording   ${trace.hasSessions ? `${plural(sessions, "session")}, ` : ""}` +
    `${plural(turns, "request")} of ${trace.source} ` +
    `(${trace.format})`,
    `  tokens    ${tokenText(plan)}`,
    ...(expectedShare === undefined
      ? []
      : [`  shared    ${formatShare(expectedShare)} of the prompt tokens, in the file's order`]),
    ...Object.entries(trace.skipped).map(([reason, count]) => `  left out  ${count}: ${reason}`),
    `replay      ${
      mode === "schedule" ? scheduleText(plan) : "sessions, each request after those it waits for"
    }`,
    ...(mode === "sessions"
      ? [
        `  delays    ${idleCapMs === undefined ? "as recorded" : `at most ${formatMs(idleCapMs)}`}`,
      ]
      : []),
    ...(sessionStart === undefined
      ? []
      : [`  start     at an instant from 0 to ${formatShare(sessionStart)} of each first record`]),
    `  history   ${history}`,
    `  salt      ${saltScope}`,
  ];
}

/** The first requests of the first load. */
export function firstRequestLines(plan: ReplayPlan, { seed }: PreviewSettings): readonly string[] {
  if (plan.mode === "schedule") {
    return plan.rows.slice(0, SHOWN).map(({ session, position, dueMs }) =>
      `  ${formatMs(dueMs)}  ${requestText(session, position)}`
    );
  }
  const [first] = sessionQueue(plan.trace.sessions, { seed, load: 0, repeats: false });
  const { session } = first!;
  return session.turns.slice(0, SHOWN).map((_, position) => `  ${requestText(session, position)}`);
}

function scheduleText({ speedup, rows }: ReplayPlan): string {
  const last = formatMs(rows.at(-1)!.dueMs);
  return `as recorded${speedup === 1 ? "" : `, ${speedup} times as fast`}, for ${last}`;
}

function tokenText({ trace, rows, mode }: ReplayPlan): string {
  const turns = mode === "schedule"
    ? rows.map(({ session, position }) => session.turns[position]!)
    : trace.sessions.flatMap((session) => session.turns);
  const inputs = turns.flatMap(({ prompt }) => prompt.kind === "blocks" ? prompt.inputTokens : []);
  const outputs = turns.flatMap(({ outputTokens }) => outputTokens ?? []);
  const mean = (values: readonly number[]) =>
    values.length === 0
      ? "as written"
      : (values.reduce((sum, one) => sum + one, 0) / values.length).toFixed(1);
  return `prompt ${mean(inputs)}, answer ${mean(outputs)} on average`;
}

function requestText({ id, chains, turns }: TraceSession, position: number): string {
  const { chain, number, outputTokens, waitsFor, delayMs, prompt } = turns[position]!;
  const agent = chains.length > 1 ? `, ${chains[chain]!.name}` : "";
  const place = turns.length === 1 ? id : `${id}${agent}, turn ${number}`;
  const waits = waitsFor.length === 0 && delayMs === 0
    ? ""
    : `, ${formatMs(delayMs)} after ${
      waitsFor.length === 0 ? "the start" : plural(waitsFor.length, "request")
    }`;
  return `${place}: ${promptText(prompt)} → ${outputTokens ?? "usual"} tokens${waits}`;
}

function promptText(prompt: Turn["prompt"]): string {
  if (prompt.kind === "blocks") {
    const { inputTokens, blocks } = prompt;
    return blocks.length === 0 ? `${inputTokens}` : `${inputTokens} in ${blocks.length} blocks`;
  }
  const text = prompt.messages.map(({ content }) => contentText(content)).join(" ");
  const start = text.replace(/\s+/g, " ").slice(0, SHOWN_CHARS);
  return `"${start}${text.length > SHOWN_CHARS ? "…" : ""}"`;
}
