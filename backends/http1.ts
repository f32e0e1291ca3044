/**
 * Parses HTTP/1.1 responses from a byte stream as it arrives: status line, headers, and the body
 * without its transfer coding. It is fed from a buffer that the next read overwrites and passes on
 * the ranges that are body; a read that holds only body allocates nothing.
 *
 * Strict where a mistake would lose or invent body bytes (chunk sizes, lengths, header syntax), and
 * as lenient as common clients elsewhere (bare LF in the head, a missing reason phrase).
 *
 * @module
 */
import type { BodySink } from "./buffers.ts";
import { oneLine } from "./error_message.ts";
import { tellingHeaders } from "./exchange.ts";
import { decodeLatin1 } from "./latin1.ts";
import { showBytes } from "./limits.ts";

/** Largest response head, in bytes. */
export const HEAD_LIMIT: number = 256 * 1024;
/** Most header lines of a head, as in hyper. */
export const HEADER_LIMIT = 100;
/** Most interim responses (1xx) and empty lines before a response. */
export const INTERIM_LIMIT = 100;
/** Most bytes of a chunk's size line besides the size, and of all trailers. */
export const CHUNK_LINE_LIMIT: number = 16 * 1024;
/** Most bytes of all chunks' size lines besides the sizes. */
const CHUNK_LINES_LIMIT: number = 4 * 2 ** 20;
/** 281 TB: more is an attack or an error, and would not be exact. */
const SIZE_DIGITS = 12;

const CR = 13;
const LF = 10;
const SPACE = 32;
const TAB = 9;
const COLON = 58;
const SEMICOLON = 59;

/** What the next byte belongs to. */
const HEAD = 0;
const LENGTH_BODY = 1;
const EOF_BODY = 2;
const CHUNK_SIZE = 3;
const CHUNK_SIZE_SPACE = 4;
const CHUNK_EXTENSION = 5;
const CHUNK_SIZE_LF = 6;
const CHUNK_DATA = 7;
const CHUNK_DATA_CR = 8;
const CHUNK_DATA_LF = 9;
const TRAILER_START = 10;
const TRAILER = 11;
const TRAILER_LF = 12;
const LAST_LF = 13;
const DONE = 14;
const FAILED = 15;

/** How a response ended when its connection did. */
export type ResponseEof =
  /** The end of the connection was the end of the body. */
  | "complete"
  | "nothing"
  | "head"
  | "body"
  | "malformed";

/** A complete head and what follows from it. */
interface KnownHead {
  readonly bytes: Uint8Array;
  readonly status: number;
  readonly contentType: string;
  readonly headers: Readonly<Record<string, string>> | undefined;
  readonly reusable: boolean;
  readonly state: number;
  readonly left: number;
}

/** The last head: a server's heads stay the same for at least a second. */
let lastHead: KnownHead | undefined;

/** Enough bytes to tell HTTP/1 from anything else; a status line is longer. */
const FIRST_BYTES = 9;
/** The frame that an HTTP/2 server begins with: at most 63 settings, of stream 0. */
const HTTP2_SETTINGS: readonly (number | undefined)[] = [0, undefined, undefined, 4, 0, 0, 0, 0, 0];

const HTTP2_SPOKEN = "the server speaks HTTP/2 on this port, HTTP/1.1 was expected: take " +
  "its HTTP/1.1 port, or a gRPC --protocol if this is its gRPC port";

const KNOWN_HEAD_BYTES = 4096;

const SIZE_LINE = "the size line of a chunk is";
const TRAILERS = "the trailers are";

/** Buffers for heads that arrive in pieces or are new, used only while one is read. */
const freeHeads: Uint8Array<ArrayBuffer>[] = [];
const FIRST_HEAD_BYTES = 512;
const NO_HEAD = new Uint8Array(0);

