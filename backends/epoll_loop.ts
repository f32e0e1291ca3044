/**
 * An event loop of our own around `epoll_wait`, in place of the platform's, for a thread that only
 * reads sockets. It serves sockets, a clock whose waits it ends, and a descriptor through which
 * another thread interrupts it.
 *
 * @module
 */
import type { Clock, TimerQueue } from "./clock.ts";
import {
  type Address,
  askForStamps,
  EAGAIN,
  EINPROGRESS,
  EINTR,
  ENOSYS,
  EPOLL_CLOEXEC,
  EPOLL_CTL_ADD,
  EPOLL_CTL_MOD,
  EPOLLERR,
  EPOLLET,
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  EPOLLRDHUP,
  errno,
  errorName,
  EVENT_FD,
  EVENT_WORDS,
  isLoopback,
  type Libc,
  lookUp,
  sendSome,
  setNoDelay,
  socketError,
  STREAM_FLAGS,
  wakeOnTime,
} from "./epoll_libc.ts";
import { StampedReader } from "./epoll_receive.ts";
import { RunDelay } from "./epoll_run_delay.ts";
import {
  type OpenSocket,
  type Origin,
  READ_BYTES,
  type Socket,
  type SocketEvents,
} from "./socket_events.ts";

const EVENTS_AT_ONCE = 1024;
/** A thread inside `epoll_wait` cannot be terminated, so it returns this often. */
const LONGEST_WAIT_MS = 500;
/**
 * Microtask turns to yield after a batch for which somebody may have waited, so that what it resumes
 * is done, and the next request sent, before the loop waits again: our longest promise chains take
 * ten. Reads in the middle of an answer resume nobody, and need none.
 */
const SETTLE_TURNS = 12;
/** What is awaited for a turn: a new promise each time would be half of the garbage of a request. */
const SETTLED: Promise<void> = Promise.resolve();
/** Waits shorter than this are spent spinning: the call that waits takes longer. */
const SPIN_MS = 0.003;
/**
 * Where reads are dense and the kernel stamps them, the loop sleeps before it looks again, so that
 * one turn serves several reads: the stamps stay exact and a token costs less. This is the longest
 * such nap.
 */
const NAP_MS = 2;
/** A nap is at most this share of the gap between two reads of a connection: tokens stay apart. */
const NAP_SHARE = 0.1;
/** A nap must be expected to gather this many reads to be worth its system call. */
const NAP_READS = 2;
/** A wait that takes longer than this may have slept; a shorter one need not be looked into. */
const LONG_WAIT_MS = 0.5;
/** From the event that wakes the thread to the end of the wait, besides waiting for a core. */
const WAKE_MS = 0.3;
/** Weight of the latest turn in the running average of the gap between reads. */
const LATEST_WEIGHT = 0.05;

/** What a connected socket is asked for. */
const READING: number = EPOLLIN | EPOLLRDHUP | EPOLLET;
/** Behind what there is to read, the connection ends. */
const ENDING: number = EPOLLRDHUP | EPOLLHUP | EPOLLERR;

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Handles the readiness of a descriptor. */
export interface Watcher {
  /**
   * Called with what the descriptor is ready for.
   *
   * @returns false where nobody can have waited for it: then no promise was resolved.
   */
  ready(flags: number): boolean | void;
  /** Closes the descriptor; called at the end of the batch in which it asked to `closeLater`. */
  closeNow(): void;
}

/** Turns of the platform's own event loop, for a thread that needs them as well. */
export interface PlatformTurns {
  /** From one to the next, ms. */
  readonly everyMs: number;
  readonly take: () => Promise<void>;
}

export interface LoopOptions {
  readonly libc: Libc;
  /** Milliseconds, monotonic: the clock of all stamps. */
  readonly now: () => number;
  /** Readable when another thread has sent something. */
  readonly wakeFd: number;
  /** Receives what the other thread sent; called once before the first wait. */
  readonly onWake: () => void;
  /** Called once per batch, after its events were handled: results can be sent in one message. */
  readonly onSettled: () => void;
  /** Absent = the platform's own loop stands still while this one runs. */
  readonly platformTurns?: PlatformTurns;
}

