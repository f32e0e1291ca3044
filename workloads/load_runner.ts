/**
 * Sends a load on time and hands on what came back: the only concurrency of a run, and the same
 * function in one thread, in one of several, in a rehearsal and on a test's fake clock.
 *
 * @module
 */
import { aborted, onAbort } from "../backends/clock.ts";
import type { Agenda, LoadShare, ShareEnd } from "./load_agenda.ts";
import { Alarm } from "./load_alarm.ts";
import { Arrivals } from "./load_arrivals.ts";
import { limitHere } from "./load_prefill.ts";
import type { RunnerTools, StreamsBeside } from "./load_runner_tools.ts";
import { createSender, type Send } from "./load_sender.ts";
import { createTurns } from "./load_turns.ts";
import { Users } from "./load_users.ts";
import type { Departure } from "./order.ts";

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
  const signals = { sending: sending.signal, inFlight: inFlight.signal, over: over.signal };
  const send = createSender(share, { ...tools, ...signals, agenda, turns });
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
  const { clock, originMs, requestOf, takeNext, portions, thinkMs, arrivals, orders } = tools;
  const now = () => clock.now() - originMs;
  if (load.kind === "closed") {
    return new Users(share, load, { now, requestOf, takeNext, portions, thinkMs });
  }
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
function slotsOf(share: LoadShare): Slots {
  const { load } = share;
  if (load.kind === "closed" || load.maxInFlight === 0) {
    return { inFlight: Infinity, overflow: "wait", ofLoad: Infinity };
  }
  const { maxInFlight, overflow } = load;
  const { limit, workers } = limitHere(maxInFlight, share);
  const inFlight = Math.max(1, Math.floor(limit / workers));
  return { inFlight, overflow, ofLoad: maxInFlight };
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
  const goOn = (): void => {
    if (!sending.aborted) {
      // On the clock's own scale: its alarm rings there, and a difference would be rounded.
      let dueMs: number;
      for (let nowMs: number; (dueMs = originMs + agenda.dueMs()) <= (nowMs = clock.now());) {
        const departure = agenda.take(nowMs - originMs);
        if (departure !== undefined) begin(departure);
        startBeside();
      }
      alarm.at(dueMs);
    }
    if (flying === 0 && agenda.over()) resolve();
  };

  const alarm = new Alarm(clock, sending, goOn);
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
