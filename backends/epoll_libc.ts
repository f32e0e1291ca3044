/**
 * The part of Linux' C library that the epoll transport calls.
 *
 * @module
 */

import { libraryPermission, openSystemLibrary } from "./system_library.ts";

const LIBC = "libc.so.6";

/** What wakes a thread that waits in the loop: Deno takes 0.14 ms for each function of a library. */
const WAKE_SYMBOLS = {
  __errno_location: { parameters: [], result: "usize" },
  close: { parameters: ["i32"], result: "i32" },
  dup2: { parameters: ["i32", "i32"], result: "i32" },
  eventfd: { parameters: ["u32", "i32"], result: "i32" },
  memcpy: { parameters: ["buffer", "usize", "usize"], result: "usize" },
  write: { parameters: ["i32", "buffer", "usize"], result: "i32" },
} as const;

/**
 * Lengths and counts are passed as 64 bits and returned as 32: none of ours is larger. Addresses are
 * numbers: Deno's pointers need `--allow-ffi` without a path.
 */
const SYMBOLS = {
  ...WAKE_SYMBOLS,
  // It returns where it copies to, also when it copies nothing.
  addressOf: { name: "memcpy", parameters: ["buffer", "buffer", "usize"], result: "usize" },
  clock_gettime: { parameters: ["i32", "buffer"], result: "i32" },
  connect: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  epoll_create1: { parameters: ["i32"], result: "i32" },
  epoll_ctl: { parameters: ["i32", "i32", "i32", "buffer"], result: "i32" },
  epoll_pwait2: {
    parameters: ["i32", "buffer", "i32", "buffer", "pointer"],
    result: "i32",
    optional: true,
  },
  epoll_wait: { parameters: ["i32", "buffer", "i32", "i32"], result: "i32" },
  freeaddrinfo: { parameters: ["usize"], result: "void" },
  getaddrinfo: { parameters: ["buffer", "buffer", "buffer", "buffer"], result: "i32" },
  getsockopt: { parameters: ["i32", "i32", "i32", "buffer", "buffer"], result: "i32" },
  nanosleep: { parameters: ["buffer", "pointer"], result: "i32" },
  open: { parameters: ["buffer", "i32"], result: "i32" },
  pread: { parameters: ["i32", "buffer", "usize", "i64"], result: "i32" },
  prctl: { parameters: ["i32", "usize", "usize", "usize", "usize"], result: "i32", optional: true },
  read: { parameters: ["i32", "buffer", "usize"], result: "i32" },
  recvmsg: { parameters: ["i32", "buffer", "i32"], result: "i32" },
  send: { parameters: ["i32", "buffer", "usize", "i32"], result: "i32" },
  setsockopt: { parameters: ["i32", "i32", "i32", "buffer", "u32"], result: "i32" },
  socket: { parameters: ["i32", "i32", "i32"], result: "i32" },
  // For servers:
  accept4: { parameters: ["i32", "buffer", "buffer", "i32"], result: "i32" },
  bind: { parameters: ["i32", "buffer", "u32"], result: "i32" },
  getsockname: { parameters: ["i32", "buffer", "buffer"], result: "i32" },
  listen: { parameters: ["i32", "i32"], result: "i32" },
  shutdown: { parameters: ["i32", "i32"], result: "i32" },
} as const;

export type Libc = Deno.DynamicLibrary<typeof SYMBOLS>;

/** Its part that another thread needs. */
export type WakeLibc = Deno.DynamicLibrary<typeof WAKE_SYMBOLS>;

