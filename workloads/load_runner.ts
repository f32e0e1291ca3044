/**
 * Sends a load on time and hands on what came back. The only concurrency of a run; the same
 * function drives one thread of several, a test's fake clock, and a probe.
 *
 * @module
 */
import { aborted, type Clock, onAbort } from "../backends/clock.ts";
import type { WireRequest } from "../backends/protocol.ts";
import type { Exchange, SendOptions, Transport } from "../backends/transport.ts";
import type { Load, OpenLoad, Stop } from "./load.ts";
import { requestLimit, sequenceOf, type TakeNext } from "./load_sequence.ts";
import { createTurns } from "./load_turns.ts";

/** One request that left, or would have. */
export interface Departure {
  /** Unique in its load. */
  readonly index: number;
  readonly user: number;
  /** Position in the pool of prompts. */
  readonly item: number;
  /** Milliseconds from the load's origin. */
  readonly intendedMs: number;
}

/** What one thread has to do of a load. */
export interface LoadShare {
  readonly load: Load;
  readonly stop: Stop;
  /** This thread's number and how many there are: users and arrivals are dealt out in turn. */
  readonly worker: number;
  readonly workers: number;
  readonly poolSize: number;
  readonly timeoutMs: number;
  /** How long requests in flight may go on after the sending has ended early. */
  readonly graceMs: number;
}

/** What the runner works with. */
export interface RunnerTools {
  readonly clock: Clock;
  readonly transport: Transport;
  /** Resolves in a later turn of the event loop. */
  readonly nextTurn: () => Promise<void>;
  /** Clock time of the load's start; may lie a little ahead. */
  readonly originMs: number;
  /** The encoded request of a pool item; `pass` counts how often the pool was used up before. */
  readonly requestOf: (item: number, index: number, pass: number) => WireRequest;
  /** Intended times of this load's arrivals, ms from the origin (open loads). */
  readonly arrivals?: Iterator<number>;
  readonly takeNext: TakeNext;
  readonly onExchange: (departure: Departure, exchange: Exchange) => void;
  /** Never sent: limit in flight, or no slot before the end. */
  readonly onDropped: (departure: Departure, reason: string) => void;
  /** Stop sending and drain. */
  readonly stopSignal: AbortSignal;
  /** Cancel what is in flight, too. */
  readonly abortSignal: AbortSignal;
  /** Live numbers: sent, ended. */
  readonly onSent?: () => void;
}

/** How the share went; ms from the origin. */
export interface ShareEnd {
  /** When the last user had started. */
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
  const flight = new AbortController();
  const stopSending = () => sending.abort();
  const cancelFlight = () => {
    sending.abort();
    flight.abort();
  };
  const ignoreStop = onAbort(tools.stopSignal, stopSending);
  const ignoreAbort = onAbort(tools.abortSignal, cancelFlight);

  // Timers must not outlive the run: a test's clock and a program's exit both wait for them.
  const over = new AbortController();
  const deadline = (async () => {
    if (share.stop.durationMs === undefined) return;
    await clock.sleepUntil(originMs + share.stop.durationMs, over.signal);
    if (!over.signal.aborted) stopSending();
  })();
  const grace = (async () => {
    await aborted(sending.signal, over.signal);
    if (over.signal.aborted) return;
    await clock.sleepUntil(clock.now() + share.graceMs, over.signal);
    if (!over.signal.aborted) flight.abort();
  })();

  const turns = createTurns(tools.nextTurn);
  // One for all: what each request in flight keeps counts ten thousand times.
  const options: SendOptions = { timeoutMs: share.timeoutMs, signal: flight.signal };
  /** `now`: what led to it was a turn of its own, as the end of the answer before is. */
  const send = async (departure: Departure, now: boolean): Promise<void> => {
    if (!now) await turns.depart();
    const pass = Math.floor(departure.index / share.poolSize);
    const wire = tools.requestOf(departure.item, departure.index, pass);
    tools.onSent?.();
    const exchange = await tools.transport.send(wire, options);
    await turns.finish();
    tools.onExchange(departure, exchange);
  };

