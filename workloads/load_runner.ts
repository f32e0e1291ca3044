/**
 * Sends a load on time and hands on what came back: the only concurrency of a run, and the same
 * function in one thread, in one of several, in a rehearsal and on a test's fake clock.
 *
 * @module
 */
import { aborted, type Clock, onAbort } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { WireRequest } from "../backends/protocol.ts";
import type { Exchange, SendOptions, Transport } from "../backends/transport.ts";
import { BACKLOG_POLL_MS } from "./load_backlog.ts";
import type { ClosedLoad, Load, OpenLoad, Stop } from "./load.ts";
import { requestLimit, sequenceOf, type TakeNext } from "./load_sequence.ts";
import { createTurns, type Turns } from "./load_turns.ts";
import type { Departure } from "./order.ts";

/** One thread's share of a load. */
export interface LoadShare {
  readonly load: Load;
  readonly stop: Stop;
  /** This thread's number and how many there are: users and arrivals are dealt round-robin. */
  readonly worker: number;
  readonly workers: number;
  readonly poolSize: number;
  readonly timeoutMs: number;
  /** Largest body of an answer; default 48 MiB. */
  readonly maxAnswerBytes?: number;
  /** How long requests in flight may go on after the sending has ended early. */
  readonly graceMs: number;
}

/** What the runner works with. */
export interface RunnerTools {
  readonly clock: Clock;
  readonly transport: Transport;
  /** Resolves in a later event-loop turn. */
  readonly nextTurn: () => Promise<void>;
  /** Clock time of the load's start; may lie a little ahead. */
  readonly originMs: number;
  /** The encoded request of a pool item; `pass` counts how often the pool was used up before. */
  readonly requestOf: (item: number, index: number, pass: number) => WireRequest;
  /** Intended times of this load's arrivals, ms from the origin (open loads). */
  readonly arrivals?: Iterator<number>;
  readonly takeNext: TakeNext;
  readonly onExchange: (departure: Departure, exchange: Exchange) => void;
  /** So much waits to be decoded that nothing more should be asked for. */
  readonly crowded?: () => boolean;
  /** Never sent: limit in flight, or no slot before the end. */
  readonly onDropped: (departure: Departure, reason: string) => void;
  /** Stop sending and drain. */
  readonly stopSignal: AbortSignal;
  /** Cancel what is in flight, too. */
  readonly abortSignal: AbortSignal;
  /** Live numbers: sent, ended. */
  readonly onSent?: () => void;
  /** Gets streams ready that run beside the load and take their turns with it; absent = none. */
  readonly beside?: (turns: Turns) => StreamsBeside;
}

/** Streams that are no part of the load. */
export interface StreamsBeside {
  /** Starts those whose turn has come when this share of the users has started. */
  start(share: number): void;
  /** Cancels what is in flight; resolves when it was handed on. */
  end(): Promise<void>;
}

const NOTHING_BESIDE: StreamsBeside = { start() {}, end: () => Promise.resolve() };

/** How the share went; ms from the origin. */
export interface ShareEnd {
  /** When the last user's first request left; the end of the share, where not every user began. */
  readonly rampEndMs: number;
  /** First moment when a free slot found nothing left to send. */
  readonly sendingEndMs: number;
}

/** Runs one thread's share of a load to its end, drain included. Never rejects for the server. */
export async function runLoad(share: LoadShare, tools: RunnerTools): Promise<ShareEnd> {
  const { clock, originMs } = tools;
  // Ends the waiting of the schedule: by the caller, or when the duration is over.
  const sending = new AbortController();
  // Ends what is in flight: by the caller, or when the grace period is over.
  const inFlight = new AbortController();
  const ignoreStop = onAbort(tools.stopSignal, () => sending.abort());
  const ignoreAbort = onAbort(tools.abortSignal, () => {
    sending.abort();
    inFlight.abort();
  });

  // Timers must not outlive the run: a test's clock and a program's exit both wait for them.
  const over = new AbortController();
  const deadline = (async () => {
    if (share.stop.durationMs === undefined) return;
    await clock.sleepUntil(originMs + share.stop.durationMs, over.signal);
    if (!over.signal.aborted) sending.abort();
  })();
  const grace = (async () => {
    await aborted(sending.signal, over.signal);
    if (over.signal.aborted) return;
    await clock.sleepUntil(clock.now() + share.graceMs, over.signal);
    if (!over.signal.aborted) inFlight.abort();
  })();

  const turns = createTurns(tools.nextTurn);
  // One for all: what each request in flight keeps counts ten thousand times.
  const options: SendOptions = {
    timeoutMs: share.timeoutMs,
    signal: inFlight.signal,
    ...defined({ maxBytes: share.maxAnswerBytes }),
  };
  const starts = { last: 0, users: 0 };
  const send: Send = async (departure, now) => {
    if (!now) {
      await turns.depart();
      starts.last = clock.now() - originMs;
      starts.users++;
    }
    while (tools.crowded?.()) {
      await clock.sleepUntil(clock.now() + BACKLOG_POLL_MS, sending.signal);
      if (!sending.signal.aborted) continue;
      tools.onDropped(departure, "answers waited to be decoded until the sending ended");
      return false;
    }
    const pass = Math.floor(departure.index / share.poolSize);
    const wire = tools.requestOf(departure.item, departure.index, pass);
    tools.onSent?.();
    const exchange = await tools.transport.send(wire, options);
    await turns.finish();
    const refused = exchange.end.kind === "connect_error";
    tools.onExchange(departure, exchange);
    return refused;
  };

  const beside = tools.beside?.(turns) ?? NOTHING_BESIDE;
  const running = { ...tools, send, starts, sending: sending.signal, beside };
  const { load } = share;
  if (load.kind === "replay") throw new TypeError("Cannot run a load of orders yet");
  const end = load.kind === "closed"
    ? await runClosed({ ...share, load }, running)
    : await runOpen({ ...share, load }, running);
  await beside.end();

  over.abort();
  await Promise.all([deadline, grace]);
  ignoreStop();
  ignoreAbort();
  return end;
}