/** Readiness to read and to write, failure, and both directions closed. */
export const EPOLLIN = 1;
export const EPOLLOUT = 4;
export const EPOLLERR = 8;
export const EPOLLHUP = 16;
/** The other side has closed its direction. */
export const EPOLLRDHUP = 0x2000;
/** Reported once, not until it is dealt with: the kernel need not look at each socket again. */
export const EPOLLET: number = 2 ** 31;
export const EPOLL_CTL_ADD = 1;
export const EPOLL_CTL_MOD = 3;
export const EPOLL_CLOEXEC = 0x80000;
export const EFD_FLAGS = 0x80800;
export const CLOCK_REALTIME = 0;
export const AF_INET = 2;
const SOCK_STREAM = 1;
/** Stream, not blocking, closed by exec. */
export const STREAM_FLAGS = 0x80801;
const MSG_NOSIGNAL = 0x4000;
const SOL_SOCKET = 1;
const SO_ERROR = 4;
/** Also the type of the control message with a stamp; seconds take 64 bits on 64-bit machines. */
export const SO_TIMESTAMPNS = 35;
const IPPROTO_TCP = 6;
const TCP_NODELAY = 1;
export const EAGAIN = 11;
export const ENOSYS = 38;
export const EINTR = 4;
export const EINPROGRESS = 115;

/** `struct epoll_event` is packed on x86 only. */
const PACKED = Deno.build.arch === "x86_64";
/** Words of 32 bits in an event, and which of them holds the descriptor. */
export const EVENT_WORDS: number = PACKED ? 3 : 4;
export const EVENT_FD: number = PACKED ? 1 : 2;

const ERROR_NAMES: Readonly<Record<number, string>> = {
  13: "EACCES",
  23: "ENFILE",
  24: "EMFILE",
  32: "EPIPE",
  98: "EADDRINUSE",
  99: "EADDRNOTAVAIL",
  101: "ENETUNREACH",
  103: "ECONNABORTED",
  104: "ECONNRESET",
  110: "ETIMEDOUT",
  111: "ECONNREFUSED",
  113: "EHOSTUNREACH",
};

/** A socket address, ready for `connect`. */
export interface Address {
  readonly family: number;
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/**
 * Opens the library.
 *
 * @throws {TypeError} on other systems than Linux.
 * @throws {Deno.errors.NotCapable} without `--allow-ffi`.
 */
export function openLibc(): Libc {
  return openSystemLibrary(onLinux(LIBC), SYMBOLS);
}

/** The same for a thread that only wakes another one. */
export function openWakeLibc(): WakeLibc {
  return openSystemLibrary(onLinux(LIBC), WAKE_SYMBOLS);
}

function onLinux(name: string): string {
  if (Deno.build.os === "linux") return name;
  throw new TypeError(
    `Cannot use --transport epoll on ${Deno.build.os}: it needs Linux; use --transport socket`,
  );
}

/** Whether the library may be opened; never asks. */
export function libcPermission(): Deno.PermissionState {
  return libraryPermission(LIBC);
}

/** A library that has at least these. */
interface Functions<Name extends keyof Libc["symbols"]> {
  readonly symbols: Pick<Libc["symbols"], Name>;
}

/** Number of the last failed call of this thread; read it before any other call. */
export function errno({ symbols }: Functions<"__errno_location" | "memcpy">): number {
  symbols.memcpy(lastError, symbols.__errno_location(), 4n);
  return lastError[0]!;
}

const lastError = new Int32Array(new ArrayBuffer(4));

/** Where bytes lie, for structs that refer to others; they must be kept alive. */
export function addressOf({ symbols }: Libc, bytes: Uint8Array<ArrayBuffer>): bigint {
  return symbols.addressOf(bytes, bytes, 0n);
}

/** Whether the library can be opened here; call it only where libraries are permitted. */
export function epollIsUsable(): boolean {
  try {
    openWakeLibc().close();
    return true;
  } catch {
    // Another system, or a Linux with another C library.
    return false;
  }
}

/** `ECONNREFUSED`, or `errno 71` for a rare one. */
export function errorName(number: number): string {
  return ERROR_NAMES[number] ?? `errno ${number}`;
}

/** The pending error of a connection, or of an attempt to connect; 0 = none. */
export function socketError({ symbols }: Libc, fd: number): number {
  const value = new Int32Array(1);
  symbols.getsockopt(fd, SOL_SOCKET, SO_ERROR, value, Int32Array.of(4));
  return value[0]!;
}

/** Lengths as the C side takes them: a new bigint per write would be garbage per token. */
const LENGTHS: readonly bigint[] = Array.from({ length: 2048 }, (_, length) => BigInt(length));

/**
 * Sends the first `length` bytes; returns how many the kernel took. A broken connection takes all:
 * the next read tells how it broke.
 */
export function sendSome(libc: Libc, fd: number, bytes: Uint8Array, length: number): number {
  const size = LENGTHS[length] ?? BigInt(length);
  const sent = libc.symbols.send(fd, bytes as Uint8Array<ArrayBuffer>, size, MSG_NOSIGNAL);
  if (sent >= 0) return sent;
  const error = errno(libc);
  return error === EAGAIN || error === EINTR ? 0 : length;
}

const PR_SET_TIMERSLACK = 29;

/** Lets this thread's waits end when they are due; by default they end 0.05 ms later. */
export function wakeOnTime({ symbols }: Libc): void {
  symbols.prctl?.(PR_SET_TIMERSLACK, 1n, 0n, 0n, 0n);
}

/** Sends small writes at once. */
export function setNoDelay({ symbols }: Libc, fd: number): void {
  symbols.setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, Int32Array.of(1), 4);
}