/** Reads one response after another from one connection. */
export class ResponseParser {
  /** Status of the final response; 0 before its head is complete. */
  status = 0;
  /** `content-type`, lower case; empty when there is none. */
  contentType = "";
  /** What says why the answer is not the expected one; absent where it is. */
  headers: Readonly<Record<string, string>> | undefined = undefined;
  /** The head of the final response (not of an interim `1xx`) is complete. */
  headDone = false;
  done = false;
  /** What is wrong with the bytes, once something is. */
  error: string | undefined;
  /** What is wrong is not how the bytes are written, but how many there are. */
  limitPassed = false;
  /** At least one byte of this response has arrived. */
  started = false;
  /** The connection may carry another request, as far as the response says. */
  reusable = false;
  /** Index in the bytes pushed last behind the last one of the body, where there was one. */
  bodyEnd = 0;

  #sink: BodySink | undefined;
  #state = DONE;
  /** Head so far, all lines. */
  #head = NO_HEAD;
  #headBytes = 0;
  /** First byte of the current line of the head. */
  #lineStart = 0;
  /** Bytes left of the body or of the chunk; the chunk's size while it is read. */
  #left = 0;
  #sizeDigits = 0;
  /** Extra bytes of this chunk's size line, or of the trailers. */
  #lineBytes = 0;
  /** Extra bytes of the whole body. */
  #extraBytes = 0;
  #interims = 0;

  /** Gets ready for the next response; its body goes to `sink`. */
  start(sink: BodySink): void {
    this.#sink = sink;
    this.status = 0;
    this.contentType = "";
    this.headers = undefined;
    this.headDone = false;
    this.done = false;
    this.error = undefined;
    this.limitPassed = false;
    this.#interims = 0;
    this.started = false;
    this.reusable = false;
    this.#state = HEAD;
    this.#headBytes = this.#lineStart = 0;
  }

  /**
   * Parses `source[from, to)`. Returns the first index that does not belong to the response: `to`,
   * unless the response ended or failed before.
   */
  push(source: Uint8Array, from: number, to: number): number {
    if (from < to && !this.done) this.started = true;
    let at = from;
    while (at < to) {
      switch (this.#state) {
        case HEAD:
          at = this.#pushHead(source, at, to);
          break;
        case LENGTH_BODY:
        case CHUNK_DATA: {
          const end = Math.min(to, at + this.#left);
          this.#sink!.append(source, at, end);
          this.#left -= end - at;
          at = this.bodyEnd = end;
          if (this.#left === 0) {
            if (this.#state === CHUNK_DATA) this.#state = CHUNK_DATA_CR;
            else this.#finish();
          }
          break;
        }
        case EOF_BODY:
          this.#sink!.append(source, at, to);
          at = this.bodyEnd = to;
          break;
        case DONE:
        case FAILED:
          return at;
        default:
          this.#pushChunkByte(source[at]!);
          at++;
      }
    }
    return at;
  }

  /** The connection ended; returns what that means for the response. */
  eof(): ResponseEof {
    if (this.error !== undefined) return "malformed";
    if (this.#state === EOF_BODY) {
      this.#finish();
      this.reusable = false;
    }
    if (this.done) return "complete";
    if (this.headDone) return "body";
    return this.started ? "head" : "nothing";
  }

  #finish(): void {
    this.#state = DONE;
    this.done = true;
  }

  #fail(message: string): void {
    this.#state = FAILED;
    this.error = message;
    this.reusable = false;
  }

