/**
 * What a NATS server keeps for a fleet, in JetStream: messages that must not be lost, and values.
 * It is read message by message, and not through consumers of the server: there is nothing on the server
 * that a cut or a restart could lose, and the credentials need fewer permissions.
 *
 * @module
 */
import { onAbort, patientClock } from "../backends/clock.ts";
import { messageOf } from "../backends/error_message.ts";
import type { BusMessage, BusSubscription, FleetBus } from "./fleet_bus.ts";
import type { NatsHeaders, NatsStored, NatsStreams } from "./fleet_nats_library.ts";
import { guarded, isOf, type Link, listen, notPermitted } from "./fleet_nats_link.ts";
import { createJoiner, markPart, MOST_PARTS, packLarge } from "./fleet_nats_parts.ts";
import { EXIT, UserError } from "./user_error.ts";

/** One question to JetStream takes no longer. */
const ASK_MS = 5000;
/** Between attempts. */
const AGAIN_MS = 250;
/** What has no signal of its own is tried for so long: longer than any cut that a run survives. */
const LIMIT_MS = 90_000;
/** How often it is looked for what nobody announced. */
const LOOK_MS = 2000;
/** Messages are kept for a day, files and values for a week: whatever dies leaves nothing for ever. */
const DAY_NS = 86_400e9;
/** A message that comes again within it is stored once. */
const TWICE_NS = 600e9;
/** What a message is stored with. */
export interface PutOptions {
  readonly id?: string;
  readonly headers?: NatsHeaders;
  /** Number of the message that it replaces. */
  readonly after?: number;
  /** Tries until it is aborted; absent = for 90 s. */
  readonly signal?: AbortSignal;
}

/** What the server keeps. */
export interface Kept {
  readonly link: Link;
  /** Names of the streams. */
  readonly names: StreamNames;
  /**
   * Stores a message; tries until it is stored.
   *
   * @returns its number; `undefined` = another one than `after` is there.
   * @throws {Error} when `signal` is aborted, or when the server will never take it.
   */
  put(subject: string, data: Uint8Array, options: PutOptions): Promise<number | undefined>;
  /** The first message of a subject from this number on, or the last one; tries until there is an answer. */
  get(
    stream: string,
    query: { readonly subject: string; readonly from?: number },
    signal?: AbortSignal,
  ): Promise<NatsStored | undefined>;
  /** Forgets all messages of a subject. */
  purge(stream: string, subject: string): Promise<void>;
  readonly bus: Pick<FleetBus, "deliver" | "receive" | "forget" | "read" | "keep" | "drop">;
}

/** Streams of a fleet. */
export interface StreamNames {
  readonly messages: string;
  readonly values: string;
  readonly files: string;
}

/** Names of a fleet's streams, as NATS itself names those of key-value buckets and object stores. */
export function streamNames(fleet: string): StreamNames {
  return {
    messages: `tokometer_${fleet}`,
    values: `KV_tokometer_${fleet}`,
    files: `OBJ_tokometer_${fleet}`,
  };
}

/**
 * Opens them, and makes those that are not there.
 *
 * @throws {UserError} where there is no JetStream, or the credentials do not permit it.
 */
