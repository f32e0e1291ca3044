/**
 * Reads JSON objects straight from the bytes of a body, and of each only the wanted fields. An
 * engine's event is mostly the same for every token (id, model, time), so building all of it again is
 * most of the work of reading a stream. Here the rest is checked and skipped without an allocation.
 *
 * Most often an event even repeats the bytes of the one before, except for a text and a number or
 * two. Then only these are read anew, into the objects of the event before.
 *
 * Accepted input is JSON and comes out as `JSON.parse` would give it, wanted fields only. Anything
 * unusual (deep nesting, malformed input) is declined and left to `JSON.parse`.
 *
 * @module
 */
import { decodeLatin1 } from "./latin1.ts";
import type { FieldMask } from "./protocol.ts";

const QUOTE = 0x22;
const COMMA = 0x2c;
const MINUS = 0x2d;
const DOT = 0x2e;
const ZERO = 0x30;
const NINE = 0x39;
const COLON = 0x3a;
const OPEN_LIST = 0x5b;
const BACKSLASH = 0x5c;
const CLOSE_LIST = 0x5d;
const LOWER_E = 0x65;
const LOWER_N = 0x6e;
const LOWER_U = 0x75;
const OPEN_OBJECT = 0x7b;
const CLOSE_OBJECT = 0x7d;
const SPACE = 0x20;
const TAB = 0x09;

const DEEPEST = 24;
/** Texts up to this length are built from their characters; longer ones are decoded. */
const SHORT_TEXT = 32;
/** Bytes compared at once. */
const WORD = 8;
/** Numbers of up to this many digits are exact. */
const EXACT_DIGITS = 15;
/** Characters that may follow a backslash, `u` apart. */
const ESCAPED = new Set(Array.from('"\\/bfnrt', (character) => character.charCodeAt(0)));
const HEX = /^[0-9a-fA-F]{4}$/;

const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

/** A part of {@linkcode FieldMask}, prepared for comparing bytes. */
interface Plan {
  readonly names: readonly string[];
  readonly bytes: readonly Uint8Array[];
  readonly plans: readonly Plan[];
  /** For the elements of a list. */
  readonly element: Plan | undefined;
  readonly whole: boolean;
  /** Fields of the last object, in its order: those of the next one are most often the same. */
  readonly seen: Field[];
}

/** A field of the last object. */
interface Field {
  /** The bytes from its name's first quote to its value. */
  readonly lead: Uint8Array;
  /** Position among the plan's names, or -1. */
  readonly found: number;
  /** Number of the body in which its value is `[from, to)`; 0 = none: only scalars are kept. */
  body: number;
  from: number;
  to: number;
  value: unknown;
}

function planOf(wanted: FieldMask): Plan {
  if (wanted === "value") {
    return { names: [], bytes: [], plans: [], element: undefined, whole: true, seen: [] };
  }
  if (isList(wanted)) {
    const element = planOf(wanted[0]);
    return { names: [], bytes: [], plans: [], element, whole: false, seen: [] };
  }
  const names = Object.keys(wanted);
  return {
    seen: [],
    names,
    bytes: names.map((name) => new TextEncoder().encode(name)),
    plans: names.map((name) => planOf(wanted[name]!)),
    element: undefined,
    whole: false,
  };
}

function isList(wanted: FieldMask): wanted is readonly [FieldMask] {
  return Array.isArray(wanted);
}

/**
 * Byte ranges of the scalar values that may change from one object to the next, and the fields they
 * fill.
 */
class VaryingScalars {
  count = 0;
  /** Where each begins and ends in the last object. */
  readonly from: number[] = [];
  readonly to: number[] = [];
  /** The object that has the field; `undefined` where it is not wanted. */
  readonly owner: (Record<string, unknown> | undefined)[] = [];
  readonly name: string[] = [];
}

/** Scans objects of one shape. It keeps its position between calls; a thread needs only one. */
export class JsonScanner {
  /** First byte after the object, once {@linkcode JsonScanner.scan} has given one. */
  end = 0;
  readonly #plan: Plan;
  #bytes: Uint8Array = new Uint8Array(0);
  /** The same bytes. */
  #view: DataView<ArrayBufferLike> = new DataView(new ArrayBuffer(0));
  #at = 0;
  #body = 0;
  /** The object is unusual: every method returns as soon as it can. */
  #declined = false;
  /** The last value skipped was a number of digits alone, and `#whole` is its value. */
  #plain = false;
  #whole = 0;
  /** An object had a wanted field twice. */
  #twice = false;
  /** The last text looked at held a backslash. */
  #escaped = false;
  /** It held a byte above 0x7f. */
  #wide = false;
  /** The last object, where it can be the pattern of the next one. */
  #last: Record<string, unknown> | undefined;
  #lastFrom = 0;
  #lastTo = 0;
  readonly #scalars = new VaryingScalars();