/** The loop; {@linkcode EpollLoop.run} keeps the thread. */
export class EpollLoop implements Clock {
  readonly now: () => number;
  /** Where every socket reads to. */
  readonly buffer: Uint8Array<ArrayBuffer> = new Uint8Array(READ_BYTES);
  readonly libc: Libc;
  /** Reads into `buffer`. */
  readonly reader: StampedReader;
  readonly #options: LoopOptions;
  readonly #epoll: number;
  /** By descriptor. */
  readonly #watchers: (Watcher | undefined)[] = [];
  readonly #addresses = new Map<string, readonly Address[]>();
  #closing: Watcher[] = [];
  /** Those with something left to read, which the kernel does not report again. */
  #unread: Watcher[] = [];
  #later: (() => void)[] = [];
  readonly #sleepers: Sleeper[] = [];
  #turns: (() => void)[] = [];
  /** No sleeper is due before this; earlier than the first one where a sleeper was aborted. */
  #dueMs = Infinity;
  /** `struct timespec`: seconds and nanoseconds, 64 bits each; both fit into the lower half. */
  readonly #timeout = new Int32Array(4);
  #precise: boolean;
  #ended = false;
  /** When the platform's loop is due for a turn. */
  #platformDueMs = Infinity;
  #timers: readonly TimerQueue[] = [];
  /** Works made of promises alone: no event would end a wait for them. */
  #held = 0;
  /** Descriptors watched. */
  #open = 0;
  /** When this turn of the loop began. */
  turnMs = 0;
  /** When the latest wait began. */
  #waitMs = 0;
  /** The latest time when the kernel listed all descriptors that were ready, at the earliest. */
  #listedMs = 0;
  /** Sockets of this turn's list were empty at this time. */
  quietMs = 0;
  readonly #runDelay: RunDelay;
  /** Somebody may go on since the last wait, for whom microtasks must run before the next one. */
  #stirred = true;
  /** Running average of the time between two reads, ms. */
  #gapMs = Infinity;
  readonly #napTime = new Int32Array(4);

  constructor(options: LoopOptions) {
    this.#options = options;
    this.libc = options.libc;
    this.now = options.now;
    this.reader = new StampedReader(this.libc, this.now, this.buffer);
    if (options.platformTurns !== undefined) this.#platformDueMs = 0;
    this.#precise = this.libc.symbols.epoll_pwait2 !== null;
    wakeOnTime(this.libc);
    this.#runDelay = new RunDelay(this.libc);
    this.#epoll = this.libc.symbols.epoll_create1(EPOLL_CLOEXEC);
    this.#control(EPOLL_CTL_ADD, options.wakeFd, EPOLLIN);
  }

