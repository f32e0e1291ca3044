/**
 * A server of a fleet that is in this process, whose links can be cut; time is a clock's.
 *
 * @module
 */
import type { Clock } from "../../backends/clock.ts";
import type {
  BusMessage,
  BusSubscription,
  FleetBus,
  KeptValue,
} from "../../workloads/fleet_bus.ts";

interface Listener {
  readonly bus: MemoryBus;
  readonly pattern: readonly string[];
  readonly onMessage: (message: BusMessage) => void;
}

interface Stored {
  readonly subject: string;
  readonly data: Uint8Array;
}

/** What all connections of a fleet share. */
export class MemoryServer {
  readonly listeners = new Set<Listener>();
  readonly receivers = new Set<Listener & { readonly seen: Set<Stored> }>();
  readonly kept = new Map<string, KeptValue>();
  readonly files = new Map<string, Uint8Array>();
  readonly ids = new Set<string>();
  delivered: Stored[] = [];
  /** Messages so far, those of `deliver` included. */
  messages = 0;
  bytes = 0;
  revision = 0;

  constructor(readonly clock: Clock) {}

  connect(): MemoryBus {
    return new MemoryBus(this);
  }

  send(from: MemoryBus, { subject, data }: Stored, respond: (data: Uint8Array) => void): boolean {
    this.messages++;
    this.bytes += data.byteLength;
    let heard = false;
    for (const { bus, pattern, onMessage } of this.listeners) {
      if (!bus.connected() || !matches(pattern, subject)) continue;
      heard = true;
      queueMicrotask(() => {
        if (!bus.connected() || !from.connected()) return;
        onMessage({ subject, data, respond: (data) => bus.connected() && respond(data) });
      });
    }
    return heard;
  }

  /** Hands out what is stored to whoever has not seen it and can be reached. */
  handOut(): void {
    for (const { bus, pattern, onMessage, seen } of this.receivers) {
      if (!bus.connected()) continue;
      for (const one of this.delivered) {
        if (seen.has(one) || !matches(pattern, one.subject)) continue;
        seen.add(one);
        queueMicrotask(() => onMessage({ ...one, respond: () => {} }));
      }
    }
  }
}

/** One side's connection. */
export class MemoryBus implements FleetBus {
  readonly shown = "memory";
  readonly #server: MemoryServer;
  readonly #changes = new Set<(connected: boolean) => void>();
  #connected = true;
  #closed = false;

  constructor(server: MemoryServer) {
    this.#server = server;
  }

  /** Cuts the link, or mends it. */
  link(connected: boolean): void {
    if (connected === this.#connected || this.#closed) return;
    this.#connected = connected;
    for (const listener of [...this.#changes]) listener(connected);
    if (connected) this.#server.handOut();
  }

  /** As a process that is killed: nothing more goes in or out. */
  kill(): void {
    this.link(false);
    this.#closed = true;
  }

  publish(subject: string, data: Uint8Array): void {
    if (this.#connected) this.#server.send(this, { subject, data }, () => {});
  }

  subscribe(subject: string, onMessage: (message: BusMessage) => void): BusSubscription {
    const listener = { bus: this, pattern: subject.split("."), onMessage };
    this.#server.listeners.add(listener);
    return { close: () => void this.#server.listeners.delete(listener) };
  }

  async request(
    subject: string,
    data: Uint8Array,
    { timeoutMs, signal }: { readonly timeoutMs: number; readonly signal?: AbortSignal },
  ): Promise<Uint8Array | undefined> {
    if (!this.#connected || signal?.aborted) return undefined;
    const over = new AbortController();
    let answer: Uint8Array | undefined;
    const heard = this.#server.send(this, { subject, data }, (data) => {
      if (!this.#connected || answer !== undefined) return;
      answer = data;
      over.abort();
    });
    if (!heard) return undefined;
    const { clock } = this.#server;
    await clock.sleepUntil(
      clock.now() + timeoutMs,
      AbortSignal.any([over.signal, ...(signal === undefined ? [] : [signal])]),
    );
    return answer;
  }

  async deliver(
    subject: string,
    data: Uint8Array,
    { id, signal }: { readonly id: string; readonly signal: AbortSignal },
  ): Promise<void> {
    const { clock } = this.#server;
    while (!this.#connected) {
      if (signal.aborted) throw new Error("given up");
      await clock.sleepUntil(clock.now() + 100, signal);
    }
    if (signal.aborted) throw new Error("given up");
    if (this.#server.ids.has(id)) return;
    this.#server.ids.add(id);
    this.#server.messages++;
    this.#server.bytes += data.byteLength;
    this.#server.delivered.push({ subject, data });
    this.#server.handOut();
  }

  receive(subject: string, onMessage: (message: BusMessage) => void): Promise<BusSubscription> {
    const receiver = { bus: this, pattern: subject.split("."), onMessage, seen: new Set<Stored>() };
    this.#server.receivers.add(receiver);
    this.#server.handOut();
    return Promise.resolve({ close: () => void this.#server.receivers.delete(receiver) });
  }

  forget(subject: string): Promise<void> {
    const pattern = subject.split(".");
    this.#server.delivered = this.#server.delivered.filter((one) => !matches(pattern, one.subject));
    return Promise.resolve();
  }

  read(key: string): Promise<KeptValue | undefined> {
    return this.#reached(() => this.#server.kept.get(key));
  }

  keep(key: string, data: Uint8Array, revision?: number): Promise<number | undefined> {
    return this.#reached(() => {
      const there = this.#server.kept.get(key)?.revision ?? 0;
      if (revision !== undefined && revision !== there) return undefined;
      const next = ++this.#server.revision;
      this.#server.kept.set(key, { data, revision: next });
      return next;
    });
  }

  drop(key: string): Promise<void> {
    return this.#reached(() => void this.#server.kept.delete(key));
  }

  async store(name: string, content: ReadableStream<Uint8Array>): Promise<void> {
    const bytes = new Uint8Array(await new Response(content as ReadableStream).arrayBuffer());
    if (!this.#server.files.has(name)) this.#server.files.set(name, bytes);
  }

  load(name: string): Promise<ReadableStream<Uint8Array> | undefined> {
    const bytes = this.#server.files.get(name);
    return Promise.resolve(
      bytes === undefined ? undefined : new Blob([bytes as Uint8Array<ArrayBuffer>]).stream(),
    );
  }

  remove(name: string): Promise<void> {
    this.#server.files.delete(name);
    return Promise.resolve();
  }

  connected(): boolean {
    return this.#connected;
  }

  onChange(listener: (connected: boolean) => void): void {
    this.#changes.add(listener);
  }

  close(): Promise<void> {
    this.kill();
    return Promise.resolve();
  }

  #reached<T>(work: () => T): Promise<T> {
    return this.#connected ? Promise.resolve(work()) : Promise.reject(new Error("not connected"));
  }
}

function matches(pattern: readonly string[], subject: string): boolean {
  const parts = subject.split(".");
  for (const [i, part] of pattern.entries()) {
    if (part === ">") return parts.length > i;
    if (parts[i] === undefined || (part !== "*" && part !== parts[i])) return false;
  }
  return parts.length === pattern.length;
}
