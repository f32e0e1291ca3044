/**
 * Reads a socket together with the time at which the kernel received the data. However late a thread
 * reads, the stamp is that of the arrival: a pause of the garbage collector, a busy core or a
 * deliberate nap delays the read, not the measurement.
 *
 * @module
 */
import {
  addressOf,
  AF_INET,
  askForStamps,
  CLOCK_REALTIME,
  type Libc,
  SO_TIMESTAMPNS,
  STREAM_FLAGS,
} from "./epoll_libc.ts";
import type { ReadStamp } from "./socket_events.ts";
import { KERNEL_STAMP_WIDTH_MS } from "./transport.ts";

// Offsets in the memory that the kernel reads and writes; 64 bits, little endian.
/** `struct msghdr`: name, its length, iovec, their number, control, its length, flags. */
const MSGHDR = 0;
const MSGHDR_IOVEC = 16;
const MSGHDR_IOVECS = 24;
const MSGHDR_CONTROL = 32;
const MSGHDR_CONTROL_LENGTH = 40;
/** `struct iovec`: where to, how much. */
const IOVEC = 64;
/** `struct cmsghdr` (length, level, type) and behind it a `struct timespec`. */
const CONTROL = 96;
const CONTROL_BYTES = 64;
const CONTROL_TYPE = CONTROL + 12;
const CONTROL_SECONDS = CONTROL + 16;
const CONTROL_NANOSECONDS = CONTROL + 24;
const MEMORY_BYTES = CONTROL + CONTROL_BYTES;

/** Stamps are in the time of day, which may be set: our clock is compared with it this often. */
const COMPARE_MS = 50;
/** The difference of the clocks is known well when it is known to within this. */
const CLOSE_MS = 0.01;
const TRIES = 5;
/** A stamp further off than this does not belong to the read: the time of day was set. */
const TOLERANCE_MS = 0.05;

/** Positions of times: as fields of an object, each would be a new number per read. */
const ARRIVED = 0;
const WIDTH = 1;
const EMPTY = 2;
const NOT_BEFORE = 3;
const KNOWN_EMPTY = 4;
/** The longest transit since the last comparison of the clocks, and between the two before. */
const TRANSIT = 5;
const OLDER_TRANSIT = 6;
const TIMES = 7;

export class StampedReader implements ReadStamp {
  readonly #times = new Float64Array(TIMES);
  /** Whether the kernel stamped it; otherwise it is the time of the read. */
  stamped = false;
  readonly #libc: Libc;
  readonly #now: () => number;
  readonly #bufferBytes: number;
  readonly #memory = new ArrayBuffer(MEMORY_BYTES);
  readonly #message = new Uint8Array(this.#memory, MSGHDR);
  readonly #words = new Int32Array(this.#memory);
  readonly #time = new BigInt64Array(2);
  /** Kept open: while one socket asks for stamps, the kernel stamps every packet. */
  readonly #asker: number;
  /** Seconds of the system's clock at the first comparison, subtracted to keep doubles exact. */
  #originSec = 0;
  /**
   * Our clock minus the system's, and the bounds of it: every comparison gives some, and all contain
   * it until the time of day is set. Both clocks are slewed alike.
   */
  #shiftMs = 0;
  #leastShiftMs = -Infinity;
  #mostShiftMs = Infinity;
  #comparedMs = -Infinity;
  /** A recent reading of our clock: reading it costs as much as reading a socket. */
  #knownMs = -Infinity;

  /** When the last byte of the last read was received, on the given clock. */
  get arrivedMs(): number {
    return this.#times[ARRIVED]!;
  }

  /** How much earlier what was read last may have come; see {@linkcode ReadStamp}. */
  get widthMs(): number {
    return this.#times[WIDTH]!;
  }

  /** A time at which the socket was empty, unless the last read filled the buffer. */
  get emptyMs(): number {
    return this.#times[EMPTY]!;
  }