  /** See {@linkcode Clock}; up to a millisecond late where the kernel has no `epoll_pwait2`. */
  sleepUntil(atMs: number, signal?: AbortSignal): Promise<void> {
    if (atMs <= this.now() || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        const at = this.#sleepers.indexOf(sleeper);
        if (at >= 0) this.#sleepers.splice(at, 1);
        signal?.removeEventListener("abort", wake);
        resolve();
      };
      const sleeper = { atMs, wake };
      this.#sleepers.push(sleeper);
      this.#dueMs = Math.min(this.#dueMs, atMs);
      signal?.addEventListener("abort", wake, { once: true });
    });
  }

  /** Resolves when what is ready now has been read. */
  readonly nextTurn = (): Promise<void> => new Promise((resolve) => void this.#turns.push(resolve));

  /** Fires timers when they are due, until the function that it returns is called. */
  readonly addTimers = (timers: TimerQueue): () => void => {
    this.#timers = [...this.#timers, timers];
    return () => {
      this.#timers = this.#timers.filter((one) => one !== timers);
    };
  };

  readonly openSocket: OpenSocket = (origin, events) => new EpollSocket(this, origin, events);

  /** Ends `run` after the current batch. */
  end(): void {
    this.#ended = true;
  }

  /** Does not wait for events until `work` is done; it may await only what needs none. */
  async hold(work: Promise<void>): Promise<void> {
    this.#held++;
    try {
      await work;
    } finally {
      this.#held--;
    }
  }

  /** Serves sockets, sleepers and timers until `end`. */
  async run(): Promise<void> {
    const { symbols } = this.libc;
    const { wakeFd, onWake, onSettled, platformTurns } = this.#options;
    const events = new Int32Array(EVENTS_AT_ONCE * EVENT_WORDS);
    const wakes = new Uint8Array(8);
    onWake();
    for (;;) {
      if (platformTurns !== undefined && this.now() >= this.#platformDueMs) {
        await platformTurns.take();
        this.#platformDueMs = this.now() + platformTurns.everyMs;
      }
      this.#runPending();
      for (let turns = this.#settleTurns(); turns > 0; turns--) {
        await SETTLED;
        this.#runPending();
      }
      onSettled();
      if (this.#ended) break;
      this.#nap();
      const count = this.#wait(events);
      this.#countReads(count);
      let woken = false;
      const unread = this.#unread;
      if (unread.length > 0) this.#unread = [];
      for (let i = 0; i < count; i++) {
        const fd = events[i * EVENT_WORDS + EVENT_FD]!;
        if (fd === wakeFd) woken = true;
        else if (this.#watchers[fd]?.ready(events[i * EVENT_WORDS]!) !== false) {
          this.#stirred = true;
        }
      }
      if (unread !== this.#unread) {
        for (const watcher of unread) watcher.ready(EPOLLIN);
        this.#stirred = true;
      }
      if (woken) {
        symbols.read(wakeFd, wakes, 8n);
        onWake();
        this.#stirred = true;
      }
      if (this.#turns.length > 0) {
        for (const resolve of this.#turns.splice(0)) resolve();
        this.#stirred = true;
      }
      if (this.#wakeSleepers()) this.#stirred = true;
      for (const timers of this.#timers) if (timers.dueMs() <= this.now()) timers.fire();
    }
    this.reader.close();
    this.#runDelay.close();
    symbols.close(this.#epoll);
  }

  /** Runs `task` soon, outside of what is running now. */
  later(task: () => void): void {
    this.#later.push(task);
  }

  /** Addresses of a host; looked up once. */
  addressesOf({ host, port }: Origin): readonly Address[] {
    const key = `${host} ${port}`;
    let addresses = this.#addresses.get(key);
    if (addresses === undefined) {
      this.#addresses.set(key, addresses = lookUp(this.libc, host, port));
    }
    return addresses;
  }

  /** Calls `watcher` when its descriptor is ready. */
  watch(watcher: Watcher, fd: number, interest: number): void {
    this.#watchers[fd] = watcher;
    this.#open++;
    this.#control(EPOLL_CTL_ADD, fd, interest);
  }

  /** Tells `watcher` in the next turn that there is something to read. */
  readLater(watcher: Watcher): void {
    this.#unread.push(watcher);
  }

  /** Changes what a watched descriptor is asked for. */
  rewatch(fd: number, interest: number): void {
    this.#control(EPOLL_CTL_MOD, fd, interest);
  }

  close(fd: number): void {
    this.#watchers[fd] = undefined;
    this.#open--;
    this.libc.symbols.close(fd);
  }

  /**
   * Closes a descriptor at the end of the batch. Closed at once, its number could go to a new
   * connection, which would then receive the old one's events of the same batch.
   */
  closeLater(watcher: Watcher): void {
    this.#closing.push(watcher);
  }

  /** None where nobody goes on: a promise per turn would be garbage per token. */
  #settleTurns(): number {
    if (!this.#stirred && this.#held === 0) return 0;
    this.#stirred = false;
    return SETTLE_TURNS;
  }

  #runPending(): void {
    if (this.#later.length === 0 && this.#closing.length === 0) return;
    while (this.#later.length > 0) for (const task of this.#later.splice(0)) task();
    while (this.#closing.length > 0) {
      for (const watcher of this.#closing.splice(0)) watcher.closeNow();
    }
    this.#stirred = true;
  }

  /** Waits for events until the next timer is due; returns their number. */
  #wait(events: Int32Array<ArrayBuffer>): number {
    const { symbols } = this.libc;
    this.#waitMs = this.now();
    const timeoutMs = this.#timeoutMs();
    if (!this.#precise) {
      return symbols.epoll_wait(this.#epoll, events, EVENTS_AT_ONCE, Math.ceil(timeoutMs));
    }
    this.#timeout[0] = Math.floor(timeoutMs / 1000);
    this.#timeout[2] = Math.floor((timeoutMs % 1000) * 1e6);
    const epoll = this.#epoll;
    // deno-fmt-ignore
    const count = symbols.epoll_pwait2!(epoll, events, EVENTS_AT_ONCE, this.#timeout, null);
    if (count < 0 && errno(this.libc) === ENOSYS) this.#precise = false;
    return count;
  }

  #timeoutMs(): number {
    if (this.#held > 0 || this.#turns.length > 0 || this.#unread.length > 0) return 0;
    let dueMs = Math.min(this.#dueMs, this.#platformDueMs);
    for (const timers of this.#timers) dueMs = Math.min(dueMs, timers.dueMs());
    if (dueMs === Infinity) return LONGEST_WAIT_MS;
    const leftMs = dueMs - this.#waitMs;
    return leftMs <= SPIN_MS ? 0 : Math.min(LONGEST_WAIT_MS, leftMs);
  }

  /** Lets more reads gather before the loop looks for them. */
  #nap(): void {
    if (this.#held > 0 || this.#turns.length > 0 || this.#unread.length > 0) return;
    if (!this.reader.stamped) return;
    // The tokens of a server on this loop must not wait, nor must its clients.
    if (this.#timers.length > 0) return;
    const longestMs = Math.min(NAP_MS, this.#gapMs * this.#open * NAP_SHARE);
    if (longestMs < this.#gapMs * NAP_READS) return;
    const nowMs = this.now();
    const napMs = Math.min(this.turnMs + longestMs, this.#dueMs) - nowMs;
    if (napMs <= SPIN_MS) return;
    this.#napTime[2] = Math.floor(napMs * 1e6);
    this.libc.symbols.nanosleep(this.#napTime, null);
  }

  #countReads(count: number): void {
    const nowMs = this.now();
    this.reader.keepTime(nowMs);
    if (count > 0) {
      const gapMs = (nowMs - this.turnMs) / count;
      this.#gapMs = this.#gapMs === Infinity
        ? gapMs
        : this.#gapMs + (gapMs - this.#gapMs) * LATEST_WEIGHT;
    }
    this.turnMs = nowMs;
    this.#noteList(nowMs, count);
  }

  /**
   * Notes what a wait that ended at `nowMs` says of sockets: those that the one before did not list
   * were empty then, and where this one slept, all were when it began to.
   */
  #noteList(nowMs: number, count: number): void {
    this.quietMs = this.#listedMs;
    let listedMs = this.#waitMs;
    if (nowMs - listedMs > LONG_WAIT_MS) {
      const delayMs = this.#runDelay.sinceLast();
      // Without the kernel's account, waiting for a core cannot be told from sleeping.
      if (delayMs === undefined) listedMs = nowMs;
      else {
        // It slept until the first of what it listed came; before, there was nothing anywhere.
        const slept = nowMs - listedMs - delayMs > WAKE_MS;
        listedMs = Math.max(listedMs, nowMs - delayMs - WAKE_MS);
        if (slept) this.quietMs = Math.max(this.quietMs, listedMs);
      }
    }
    if (count >= 0 && count < EVENTS_AT_ONCE) this.#listedMs = listedMs;
  }

  /** Whether a sleeper may have woken. */
  #wakeSleepers(): boolean {
    if (this.#dueMs === Infinity) return false;
    const nowMs = this.now();
    if (nowMs < this.#dueMs) return false;
    let dueMs = Infinity;
    for (let i = 0; i < this.#sleepers.length;) {
      const { atMs, wake } = this.#sleepers[i]!;
      if (atMs > nowMs) {
        dueMs = Math.min(dueMs, atMs);
        i++;
      } else wake(); // Which takes it out.
    }
    this.#dueMs = dueMs;
    return true;
  }

  #control(operation: number, fd: number, interest: number): void {
    const event = new Int32Array(EVENT_WORDS);
    event[0] = interest;
    event[EVENT_FD] = fd;
    this.libc.symbols.epoll_ctl(this.#epoll, operation, fd, event);
  }
}

class EpollSocket implements Socket {
  readonly #loop: EpollLoop;
  readonly #events: SocketEvents;
  /** Addresses not yet tried. */
  readonly #addresses: Address[];
  #fd = -1;
  #connected = false;
  #destroyed = false;
  #unsent: Uint8Array[] = [];
  /** A time at which everything that had arrived was read. */
  #emptyMs = 0;
  /** The last read left something. */
  #more = false;
  /** The kernel has said that the connection ends. */
  #ending = false;
  /** Where it goes, segments may be lost. */
  #lossy = true;

  constructor(loop: EpollLoop, origin: Origin, events: SocketEvents) {
    this.#loop = loop;
    this.#events = events;
    this.#addresses = origin.secure ? [] : [...loop.addressesOf(origin)];
    let cause = origin.secure
      ? "--transport epoll has no TLS: use --transport socket"
      : "ENOTFOUND";
    if (this.#addresses.length > 0) {
      const failed = this.#connect();
      if (failed === 0) return;
      cause = errorName(failed);
    }
    loop.later(() => {
      if (!this.#destroyed) events.onError(cause);
    });
  }

  get writableLength(): number {
    return this.#unsent.reduce((sum, { length }) => sum + length, 0);
  }

  write(bytes: Uint8Array): void {
    if (this.#destroyed) return;
    // Nothing comes that was not asked for.
    this.#emptyMs = Math.max(this.#emptyMs, this.#loop.turnMs);
    if (this.#unsent.length > 0) {
      this.#unsent.push(bytes);
      return;
    }
    const sent = sendSome(this.#loop.libc, this.#fd, bytes, bytes.length);
    if (sent === bytes.length) return this.#events.onDeparted?.(this.#loop.now());
    this.#unsent.push(bytes.subarray(sent));
    this.#loop.rewatch(this.#fd, READING | EPOLLOUT);
  }

  destroy(): void {
    if (this.#destroyed) return;
    this.#destroyed = true;
    this.#loop.closeLater(this);
  }

  closeNow(): void {
    if (this.#fd >= 0) this.#loop.close(this.#fd);
    this.#events.onClose();
  }

  ready(flags: number): boolean {
    if (this.#destroyed) return false;
    if (!this.#connected) {
      this.#onAttempt();
      return true;
    }
    if ((flags & EPOLLOUT) !== 0) this.#flush();
    if ((flags & ENDING) !== 0) this.#ending = true;
    else if ((flags & EPOLLIN) === 0) return false;
    const { buffer, libc, reader } = this.#loop;
    const emptyMs = this.#more ? this.#emptyMs : Math.max(this.#emptyMs, this.#loop.quietMs);
    const count = reader.receive(this.#fd, this.#emptyMs, emptyMs, this.#lossy);
    if (count > 0) {
      this.#more = count === READ_BYTES;
      if (!this.#more) this.#emptyMs = reader.emptyMs;
      if (this.#more || this.#ending) this.#loop.readLater(this);
      return this.#events.onBytes(buffer, count, reader) !== false;
    }
    if (count === 0) this.#events.onEnd();
    else {
      const error = errno(libc);
      if (error === EINTR) this.#loop.readLater(this);
      if (error === EAGAIN || error === EINTR) return false;
      this.#events.onError(errorName(error));
    }
    return true;
  }

  #onAttempt(): void {
    let failed = socketError(this.#loop.libc, this.#fd);
    if (failed === 0) {
      this.#connected = true;
      this.#loop.rewatch(this.#fd, READING);
      return this.#events.onConnected();
    }
    this.#loop.close(this.#fd);
    this.#fd = -1;
    // The next address may get the same number. An event of this batch for the old descriptor then
    // finds a socket that is not connected, which asks the kernel again.
    if (this.#addresses.length > 0 && (failed = this.#connect()) === 0) return;
    this.#events.onError(errorName(failed));
  }

  /** Begins to connect to the next usable address; returns 0, or the error where there is none. */
  #connect(): number {
    const { libc } = this.#loop;
    let failed = 0;
    for (let address = this.#addresses.shift(); address; address = this.#addresses.shift()) {
      const fd = libc.symbols.socket(address.family, STREAM_FLAGS, 0);
      if (fd < 0) return errno(libc);
      setNoDelay(libc, fd);
      askForStamps(libc, fd);
      const refused = libc.symbols.connect(fd, address.bytes, address.bytes.length) < 0;
      failed = refused ? errno(libc) : 0;
      if (failed === 0 || failed === EINPROGRESS) {
        this.#fd = fd;
        this.#lossy = !isLoopback(address);
        this.#loop.watch(this, fd, EPOLLOUT);
        return 0;
      }
      // Not `loop.close`, which is for descriptors that are watched.
      libc.symbols.close(fd);
    }
    return failed;
  }

  #flush(): void {
    while (this.#unsent.length > 0) {
      const first = this.#unsent[0]!;
      const sent = sendSome(this.#loop.libc, this.#fd, first, first.length);
      if (sent < first.length) {
        this.#unsent[0] = first.subarray(sent);
        return;
      }
      this.#unsent.shift();
    }
    this.#events.onDeparted?.(this.#loop.now());
    this.#loop.rewatch(this.#fd, READING);
  }
}
