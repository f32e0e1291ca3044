/**
 * Lines of a record file as bytes. A record is mostly numbers, so they are written digit by digit: no
 * copy of the record, no lists, no text that would have to be encoded.
 *
 * @module
 */
import type { RequestRecord } from "../backends/record.ts";
import { visibleJson } from "../metrics/visible_text.ts";
import { microseconds } from "./record_stamps.ts";

const LF = 0x0a;
const SPACE = 0x20;
const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const TILDE = 0x7e;

/** Room at the start, for some dozen records. */
const FIRST_BYTES: number = 64 * 1024;
/** A number and a comma: sign, 17 digits, point, exponent. */
const NUMBER_BYTES = 26;
/** Longer texts are encoded as a whole. */
const SHORT_CHARS = 40;
/** A number or a short text, and what may follow it. */
const VALUE_BYTES: number = SHORT_CHARS + 8;
/** Whole numbers below it are written by their digits, and times of less than so many ms. */
const MOST_WHOLE: number = 2 ** 31;

/** What stands behind all other fields, because it is long. */
const TICK_FIELDS = ["tickMs", "tickTokens", "tickWidthUs", "tickEvents"] as const;

const encoder = new TextEncoder();
/** By the names of fields: with the colon behind it. */
const leads = new Map<string, Uint8Array>();

/** Lines that wait to be written: JSON as `visibleJson` gives it. */
export class RecordLines {
  #bytes: Uint8Array<ArrayBuffer> = new Uint8Array(FIRST_BYTES);
  #at = 0;

  /** Bytes that wait. */
  get length(): number {
    return this.#at;
  }

  /** Adds `{"record": …}` with times in whole microseconds. */
  addRecord(record: RequestRecord): void {
    this.#lead(OPEN_OBJECT, "record");
    this.#fields(record);
    for (const name of TICK_FIELDS) {
      const list = record[name];
      if (list !== undefined) this.#list(name, list);
    }
    this.#put(CLOSE_OBJECT);
    this.#put(CLOSE_OBJECT);
    this.#put(LF);
  }

  /** Adds a line that holds any other value. */
  addValue(value: object): void {
    this.#encode(`${visibleJson(value)}\n`);
  }

  /** All that waited; the bytes are the caller's. */
  take(): Uint8Array<ArrayBuffer> {
    const taken = this.#bytes.slice(0, this.#at);
    this.#at = 0;
    return taken;
  }

  /** The object's opening and its fields, those of ticks left out. */
  #fields(fields: object): void {
    const values = fields as Readonly<Record<string, unknown>>;
    let before = OPEN_OBJECT;
    for (const name in values) {
      const value = values[name];
      if (value === undefined || ArrayBuffer.isView(value)) continue;
      this.#lead(before, name);
      before = COMMA;
      if (typeof value === "number") {
        this.#at = (isTime(name) ? writeTime : writeNumber)(this.#bytes, this.#at, value);
      } else if (typeof value === "string") this.#text(value);
      else if (typeof value === "boolean") {
        this.#at = writeAscii(this.#bytes, this.#at, String(value));
      } else if (typeof value === "object" && value !== null && !Array.isArray(value)) {
        this.#fields(value);
        this.#put(CLOSE_OBJECT);
      } else this.#encode(visibleJson(value));
    }
    if (before === OPEN_OBJECT) this.#put(OPEN_OBJECT);
  }

  #list(name: string, list: Float64Array | Uint32Array): void {
    this.#lead(COMMA, name);
    this.#leaveRoom((list.length + 1) * NUMBER_BYTES);
    const bytes = this.#bytes;
    const write = isTime(name) ? writeTime : writeNumber;
    let at = this.#at;
    bytes[at++] = OPEN_LIST;
    for (let i = 0; i < list.length; i++) {
      if (i > 0) bytes[at++] = COMMA;
      at = write(bytes, at, list[i]!);
    }
    bytes[at++] = CLOSE_LIST;
    this.#at = at;
  }

  /** What stands before the field's value. */
  #lead(before: number, name: string): void {
    let lead = leads.get(name);
    if (lead === undefined) {
      lead = encoder.encode(`${JSON.stringify(name)}:`);
      leads.set(name, lead);
    }
    this.#leaveRoom(lead.length + VALUE_BYTES);
    this.#put(before);
    this.#bytes.set(lead, this.#at);
    this.#at += lead.length;
  }

  #text(text: string): void {
    const start = this.#at;
    const { length } = text;
    if (length > SHORT_CHARS) return this.#encode(visibleJson(text));
    const bytes = this.#bytes;
    bytes[start] = QUOTE;
    for (let i = 0; i < length; i++) {
      const code = text.charCodeAt(i);
      if (code < SPACE || code > TILDE || code === QUOTE || code === BACKSLASH) {
        return this.#encode(visibleJson(text));
      }
      bytes[start + 1 + i] = code;
    }
    bytes[start + 1 + length] = QUOTE;
    this.#at = start + length + 2;
  }

  #put(byte: number): void {
    this.#bytes[this.#at++] = byte;
  }

  /** For what needs escapes or is long. */
  #encode(text: string): void {
    // A character of UTF-16 has three bytes of UTF-8 at most.
    this.#leaveRoom(3 * text.length + VALUE_BYTES);
    const { written } = encoder.encodeInto(text, this.#bytes.subarray(this.#at));
    this.#at += written;
  }

  #leaveRoom(bytes: number): void {
    if (this.#at + bytes <= this.#bytes.length) return;
    const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#at + bytes));
    larger.set(this.#bytes.subarray(0, this.#at));
    this.#bytes = larger;
  }
}

/** Writes milliseconds with whole microseconds; returns where it ends. */
function writeTime(bytes: Uint8Array, start: number, ms: number): number {
  let us = Math.round(ms * 1000);
  if (!(us > -1000 * MOST_WHOLE && us < 1000 * MOST_WHOLE)) {
    return writeAscii(bytes, start, JSON.stringify(microseconds(ms)));
  }
  let at = start;
  if (us < 0) {
    bytes[at++] = MINUS;
    us = -us;
  }
  const whole = Math.floor(us / 1000);
  at = writeWhole(bytes, at, whole);
  const rest = us - 1000 * whole;
  if (rest === 0) return at;
  bytes[at++] = DOT;
  const tenths = (rest / 100) | 0;
  const hundredths = ((rest / 10) | 0) - 10 * tenths;
  const thousandths = rest - 100 * tenths - 10 * hundredths;
  bytes[at++] = ZERO + tenths;
  if (hundredths + thousandths > 0) bytes[at++] = ZERO + hundredths;
  if (thousandths > 0) bytes[at++] = ZERO + thousandths;
  return at;
}

/** Writes a number; returns where it ends. */
function writeNumber(bytes: Uint8Array, at: number, value: number): number {
  if (value >= 0 && value < MOST_WHOLE && value === Math.floor(value)) {
    return writeWhole(bytes, at, value);
  }
  return writeAscii(bytes, at, JSON.stringify(value));
}

function writeWhole(bytes: Uint8Array, start: number, value: number): number {
  let end = start + 1;
  for (let most = 10; value >= most; most *= 10) end++;
  let left = value | 0;
  for (let at = end - 1; at >= start; at--) {
    const shorter = (left / 10) | 0;
    bytes[at] = ZERO + left - 10 * shorter;
    left = shorter;
  }
  return end;
}

function writeAscii(bytes: Uint8Array, start: number, text: string): number {
  for (let i = 0; i < text.length; i++) bytes[start + i] = text.charCodeAt(i);
  return start + text.length;
}

function isTime(name: string): boolean {
  return name.endsWith("Ms");
}