  const end = share.load.kind === "closed"
    ? await runClosed(share, tools, send, sending.signal)
    : await runOpen(share, share.load, tools, send, sending.signal);

  over.abort();
  await Promise.all([deadline, grace]);
  ignoreStop();
  ignoreAbort();
  return end;
}

async function runClosed(
  share: LoadShare,
  tools: RunnerTools,
  send: (departure: Departure, now: boolean) => Promise<void>,
  sending: AbortSignal,
): Promise<ShareEnd> {
  const load = share.load;
  if (load.kind !== "closed") throw new TypeError("Cannot run an open load as a closed one");
  const { clock, originMs } = tools;
  const next = sequenceOf(load, share.poolSize, share.stop, tools.takeNext);
  const deadlineMs = share.stop.durationMs ?? Infinity;
  let rampEndMs = 0;
  let sendingEndMs = Infinity;

  const stopped = () => {
    sendingEndMs = Math.min(sendingEndMs, clock.now() - originMs, deadlineMs);
  };

  const user = async (u: number, startMs: number): Promise<void> => {
    for (let k = 0; !sending.aborted; k++) {
      const nowMs = clock.now() - originMs;
      // "No time left" means "do not start" (T20), never "unlimited".
      if (nowMs >= deadlineMs) break;
      const turn = next(u, k);
      if (turn === undefined) break;
      if (k === 0) rampEndMs = Math.max(rampEndMs, startMs);
      const { index, item } = turn;
      await send({ index, user: u, item, intendedMs: nowMs }, k > 0);
    }
    stopped();
  };

  // One after the other: thousands of users that wait for their turn would each need a timer.
  const users: Promise<void>[] = [];
  for (let u = share.worker; u < load.users; u += share.workers) {
    const startMs = (u * load.rampUpMs) / load.users;
    if (startMs > clock.now() - originMs) await clock.sleepUntil(originMs + startMs, sending);
    if (sending.aborted) {
      stopped();
      break;
    }
    users.push(user(u, startMs));
  }
  await Promise.all(users);
  return {
    rampEndMs,
    sendingEndMs: isFinite(sendingEndMs) ? Math.max(0, sendingEndMs) : 0,
  };
}

async function runOpen(
  share: LoadShare,
  load: OpenLoad,
  tools: RunnerTools,
  send: (departure: Departure, now: boolean) => Promise<void>,
  sending: AbortSignal,
): Promise<ShareEnd> {
  const { clock, originMs, arrivals } = tools;
  if (arrivals === undefined) throw new TypeError("Cannot run an open load without arrivals");
  const requests = requestLimit(share.stop, share.poolSize);
  const durationMs = share.stop.durationMs ?? Infinity;
  // The limit is shared out like the arrivals; a share below one could never send.
  const limit = load.maxInFlight === 0
    ? Infinity
    : Math.max(1, Math.floor(load.maxInFlight / share.workers));

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

  for (let index = 0; index < requests; index++) {
    const intendedMs = arrivals.next().value as number;
    if (intendedMs >= durationMs) break;
    if (index % share.workers !== share.worker) continue;
    await clock.sleepUntil(originMs + intendedMs, sending);
    if (sending.aborted) break;
    const lane = share.worker;
    const departure = { index, user: lane, item: index % share.poolSize, intendedMs };
    sendingEndMs = clock.now() - originMs;
    if (running.size < limit) launch(departure);
    else if (load.overflow === "wait") waiting.push(departure);
    else tools.onDropped(departure, `${load.maxInFlight} requests were in flight`);
  }
  while (running.size > 0) await Promise.all(running);
  for (const departure of waiting) {
    tools.onDropped(departure, "no slot was free before the sending ended");
  }
  return { rampEndMs: 0, sendingEndMs };
}
