/**
 * The parts of a plan that a recording decides: it is replayed, and no pool of prompts is made.
 *
 * @module
 */
import { defined } from "../backends/defined.ts";
import { findProtocol } from "../backends/protocols.ts";
import type { MeasureValues } from "./bench_options.ts";
import { DEFAULT_USERS } from "./bench_options_load.ts";
import type { Load, Stop } from "./load.ts";
import { type Dataset, joinContents, type Prompt } from "./prompt.ts";
import { countTurns, planReplay, type ReplayPlan } from "./session_plan.ts";
import { checkPromptForm, checkWrittenPrompts } from "./session_prompt_check.ts";
import type { SaltScope } from "./session_salt.ts";
import type { MessagesPrompt, Turn } from "./trace.ts";
import { estimateCounter } from "./tokenizer.ts";
import { UserError } from "./user_error.ts";

/** What a replay decides of its run. */
export interface ReplayParts {
  readonly replay: ReplayPlan;
  readonly loads: readonly Load[];
  readonly stops: readonly Stop[];
  readonly warmups: readonly (number | "short")[];
  readonly prompts: number;
  readonly saltScope: SaltScope;
  readonly own: { readonly dataset: Dataset; readonly loads: readonly [] };
}

/** Tokens of an answer where neither recording nor user say how many. */
export const USUAL_OUTPUT_TOKENS = 128;

/**
 * Reads the recording and plans its loads.
 *
 * @param extra values of the dataset's own options.
 * @throws {UserError} for a file that cannot be read, and for options that have no place in a replay.
 */
export async function planReplayParts(
  values: MeasureValues,
  extra: Readonly<Record<string, unknown>>,
): Promise<ReplayParts> {
  refuseForAll(values);
  const { duration, requests, once, saltScope } = values;
  const replay = await planReplay({
    path: values.datasetPath!,
    extra,
    endless: once !== true && (duration !== undefined || requests !== undefined),
  });
  const { mode, trace } = replay;
  const protocol = findProtocol(values.protocol);
  const hasTokenizer = values.tokenizer !== undefined;
  const { tokenIds, vocab } = extra as { tokenIds?: boolean; vocab?: number };
  checkPromptForm({ protocol, tokenIds, vocab, hasTokenizer });
  checkWrittenPrompts(trace, { protocol, tokenIds });
  const loads = mode === "schedule" ? [scheduleLoad(values, replay)] : sessionLoads(values, replay);
  const stop = defined({
    requests,
    durationMs: duration === undefined ? undefined : duration * 1000,
  });
  return {
    replay,
    loads,
    stops: loads.map(() => stop),
    warmups: loads.map(() => values.warmup === 0 ? 0 : "short"),
    prompts: countTurns(replay),
    saltScope: saltScope ?? (mode === "schedule" ? "load" : "session"),
    own: { dataset: checkDataset(replay), loads: [] },
  };
}

/** Options that have no place in any replay: value, name, and why. */
function refuseForAll(values: MeasureValues): void {
  const refused: readonly (readonly [given: boolean, name: string, because: string])[] = [
    [
      values.rate !== undefined,
      "--rate",
      "the recording says when requests leave, use --speedup or --concurrency",
    ],
    [
      values.rateStages !== undefined,
      "--rate-stages",
      "the recording says when requests leave, use --speedup",
    ],
    [
      values.prompts !== undefined,
      "--prompts",
      "it has no pool of prompts, use --requests or --duration",
    ],
    [
      values.thinkTime !== undefined,
      "--think-time",
      "the recording has delays of its own, cut them with --idle-cap",
    ],
    [values.numTurns !== 1, "--num-turns", "the recording says what each request holds"],
    [
      values.systemPromptFile !== undefined,
      "--system-prompt-file",
      "the recording says what each request holds",
    ],
    [
      (values.warmup ?? 0) > 0,
      "--warmup N",
      "whole requests would fill the prefix cache before the measurement, leave it out or use 0",
    ],
  ];
  for (const [given, name, because] of refused) {
    if (given) throw new UserError(`Cannot use ${name} with a recording: ${because}`);
  }
}

