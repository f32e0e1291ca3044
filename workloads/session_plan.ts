/**
 * Every choice of a replay, checked and with its default.
 *
 * @module
 */
import { readExtra } from "./dataset_extra.ts";
import { readIdleCap, TRACE_OPTIONS } from "./dataset_trace.ts";
import { parseDuration } from "./option_duration.ts";
import { traceWithin } from "./session_limit.ts";
import { kebabCase } from "./option_table.ts";
import { type ScheduledRow, scheduleOf } from "./session_schedule.ts";
import type { Trace } from "./trace.ts";
import { type PlacedTurn, turnsInOrder } from "./trace_sharing.ts";
import { readTrace } from "./traces.ts";
import { UserError } from "./user_error.ts";

/** A recording and how it is replayed. */
export interface ReplayPlan {
  /** Without what is left out. */
  readonly trace: Trace;
  /** Requests wait for others, or leave at recorded instants. */
  readonly mode: "sessions" | "schedule";
  /** Schedule: recorded times are divided by it. */
  readonly speedup: number;
  /** Schedule: what is sent, in the order of the instants; sessions: empty. */
  readonly rows: readonly ScheduledRow[];
  /** Longest delay; absent = no limit. */
  readonly idleCapMs?: number;
  /** The first sessions begin at instants drawn from 0 to this share of their records. */
  readonly sessionStart?: number;
  /** Whose answers prompts hold: the recorded ones, or those of the server. */
  readonly history: "recorded" | "live";
  /** Sessions are used again when all were. */
  readonly repeats: boolean;
}

/** What a replay's plan is made of. */
export interface ReplaySettings {
  readonly path: string;
  /** Values of {@linkcode TRACE_OPTIONS}. */
  readonly extra: Readonly<Record<string, unknown>>;
  /** More sessions may be wanted than there are: something else ends the load. */
  readonly endless: boolean;
}

/**
 * Reads the recording and decides how it is replayed.
 *
 * @throws {UserError} for a file that cannot be read, and options that would have no effect.
 */
export async function planReplay(
  { path, extra, endless }: ReplaySettings,
): Promise<ReplayPlan> {
  const options = readExtra(TRACE_OPTIONS, extra);
  const { traceFormat, maxContext, sessionStart } = options;
  const read = await readTrace(path, traceFormat === undefined ? {} : { format: traceFormat });
  const mode = options.replay ?? (read.hasSessions ? "sessions" : "schedule");
  refuseOtherMode(mode, options);
  refuseMode(mode, read);
  const trace = traceWithin(read, maxContext);
  if (trace.sessions.length === 0) {
    throw new UserError(`Cannot replay ${path}: nothing of it is left to send`);
  }
  const history = historyOf(mode, trace, options.history);
  if (sessionStart !== undefined && sessionStart > 0) {
    refuseStart(trace, history);
  }
  const idleCapMs = readIdleCap(options.idleCap);
  const { speedup = 1 } = options;
  return {
    ...{ trace, mode, speedup, history, repeats: endless },
    rows: mode === "schedule" ? rowsOf(trace, speedup, options) : [],
    ...(mode === "sessions" && idleCapMs !== undefined ? { idleCapMs } : {}),
    ...(sessionStart === undefined || sessionStart === 0 ? {} : { sessionStart }),
  };
}

/** How many requests are sent when each is sent once. */
export function countTurns({ mode, trace, rows }: ReplayPlan): number {
  return mode === "schedule"
    ? rows.length
    : trace.sessions.reduce((sum, { turns }) => sum + turns.length, 0);
}

/** These requests, in the order of their recorded instants. */
export function* turnsOf({ mode, trace, rows }: ReplayPlan): Generator<PlacedTurn> {
  if (mode === "sessions") yield* turnsInOrder(trace);
  for (const { session, position } of rows) yield { session, turn: session.turns[position]! };
}

/** Options that only one of the ways has. */
const ONLY_SCHEDULE = ["speedup", "from", "to"] as const;
const ONLY_SESSIONS = ["idleCap", "sessionStart"] as const;

function refuseOtherMode(
  mode: ReplayPlan["mode"],
  options: Readonly<Record<string, unknown>>,
): void {
  if (mode === "sessions") {
    const given = ONLY_SCHEDULE.find((key) => options[key] !== undefined);
    if (given === undefined) return;
    throw new UserError(
      `Cannot use --${given} with --replay sessions: requests wait for others there, add --replay ` +
        "schedule or leave it out",
    );
  }
  const given = ONLY_SESSIONS.find((key) => options[key] !== undefined);
  if (given === undefined) return;
  throw new UserError(
    `Cannot use --${
      kebabCase(given)
    } with --replay schedule: requests leave at recorded instants ` +
      "there, add --replay sessions or leave it out",
  );
}

function refuseMode(mode: ReplayPlan["mode"], { source, hasSessions, hasInstants }: Trace): void {
  if (mode === "sessions" && !hasSessions) {
    throw new UserError(
      `Cannot use --replay sessions with ${source}: its requests do not say which session they ` +
        "belong to, use --replay schedule",
    );
  }
  if (mode === "schedule" && !hasInstants) {
    throw new UserError(
      `Cannot use --replay schedule with ${source}: its requests have no instants, use --replay ` +
        "sessions",
    );
  }
}

function historyOf(
  mode: ReplayPlan["mode"],
  { sessions, history, source }: Trace,
  asked: ReplayPlan["history"] | undefined,
): ReplayPlan["history"] {
  if (mode === "schedule") {
    if (asked !== "live") return "recorded";
    throw new UserError(
      "Cannot use --history live with --replay schedule: requests leave before the answers are " +
        "there, use --replay sessions",
    );
  }
  const isWritten = sessions.some(({ turns }) =>
    turns.some(({ prompt }) => prompt.kind !== "blocks")
  );
  if (asked === "live" && !isWritten) {
    throw new UserError(
      `Cannot use --history live with ${source}: it has lengths and blocks and no texts that an ` +
        "answer could stand between, leave it out",
    );
  }
  return asked ?? history;
}

function refuseStart({ hasInstants, source }: Trace, history: ReplayPlan["history"]): void {
  if (!hasInstants) {
    throw new UserError(
      `Cannot use --session-start with ${source}: its requests have no instants, leave it out`,
    );
  }
  if (history === "live") {
    throw new UserError(
      "Cannot use --session-start with --history live: the server has not given the answers " +
        "before that instant, add --history recorded",
    );
  }
}

function rowsOf(
  { sessions, source }: Trace,
  speedup: number,
  { from, to }: {
    readonly from?: string | number | undefined;
    readonly to?: string | number | undefined;
  },
): readonly ScheduledRow[] {
  const fromMs = from === undefined ? undefined : parseDuration(from, "--from");
  const toMs = to === undefined ? undefined : parseDuration(to, "--to");
  const rows = scheduleOf(sessions, {
    speedup,
    ...(fromMs === undefined ? {} : { fromMs }),
    ...(toMs === undefined ? {} : { toMs }),
  });
  if (rows.length > 0) return rows;
  throw new UserError(
    `Cannot replay ${source} from ${from ?? 0} to ${to ?? "its end"}: nothing was recorded then`,
  );
}
