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
import type { Agenda, LoadShare, ShareEnd } from "./load_agenda.ts";
import { Arrivals } from "./load_arrivals.ts";
import { BACKLOG_POLL_MS } from "./load_backlog.ts";
import type { TakeNext } from "./load_sequence.ts";
import { createTurns, type Turns } from "./load_turns.ts";
import { Users } from "./load_users.ts";
import type { Departure } from "./order.ts";

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
  /** What is given out one by one (loads of orders). */
  readonly orders?: Agenda;
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

/** Runs one thread's share of a load to its end, drain included. Never rejects for the server. */
export async function runLoad(share: LoadShare, tools: RunnerTools): Promise<ShareEnd> {
  const { clock, originMs } = tools;
  const agenda = agendaOf(share, tools);
  // Ends the waiting of what is to be sent: by the caller, or when the duration is over.
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
  const beside = tools.beside?.(turns) ?? NOTHING_BESIDE;
  const signals = { sending: sending.signal, inFlight: inFlight.signal };
  const send = sender(share, tools, { ...signals, agenda, turns });
  await runAgenda(agenda, {
    ...tools,
    limit: slotsOf(share),
    send,
    beside,
    sending: sending.signal,
  });
  const end = agenda.end();
  await beside.end();

  over.abort();
  await Promise.all([deadline, grace]);
  ignoreStop();
  ignoreAbort();
  return end;
}

/** What the share's load sends when. */
function agendaOf(share: LoadShare, tools: RunnerTools): Agenda {
  const { load } = share;
  const { clock, originMs, requestOf, takeNext, arrivals, orders } = tools;
  const now = () => clock.now() - originMs;
  if (load.kind === "closed") return new Users(share, load, { now, requestOf, takeNext });
  if (load.kind === "replay") {
    if (orders === undefined) throw new TypeError("Cannot run a load of orders without orders");
    return orders;
  }
  if (arrivals === undefined) throw new TypeError("Cannot run an open load without arrivals");
  return new Arrivals(share, load, arrivals, { now, requestOf });
}

/** How many requests of a share may be in flight, and what becomes of others. */
interface Slots {
  readonly inFlight: number;
  readonly overflow: "wait" | "drop";
  /** For messages: the limit of the whole load. */
  readonly ofLoad: number;
}

/** The limit is shared out like the arrivals; a share below one could never send. */
function slotsOf({ load, workers }: LoadShare): Slots {
  if (load.kind === "closed" || load.maxInFlight === 0) {
    return { inFlight: Infinity, overflow: "wait", ofLoad: Infinity };
  }
  const { maxInFlight, overflow } = load;
  const inFlight = Math.max(1, Math.floor(maxInFlight / workers));
  return { inFlight, overflow, ofLoad: maxInFlight };
}

/**
 * Sends a request and resolves when its answer was handed on: whether there was no connection.
 *
 * @param now it needs no event-loop turn of its own, as after the end of a user's last answer.
 */
type Send = (departure: Departure, now: boolean) => Promise<boolean>;

function sender(
  share: LoadShare,
  { clock, originMs, transport, crowded, onSent, onExchange, onDropped }: RunnerTools,
  { agenda, turns, sending, inFlight }: {
    readonly agenda: Agenda;
    readonly turns: Turns;
    readonly sending: AbortSignal;
    readonly inFlight: AbortSignal;
  },
): Send {
  // One for all: what each request in flight keeps counts ten thousand times.
  const options: SendOptions = {
    timeoutMs: share.timeoutMs,
    signal: inFlight,
    ...defined({ maxBytes: share.maxAnswerBytes }),
  };
  let telling = false;
  const tellSoon = async (): Promise<void> => {
    telling = true;
    await turns.idle();
    telling = false;
    agenda.tell?.();
  };
  return async (departure, now) => {
    if (!now) {
      await turns.depart();
      agenda.onDeparture?.(departure, clock.now() - originMs);
    }
    while (crowded?.()) {
      await clock.sleepUntil(clock.now() + BACKLOG_POLL_MS, sending);
      if (!sending.aborted) continue;
      onDropped(departure, "answers waited to be decoded until the sending ended");
      return false;
    }
    const wire = agenda.requestOf(departure);
    onSent?.();
    let exchange: Exchange;
    if (agenda.onSent === undefined) exchange = await transport.send(wire, options);
    else {
      const sentMs = clock.now();
      const answer = transport.send(wire, options);
      agenda.onSent(departure, sentMs - originMs);
      if (!telling) void tellSoon();
      exchange = await answer;
    }
    await turns.finish();
    agenda.tell?.();
    const refused = exchange.end.kind === "connect_error";
    onExchange(departure, exchange);
    return refused;
  };
}

/** Sends what is due, and after each answer what follows it, until nothing is left. */
function runAgenda(
  agenda: Agenda,
  { clock, originMs, limit, send, beside, sending, onDropped }: Omit<RunnerTools, "beside"> & {
    readonly limit: Slots;
    readonly send: Send;
    readonly beside: StreamsBeside;
    readonly sending: AbortSignal;
  },
): Promise<void> {
  const { promise: done, resolve, reject } = Promise.withResolvers<void>();
  let flying = 0;
  /** Due, and without a slot. */
  const waiting: Departure[] = [];
  /** Instants that are being slept for, the earliest last: one for all that waits behind it. */
  const sleeping: number[] = [];
  let begun = 0;

  const startBeside = (): void => {
    if (begun === 1) return;
    begun = agenda.begun();
    if (begun > 0) beside.start(begun);
  };
  const fly = async (first: Departure): Promise<void> => {
    flying++;
    try {
      let next: Departure | undefined = first;
      for (let now = false; next !== undefined; now = true) {
        const refused: boolean = await send(next, now);
        next = agenda.follow?.(next, refused);
      }
    } catch (error) {
      reject(error);
    }
    flying--;
    const late = sending.aborted ? undefined : waiting.shift();
    if (late !== undefined) void fly(late);
    else goOn();
  };
  const begin = (departure: Departure): void => {
    if (flying < limit.inFlight) void fly(departure);
    else if (limit.overflow === "wait") waiting.push(departure);
    else onDropped(departure, `${limit.ofLoad} requests were in flight`);
  };
  const sleep = async (dueMs: number): Promise<void> => {
    sleeping.push(dueMs);
    await clock.sleepUntil(originMs + dueMs, sending);
    sleeping.splice(sleeping.indexOf(dueMs), 1);
    goOn();
  };
  const goOn = (): void => {
    if (!sending.aborted) {
      let dueMs: number;
      for (let nowMs: number; (dueMs = agenda.dueMs()) <= (nowMs = clock.now() - originMs);) {
        const departure = agenda.take(nowMs);
        if (departure !== undefined) begin(departure);
        startBeside();
      }
      if (dueMs < (sleeping.at(-1) ?? Infinity)) void sleep(dueMs);
    }
    if (flying === 0 && agenda.over()) resolve();
  };

  agenda.onChange = goOn;
  const ignore = onAbort(sending, () => {
    agenda.stop();
    goOn();
  });
  startBeside();
  goOn();
  return done.then(() => {
    ignore();
    for (const departure of waiting) {
      onDropped(departure, "no slot was free before the sending ended");
    }
  });
}
