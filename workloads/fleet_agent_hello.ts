/**
 * How an agent finds work: it asks until there is a plan.
 *
 * @module
 */
import { type Clock, patientClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import { visibleLine } from "../metrics/visible_text.ts";
import type { Host } from "./command.ts";
import { readCores } from "./effective_cores.ts";
import { packMessage, readMessage } from "./fleet_codec.ts";
import type { FleetBus } from "./fleet_bus.ts";
import { FLEET_PROTOCOL, type FleetPlan, type Hello, type HelloAnswer } from "./fleet_messages.ts";
import { helloAnswerShape } from "./fleet_shape_lead.ts";
import { EXIT, UserError } from "./user_error.ts";
import { VERSION } from "./version.ts";

/** Who asks, and how long. */
export interface HelloOptions {
  readonly fleet: string;
  readonly rank: number | undefined;
  /** Absent = as long as it takes. */
  readonly waitMs: number | undefined;
  readonly host: Pick<Host, "note" | "progress" | "interrupted">;
  readonly clock?: Clock;
}

/** Longest wait for an answer. */
const ANSWER_MS = 2000;
/** Between two questions; a little more, so that a thousand agents do not ask at once. */
const AGAIN_MS = 1000;
const AGAIN_JITTER_MS = 500;
/** How often somebody who waits is told so. */
const TELL_MS = 60_000;

/**
 * Asks for a plan until there is one.
 *
 * @returns `undefined` = interrupted.
 * @throws {UserError} when the leader refuses this agent, or there was no plan in time.
 */
export async function findPlan(
  bus: FleetBus,
  { fleet, rank, waitMs, host, clock = patientClock }: HelloOptions,
): Promise<FleetPlan | undefined> {
  const hello = helloOf(rank);
  const question = packMessage(hello);
  const everyMs = AGAIN_MS + AGAIN_JITTER_MS * parseInt(hello.agent.slice(0, 4), 16) / 0x10000;
  const untilMs = clock.now() + (waitMs ?? Infinity);
  const { interrupted } = host;
  let toldMs = -Infinity;
  let why: string | undefined;
  while (!interrupted.aborted) {
    const asked = await bus.request("hello", question, {
      timeoutMs: Math.min(ANSWER_MS, Math.max(1, untilMs - clock.now())),
      signal: interrupted,
    });
    if (asked !== undefined) {
      const answer = readAnswer(asked, fleet);
      if (answer.kind === "plan") return answer.plan;
      if (answer.kind === "refused") {
        throw new UserError(
          `Cannot take part in a run of fleet ${fleet}: ${visibleLine(answer.why)}`,
        );
      }
      why = visibleLine(answer.why);
    } else why = bus.connected() ? "nobody leads it yet" : `${bus.shown} is not reached`;
    if (interrupted.aborted) break;
    const nowMs = clock.now();
    if (nowMs >= untilMs) throw tooLate({ fleet, shown: bus.shown, waitMs: waitMs!, why });
    if (nowMs - toldMs >= TELL_MS) {
      toldMs = nowMs;
      host.note(`Waiting for a run of fleet ${fleet} at ${bus.shown}: ${why}`);
    }
    host.progress(`waiting for fleet ${fleet}  ${why}`);
    await clock.sleepUntil(Math.min(untilMs, nowMs + everyMs), interrupted);
  }
  return undefined;
}

function tooLate(
  { fleet, shown, waitMs, why }: {
    readonly fleet: string;
    readonly shown: string;
    readonly waitMs: number;
    readonly why: string;
  },
): UserError {
  return new UserError(
    `Cannot take part in a run of fleet ${fleet} at ${shown}: there was none within ` +
      `${waitMs / 1000} s (--wait), ${why}; start one with tokometer bench --fleet ${fleet}`,
    EXIT.unreachable,
  );
}

function readAnswer(data: Uint8Array, fleet: string): HelloAnswer {
  const read = readMessage<HelloAnswer>(data, helloAnswerShape, { at: "answer" });
  if ("value" in read) return read.value;
  throw new UserError(
    `Cannot take part in a run of fleet ${fleet}: its leader's plan cannot be read: ${read.problem}`,
  );
}

function helloOf(rank: number | undefined): Hello {
  const { state } = Deno.permissions.querySync({ name: "sys", kind: "hostname" });
  return {
    ...{ protocol: FLEET_PROTOCOL, version: VERSION, agent: crypto.randomUUID(), pid: Deno.pid },
    cores: readCores().effectiveCores,
    ...defined({ hostname: state === "granted" ? Deno.hostname() : undefined, rank }),
  };
}