/** Asks the kernel to say with each read when it received the data. */
export function askForStamps({ symbols }: Libc, fd: number): void {
  symbols.setsockopt(fd, SOL_SOCKET, SO_TIMESTAMPNS, Int32Array.of(1), 4);
}

/** Table sizes to try: what a large test needs, or less where less is allowed. */
const DESCRIPTORS: readonly number[] = [16_384, 4096, 1024];

/**
 * Makes the kernel's table of descriptors large enough at once. It grows by doubling, and in a
 * process of several threads each growth stalls the caller for about 15 ms.
 *
 * @param fd any open descriptor.
 */
export function growDescriptorTable({ symbols }: Functions<"close" | "dup2">, fd: number): void {
  for (const count of DESCRIPTORS) {
    const highest = symbols.dup2(fd, count - 1);
    if (highest < 0) continue;
    symbols.close(highest);
    return;
  }
}

/** Whether the address is this very host's, to which no segment gets lost. */
export function isLoopback({ family, bytes }: Address): boolean {
  // Behind family and port: four bytes, or after four more sixteen.
  if (family === AF_INET) return bytes[4] === 127;
  return bytes[23] === 1 && bytes.subarray(8, 23).every((byte) => byte === 0);
}

/** Looks a host up, as the system does; blocks. Empty when there is no such host. */
export function lookUp({ symbols }: Libc, host: string, port: number): Address[] {
  const text = (value: string) => new TextEncoder().encode(`${value}\0`);
  // struct addrinfo: flags, family, type, protocol, length of the address; then, each 8 bytes,
  // address, name, next.
  const hints = new Int32Array(12);
  hints[2] = SOCK_STREAM;
  const list = new BigUint64Array(1);
  if (symbols.getaddrinfo(text(host), text(`${port}`), hints, list) !== 0) return [];
  const found: Address[] = [];
  const info = new DataView(new ArrayBuffer(48));
  for (let at = list[0]!; at !== 0n; at = info.getBigUint64(40, true)) {
    symbols.memcpy(info, at, 48n);
    const bytes = new Uint8Array(new ArrayBuffer(info.getUint32(16, true)));
    const address = info.getBigUint64(24, true);
    if (address !== 0n) {
      symbols.memcpy(bytes, address, BigInt(bytes.length));
      found.push({ family: info.getInt32(4, true), bytes });
    }
  }
  symbols.freeaddrinfo(list[0]!);
  return found;
}
