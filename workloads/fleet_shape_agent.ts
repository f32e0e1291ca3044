/**
 * What an agent's messages have to be.
 *
 * @module
 */
import { LOAD_STATE_SCHEMA, type LoadState } from "../metrics/load_state.ts";
import { MOST_LOADS } from "../metrics/run.ts";
import type {
  AgentDone,
  AgentEnd,
  FindAsk,
  Hello,
  LeaseAsk,
  NextAsk,
  Prepared,
  Ready,
  Update,
} from "./fleet_messages.ts";
import {
  anything,
  countTo,
  listOf,
  mapOf,
  numberFrom,
  objectOf,
  oneOf,
  optional,
  type Shape,
  textTo,
} from "./json_shape.ts";
import { BUCKETS } from "./live_histogram.ts";
import type { ProgressState } from "./live_progress.ts";
import { endShape } from "./record_shape_end.ts";
import { clockShape, fleetPartShape, MOST_AGENTS } from "./record_shape_fleet.ts";
import { headerShape } from "./record_shape_header.ts";
import { amount, count, durationMs } from "./record_shape_values.ts";

/** Names of machines, versions. */
const name = textTo(200);
/** Why something is as it is. */
const reason = textTo(2000);
const path = textTo(4096);
const agent = countTo(MOST_AGENTS - 1);
const load = countTo(MOST_LOADS - 1);
const number = countTo(2 ** 53 - 1);

export const helloShape: Shape = objectOf<Hello>({
  protocol: count,
  version: name,
  agent: textTo(100, 1),
  hostname: optional(name),
  pid: count,
  cores: optional(amount),
  // One that is too large is refused with a reason.
  rank: optional(count),
});

/** What of a hello is the same in all versions: so that another one can be refused by its name. */
export const anyHelloShape: Shape = objectOf<
  Pick<Hello, "protocol" | "version" | "agent"> & Partial<Pick<Hello, "hostname">>
>({
  protocol: numberFrom(0, 1e9),
  version: name,
  agent: textTo(100, 1),
  hostname: optional(name),
});

export const preparedShape: Shape = objectOf<Prepared>({
  agent,
  header: headerShape,
  file: optional(path),
});

export const readyShape: Shape = objectOf<Ready>({
  agent,
  load,
  point: oneOf(["quiet", "reset", "begin"]),
});

const progress = objectOf<ProgressState>({
  phase: name,
  load: optional(load),
  loads: optional(countTo(MOST_LOADS)),
  label: name,
  done: count,
  total: optional(count),
  failed: count,
  inFlight: count,
  tokensPerSec: optional(amount),
  elapsedMs: durationMs,
  leftMs: optional(durationMs),
});

/** Pairs of a bucket and a count. */
const counted = listOf(countTo(2 ** 32), 2 * BUCKETS);

export const updateShape: Shape = objectOf<Update>({
  agent,
  number,
  progress: optional(progress),
  sent: count,
  completed: count,
  failed: count,
  outputTokens: count,
  ttft: counted,
  itl: counted,
  clock: optional(clockShape),
  cut: optional(reason),
  leaving: optional(reason),
});

/** What it holds is read by what adds it up. */
const state = objectOf<LoadState>({
  schema: oneOf([LOAD_STATE_SCHEMA]),
  load,
  parts: mapOf(anything, 1000),
});

export const agentEndShape: Shape = objectOf<AgentEnd>({
  agent,
  end: endShape,
  state: optional(state),
  part: fleetPartShape,
});

export const agentDoneShape: Shape = objectOf<AgentDone>({
  agent,
  file: optional(objectOf<NonNullable<AgentDone["file"]>>({
    path,
    sha256: textTo(64, 64),
    bytes: count,
  })),
  fileFailure: optional(reason),
  reason: optional(reason),
  exitCode: optional(countTo(255)),
});

export const leaseAskShape: Shape = objectOf<LeaseAsk>({
  agent,
  load,
  want: countTo(1e9, 1),
  limit: optional(countTo(1e12)),
  number,
});

export const findAskShape: Shape = objectOf<FindAsk>({ agent, answerMs: durationMs });

export const nextAskShape: Shape = objectOf<NextAsk>({
  agent,
  after: countTo(MOST_LOADS - 1, -1),
});

/** Who asks for the secrets. */
export const secretsAskShape: Shape = objectOf<{ readonly agent: number }>({ agent });
