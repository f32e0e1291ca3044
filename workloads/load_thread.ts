/**
 * What a thread that sends and reads does with its messages, whatever its event loop. Decoding,
 * counting and writing happen on the thread that leads, so that none of them delays a stamp.
 *
 * @module
 */
import { messageOf } from "../backends/error_message.ts";
import { type Clock, epochOriginMs, systemClock } from "../backends/clock.ts";
import { defined } from "../backends/defined.ts";
import { MAX_ANSWER_BYTES } from "../backends/limits.ts";
import type { Protocol, WireRequest } from "../backends/protocol.ts";
import type { Transport, TransportOptions } from "../backends/transport.ts";
import type { Ticker } from "../backends/ticker.ts";
import { partOfUsers } from "./agent_share.ts";
import { hasInstants } from "./load.ts";
import { arrivalTimes } from "./load_arrival.ts";
import {
  COUNTER_ENDED,
  COUNTER_SENT,
  type OpenMessage,
  type Pool,
  type RunMessage,
  type ToThread,
} from "./load_messages.ts";
import { Backlog, backlogLimit } from "./load_backlog.ts";
import { leaversOf } from "./load_cancel.ts";
import type { Outbox } from "./load_outbox.ts";
import { sampleLoopLag } from "./load_loop_lag.ts";
import { rehearse } from "./load_rehearsal.ts";
import { Orders } from "./load_orders.ts";
import { Portions } from "./load_portions.ts";
import { runLoad } from "./load_runner.ts";
import { requestLimit } from "./load_sequence.ts";
import { countThreadUsage } from "./load_thread_usage.ts";
import { thinkTimes } from "./load_time.ts";
import type { Turns } from "./load_turns.ts";
import { WirePool } from "./load_wires.ts";
import { type WitnessShare, witnessStreams } from "./load_witness.ts";

/** The event loop that a thread runs on, and what belongs to it. */
export interface ThreadRuntime {
  /** For waits that no stamp depends on, and for measuring how late the loop is. */
  readonly clock: Clock;
  /** Resolves in a later turn of the event loop, after I/O that is ready has been served. */
  readonly nextTurn: () => Promise<void>;
  /** An exact clock, which costs a thread: for keeping a schedule. */
  readonly startTicker: () => Promise<Ticker>;
  /** The transport that was asked for. */
  readonly open: (name: string, options: TransportOptions) => Transport | Promise<Transport>;
  /** The protocol that was asked for; only needed to encode requests again. */
  readonly findProtocol: (name: string) => Protocol | Promise<Protocol>;
}

/** Prompts as a thread reads them. */
interface ThreadPool {
  readonly wires: WirePool;
  readonly requests: Pool["requests"];
}