  /** @param wanted the fields to return; all others are only checked. */
  constructor(wanted: { readonly [name: string]: FieldMask }) {
    this.#plan = planOf(wanted);
  }

  /** Begins a body. Its bytes must not change while it is scanned. */
  open(bytes: Uint8Array): void {
    this.#bytes = bytes;
    this.#view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    this.#body++;
    this.#last = undefined;
  }

  /**
   * The object that begins at `from`; `undefined` when it is declined. The next scan may return the
   * same object with other values.
   */
  scan(from: number): Readonly<Record<string, unknown>> | undefined {
    if (this.#bytes[from] !== OPEN_OBJECT) return undefined;
    this.#declined = false;
    const value = this.#repeat(from) ?? this.#anew(from);
    this.end = this.#at;
    return value;
  }

  #anew(from: number): Record<string, unknown> | undefined {
    this.#at = from;
    this.#declined = false;
    this.#twice = false;
    this.#scalars.count = 0;
    const value = this.#object(this.#plan, 0);
    this.#last = this.#declined || this.#twice ? undefined : value;
    this.#lastFrom = from;
    this.#lastTo = this.#at;
    return this.#declined ? undefined : value;
  }

  /** Reads an object that differs from the last one only in some texts and whole numbers. */
  #repeat(from: number): Record<string, unknown> | undefined {
    const result = this.#last;
    if (result === undefined) return undefined;
    const bytes = this.#bytes;
    const view = this.#view;
    const scalars = this.#scalars;
    const end = this.#lastTo;
    let old = this.#lastFrom;
    let at = from;
    let index = 0;
    for (;;) {
      // Eight bytes at a time, since most of an event is the same.
      const last = Math.min(end, bytes.length - at + old) - WORD;
      while (
        old <= last && view.getInt32(old) === view.getInt32(at) &&
        view.getInt32(old + 4) === view.getInt32(at + 4)
      ) {
        old += WORD;
        at += WORD;
      }
      while (old < end && bytes[old] === bytes[at]) {
        old++;
        at++;
      }
      const shift = at - old;
      // A number can continue where its predecessor ended.
      while (index < scalars.count && (old === end || scalars.to[index]! < old)) {
        scalars.from[index]! += shift;
        scalars.to[index]! += shift;
        index++;
      }
      if (old === end) break;
      if (index === scalars.count || scalars.from[index]! > old) return this.#noPattern();
      const start = scalars.from[index]! + shift;
      const owner = scalars.owner[index];
      this.#at = start;
      if (owner === undefined) this.#skip(0);
      else if (bytes[start] === QUOTE) owner[scalars.name[index]!] = this.#text();
      else {
        this.#number();
        if (!this.#plain) return this.#noPattern();
        owner[scalars.name[index]!] = this.#whole;
      }
      if (this.#declined) return this.#noPattern();
      old = scalars.to[index]!;
      scalars.from[index] = start;
      at = scalars.to[index] = this.#at;
      index++;
    }
    this.#at = at;
    this.#lastFrom = from;
    this.#lastTo = at;
    return result;
  }

  /** The ranges may be half updated: the next object is read anew. */
  #noPattern(): undefined {
    this.#last = undefined;
    return undefined;
  }