export async function openKept(link: Link): Promise<Kept> {
  const { library, connection, fleet } = link;
  const names = streamNames(fleet);
  const stream = library.jetstream(connection);
  const streams = await library.jetstreamManager(connection, { checkAPI: false });
  const prefix = `tokometer.${fleet}._kept.`;
  const valuePrefix = `$KV.tokometer_${fleet}.`;
  /** When the messages' stream was made: another one counts from 1 again. */
  let created = "";

  async function ensure(): Promise<void> {
    const [messages] = await Promise.all(
      configs(fleet, names).map((config) => ensureStream(streams, config)),
    );
    created = messages!.created;
  }

  /** Tries until it works, over cuts and restarts. */
  async function insist<T>(action: () => Promise<T>, signal?: AbortSignal): Promise<T> {
    const untilMs = signal === undefined ? patientClock.now() + LIMIT_MS : Infinity;
    const over = signal === undefined ? link.closed : AbortSignal.any([signal, link.closed]);
    for (let last: unknown;;) {
      if (over.aborted || connection.isClosed() || patientClock.now() >= untilMs) {
        throw new Error(
          `the NATS server at ${link.shown} did not answer` +
            (last === undefined ? "" : `: ${messageOf(last)}`),
          { cause: last },
        );
      }
      if (link.connected()) {
        try {
          return await unlessAborted(action(), over, link.untilCut());
        } catch (error) {
          if (isOf(error, "PermissionViolationError")) throw notPermitted(link, error);
          if (isFinal(error)) throw error;
          last = error;
          // The server may have come back without what it kept.
          if (isOf(error, ...MISSING)) await ensure().catch(() => {});
        }
      }
      await patientClock.sleepUntil(patientClock.now() + AGAIN_MS, over);
    }
  }

  const put: Kept["put"] = (subject, data, { id, headers, after, signal }) =>
    insist(async () => {
      try {
        const { seq } = await stream.publish(subject, data, {
          timeout: ASK_MS,
          ...(id === undefined ? {} : { msgID: id }),
          ...(headers === undefined ? {} : { headers }),
          ...(after === undefined ? {} : { expect: { lastSubjectSequence: after } }),
        });
        return seq;
      } catch (error) {
        if (codeOf(error) === WRONG_LAST) return undefined;
        throw error;
      }
    }, signal);

  const get: Kept["get"] = (name, { subject, from }, signal) =>
    insist(async () =>
      await streams.direct.getMessage(
        name,
        from === undefined ? { last_by_subj: subject } : { seq: from, next_by_subj: subject },
      ) ?? undefined, signal);

  const purge: Kept["purge"] = async (name, subject) => {
    await insist(() => streams.streams.purge(name, { filter: subject }));
  };

  async function deliver(
    subject: string,
    message: Uint8Array,
    { id, signal }: { readonly id: string; readonly signal: AbortSignal },
  ): Promise<void> {
    const size = link.maxBytes();
    const { data, packed } = await packLarge(message);
    const parts = Math.max(1, Math.ceil(data.length / size));
    if (parts > MOST_PARTS) {
      throw new RangeError(
        `Cannot deliver ${data.length} bytes: it is more than ${MOST_PARTS} parts`,
      );
    }
    for (let part = 0; part < parts; part++) {
      const headers = library.headers();
      markPart(headers, { id, part, parts, packed });
      const bytes = data.subarray(part * size, (part + 1) * size);
      await put(prefix + subject, bytes, {
        id: `${subject} ${id}#${part}`,
        headers,
        signal,
      });
    }
  }

  function receive(
    subject: string,
    onMessage: (message: BusMessage) => void,
  ): Promise<BusSubscription> {
    const ended = new AbortController();
    const signal = AbortSignal.any([ended.signal, link.closed]);
    const bell = createBell();
    const announced = listen(connection, prefix + subject, () => bell.ring());
    link.onChange(() => bell.ring());
    const joined = createJoiner((message) => {
      if (!signal.aborted) guarded(() => onMessage(message));
    });
    let from = 1;
    let known = created;
    void (async () => {
      while (!signal.aborted) {
        try {
          const stored = await get(names.messages, { subject: prefix + subject, from }, signal);
          if (known !== created) [known, from] = [created, 1];
          else if (stored === undefined) await bell.wait(LOOK_MS, signal);
          else {
            from = stored.seq + 1;
            joined.add(stored, stored.subject.slice(prefix.length));
          }
        } catch {
          if (signal.aborted) return;
          await patientClock.sleepUntil(patientClock.now() + AGAIN_MS, signal);
        }
      }
    })();
    return Promise.resolve({
      close: () => {
        ended.abort();
        announced.close();
      },
    });
  }

  /** The last value, also one that was marked as deleted by another program. */
  async function last(key: string) {
    const stored = await get(names.values, { subject: valuePrefix + key });
    const gone = /^(DEL|PURGE)$/.test(stored?.header?.get("KV-Operation") ?? "");
    return { stored, gone };
  }

  link.onChange((connected) => {
    // It may be another server's store now.
    if (connected) ensure().catch(() => {});
  });
  try {
    await ensure();
  } catch (error) {
    if (isOf(error, "PermissionViolationError")) throw notPermitted(link, error);
    if (isOf(error, "JetStreamNotEnabled", "NoRespondersError")) {
      throw new UserError(
        `Cannot use the NATS server at ${link.shown}: it has no JetStream; start it with ` +
          "nats-server --jetstream",
        EXIT.unreachable,
        { cause: error },
      );
    }
    throw new UserError(
      `Cannot use the NATS server at ${link.shown}: ${messageOf(error)}`,
      EXIT.unreachable,
      { cause: error },
    );
  }
  return {
    link,
    names,
    put,
    get,
    purge,
    bus: {
      deliver,
      receive,
      forget: (subject) => purge(names.messages, prefix + subject),
      async read(key) {
        const { stored, gone } = await last(key);
        return stored === undefined || gone
          ? undefined
          : { data: stored.data, revision: stored.seq };
      },
      async keep(key, data, revision) {
        // Asked again after an answer that was lost, it is the same one.
        const id = library.nuid.next();
        const subject = valuePrefix + key;
        if (revision === undefined) return await put(subject, data, { id });
        const done = await put(subject, data, { id, after: revision });
        if (done !== undefined || revision !== 0) return done;
        const { stored, gone } = await last(key);
        return gone ? await put(subject, data, { id, after: stored!.seq }) : undefined;
      },
      drop: (key) => purge(names.values, valuePrefix + key),
    },
  };
}