/** The first request to each server. */
function onePerServer(wires: readonly WireRequest[]): readonly WireRequest[] {
  const byServer = new Map<string, WireRequest>();
  for (const wire of wires) {
    const place = /^[^/]*\/\/[^/?#]*/.exec(wire.url)?.[0] ?? wire.url;
    if (!byServer.has(place)) byServer.set(place, wire);
  }
  return [...byServer.values()];
}

/** Of several servers, one may get more than its share of a thread's first requests. */
function connectionsEach(count: number, servers: number): number {
  return servers === 1 ? count : Math.min(count, Math.ceil(1.5 * count / servers) + 2);
}

function poolOf({ wires, requests }: Pool): ThreadPool {
  return { wires: new WirePool(wires), requests };
}

/** Bodies from this size on are made ready ahead, where so much time is left. */
const LARGE_BODY_BYTES: number = 2 ** 15;
const ENCODING_MS = 2;

/** Handles the messages to one thread; what it reports goes to `outbox`. */
export function createLoadThread(
  outbox: Pick<Outbox, "send"> & Partial<Outbox>,
  runtime: ThreadRuntime,
): (message: ToThread) => Promise<void> {
  const reply = outbox.send;
  let opened: OpenMessage | undefined;
  let pool: ThreadPool | undefined;
  let transport: Transport | undefined;
  let witnessTransport: Transport | undefined;
  let ticker: Ticker | undefined;
  let protocol: Protocol | undefined;
  let counters: Uint32Array = new Uint32Array(0);
  let stop = new AbortController();
  let abort = new AbortController();
  let orders: Orders | undefined;
  let portions: Portions | undefined;
  let originMs = 0;

  const adopt = async (message: Pool): Promise<ThreadPool> => {
    pool = poolOf(message);
    if (pool.requests !== undefined) protocol = await runtime.findProtocol(opened!.protocol);
    return pool;
  };

  const open = async (message: OpenMessage): Promise<void> => {
    opened = message;
    const { wires } = await adopt(message);
    counters = new Uint32Array(message.counters);
    const { transportOptions } = message;
    transport = await runtime.open(message.transport, {
      ...transportOptions,
      clock: systemClock,
      counters,
      ...defined({ holds: outbox.holds }),
    });
    const kinds = wires.kinds();
    await transport.ready?.(kinds);
    const [first] = kinds;
    const rehearsal = transport.rehearsal?.();
    if (first !== undefined && rehearsal !== undefined) await rehearse(rehearsal, first, runtime);
    if (message.scheduled) ticker = await runtime.startTicker();
    reply({ kind: "opened" });
  };

  const take = async (message: Pool): Promise<void> => {
    const { wires } = await adopt(message);
    await transport?.ready?.(wires.kinds());
    reply({ kind: "pooled" });
  };

  /** Of the same kind and in the same loop; its own, so that nothing of it counts or is trusted there. */
  const openWitness = async ({ caCert }: WitnessShare): Promise<Transport> =>
    witnessTransport ??= await runtime.open(opened!.transport, {
      clock: systemClock,
      ...defined({ caCert, holds: outbox.holds }),
    });

  const connect = async (count: number, witness: WitnessShare | undefined): Promise<void> => {
    if (pool !== undefined && pool.wires.length > 0) {
      const servers = onePerServer(pool.wires.kinds());
      for (const wire of servers) {
        await transport?.connect?.(wire, connectionsEach(count, servers.length));
      }
    }
    if (witness !== undefined && count > 0) {
      const transport = await openWitness(witness);
      await transport.connect?.(witness.wire, witness.streams.length);
    }
    reply({ kind: "connected" });
  };

  const run = async (message: RunMessage): Promise<void> => {
    if (opened === undefined || pool === undefined || !transport) {
      throw new TypeError("Cannot run a load before the thread was opened");
    }
    const { wires, requests } = message.wires === undefined
      ? pool
      : poolOf({ wires: message.wires, ...defined({ requests: message.requests }) });
    const { target } = opened;
    const { share } = message;
    // Before anything is waited for: orders may follow at once.
    orders = share.load.kind === "replay"
      ? new Orders((told) => reply({ kind: "told", ...told }))
      : undefined;
    const queue = new Int32Array(message.queue);
    const count = () => Atomics.add(queue, 0, 1);
    const { numbers } = message;
    portions = numbers?.kind === "leased"
      ? new Portions(numbers.reserved, count, () => reply({ kind: "low" }))
      : undefined;
    outbox.promptly?.(orders !== undefined);
    originMs = message.startEpochMs - epochOriginMs();
    const { requestHeader } = message;
    // With a header of its own, none is the one that is made ahead.
    const { agents = 1 } = share;
    if (share.load.kind === "closed" && share.workers === agents && requestHeader === undefined) {
      // Users who start at once do not wait for each other's requests to be encoded.
      const agent = share.worker;
      const first = wires.makeAhead(
        (message.poolOffset + agent) % wires.length,
        partOfUsers(share.load.users, { agent, agents }),
        agents,
      );
      await transport.ready?.(first);
    }
    const { load } = share;
    const keepsTimes = hasInstants(load);
    if (keepsTimes && ticker === undefined) {
      throw new TypeError("Cannot keep a schedule in a thread that was not opened for one");
    }
    const backlog = new Backlog(message.backlog);
    const { maxAnswerBytes = MAX_ANSWER_BYTES } = share;
    let streams = 0;
    stop = new AbortController();
    abort = new AbortController();

    const plainOf = (item: number, index: number, pass: number): WireRequest => {
      const position = (message.poolOffset + item) % wires.length;
      const request = requests?.[position];
      if (pass === 0 || request === undefined) return wires.at(position);
      const requestId = request.requestId + BigInt(index) * BigInt(wires.length);
      const { body } = protocol!.buildRequest({ ...request, requestId }, target);
      return { ...wires.headAt(position), ...defined({ body }) };
    };
    const requestOf = requestHeader === undefined
      ? plainOf
      : (item: number, index: number, pass: number): WireRequest => {
        const wire = plainOf(item, index, pass);
        const { name, prefix } = requestHeader;
        return { ...wire, headers: { ...wire.headers, [name]: `${prefix}-${index}` } };
      };

    const { witness } = message;
    const watched = witness && (witnessTransport ?? await openWitness(witness));
    const lag = sampleLoopLag(runtime.clock);
    const countUsage = countThreadUsage(systemClock);
    const end = await runLoad(share, {
      clock: keepsTimes ? ticker! : runtime.clock,
      transport,
      nextTurn: runtime.nextTurn,
      originMs,
      requestOf,
      ...(share.load.kind === "open"
        ? {
          arrivals: arrivalTimes(
            share.load,
            message.seed,
            message.loadNumber,
            requestLimit(share.stop, share.poolSize),
          ),
        }
        : {}),
      ...defined({ orders }),
      takeNext: numbers?.kind === "dealt" ? () => numbers.first + numbers.step * count() : count,
      ...defined({ portions }),
      ...(load.kind === "closed" && load.thinkTime !== undefined
        ? { thinkMs: thinkTimes(load.thinkTime, message) }
        : {}),
      ...(share.cancel === undefined ? {} : { leaves: leaversOf(share.cancel, message) }),
      onSent: () => {
        streams = Math.max(streams, ++counters[COUNTER_SENT]! - counters[COUNTER_ENDED]!);
      },
      onExchange: (departure, exchange) => {
        counters[COUNTER_ENDED]!++;
        backlog.add(exchange.held?.bytes ?? exchange.body.length);
        reply({ kind: "exchange", departure, exchange, originMs });
      },
      crowded: () => backlog.bytes > backlogLimit(maxAnswerBytes, streams),
      onDropped: (departure, reason) => reply({ kind: "dropped", departure, reason }),
      ...defined({
        beside: witness && ((turns: Turns) =>
          witnessStreams({
            share: witness,
            transport: watched!,
            clock: runtime.clock,
            originMs,
            onExchange: (departure, exchange) =>
              reply({ kind: "exchange", departure, exchange, originMs }),
          }, turns)),
      }),
      stopSignal: stop.signal,
      abortSignal: abort.signal,
    });
    reply({ kind: "ended", end, ...defined({ usage: countUsage() }), lag: lag() });
  };

  const give = ({ departure, head, body }: Extract<ToThread, { kind: "order" }>): void => {
    const wire = body === undefined ? head : { ...head, body: new Uint8Array(body) };
    const large = (body?.byteLength ?? 0) >= LARGE_BODY_BYTES;
    const leftMs = originMs + departure.intendedMs - systemClock.now();
    // Copying it takes longer than sending a small one: not when it is due.
    if (large && leftMs > ENCODING_MS) void transport?.ready?.([wire]);
    orders!.give({ departure, wire });
  };

  return async (message: ToThread): Promise<void> => {
    try {
      switch (message.kind) {
        case "open":
          return await open(message);
        case "pool":
          return await take(message);
        case "connect":
          return await connect(message.count, message.witness);
        case "run":
          return await run(message);
        case "order":
          return give(message);
        case "last-order":
          return orders?.finish();
        case "portion":
          return message.portion === undefined
            ? portions?.finish()
            : portions?.add(message.portion);
        case "stop":
          return stop.abort();
        case "abort":
          outbox.hurry?.();
          return abort.abort();
        case "memory":
          return outbox.giveBack?.(message.memory);
        case "close":
          await transport?.close();
          await witnessTransport?.close();
          ticker?.close();
          return reply({ kind: "closed" });
      }
    } catch (error) {
      reply({ kind: "failed", message: messageOf(error) });
    }
  };
}