  /** Reads the value here as far as it is wanted. */
  #value(plan: Plan, depth: number): unknown {
    const byte = this.#bytes[this.#at];
    if (byte === OPEN_OBJECT && !plan.whole && plan.element === undefined) {
      return this.#object(plan, depth);
    }
    if (byte === OPEN_LIST && plan.element !== undefined) return this.#list(plan.element, depth);
    const from = this.#at;
    if (byte === QUOTE) return this.#text();
    this.#skip(depth);
    if (this.#declined) return undefined;
    if (byte === LOWER_N) return null;
    if (this.#plain) return this.#whole;
    // Another scalar, or something nested: its bytes were found to be JSON.
    return JSON.parse(decoder.decode(this.#bytes.subarray(from, this.#at)));
  }

  #object(plan: Plan, depth: number): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    const bytes = this.#bytes;
    this.#at++;
    this.#space();
    if (bytes[this.#at] === CLOSE_OBJECT) {
      this.#at++;
      return result;
    }
    for (let i = 0; !this.#declined; i++) {
      const field = this.#field(plan, i);
      if (field === undefined) break;
      const from = this.#at;
      this.#fieldValue(plan, field, depth);
      const wanted = field.found >= 0;
      const name = wanted ? plan.names[field.found]! : "";
      if (wanted) {
        // The first of two fields of one name must not be put in place of the second.
        if (name in result) this.#twice = true;
        result[name] = field.value;
      }
      const first = bytes[from]!;
      if (first === QUOTE || (first >= ZERO && first <= NINE)) {
        const scalars = this.#scalars;
        const index = scalars.count++;
        scalars.from[index] = from;
        scalars.to[index] = this.#at;
        scalars.owner[index] = wanted ? result : undefined;
        scalars.name[index] = name;
      }
      if (bytes[this.#at]! <= SPACE) this.#space();
      const byte = bytes[this.#at++];
      if (byte === CLOSE_OBJECT) break;
      if (byte !== COMMA) this.#declined = true;
      if (bytes[this.#at]! <= SPACE) this.#space();
    }
    return result;
  }

  /** Skips the name of the object's field number `i`, up to its value. */
  #field(plan: Plan, i: number): Field | undefined {
    const bytes = this.#bytes;
    const from = this.#at;
    const last = plan.seen[i];
    if (last !== undefined) {
      const { lead } = last;
      let same = 0;
      while (same < lead.length && bytes[from + same] === lead[same]) same++;
      // Not white space: a value never begins with it.
      if (same === lead.length && bytes[from + same]! > SPACE) {
        this.#at = from + same;
        return last;
      }
    }
    const found = this.#name(plan);
    if (this.#declined) return undefined;
    const lead = bytes.slice(from, this.#at);
    return plan.seen[i] = { lead, found, body: 0, from: 0, to: 0, value: undefined };
  }

  /** Skips a field's value; where it is wanted, `field.value` holds it afterwards. */
  #fieldValue(plan: Plan, field: Field, depth: number): void {
    const bytes = this.#bytes;
    const at = this.#at;
    if (field.body === this.#body) {
      const length = field.to - field.from;
      let same = 0;
      while (same < length && bytes[field.from + same] === bytes[at + same]) same++;
      if (same === length && endsValue(bytes[at + length])) {
        this.#at = at + length;
        return;
      }
    }
    if (field.found < 0) this.#skip(depth + 1);
    else field.value = this.#value(plan.plans[field.found]!, depth + 1);
    const first = bytes[at];
    if (this.#declined || first === OPEN_OBJECT || first === OPEN_LIST) field.body = 0;
    else {
      field.body = this.#body;
      field.from = at;
      field.to = this.#at;
    }
  }

  #list(element: Plan, depth: number): unknown[] {
    const bytes = this.#bytes;
    this.#at++;
    this.#space();
    if (bytes[this.#at] === CLOSE_LIST) {
      this.#at++;
      return [];
    }
    let result: unknown[] | undefined;
    while (!this.#declined) {
      const value = this.#value(element, depth + 1);
      // Most lists have one element, and an array that grows takes room for seventeen.
      if (result === undefined) result = [value];
      else result.push(value);
      if (bytes[this.#at]! <= SPACE) this.#space();
      const byte = bytes[this.#at++];
      if (byte === CLOSE_LIST) break;
      if (byte !== COMMA) this.#declined = true;
      if (bytes[this.#at]! <= SPACE) this.#space();
    }
    return result ?? [];
  }

  /** Skips a field's name and colon; returns which of the plan's names it is, or -1. */
  #name(plan: Plan): number {
    const bytes = this.#bytes;
    if (bytes[this.#at] !== QUOTE) {
      this.#declined = true;
      return -1;
    }
    const from = this.#at + 1;
    // A name with an escape may be a wanted one in another spelling.
    const to = this.#endOfText(from);
    if (to < 0 || this.#escaped) {
      this.#declined = true;
      return -1;
    }
    this.#at = to + 1;
    this.#space();
    if (bytes[this.#at++] !== COLON) this.#declined = true;
    this.#space();
    for (let i = 0; i < plan.bytes.length; i++) {
      const name = plan.bytes[i]!;
      if (name.length !== to - from) continue;
      let same = 0;
      while (same < name.length && bytes[from + same] === name[same]) same++;
      if (same === name.length) return i;
    }
    return -1;
  }

  /** Position of the quote that ends the text which begins at `at`, or -1. */
  #endOfText(at: number): number {
    const bytes = this.#bytes;
    const length = bytes.length;
    let wide = 0;
    this.#escaped = false;
    while (at < length) {
      const byte = bytes[at]!;
      if (byte === QUOTE) {
        this.#wide = wide > 0x7f;
        return at;
      }
      if (byte === BACKSLASH) {
        this.#escaped = true;
        const next = bytes[at + 1];
        if (next === LOWER_U) {
          if (!HEX.test(decodeLatin1(bytes, at + 2, at + 6))) return -1;
          at += 6;
        } else if (next !== undefined && ESCAPED.has(next)) at += 2;
        else return -1;
      } else if (byte < SPACE) return -1;
      else {
        wide |= byte;
        at++;
      }
    }
    return -1;
  }

  #text(): string {
    const from = this.#at + 1;
    const to = this.#endOfText(from);
    if (to < 0) {
      this.#declined = true;
      return "";
    }
    this.#at = to + 1;
    if (this.#escaped) {
      return JSON.parse(decoder.decode(this.#bytes.subarray(from - 1, to + 1))) as string;
    }
    if (this.#wide || to - from > SHORT_TEXT) return decoder.decode(this.#bytes.subarray(from, to));
    return shortText(this.#bytes, from, to);
  }

  #skip(depth: number): void {
    this.#plain = false;
    if (depth > DEEPEST) {
      this.#declined = true;
      return;
    }
    const byte = this.#bytes[this.#at];
    switch (byte) {
      case QUOTE: {
        const to = this.#endOfText(this.#at + 1);
        if (to < 0) this.#declined = true;
        else this.#at = to + 1;
        return;
      }
      case OPEN_OBJECT:
        return this.#skipMany(CLOSE_OBJECT, depth);
      case OPEN_LIST:
        return this.#skipMany(CLOSE_LIST, depth);
      case LOWER_N:
        return this.#literal("null");
      case 0x74:
        return this.#literal("true");
      case 0x66:
        return this.#literal("false");
      default:
        return this.#number();
    }
  }

  #skipMany(close: number, depth: number): void {
    const bytes = this.#bytes;
    this.#at++;
    this.#space();
    if (bytes[this.#at] === close) {
      this.#at++;
      return;
    }
    while (!this.#declined) {
      if (close === CLOSE_OBJECT) {
        this.#name(NOTHING);
        if (this.#declined) return;
      }
      this.#skip(depth + 1);
      this.#space();
      this.#plain = false;
      const byte = bytes[this.#at++];
      if (byte === close) return;
      if (byte !== COMMA) this.#declined = true;
      this.#space();
    }
  }

  #literal(word: string): void {
    for (let i = 0; i < word.length; i++) {
      if (this.#bytes[this.#at + i] !== word.charCodeAt(i)) {
        this.#declined = true;
        return;
      }
    }
    this.#at += word.length;
  }

  #number(): void {
    const bytes = this.#bytes;
    const from = this.#at;
    if (bytes[this.#at] === MINUS) this.#at++;
    if (bytes[this.#at] === ZERO) {
      this.#at++;
      this.#whole = 0;
    } else this.#digits();
    const end = this.#at;
    if (bytes[this.#at] === DOT) {
      this.#at++;
      this.#digits();
    }
    if ((bytes[this.#at]! | 0x20) === LOWER_E) {
      const sign = bytes[this.#at + 1];
      this.#at += sign === MINUS || sign === 0x2b ? 2 : 1;
      this.#digits();
    }
    this.#plain = this.#at === end && end - from <= EXACT_DIGITS && bytes[from] !== MINUS;
  }

  #digits(): void {
    const bytes = this.#bytes;
    const from = this.#at;
    let at = from;
    let whole = 0;
    while (bytes[at]! >= ZERO && bytes[at]! <= NINE) whole = whole * 10 + bytes[at++]! - ZERO;
    this.#whole = whole;
    if (at === from) this.#declined = true;
    this.#at = at;
  }

  /** The white space that a line can hold. */
  #space(): void {
    const bytes = this.#bytes;
    let at = this.#at;
    while (bytes[at] === SPACE || bytes[at] === TAB) at++;
    this.#at = at;
  }
}

/** For objects of which no field is wanted. */
const NOTHING: Plan = planOf({});

/** Whether a number can end before this byte; texts and words end by themselves. */
function endsValue(byte: number | undefined): boolean {
  return byte === COMMA || byte === CLOSE_OBJECT;
}

/** Cache of recent texts: an engine's tokens recur. Its size is a power of two. */
const recent: string[] = new Array(1024).fill("");

/** As {@linkcode decodeLatin1}, without building a recent text again. */
function shortText(bytes: Uint8Array, from: number, to: number): string {
  let place = 0;
  for (let at = from; at < to; at++) place = (place * 31 + bytes[at]!) & (recent.length - 1);
  const known = recent[place]!;
  if (known.length === to - from) {
    let same = 0;
    while (same < known.length && known.charCodeAt(same) === bytes[from + same]) same++;
    if (same === known.length) return known;
  }
  return recent[place] = decodeLatin1(bytes, from, to);
}
