/**
 * Encoded requests that all threads of a run share. As objects they would be copied into every thread,
 * and each small body is memory of its own.
 *
 * @module
 */
import type { WireRequest } from "../backends/protocol.ts";

/** Everything of a request besides its body. */
type WireHead = Omit<WireRequest, "body">;

/** What a thread is sent: its large parts are shared and not copied. */
export interface SharedWires {
  /** Those that occur, mostly one. */
  readonly heads: readonly Omit<WireRequest, "body">[];
  /** Bodies one behind the other. */
  readonly chunks: readonly SharedArrayBuffer[];
  /** Four numbers of 32 bits for each request: its head, its chunk, and where its body begins and ends. */
  readonly places: SharedArrayBuffer;
}

/** Numbers for each request. */
const FIELDS = 4;
/** Chunk of a request without a body. */
const NO_BODY = 2 ** 32 - 1;
const FIRST_CHUNK_BYTES: number = 2 ** 16;
const MOST_CHUNK_BYTES: number = 2 ** 24;

/** Puts requests where all threads can read them; they are taken one by one and need not exist at once. */
export function shareWires(wires: Iterable<WireRequest>): SharedWires {
  const sharer = new WireSharer();
  for (const wire of wires) sharer.add(wire);
  return sharer.shared();
}

/** The same, for requests that are made a few at a time. */
export class WireSharer {
  readonly #heads: WireHead[] = [];
  readonly #byText = new Map<string, number>();
  readonly #chunks: SharedArrayBuffer[] = [];
  readonly #places: number[] = [];
  #chunk = new Uint8Array(new SharedArrayBuffer(0));
  #used = 0;
  /** Position of the head that was used last. */
  #last = 0;

  /** @param like position of a request with the same body, which is then kept once. */
  add({ body, ...head }: WireRequest, like?: number): void {
    const at = this.#headOf(head);
    if (like !== undefined) {
      const from = like * FIELDS;
      return void this.#places.push(at, ...this.#places.slice(from + 1, from + FIELDS));
    }
    if (body === undefined) return void this.#places.push(at, NO_BODY, 0, 0);
    const { length } = this.#chunk;
    if (this.#chunks.length === 0 || this.#used + body.length > length) {
      const bytes = Math.min(MOST_CHUNK_BYTES, Math.max(FIRST_CHUNK_BYTES, 2 * length));
      this.#chunk = new Uint8Array(new SharedArrayBuffer(Math.max(bytes, body.length)));
      this.#chunks.push(this.#chunk.buffer);
      this.#used = 0;
    }
    this.#chunk.set(body, this.#used);
    this.#places.push(at, this.#chunks.length - 1, this.#used, this.#used += body.length);
  }

  /** Of several servers and models, each has a head of its own. */
  #headOf(head: WireHead): number {
    const last = this.#heads.at(this.#last);
    if (last !== undefined && isSame(last, head)) return this.#last;
    const text = JSON.stringify([head.method, head.url, Object.entries(head.headers).toSorted()]);
    let at = this.#byText.get(text);
    if (at === undefined) {
      at = this.#heads.push(head) - 1;
      this.#byText.set(text, at);
    }
    return this.#last = at;
  }

  /** All that were added; called once. */
  shared(): SharedWires {
    const memory = new SharedArrayBuffer(4 * this.#places.length);
    new Uint32Array(memory).set(this.#places);
    return { heads: this.#heads, chunks: this.#chunks, places: memory };
  }
}

/** Shared requests by their position. */
export class WirePool {
  readonly #heads: readonly WireHead[];
  readonly #chunks: readonly Uint8Array[];
  readonly #places: Uint32Array;
  /** Requests that were made ahead of their turn, by position. */
  readonly #ahead = new Map<number, WireRequest>();

  constructor({ heads, chunks, places }: SharedWires) {
    this.#heads = heads;
    this.#chunks = chunks.map((chunk) => new Uint8Array(chunk));
    this.#places = new Uint32Array(places);
  }

  get length(): number {
    return this.#places.length / FIELDS;
  }

  /** The request at a position, with a body of its own. @throws {RangeError} where there is none. */
  at(position: number): WireRequest {
    const ahead = this.#ahead.get(position);
    if (ahead !== undefined) {
      this.#ahead.delete(position);
      return ahead;
    }
    const head = this.headAt(position);
    const at = position * FIELDS;
    const chunk = this.#places[at + 1]!;
    if (chunk === NO_BODY) return head;
    const body = this.#chunks[chunk]!.slice(this.#places[at + 2]!, this.#places[at + 3]!);
    return { ...head, body: body as Uint8Array<ArrayBuffer> };
  }

  /** What is there of a request besides its body. @throws {RangeError} where there is none. */
  headAt(position: number): WireHead {
    const head = this.#heads[this.#places[position * FIELDS]!];
    if (head !== undefined) return head;
    throw new RangeError(`Cannot take request ${position} of ${this.length}`);
  }

  /**
   * Makes some requests ahead, every `step`th from a position on and around the end: {@linkcode at} gives
   * them out, each once. Those of an earlier call are forgotten.
   */
  makeAhead(from: number, count: number, step: number = 1): readonly WireRequest[] {
    this.#ahead.clear();
    const { length } = this;
    const made = Array.from(
      { length: Math.min(count, length) },
      (_, i) => this.at((from + step * i) % length),
    );
    made.forEach((wire, i) => this.#ahead.set((from + step * i) % length, wire));
    return made;
  }

  /** The first request of each kind: what a transport can get ready for all of them. */
  kinds(): readonly WireRequest[] {
    const found: WireRequest[] = [];
    for (let position = 0; position < this.length; position++) {
      if (this.#places[position * FIELDS] === found.length) found.push(this.at(position));
    }
    return found;
  }
}

function isSame(one: WireHead, other: WireHead): boolean {
  if (one.method !== other.method || one.url !== other.url) return false;
  if (one.headers === other.headers) return true;
  const names = Object.keys(other.headers);
  // Transports may write them in their order.
  return names.length === Object.keys(one.headers).length &&
    Object.keys(one.headers).every((name, i) =>
      name === names[i] && one.headers[name] === other.headers[name]
    );
}