/**
 * Sends a request and resolves when its answer was handed on: whether there was no connection.
 *
 * @param now it needs no event-loop turn of its own, as after the end of a user's last answer.
 */
type Send = (departure: Departure, now: boolean) => Promise<boolean>;

/**
 * A user whose connection was refused waits so long before its next request: without a pause, a
 * server that is gone would be asked thousands of times a second. All users together ask no more
 * than about once a millisecond.
 */
function refusedPauseMs(users: number): number {
  return Math.max(100, users);
}

/** A load that is being run. */
interface Running extends Omit<RunnerTools, "beside"> {
  readonly beside: StreamsBeside;
  readonly send: Send;
  /** First requests of users: when the last one left, ms from the origin, and how many did. */
  readonly starts: { readonly last: number; readonly users: number };
  /** Aborted when nothing more may be sent. */
  readonly sending: AbortSignal;
}

async function runClosed(
  { load, stop, poolSize, worker, workers }: LoadShare & { readonly load: ClosedLoad },
  { clock, originMs, takeNext, send, starts, sending, beside }: Running,
): Promise<ShareEnd> {
  const next = sequenceOf(load, { poolSize, stop, takeNext });
  const deadlineMs = stop.durationMs ?? Infinity;
  let sendingEndMs = Infinity;

  const stopped = () => {
    sendingEndMs = Math.min(sendingEndMs, clock.now() - originMs, deadlineMs);
  };

  const user = async (u: number): Promise<void> => {
    for (let k = 0; !sending.aborted; k++) {
      const nowMs = clock.now() - originMs;
      // "No time left" means "do not start", never "unlimited" (T20 in docs/python-scripts.md).
      if (nowMs >= deadlineMs) break;
      const request = next(u, k);
      if (request === undefined) break;
      const { index, item } = request;
      const refused = await send({ index, user: u, item, intendedMs: nowMs }, k > 0);
      if (refused) await clock.sleepUntil(clock.now() + refusedPauseMs(load.users), sending);
    }
    stopped();
  };

  const count = Math.ceil((load.users - worker) / workers);
  if (load.rampUpMs > 0 || count === 0) beside.start(1);
  // One after the other: thousands of users that wait for their start would each need a timer.
  const users: Promise<void>[] = [];
  for (let u = worker; u < load.users; u += workers) {
    const startMs = (u * load.rampUpMs) / load.users;
    if (startMs > clock.now() - originMs) await clock.sleepUntil(originMs + startMs, sending);
    if (sending.aborted) {
      stopped();
      break;
    }
    users.push(user(u));
    beside.start(users.length / count);
  }
  await Promise.all(users);
  return {
    rampEndMs: starts.users < count ? Math.max(0, clock.now() - originMs) : starts.last,
    sendingEndMs: isFinite(sendingEndMs) ? Math.max(0, sendingEndMs) : 0,
  };
}

async function runOpen(
  { load, stop, poolSize, worker, workers }: LoadShare & { readonly load: OpenLoad },
  { clock, originMs, arrivals, onDropped, send, sending, beside }: Running,
): Promise<ShareEnd> {
  if (arrivals === undefined) throw new TypeError("Cannot run an open load without arrivals");
  const requests = requestLimit(stop, poolSize);
  const durationMs = stop.durationMs ?? Infinity;
  // The limit is shared out like the arrivals; a share below one could never send.
  const limit = load.maxInFlight === 0
    ? Infinity
    : Math.max(1, Math.floor(load.maxInFlight / workers));

  const running = new Set<Promise<void>>();
  const waiting: Departure[] = [];
  let sendingEndMs = 0;

  const launch = (departure: Departure): void => {
    const task: Promise<void> = send(departure, false).then(() => {
      running.delete(task);
      const first = sending.aborted ? undefined : waiting.shift();
      if (first !== undefined) launch(first);
    });
    running.add(task);
  };

  const burst = load.ratePerSec === Infinity && requests < Infinity;
  if (!burst) beside.start(1);
  for (let index = 0; index < requests; index++) {
    const intendedMs = arrivals.next().value as number;
    if (intendedMs >= durationMs) break;
    if (index % workers !== worker) continue;
    await clock.sleepUntil(originMs + intendedMs, sending);
    if (sending.aborted) break;
    const departure = { index, user: worker, item: index % poolSize, intendedMs };
    sendingEndMs = clock.now() - originMs;
    if (running.size < limit) launch(departure);
    else if (load.overflow === "wait") waiting.push(departure);
    else onDropped(departure, `${load.maxInFlight} requests were in flight`);
    if (burst) beside.start((index + workers) / requests);
  }
  while (running.size > 0) await Promise.all(running);
  for (const departure of waiting) {
    onDropped(departure, "no slot was free before the sending ended");
  }
  return { rampEndMs: 0, sendingEndMs };
}