/** The answer, or an error as soon as nobody waits for it, or it cannot come any more. */
function unlessAborted<T>(answer: Promise<T>, ...signals: readonly AbortSignal[]): Promise<T> {
  return new Promise((resolve, reject) => {
    const leave = () => reject(new Error("the connection was cut"));
    const stops = signals.map((signal) => onAbort(signal, leave));
    answer.finally(() => {
      for (const stop of stops) stop();
    }).then(resolve, reject);
  });
}

/** Errors that say that a stream is not there. */
const MISSING = ["NoRespondersError", "StreamNotFoundError", "JetStreamNotEnabled"];
/** The value that was to be replaced is not there. */
const WRONG_LAST = 10071;

/** JetStream's own number of an error. */
function codeOf(error: unknown): number | undefined {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "number" ? code : undefined;
}

/** What will be refused again: a message that is larger than the stream permits, a wrong name. */
function isFinal(error: unknown): boolean {
  return FINAL.includes(codeOf(error) ?? 0) ||
    isOf(error, "InvalidArgumentError", "InvalidSubjectError", "ClosedConnectionError");
}
const FINAL = [10054, 10003, 10025];

async function ensureStream(
  { streams }: NatsStreams,
  config: Readonly<Record<string, unknown>>,
): Promise<{ readonly created: string }> {
  const name = config.name as string;
  try {
    return await streams.info(name);
  } catch (error) {
    if (!isOf(error, "StreamNotFoundError")) throw error;
  }
  try {
    return await streams.add(config);
  } catch (error) {
    // Somebody was faster, with another version.
    if (codeOf(error) === 10058) return await streams.info(name);
    // Agents need not be permitted to: the leader makes it.
    if (isOf(error, "PermissionViolationError")) return { created: "" };
    throw error;
  }
}

/** The messages' stream first. */
function configs(
  fleet: string,
  names: StreamNames,
): readonly Readonly<Record<string, unknown>>[] {
  const shared = { retention: "limits", storage: "file", num_replicas: 1, allow_direct: true };
  const bucket = `tokometer_${fleet}`;
  return [
    {
      ...shared,
      name: names.messages,
      subjects: [`tokometer.${fleet}._kept.>`],
      discard: "old",
      max_age: DAY_NS,
      duplicate_window: TWICE_NS,
    },
    {
      ...shared,
      name: names.values,
      subjects: [`$KV.${bucket}.>`],
      discard: "new",
      max_age: 7 * DAY_NS,
      max_msgs_per_subject: 1,
      allow_rollup_hdrs: true,
      deny_delete: true,
    },
    {
      ...shared,
      name: names.files,
      subjects: [`$O.${bucket}.C.>`, `$O.${bucket}.M.>`],
      discard: "new",
      max_age: 7 * DAY_NS,
      allow_rollup_hdrs: true,
    },
  ];
}

/** Wakes who waits, also who begins to wait after it rang. */
function createBell(): {
  ring(): void;
  wait(ms: number, signal: AbortSignal): Promise<void>;
} {
  let rung = new AbortController();
  return {
    ring: () => rung.abort(),
    async wait(ms, signal) {
      const over = AbortSignal.any([rung.signal, signal]);
      await patientClock.sleepUntil(patientClock.now() + ms, over);
      rung = new AbortController();
    },
  };
}