  #passLimit(message: string): void {
    this.limitPassed = true;
    this.#fail(message);
  }

  /** One byte of a chunked body that is not data. */
  #pushChunkByte(byte: number): void {
    switch (this.#state) {
      case CHUNK_SIZE: {
        const digit = hexDigit(byte);
        if (digit >= 0) {
          if (++this.#sizeDigits > SIZE_DIGITS) this.#countExtra(SIZE_LINE);
          if (this.#sizeDigits > SIZE_DIGITS && this.#left > 0) {
            this.#fail("a chunk size is too large");
          } else this.#left = this.#left * 16 + digit;
        } else if (this.#sizeDigits === 0) this.#fail("a chunk size is missing");
        else this.#afterSize(byte);
        break;
      }
      case CHUNK_SIZE_SPACE:
        this.#afterSize(byte);
        this.#countExtra(SIZE_LINE);
        break;
      case CHUNK_EXTENSION:
        if (byte === CR) this.#state = CHUNK_SIZE_LF;
        else if (byte === LF) this.#fail("a chunk size line does not end in CR LF");
        else this.#countExtra(SIZE_LINE);
        break;
      case CHUNK_SIZE_LF:
        if (byte !== LF) this.#fail("a chunk size line does not end in CR LF");
        else this.#state = this.#left === 0 ? TRAILER_START : CHUNK_DATA;
        break;
      case CHUNK_DATA_CR:
        if (byte === CR) this.#state = CHUNK_DATA_LF;
        else this.#fail("a chunk is longer than its size says");
        break;
      case CHUNK_DATA_LF:
        if (byte === LF) this.#startChunk();
        else this.#fail("a chunk does not end in CR LF");
        break;
      case TRAILER_START:
        if (byte === CR) this.#state = LAST_LF;
        else {
          this.#state = TRAILER;
          this.#pushChunkByte(byte);
        }
        break;
      case TRAILER:
        if (byte === CR) this.#state = TRAILER_LF;
        else if (byte === LF) this.#fail("a trailer does not end in CR LF");
        else this.#countExtra(TRAILERS);
        break;
      case TRAILER_LF:
        if (byte === LF) this.#state = TRAILER_START;
        else this.#fail("a trailer does not end in CR LF");
        break;
      case LAST_LF:
        if (byte === LF) this.#finish();
        else this.#fail("the last chunk does not end in CR LF");
    }
  }

  #startChunk(): void {
    this.#state = CHUNK_SIZE;
    this.#left = this.#sizeDigits = this.#lineBytes = 0;
  }

  #afterSize(byte: number): void {
    if (byte === CR) this.#state = CHUNK_SIZE_LF;
    else if (byte === SEMICOLON) this.#state = CHUNK_EXTENSION;
    else if (byte === SPACE || byte === TAB) this.#state = CHUNK_SIZE_SPACE;
    else this.#fail("a chunk size is not a hexadecimal number");
  }

  #countExtra(what: string): void {
    if (++this.#lineBytes > CHUNK_LINE_LIMIT) {
      this.#passLimit(`${what} larger than ${showBytes(CHUNK_LINE_LIMIT)}`);
    } else if (++this.#extraBytes > CHUNK_LINES_LIMIT) {
      this.#passLimit(
        `what the chunks say besides their sizes is larger than ${showBytes(CHUNK_LINES_LIMIT)}`,
      );
    }
  }

  /** Counts an interim response, or an empty line before a response. */
  #countInterim(): void {
    this.#headBytes = this.#lineStart = 0;
    if (++this.#interims > INTERIM_LIMIT) {
      this.#passLimit(
        `more than ${INTERIM_LIMIT} interim responses (1xx) or empty lines before the response`,
      );
    }
  }

  /** Collects head bytes up to and including the empty line that ends them. */
  #pushHead(source: Uint8Array, from: number, to: number): number {
    if (this.#headBytes === 0 && this.#recognizeHead(source, from, to)) {
      return from + lastHead!.bytes.length;
    }
    for (let at = from; at < to; at++) {
      const byte = source[at]!;
      if (this.#headBytes === this.#head.length && !this.#growHead()) return at;
      this.#head[this.#headBytes++] = byte;
      // A server of another kind may wait for more from us: no further bytes would come.
      if (this.#headBytes === FIRST_BYTES && !this.#beginsAsHttp()) return at;
      if (byte !== LF) continue;
      const start = this.#lineStart;
      this.#lineStart = this.#headBytes;
      if (lineEnd(this.#head, this.#headBytes) > start) continue;
      // An empty line. Before the status line it is a leftover of sloppy servers.
      if (start === 0) this.#countInterim();
      else {
        this.#readHead();
        if (this.headDone) this.#dropHead();
        return at + 1;
      }
      if (this.error !== undefined) return at;
    }
    return to;
  }

  /** Whether the last head begins here again; if so, takes over what it meant. */
  #recognizeHead(source: Uint8Array, from: number, to: number): boolean {
    const known = lastHead;
    if (known === undefined || known.bytes.length > to - from) return false;
    const { bytes } = known;
    for (let i = 0; i < bytes.length; i++) if (bytes[i] !== source[from + i]) return false;
    this.status = known.status;
    this.contentType = known.contentType;
    this.headers = known.headers;
    this.reusable = known.reusable;
    this.headDone = true;
    this.#left = known.left;
    this.#sizeDigits = this.#lineBytes = this.#extraBytes = 0;
    if (known.state === DONE) this.#finish();
    else this.#state = known.state;
    return true;
  }

  #dropHead(): void {
    if (this.#head.length === FIRST_HEAD_BYTES) freeHeads.push(this.#head);
    this.#head = NO_HEAD;
  }

  #growHead(): boolean {
    if (this.#head.length === 0) {
      this.#head = freeHeads.pop() ?? new Uint8Array(FIRST_HEAD_BYTES);
      return true;
    }
    if (this.#head.length >= HEAD_LIMIT) {
      this.#passLimit(`the response head is larger than ${showBytes(HEAD_LIMIT)}`);
      return false;
    }
    const head = new Uint8Array(this.#head.length * 2);
    head.set(this.#head);
    this.#head = head;
    return true;
  }

  #beginsAsHttp(): boolean {
    const head = this.#head;
    if (readVersion(head) >= 0 || head[0] === CR || head[0] === LF) return true;
    const first = head.subarray(0, FIRST_BYTES);
    if (HTTP2_SETTINGS.every((byte, i) => byte === undefined || byte === first[i])) {
      this.#fail(HTTP2_SPOKEN);
      return false;
    }
    this.#fail(
      `the answer begins with "${oneLine(decodeLatin1(first, 0, FIRST_BYTES))}", not with HTTP/1.1`,
    );
    return false;
  }

  #readHead(): void {
    const head = this.#head;
    let at = head.indexOf(LF) + 1;
    const version = readVersion(head);
    const status = readStatus(head, lineEnd(head, at));
    if (version < 0) return this.#fail("the answer does not begin with HTTP/1.1");
    if (status < 0) return this.#fail("the status line holds no status");

    let length = -1;
    let chunked = false;
    let coded = false;
    let keepAlive = version === 1;
    let contentType = "";
    let compressed = false;
    for (let lines = 0;; lines++) {
      const next = head.indexOf(LF, at) + 1;
      const stop = lineEnd(head, next);
      if (stop === at) break;
      if (lines === HEADER_LIMIT) {
        return this.#passLimit(`the response head has more than ${HEADER_LIMIT} lines`);
      }
      const colon = nameEnd(head, at, stop);
      if (colon < 0 || !isHeaderValue(head, colon + 1, stop)) {
        return this.#fail(
          `a header line is malformed: ${decodeLatin1(head, at, Math.min(stop, at + 80))}`,
        );
      }
      switch (colon - at) {
        case 14:
          if (hasName(head, at, "content-length")) {
            const value = readLength(decodeLatin1(head, colon + 1, stop));
            if (value < 0 || (length >= 0 && length !== value)) {
              return this.#fail(
                `content-length is invalid: ${decodeLatin1(head, colon + 1, stop).trim()}`,
              );
            }
            length = value;
          }
          break;
        case 17:
          if (hasName(head, at, "transfer-encoding")) {
            coded = true;
            chunked = /(^|,)\s*chunked\s*$/i.test(decodeLatin1(head, colon + 1, stop));
          }
          break;
        case 16:
          compressed ||= hasName(head, at, "content-encoding");
          break;
        case 10:
          if (hasName(head, at, "connection")) {
            const value = decodeLatin1(head, colon + 1, stop);
            if (/(^|,)\s*close\s*(,|$)/i.test(value)) keepAlive = false;
            else if (/(^|,)\s*keep-alive\s*(,|$)/i.test(value)) keepAlive = true;
          }
          break;
        case 12:
          if (hasName(head, at, "content-type")) {
            contentType = decodeLatin1(head, colon + 1, stop).trim().toLowerCase();
          }
          break;
      }
      at = next;
    }
    if (coded && version === 0) {
      return this.#fail("transfer-encoding is not part of HTTP/1.0");
    }
    if (status < 200 && status !== 101) {
      this.#countInterim();
      return;
    }
    this.status = status;
    this.contentType = contentType;
    this.headDone = true;
    const bytes = this.#headBytes;
    if (status < 200 || status > 299 || compressed) {
      const text = decodeLatin1(head, 0, bytes);
      this.headers = tellingHeaders(status, (name) => headerOf(text, name));
    }
    this.#headBytes = this.#lineStart = 0;
    // Both lengths at once is how requests are smuggled: read it, but trust the connection no more.
    this.reusable = keepAlive && status !== 101 && !(coded && length >= 0);
    this.#extraBytes = 0;
    if (status === 204 || status === 304 || status === 101) this.#finish();
    else if (chunked) this.#startChunk();
    else if (!coded && length === 0) this.#finish();
    else if (!coded && length > 0) {
      this.#state = LENGTH_BODY;
      this.#left = length;
    } else {
      this.#state = EOF_BODY;
      this.reusable = false;
    }
    if (bytes > KNOWN_HEAD_BYTES) return;
    lastHead = {
      bytes: head.slice(0, bytes),
      status,
      contentType,
      headers: this.headers,
      reusable: this.reusable,
      state: this.#state,
      left: this.#left,
    };
  }
}

