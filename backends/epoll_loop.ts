/**
 * A loop of our own around `epoll_wait`: it stands in for the platform's event loop in a thread
 * that does nothing but read sockets. Byte streams, a clock whose waits the loop ends, and a
 * descriptor by which another thread interrupts it.
 *
 * @module
 */
import type { Clock } from "./clock.ts";
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
  EPOLLHUP,
  EPOLLIN,
  EPOLLOUT,
  errno,
  errorName,
  EVENT_FD,
  EVENT_WORDS,
  type Libc,
  lookUp,
  MSG_NOSIGNAL,
  setNoDelay,
  socketError,
  STREAM_FLAGS,
  wakeOnTime,
} from "./epoll_libc.ts";
import { StampedReader } from "./epoll_receive.ts";
import type { Dial, Line, LineEvents, Origin } from "./socket_connection.ts";

const EVENTS_AT_ONCE = 1024;
const READ_BYTES = 64 * 1024;
/** A thread inside `epoll_wait` cannot be terminated: it comes up for air so often. */
const LONGEST_WAIT_MS = 500;
/**
 * Turns of the queue of promises after each batch: who got an answer asks for a turn of the loop,
 * or for nothing. After the loop has let somebody go on, the longest chain of ours needs ten.
 */
const SETTLE_TURNS = 4;
const SETTLE_TURNS_AFTER_WAKING = 12;
/** The last stretch of a wait: shorter than a call to wait for it. */
const SPIN_MS = 0.003;
/**
 * Where reads come thick and the kernel stamps them, the loop naps before it looks again, so that
 * one turn serves several: the stamps stay exact, and a token costs less. Nothing waits longer for
 * it than this.
 */
const NAP_MS = 2;
/** A nap is at most this share of the gap between two reads of a line: tokens stay apart. */
const NAP_SHARE = 0.1;
/** Reads in a nap from which on it is worth its own call. */
const NAP_READS = 2;
/** How fast what was usual is forgotten, a turn. */
const FORGET = 0.05;

const NOBODY: readonly (() => void)[] = [];

interface Sleeper {
  readonly atMs: number;
  readonly wake: () => void;
}

/** Who is told when a descriptor is ready. */
export interface Watcher {
  /** Called with what the descriptor is ready for. */
  ready(flags: number): void;
  /** Called at the end of the batch in which it asked for it, see `bury`. */
  buried(): void;
}

/** What is due at times of its own, without a promise for each of them. */
export interface Agenda {
  /** When there is something to do; Infinity = nothing. */
  dueMs(): number;
  /** Does what is due. */
  fire(): void;
}

/** Turns of the platform's own loop, for a thread that needs them as well. */
export interface Breath {
  /** From one to the next, ms. */
  readonly everyMs: number;
  readonly take: () => Promise<void>;
}

/** What a loop is made of. */
export interface LoopOptions {
  readonly libc: Libc;
  /** Milliseconds, monotonic; what stamps are told on. */
  readonly now: () => number;
  /** Readable when another thread wants something. */
  readonly wakeFd: number;
  /** Takes what the other thread wants; called once before the first wait. */
  readonly onWake: () => void;
  /** All of a batch is done: what it led to can be told in one message. */
  readonly onSettled: () => void;
  /** Absent = the platform's own loop stands still while this one runs. */
  readonly breath?: Breath;
}

/** The loop; {@linkcode EpollLoop.run} keeps the thread. */
export class EpollLoop implements Clock {
  /** See {@linkcode Clock}. */
  readonly now: () => number;
  /** Where every line reads to. */
  readonly buffer: Uint8Array<ArrayBuffer> = new Uint8Array(READ_BYTES);
  /** The C library. */
  readonly libc: Libc;
  /** Reads into `buffer`. */
  readonly reader: StampedReader;
  readonly #options: LoopOptions;
  readonly #epoll: number;
  readonly #lines: (Watcher | undefined)[] = [];
  readonly #addresses = new Map<string, readonly Address[]>();
  #dead: Watcher[] = [];
  #later: (() => void)[] = [];
  #sleepers: Sleeper[] = [];
  #turns: (() => void)[] = [];
  /** When the first sleeper is due; earlier, where one has gone. */
  #dueMs = Infinity;
  /** Seconds and nanoseconds of a wait, 64 bits each; both fit into the lower half. */
  readonly #patience = new Int32Array(4);
  #precise: boolean;
  #ended = false;
  /** When the platform's loop is due for a turn. */
  #breathMs = Infinity;
  #agendas: readonly Agenda[] = [];
  /** Works that are made of promises alone and would wait for an event that never comes. */
  #held = 0;
  #open = 0;
  #turnMs = 0;
  /** Milliseconds between reads, of late. */
  #gapMs = Infinity;
  readonly #napTime = new Int32Array(4);

