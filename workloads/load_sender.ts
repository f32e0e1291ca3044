/**
 * Sends the requests of a load one by one, each when its turn has come, and hands on what came back.
 *
 * @module
 */
import { onAbort } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import type { Exchange, SendOptions } from "../backends/transport.ts";
import type { Agenda, LoadShare } from "./load_agenda.ts";
import { BACKLOG_POLL_MS } from "./load_backlog.ts";
import { type Leaver, Leavers } from "./load_cancel.ts";
import { limitHere, PrefillGate, prefillShare } from "./load_prefill.ts";
import type { RunnerTools } from "./load_runner_tools.ts";
import type { Turns } from "./load_turns.ts";
import type { Departure } from "./order.ts";

/**
 * Sends a request and resolves when its answer was handed on: whether there was no connection.
 *
 * @param now it needs no event-loop turn of its own, as after the end of a user's last answer.
 */
export type Send = (departure: Departure, now: boolean) => Promise<boolean>;

/** What a sender works with, besides a runner's tools. */
export interface SenderTools extends RunnerTools {
  readonly agenda: Agenda;
  readonly turns: Turns;
  /** Aborted when nothing more may be sent. */
  readonly sending: AbortSignal;
  /** Aborted when what is in flight is cancelled. */
  readonly inFlight: AbortSignal;
  /** Aborted when the load has ended. */
  readonly over: AbortSignal;
}

/** Sends requests of a load. */
export function createSender(share: LoadShare, tools: SenderTools): Send {
  const { clock, originMs, transport, crowded, onSent, onExchange, onDropped, leaves } = tools;
  const { agenda, turns, sending } = tools;
  // One for all: what each request in flight keeps counts ten thousand times.
  const options: SendOptions = {
    timeoutMs: share.timeoutMs,
    signal: tools.inFlight,
    ...defined({ maxBytes: share.maxAnswerBytes }),
  };
  const gate = gateOf(share, sending);
  const leavers = share.cancel &&
    new Leavers(share.cancel, clock, { all: tools.inFlight, over: tools.over });

  let telling = false;
  const tellSoon = async (): Promise<void> => {
    telling = true;
    await turns.idle();
    telling = false;
    agenda.tell?.();
  };
  const carry = (departure: Departure, options: SendOptions): Promise<Exchange> => {
    const wire = agenda.requestOf(departure);
    onSent?.();
    if (agenda.onSent === undefined) return transport.send(wire, options);
    const sentMs = clock.now();
    const answer = transport.send(wire, options);
    agenda.onSent(departure, sentMs - originMs);
    if (!telling) void tellSoon();
    return answer;
  };
  /** With what only some requests have: one in the gate, or whose user will leave. */
  const carryWatched = async (
    departure: Departure,
    leaver: Leaver | undefined,
  ): Promise<Exchange> => {
    let inside = gate !== undefined;
    const goOut = () => {
      if (inside) gate!.leave();
      inside = false;
    };
    const onFirst = () => {
      leaver?.onFirst();
      goOut();
    };
    const exchange = await carry(departure, {
      ...options,
      ...(leaver === undefined ? {} : { signal: leaver.signal }),
      onFirst,
    });
    goOut();
    leaver?.finish(exchange);
    return exchange;
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
    let heldMs = 0;
    if (gate !== undefined && !gate.enter()) {
      const sinceMs = clock.now();
      if (!await gate.wait()) {
        onDropped(departure, `${share.maxPrefill} requests had no token until the sending ended`);
        return false;
      }
      // Other reads that are ready go first.
      await turns.finish();
      heldMs = clock.now() - sinceMs;
    }
    const leaver = leavers !== undefined && leaves?.(departure) ? leavers.begin() : undefined;
    const exchange = gate === undefined && leaver === undefined
      ? await carry(departure, options)
      : await carryWatched(departure, leaver);
    await turns.finish();
    agenda.tell?.();
    const refused = exchange.end.kind === "connect_error";
    onExchange(heldMs > 0 ? { ...departure, heldMs } : departure, exchange);
    return refused;
  };
}

function gateOf(share: LoadShare, sending: AbortSignal): PrefillGate | undefined {
  if (share.maxPrefill === undefined) return undefined;
  const { limit, worker, workers } = limitHere(share.maxPrefill, share);
  const gate = new PrefillGate(prefillShare(limit, worker, workers));
  onAbort(sending, () => gate.close());
  return gate;
}