function scheduleLoad(values: MeasureValues, { speedup, rows }: ReplayPlan): Load {
  for (
    const [given, name] of [
      [values.concurrency !== undefined, "--concurrency"],
      [values.rampUp > 0, "--ramp-up"],
    ] as const
  ) {
    if (!given) continue;
    throw new UserError(
      `Cannot use ${name} with --replay schedule: requests leave at recorded instants; to cap what ` +
        "is in flight use --max-in-flight",
    );
  }
  const { maxInFlight, overflow } = values;
  return {
    ...{ kind: "replay", mode: "schedule", users: 0, speedup, maxInFlight, overflow },
    ...{ peakPerSec: peakOf(rows), lastMs: rows.at(-1)!.dueMs },
  };
}

/** Requests that leave within this are counted for the densest stretch. */
const PEAK_MS = 5000;

function peakOf(rows: ReplayPlan["rows"]): number {
  let most = 0;
  for (let first = 0, last = 0; last < rows.length; last++) {
    while (rows[last]!.dueMs - rows[first]!.dueMs > PEAK_MS) first++;
    most = Math.max(most, last - first + 1);
  }
  return most / (PEAK_MS / 1000);
}

function sessionLoads(values: MeasureValues, { trace, repeats }: ReplayPlan): Load[] {
  if (values.maxInFlight > 0) {
    throw new UserError(
      "Cannot use --max-in-flight with --replay sessions: --concurrency says how many sessions are " +
        "alive",
    );
  }
  return (values.concurrency ?? [DEFAULT_USERS]).map((slots) => ({
    kind: "replay",
    mode: "sessions",
    // More slots than sessions would only idle (T27 in docs/python-scripts.md).
    users: repeats ? slots : Math.min(slots, trace.sessions.length),
    rampUpMs: values.rampUp * 1000,
    speedup: 1,
    maxInFlight: 0,
    overflow: "wait",
  }));
}

/** Words of a prompt that checks the server and warms it up; about 50 tokens. */
const CHECK_TEXT = "This is a short request before a recording is replayed. ".repeat(4).trim();
/** So much of a written message goes into that prompt. */
const CHECK_CHARS = 200;

/** One short prompt like those of the recording: it checks the server, and warms it up. */
function checkDataset({ trace }: ReplayPlan): Dataset {
  const { source, sha256, skipped, remarks, sessions } = trace;
  const turns = sessions.flatMap((session) => session.turns);
  const lengths = turns.flatMap(({ outputTokens }) => outputTokens ?? []);
  const mean = lengths.length === 0
    ? USUAL_OUTPUT_TOKENS
    : Math.max(1, Math.round(lengths.reduce((sum, one) => sum + one, 0) / lengths.length));
  return {
    prompts: [{ id: "check", outputTokens: mean, ...checkPrompt(turns[0]!) }],
    ...{ source, sha256, skipped, remarks },
    read: turns.length,
    duplicates: 0,
  };
}

function checkPrompt({ prompt }: Turn): Pick<Prompt, "messages" | "promptTokens" | "ownFields"> {
  const messages = prompt.kind === "blocks"
    ? [{ role: "user", content: CHECK_TEXT }]
    : shortened(prompt);
  const fields = prompt.kind === "blocks" ? {} : {
    ...prompt.extra,
    ...defined({ tools: prompt.tools }),
  };
  return {
    messages,
    promptTokens: {
      tokens: estimateCounter.count(joinContents(messages)),
      source: estimateCounter.source,
    },
    ...(Object.keys(fields).length === 0 ? {} : { ownFields: fields }),
  };
}

/** The texts of the first messages, cut, up to the first of the user. */
function shortened({ messages }: MessagesPrompt): Prompt["messages"] {
  const last = messages.findIndex(({ role }) => role === "user");
  const short = messages.slice(0, last + 1).filter(({ role }) =>
    role === "system" || role === "user"
  ).map(({ role, content }) => ({
    role,
    content: typeof content === "string" ? content.slice(0, CHECK_CHARS) : CHECK_TEXT,
  }));
  return short.length === 0 ? [{ role: "user", content: CHECK_TEXT }] : short;
}