  constructor(options: LoopOptions) {
    this.#options = options;
    this.libc = options.libc;
    this.now = options.now;
    this.reader = new StampedReader(this.libc, this.now, this.buffer);
    if (options.breath !== undefined) this.#breathMs = 0;
    this.#precise = this.libc.symbols.epoll_pwait2 !== null;
    wakeOnTime(this.libc);
    this.#epoll = this.libc.symbols.epoll_create1(EPOLL_CLOEXEC);
    this.#control(EPOLL_CTL_ADD, options.wakeFd, EPOLLIN);
  }

  /** See {@linkcode Clock}; where the system is too old for it, up to a millisecond late. */
  sleepUntil(atMs: number, signal?: AbortSignal): Promise<void> {
    if (atMs <= this.now() || signal?.aborted) return Promise.resolve();
    return new Promise((resolve) => {
      const wake = () => {
        this.#sleepers = this.#sleepers.filter((one) => one !== sleeper);
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

  /** Keeps to an agenda, until the function that it returns is called. */
  readonly follow = (agenda: Agenda): () => void => {
    this.#agendas = [...this.#agendas, agenda];
    return () => {
      this.#agendas = this.#agendas.filter((one) => one !== agenda);
    };
  };

  /** Opens lines. */
  readonly dial: Dial = (origin, events) => new EpollLine(this, origin, events);

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

  /** Serves lines and sleepers until `end`. */
  async run(): Promise<void> {
    const { symbols } = this.libc;
    const { wakeFd, onWake, onSettled, breath } = this.#options;
    const events = new Int32Array(EVENTS_AT_ONCE * EVENT_WORDS);
    const wakes = new Uint8Array(8);
    onWake();
    let woke = true;
    let count = 0;
    for (;;) {
      if (breath !== undefined && this.now() >= this.#breathMs) {
        await breath.take();
        this.#breathMs = this.now() + breath.everyMs;
      }
      this.#bringToRest();
      for (let turns = settleTurns(woke, count, breath); turns > 0; turns--) {
        await undefined;
        this.#bringToRest();
      }
      onSettled();
      if (this.#ended) break;
      this.#nap();
      count = this.#wait(events);
      this.#countReads(count);
      let woken = false;
      for (let i = 0; i < count; i++) {
        const fd = events[i * EVENT_WORDS + EVENT_FD]!;
        if (fd === wakeFd) woken = true;
        else this.#lines[fd]?.ready(events[i * EVENT_WORDS]!);
      }
      if (woken) {
        symbols.read(wakeFd, wakes, 8n);
        onWake();
      }
      woke = woken || this.#turns.length > 0;
      for (const resolve of this.#turns.length > 0 ? this.#turns.splice(0) : NOBODY) resolve();
      if (this.#wakeSleepers()) woke = true;
      for (const agenda of this.#agendas) if (agenda.dueMs() <= this.now()) agenda.fire();
    }
    this.reader.close();
    symbols.close(this.#epoll);
  }

  /** Runs `task` soon, outside of whatever is going on. */
  later(task: () => void): void {
    this.#later.push(task);
  }

  /** Addresses of a host; asked for once. */
  addressesOf({ host, port }: Origin): readonly Address[] {
    const key = `${host} ${port}`;
    let addresses = this.#addresses.get(key);
    if (addresses === undefined) {
      this.#addresses.set(key, addresses = lookUp(this.libc, host, port));
    }
    return addresses;
  }

  /** Tells `line` when its descriptor is ready. */
  watch(line: Watcher, fd: number, interest: number): void {
    this.#lines[fd] = line;
    this.#open++;
    this.#control(EPOLL_CTL_ADD, fd, interest);
  }

  /** Changes what a watched descriptor is asked for. */
  rewatch(fd: number, interest: number): void {
    this.#control(EPOLL_CTL_MOD, fd, interest);
  }

  /** Closes a descriptor. */
  close(fd: number): void {
    this.#lines[fd] = undefined;
    this.#open--;
    this.libc.symbols.close(fd);
  }

  /**
   * Buries a line after the batch: until then no new one can get its descriptor, and with it an
   * event that was meant for the old one.
   */
  bury(line: Watcher): void {
    this.#dead.push(line);
  }

  #bringToRest(): void {
    while (this.#later.length > 0) for (const task of this.#later.splice(0)) task();
    while (this.#dead.length > 0) for (const line of this.#dead.splice(0)) line.buried();
  }

  /** Waits for events until the next sleeper is due; how many came. */
  #wait(events: Int32Array<ArrayBuffer>): number {
    const { symbols } = this.libc;
    const patienceMs = this.#patienceMs();
    if (!this.#precise) {
      return symbols.epoll_wait(this.#epoll, events, EVENTS_AT_ONCE, Math.ceil(patienceMs));
    }
    this.#patience[0] = Math.floor(patienceMs / 1000);
    this.#patience[2] = Math.floor((patienceMs % 1000) * 1e6);
    const epoll = this.#epoll;
    // deno-fmt-ignore
    const count = symbols.epoll_pwait2!(epoll, events, EVENTS_AT_ONCE, this.#patience, null);
    if (count < 0 && errno(this.libc) === ENOSYS) this.#precise = false;
    return count;
  }

  #patienceMs(): number {
    if (this.#held > 0 || this.#turns.length > 0) return 0;
    let dueMs = Math.min(this.#dueMs, this.#breathMs);
    for (const agenda of this.#agendas) dueMs = Math.min(dueMs, agenda.dueMs());
    if (dueMs === Infinity) return LONGEST_WAIT_MS;
    const leftMs = dueMs - this.now();
    return leftMs <= SPIN_MS ? 0 : Math.min(LONGEST_WAIT_MS, leftMs);
  }

  /** Lets a few more reads come before it looks for them. */
  #nap(): void {
    if (this.#held > 0 || this.#turns.length > 0 || !this.reader.stamped) return;
    // What is due at times of its own, a server's tokens, is not to wait; nor are its clients.
    if (this.#agendas.length > 0) return;
    const longestMs = Math.min(NAP_MS, this.#gapMs * this.#open * NAP_SHARE);
    if (longestMs < this.#gapMs * NAP_READS) return;
    const nowMs = this.now();
    const napMs = Math.min(this.#turnMs + longestMs, this.#dueMs) - nowMs;
    if (napMs <= SPIN_MS) return;
    this.#napTime[2] = Math.floor(napMs * 1e6);
    this.libc.symbols.nanosleep(this.#napTime, null);
  }

  #countReads(count: number): void {
    const nowMs = this.now();
    this.reader.keepTime(nowMs);
    if (count > 0) {
      const gapMs = (nowMs - this.#turnMs) / count;
      this.#gapMs = this.#gapMs === Infinity ? gapMs : this.#gapMs + (gapMs - this.#gapMs) * FORGET;
    }
    this.#turnMs = nowMs;
  }

  /** Did anybody wake? */
  #wakeSleepers(): boolean {
    if (this.#dueMs === Infinity) return false;
    const nowMs = this.now();
    if (nowMs < this.#dueMs) return false;
    for (const { wake } of this.#sleepers.filter(({ atMs }) => atMs <= nowMs)) wake();
    this.#dueMs = this.#sleepers.reduce((least, { atMs }) => Math.min(least, atMs), Infinity);
    return true;
  }

  #control(operation: number, fd: number, interest: number): void {
    const event = new Int32Array(EVENT_WORDS);
    event[0] = interest;
    event[EVENT_FD] = fd;
    this.libc.symbols.epoll_ctl(this.#epoll, operation, fd, event);
  }
}

/** None where only the agenda had its turn: a promise for each token would be garbage for each. */
function settleTurns(woke: boolean, count: number, breath: Breath | undefined): number {
  if (woke) return SETTLE_TURNS_AFTER_WAKING;
  return count === 0 && breath !== undefined ? 0 : SETTLE_TURNS;
}

/** A TCP connection of the loop. */
class EpollLine implements Line {
  readonly #loop: EpollLoop;
  readonly #events: LineEvents;
  /** Addresses not yet tried. */
  readonly #addresses: Address[];
  #fd = -1;
  #connected = false;
  #dead = false;
  #unsent: Uint8Array[] = [];
  /** A moment when all that had come was read. */
  #emptyMs = 0;

  constructor(loop: EpollLoop, origin: Origin, events: LineEvents) {
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
      if (!this.#dead) events.onError(cause);
    });
  }

  get writableLength(): number {
    return this.#unsent.reduce((sum, { length }) => sum + length, 0);
  }

  write(bytes: Uint8Array): void {
    if (this.#dead) return;
    if (this.#unsent.length > 0) {
      this.#unsent.push(bytes);
      return;
    }
    const sent = this.#send(bytes);
    if (sent === bytes.length) return;
    this.#unsent.push(bytes.subarray(sent));
    this.#loop.rewatch(this.#fd, EPOLLIN | EPOLLOUT);
  }

  destroy(): void {
    if (this.#dead) return;
    this.#dead = true;
    this.#loop.bury(this);
  }

  /** Called by the loop at the end of the batch in which the line was destroyed. */
  buried(): void {
    if (this.#fd >= 0) this.#loop.close(this.#fd);
    this.#events.onClose();
  }

  /** Called by the loop with what the descriptor is ready for. */
  ready(flags: number): void {
    if (this.#dead) return;
    if (!this.#connected) return this.#onAttempt();
    if ((flags & EPOLLOUT) !== 0) this.#flush();
    if ((flags & (EPOLLIN | EPOLLERR | EPOLLHUP)) === 0) return;
    const { buffer, libc, reader } = this.#loop;
    const count = reader.receive(this.#fd, this.#emptyMs);
    if (count > 0) {
      if (count < READ_BYTES) this.#emptyMs = reader.arrivedMs;
      this.#events.onBytes(buffer, count, reader.stamped ? reader.arrivedMs : undefined);
    } else if (count === 0) this.#events.onEnd();
    else {
      const error = errno(libc);
      if (error !== EAGAIN && error !== EINTR) this.#events.onError(errorName(error));
    }
  }

  #onAttempt(): void {
    let failed = socketError(this.#loop.libc, this.#fd);
    if (failed === 0) {
      this.#connected = true;
      this.#loop.rewatch(this.#fd, EPOLLIN);
      return this.#events.onConnected();
    }
    this.#loop.close(this.#fd);
    this.#fd = -1;
    // The next address gets a new descriptor, which this batch cannot know yet: all of it came in
    // one call. A late event for the old number finds a line that is not connected, and asks again.
    if (this.#addresses.length > 0 && (failed = this.#connect()) === 0) return;
    this.#events.onError(errorName(failed));
  }

  /** Begins to connect to the next address that can be tried; 0, or why there is none. */
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
        this.#loop.watch(this, fd, EPOLLOUT);
        return 0;
      }
      this.#loop.close(fd);
    }
    return failed;
  }

  #flush(): void {
    while (this.#unsent.length > 0) {
      const first = this.#unsent[0]!;
      const sent = this.#send(first);
      if (sent < first.length) {
        this.#unsent[0] = first.subarray(sent);
        return;
      }
      this.#unsent.shift();
    }
    this.#loop.rewatch(this.#fd, EPOLLIN);
  }

  /** Bytes that the kernel took. A broken connection takes all: the next read tells how it broke. */
  #send(bytes: Uint8Array): number {
    const { libc } = this.#loop;
    const sent = libc.symbols.send(
      this.#fd,
      bytes as Uint8Array<ArrayBuffer>,
      BigInt(bytes.length),
      MSG_NOSIGNAL,
    );
    if (sent >= 0) return sent;
    const error = errno(libc);
    return error === EAGAIN || error === EINTR ? 0 : bytes.length;
  }
}