/** The value of the first header of that name. */
function headerOf(head: string, name: string): string | undefined {
  return new RegExp(`^${name}:[ \\t]*([^\\r\\n]*)`, "im").exec(head)?.[1];
}

function hexDigit(byte: number): number {
  if (byte >= 48 && byte <= 57) return byte - 48;
  const lower = byte | 32;
  return lower >= 97 && lower <= 102 ? lower - 87 : -1;
}

/** End of the content of the line whose LF is at `next - 1`. */
function lineEnd(head: Uint8Array, next: number): number {
  return next >= 2 && head[next - 2] === CR ? next - 2 : next - 1;
}

/** The `x` of HTTP/1.x, or -1. */
function readVersion(head: Uint8Array): number {
  const version = decodeLatin1(head, 0, 9);
  return version === "HTTP/1.1 " ? 1 : version === "HTTP/1.0 " ? 0 : -1;
}

/** The status of a status line that ends at `end`, or -1. */
function readStatus(head: Uint8Array, end: number): number {
  const match = /^([1-9]\d\d)(?: [\t\x20-\x7e\x80-\xff]*)?$/.exec(decodeLatin1(head, 9, end));
  return match === null ? -1 : Number(match[1]);
}

/** Characters of a header's name: `token` of RFC 9110. */
const TOKEN: readonly boolean[] = Array.from(
  { length: 256 },
  (_, byte) => /[!#$%&'*+\-.^_`|~0-9A-Za-z]/.test(String.fromCharCode(byte)) && byte < 128,
);

/** Position of the colon after a non-empty name, or -1. */
function nameEnd(head: Uint8Array, from: number, to: number): number {
  let at = from;
  while (at < to && TOKEN[head[at]!]) at++;
  return at > from && at < to && head[at] === COLON ? at : -1;
}

function isHeaderValue(head: Uint8Array, from: number, to: number): boolean {
  for (let at = from; at < to; at++) {
    const byte = head[at]!;
    if ((byte < 32 && byte !== TAB) || byte === 127) return false;
  }
  return true;
}

/** Compares without regard to case; `name` is lower case and holds letters and dashes. */
function hasName(head: Uint8Array, from: number, name: string): boolean {
  for (let i = 0; i < name.length; i++) {
    if ((head[from + i]! | 32) !== name.charCodeAt(i)) return false;
  }
  return true;
}

/** `5`, or `5, 5` as some proxies join it; else -1. */
function readLength(value: string): number {
  let length = -1;
  for (const part of value.split(",")) {
    const digits = part.trim();
    if (!/^\d{1,15}$/.test(digits)) return -1;
    if (length >= 0 && Number(digits) !== length) return -1;
    length = Number(digits);
  }
  return length;
}