  /** @param buffer where every read goes to; must live as long as this. */
  constructor(libc: Libc, now: () => number, buffer: Uint8Array<ArrayBuffer>) {
    this.#libc = libc;
    this.#now = now;
    this.#bufferBytes = buffer.length;
    const pointers = new BigUint64Array(this.#memory);
    const address = addressOf(libc, this.#message);
    pointers[MSGHDR_IOVEC / 8] = address + BigInt(IOVEC);
    pointers[MSGHDR_IOVECS / 8] = 1n;
    pointers[MSGHDR_CONTROL / 8] = address + BigInt(CONTROL);
    pointers[IOVEC / 8] = addressOf(libc, buffer);
    pointers[IOVEC / 8 + 1] = BigInt(buffer.length);
    this.#asker = libc.symbols.socket(AF_INET, STREAM_FLAGS, 0);
    if (this.#asker >= 0) askForStamps(libc, this.#asker);
    this.compareClocks();
  }

  /**
   * Reads what has arrived; returns the number of bytes as `recv` does.
   *
   * @param notBeforeMs a time at which the socket was empty by its own stamps: an earlier stamp was
   * made before the time of day was set.
   * @param emptyMs a time at which it was empty in whatever way that is known.
   * @param lossy what is sent may be lost on the way, so that later segments wait for it.
   */
  receive(
    fd: number,
    notBeforeMs: number,
    emptyMs: number = notBeforeMs,
    lossy: boolean = false,
  ): number {
    this.#times[NOT_BEFORE] = notBeforeMs;
    this.#times[KNOWN_EMPTY] = emptyMs;
    return this.#receive(fd, lossy);
  }

  #receive(fd: number, lossy: boolean): number {
    const words = this.#words;
    words[MSGHDR_CONTROL_LENGTH / 4] = CONTROL_BYTES;
    const count = this.#libc.symbols.recvmsg(fd, this.#message, 0);
    if (count <= 0) return count;
    const times = this.#times;
    const notBeforeMs = times[NOT_BEFORE]!;
    const emptyMs = times[KNOWN_EMPTY]!;
    this.stamped = words[MSGHDR_CONTROL_LENGTH / 4] !== 0 &&
      words[CONTROL_TYPE / 4] === SO_TIMESTAMPNS;
    if (this.stamped) {
      const seconds = (words[CONTROL_SECONDS / 4]! >>> 0) - this.#originSec;
      const atMs = seconds * 1000 + words[CONTROL_NANOSECONDS / 4]! / 1e6 + this.#shiftMs;
      if (atMs > this.#knownMs) this.#knownMs = this.#now();
      if (atMs <= this.#knownMs + TOLERANCE_MS && atMs >= notBeforeMs - TOLERANCE_MS) {
        const arrivedMs = Math.max(notBeforeMs, Math.min(atMs, this.#knownMs));
        times[ARRIVED] = times[EMPTY] = arrivedMs;
        if (lossy && emptyMs - arrivedMs > KERNEL_STAMP_WIDTH_MS) {
          // It had come, and was no use until a segment before it was sent again; or the kernel was
          // late with its own work. Which of them, nobody says.
          this.stamped = false;
          times[ARRIVED] = this.#now();
          times[WIDTH] = times[ARRIVED]! - arrivedMs + KERNEL_STAMP_WIDTH_MS;
          return count;
        }
        const transitMs = emptyMs - arrivedMs;
        let lowMs = notBeforeMs;
        if (transitMs > KERNEL_STAMP_WIDTH_MS) {
          // Stamped, and not yet in the socket when that was found empty: where the kernel has no core
          // for it, that takes as long as several tokens. Then only its stamps say what came when.
          times[TRANSIT] = Math.max(times[TRANSIT]!, transitMs);
        } else {
          // When what came before the stamped byte had not yet come.
          lowMs = Math.min(arrivedMs, Math.max(notBeforeMs, emptyMs - this.#transit()));
        }
        const widthMs = arrivedMs - lowMs + KERNEL_STAMP_WIDTH_MS;
        // Where the buffer was filled the stamp may be that of bytes which are still to be read.
        times[WIDTH] = count < this.#bufferBytes ? -widthMs : widthMs;
        return count;
      }
      this.stamped = false;
      this.compareClocks();
    }
    // Not the time of the read, during which more may have come.
    times[EMPTY] = Math.max(notBeforeMs, this.#knownMs);
    const nowMs = this.#now();
    times[ARRIVED] = nowMs;
    // What was on its way from the network to the socket when that was found empty came earlier.
    times[WIDTH] = Math.max(0, nowMs - emptyMs) + this.#transit() + KERNEL_STAMP_WIDTH_MS;
    return count;
  }

  /** The longest that something stamped was seen to take to its socket, of late. */
  #transit(): number {
    return Math.max(this.#times[TRANSIT]!, this.#times[OLDER_TRANSIT]!);
  }

  /** Compares our clock with the system's, unless that was done shortly before `nowMs`. */
  keepTime(nowMs: number): void {
    this.#knownMs = nowMs;
    if (nowMs - this.#comparedMs < COMPARE_MS) return;
    this.compareClocks();
    this.#times[OLDER_TRANSIT] = this.#times[TRANSIT]!;
    this.#times[TRANSIT] = 0;
  }

  /**
   * Compares our clock with the system's. A thread that waits for a core between two readings learns
   * little from them, and nothing wrong.
   */
  compareClocks(): void {
    for (let i = 0; i < TRIES; i++) {
      const beforeMs = this.#now();
      this.#libc.symbols.clock_gettime(CLOCK_REALTIME, this.#time);
      const afterMs = this.#now();
      if (this.#originSec === 0) this.#originSec = Number(this.#time[0]!);
      const seconds = Number(this.#time[0]!) - this.#originSec;
      const systemMs = seconds * 1000 + Number(this.#time[1]!) / 1e6;
      const leastMs = beforeMs - systemMs;
      const mostMs = afterMs - systemMs;
      if (leastMs > this.#mostShiftMs || mostMs < this.#leastShiftMs) {
        // The time of day was set.
        this.#leastShiftMs = leastMs;
        this.#mostShiftMs = mostMs;
      } else {
        this.#leastShiftMs = Math.max(this.#leastShiftMs, leastMs);
        this.#mostShiftMs = Math.min(this.#mostShiftMs, mostMs);
      }
      this.#shiftMs = (this.#leastShiftMs + this.#mostShiftMs) / 2;
      this.#comparedMs = afterMs;
      if (this.#mostShiftMs - this.#leastShiftMs <= CLOSE_MS) return;
    }
  }

  close(): void {
    if (this.#asker >= 0) this.#libc.symbols.close(this.#asker);
  }
}
