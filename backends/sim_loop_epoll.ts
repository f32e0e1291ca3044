/**
 * The simulated server on a loop around Linux's `epoll`, called through FFI: a write is stamped
 * directly before `send`, and a token leaves within about 10 µs of its time. Needs Linux and
 * `--allow-ffi`.
 *
 * @module
 */
import { nextTurn, systemClock } from "./clock.ts";
import {
  EFD_FLAGS,
  EPOLLIN,
  errno,
  errorName,
  growDescriptorTable,
  libcPermission,
  lookUp,
  openLibc,
  setNoDelay,
  STREAM_FLAGS,
} from "./epoll_libc.ts";
import { EpollLoop, type Watcher } from "./epoll_loop.ts";
import type { OpenSocket } from "./socket_events.ts";
import { EpollSimSocket } from "./sim_socket_epoll.ts";
import {
  BACKLOG,
  type SimAddress,
  type SimListener,
  type SimLoop,
  type SimSocket,
  type SimSocketEvents,
} from "./sim_loop.ts";

/** A loop that runs until it is closed. */
export interface EpollSimLoop extends SimLoop {
  /** Opens connections, also to a server on this loop. */
  readonly openSocket: OpenSocket;
  /** Ends the loop, once its server has stopped. */
  close(): Promise<void>;
}

const SOL_SOCKET = 1;
const SO_REUSEADDR = 2;
/** SOCK_NONBLOCK and SOCK_CLOEXEC. */
const ACCEPT_FLAGS = 0x80800;
/** The longest address: IPv6. */
const ADDRESS_BYTES = 28;
/** Most connections accepted per batch. */
const ACCEPTED_AT_ONCE = 256;
/** Interest in nothing. */
const NOTHING = 0;

/** Whether this process may start one. Never prompts. */
export function epollIsPermitted(): boolean {
  return Deno.build.os === "linux" && libcPermission() === "granted";
}

/**
 * Starts a loop that occupies this thread. The platform's own loop (timers, signals, standard input)
 * gets a turn every `platformTurnMs`.
 *
 * @throws {TypeError} where there is no Linux, or no descriptor left.
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
 */
export function startEpollSimLoop({ platformTurnMs = 20 } = {}): EpollSimLoop {
  const libc = openLibc();
  const wakeFd = libc.symbols.eventfd(0, EFD_FLAGS);
  if (wakeFd < 0) {
    const name = errorName(errno(libc));
    libc.close();
    throw new TypeError(`Cannot run the simulated server on epoll: ${name}`);
  }
  growDescriptorTable(libc, wakeFd);
  const loop = new EpollLoop({
    libc,
    now: systemClock.now,
    // Unused: no other thread sends anything to this loop.
    wakeFd,
    onWake() {},
    onSettled() {},
    platformTurns: { everyMs: platformTurnMs, take: nextTurn },
  });
  const running = loop.run();
  return {
    ...epollSimLoop(loop),
    openSocket: loop.openSocket,
    async close() {
      loop.end();
      await running;
      libc.symbols.close(wakeFd);
      libc.close();
    },
  };
}

/** For servers on a loop that somebody else runs. */
export function epollSimLoop(loop: EpollLoop): SimLoop {
  return {
    name: "epoll",
    clock: loop,
    nextTurn: loop.nextTurn,
    addTimers: loop.addTimers,
    // deno-lint-ignore require-await
    listen: async (address, onSocket) => listen(loop, address, onSocket),
  };
}

/** @throws {Error} with the system's `code`. */
function listen(
  loop: EpollLoop,
  address: SimAddress,
  onSocket: (socket: SimSocket) => SimSocketEvents,
): SimListener {
  const { symbols } = loop.libc;
  const failure = (code: string) =>
    Object.assign(new Error(`listen ${code} ${address.host}:${address.port}`), { code });
  const [found] = lookUp(loop.libc, address.host, address.port);
  if (found === undefined) throw failure("ENOTFOUND");
  const fd = symbols.socket(found.family, STREAM_FLAGS, 0);
  if (fd < 0) throw failure(errorName(errno(loop.libc)));
  symbols.setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, Int32Array.of(1), 4);
  if (symbols.bind(fd, found.bytes, found.bytes.length) < 0 || symbols.listen(fd, BACKLOG) < 0) {
    const name = errorName(errno(loop.libc));
    symbols.close(fd);
    throw failure(name);
  }
  return new EpollListener(loop, fd, onSocket);
}

class EpollListener implements SimListener, Watcher {
  readonly port: number;
  readonly #loop: EpollLoop;
  readonly #fd: number;
  readonly #onSocket: (socket: SimSocket) => SimSocketEvents;
  readonly #address = new Uint8Array(ADDRESS_BYTES);
  readonly #length = new Uint32Array(1);
  /** No descriptor is free for the next connection. */
  #full = false;
  #closed = Promise.withResolvers<void>();
  #closing = false;

  constructor(loop: EpollLoop, fd: number, onSocket: (socket: SimSocket) => SimSocketEvents) {
    this.#loop = loop;
    this.#fd = fd;
    this.#onSocket = onSocket;
    this.#length[0] = ADDRESS_BYTES;
    loop.libc.symbols.getsockname(fd, this.#address, this.#length);
    this.port = this.#portOfAddress();
    loop.watch(this, fd, EPOLLIN);
  }

  close(): Promise<void> {
    if (!this.#closing) {
      this.#closing = true;
      this.#loop.closeLater(this);
    }
    return this.#closed.promise;
  }

  ready(): void {
    const { libc } = this.#loop;
    for (let count = 0; count < ACCEPTED_AT_ONCE && !this.#closing; count++) {
      this.#length[0] = ADDRESS_BYTES;
      const fd = libc.symbols.accept4(this.#fd, this.#address, this.#length, ACCEPT_FLAGS);
      if (fd >= 0) this.#accept(fd);
      else {
        // Otherwise there is no connection left, or the client gave up before it was accepted.
        if (/^E[MN]FILE$/.test(errorName(errno(libc)))) this.#rest();
        return;
      }
    }
  }

  closeNow(): void {
    this.#loop.close(this.#fd);
    this.#closed.resolve();
  }

  #accept(fd: number): void {
    setNoDelay(this.#loop.libc, fd);
    const socket = new EpollSimSocket(this.#loop, {
      fd,
      clientPort: this.#portOfAddress(),
      onClosed: () => {
        if (!this.#full || this.#closing) return;
        this.#full = false;
        this.#loop.rewatch(this.#fd, EPOLLIN);
      },
    });
    socket.open(this.#onSocket(socket));
  }

  #rest(): void {
    this.#full = true;
    this.#loop.rewatch(this.#fd, NOTHING);
  }

  /** At the same place in both address families. */
  #portOfAddress(): number {
    return this.#address[2]! << 8 | this.#address[3]!;
  }
}
