/**
 * A kernel for the epoll loop whose clock, sockets and events are the test's.
 *
 * @module
 */
import { EINPROGRESS, EVENT_FD, EVENT_WORDS, type Libc } from "../../backends/epoll_libc.ts";

/** A descriptor and what it is ready for. */
export type Ready = readonly [fd: number, flags: number];

/** A time of day far from any clock that starts at zero. */
const DAY_SEC = 1_800_000_000n;
/** Where `StampedReader` lets the kernel write control messages. */
const CONTROL_LENGTH = 40;
const CONTROL = 96;
const SO_TIMESTAMPNS = 35;
const SO_ERROR = 4;

/** Implements the part of the C library that the loop calls. */
export class FakeKernel {
  nowMs = 1;
  /** Time of day minus `nowMs`, ms. */
  aheadMs = 0;
  /** When the kernel received what the next read brings; `undefined` = it does not stamp. */
  receivedMs: number | undefined;
  /** Bytes that each read brings. */
  bytes = 5;
  /** What each `send` takes at most. */
  sendBytes = Infinity;
  /** How long the thread has waited for a core; `undefined` = the kernel does not tell. */
  runDelayMs: number | undefined;
  /** Descriptors in use. */
  readonly open = new Set<number>();
  /** Calls of `epoll_wait`. */
  waits = 0;
  /** Lengths of the naps, ms. */
  readonly naps: number[] = [];
  /** Addresses that a host name has; their last byte is their position. */
  addresses = 1;
  /** Errors of `connect` by the position of the address. */
  connectErrors: readonly (number | undefined)[] = [];
  /** Errors that connecting ends with, by descriptor. */
  readonly socketErrors = new Map<number, number>();
  /** What each wait gives; a wait without an entry lasts until its end and gives nothing. */
  script: (() => readonly Ready[])[] = [];
  /** Called by the wait after the last entry of the script. */
  onScriptEnd: () => void = () => {};
  readonly #errno = new Int32Array(1);
  /** Memory that pointers lead to. */
  readonly #memory: Uint8Array<ArrayBuffer>[] = [];

  readonly now = (): number => this.nowMs;

  get libc(): Libc {
    const fail = (errno: number) => {
      this.#errno[0] = errno;
      return -1;
    };
    return {
      symbols: {
        __errno_location: () => addressOf(this.#errno),
        addressOf: (bytes: Uint8Array<ArrayBuffer>) => addressOf(bytes),
        clock_gettime: (_clock: number, time: BigInt64Array) => {
          const { sec, ns } = this.#timeOfDay(this.nowMs);
          time[0] = sec;
          time[1] = ns;
          return 0;
        },
        close: (fd: number) => {
          if (!this.open.delete(fd)) throw new Error(`descriptor ${fd} is not open`);
          return 0;
        },
        connect: (_fd: number, address: Uint8Array) =>
          fail(this.connectErrors[address.at(-1)!] ?? EINPROGRESS),
        epoll_create1: () => this.#socket(),
        epoll_ctl: () => 0,
        epoll_pwait2: (_epoll: number, events: Int32Array, _most: number, timeout: Int32Array) => {
          this.waits++;
          const next = this.script.shift();
          if (next === undefined) this.nowMs += timeout[0]! * 1000 + timeout[2]! / 1e6;
          const ready = next?.() ?? [];
          if (next === undefined || this.script.length === 0) this.onScriptEnd();
          ready.forEach(([fd, flags], i) => {
            events[i * EVENT_WORDS] = flags;
            events[i * EVENT_WORDS + EVENT_FD] = fd;
          });
          return ready.length;
        },
        freeaddrinfo: () => {},
        getaddrinfo: (_host: unknown, _port: unknown, _hints: unknown, list: BigUint64Array) => {
          list[0] = this.#addressList();
          return 0;
        },
        getsockopt: (fd: number, _level: number, name: number, value: Int32Array) => {
          value[0] = name === SO_ERROR ? this.socketErrors.get(fd) ?? 0 : 0;
          return 0;
        },
        memcpy: (target: Int32Array | DataView, from: bigint, length: bigint) => {
          const bytes = new Uint8Array(target.buffer, target.byteOffset, Number(length));
          new Deno.UnsafePointerView(Deno.UnsafePointer.create(from)!).copyInto(bytes);
        },
        nanosleep: (time: Int32Array) => {
          const ms = time[0]! * 1000 + time[2]! / 1e6;
          this.naps.push(ms);
          this.nowMs += ms;
          return 0;
        },
        open: () => this.runDelayMs === undefined ? -1 : this.#socket(),
        prctl: null,
        pread: (_fd: number, text: Uint8Array) => {
          const line = `5000000 ${Math.round(this.runDelayMs! * 1e6)} 7\n`;
          return new TextEncoder().encodeInto(line, text).written;
        },
        read: () => 8,
        recvmsg: (_fd: number, message: Uint8Array) => {
          const memory = new DataView(message.buffer);
          memory.setBigUint64(CONTROL_LENGTH, this.receivedMs === undefined ? 0n : 32n, true);
          if (this.receivedMs !== undefined) {
            const { sec, ns } = this.#timeOfDay(this.receivedMs);
            memory.setInt32(CONTROL + 8, 1, true);
            memory.setInt32(CONTROL + 12, SO_TIMESTAMPNS, true);
            memory.setBigInt64(CONTROL + 16, sec, true);
            memory.setBigInt64(CONTROL + 24, ns, true);
          }
          return this.bytes;
        },
        send: (_fd: number, _bytes: unknown, length: bigint) =>
          Math.min(this.sendBytes, Number(length)),
        setsockopt: () => 0,
        socket: () => this.#socket(),
      },
    } as unknown as Libc;
  }

  /** The lowest free number, as a real kernel gives it. */
  #socket(): number {
    let fd = 10;
    while (this.open.has(fd)) fd++;
    this.open.add(fd);
    return fd;
  }

  #timeOfDay(atMs: number): { sec: bigint; ns: bigint } {
    const ns = BigInt(Math.round((atMs + this.aheadMs) * 1e6));
    return { sec: DAY_SEC + ns / 1_000_000_000n, ns: ns % 1_000_000_000n };
  }

  /** A chain of `struct addrinfo`. */
  #addressList(): bigint {
    let next = 0n;
    for (let position = this.addresses - 1; position >= 0; position--) {
      const address = Uint8Array.of(2, 0, 0, 80, 127, 0, 0, position);
      const info = new Uint8Array(48);
      const view = new DataView(info.buffer);
      view.setInt32(4, 2, true);
      view.setUint32(16, address.length, true);
      view.setBigUint64(24, this.#pointerTo(address), true);
      view.setBigUint64(40, next, true);
      next = this.#pointerTo(info);
    }
    return next;
  }

  #pointerTo(bytes: Uint8Array<ArrayBuffer>): bigint {
    this.#memory.push(bytes);
    return addressOf(bytes);
  }
}

function addressOf(bytes: Uint8Array<ArrayBuffer> | Int32Array<ArrayBuffer>): bigint {
  return BigInt(Deno.UnsafePointer.value(Deno.UnsafePointer.of(bytes)));
}
