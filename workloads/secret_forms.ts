/**
 * How a secret looks in the text of others, and where: as it is, or encoded once or several times.
 *
 * Servers choose the texts, so the search takes time in proportion to their length.
 *
 * @module
 */

/** From one place of a text to another. */
export type Place = readonly [from: number, to: number];

/** What {@linkcode findSecrets} looks for, in lower case. */
export interface SecretForms {
  /** Forms that are found anywhere. */
  readonly anywhere: readonly string[];
  /** Digits alone, which are part of many a longer number. */
  readonly alone: readonly string[];
}

/** The forms of a secret that cannot be undone as escapes can: Base64, hexadecimal, blanks as `+`. */
export function formsOf(secret: string): SecretForms {
  const bytes = new TextEncoder().encode(secret);
  // UTF-8 whose bytes were taken for characters.
  const spellings = [secret, latin1(bytes)].flatMap((text) => [
    text,
    text.replace(/\s+/g, " "),
    text.replace(/\s/g, "+"),
  ]);
  const hex = Array.from(bytes, (byte) => byte.toString(16).padStart(2, "0")).join("");
  const digits = /^\d+$/.test(secret);
  const encoded = [hex, ...base64Of(bytes)];
  return {
    anywhere: lowerCase(digits ? encoded : [...spellings, ...encoded]),
    alone: lowerCase(digits ? [secret] : []),
  };
}

function lowerCase(texts: readonly string[]): string[] {
  return [...new Set(texts.map((text) => text.toLowerCase()))];
}

/**
 * What is the same in the Base64 of every text that holds the bytes: they may begin at any of three
 * places, and what stands around them decides the outermost characters.
 */
function base64Of(bytes: Uint8Array): string[] {
  return [0, 1, 2].flatMap((before) => {
    const text = btoa("\0".repeat(before) + latin1(bytes));
    const core = text.slice(
      Math.ceil((before * 8) / 6),
      Math.floor(((before + bytes.length) * 8) / 6),
    );
    return core.length < 6 ? [] : [core, core.replaceAll("+", "-").replaceAll("/", "_")];
  });
}

function latin1(bytes: Uint8Array): string {
  return Array.from(bytes, (byte) => String.fromCharCode(byte)).join("");
}

/** A secret in a URL in a JSON text in an HTML page. */
const MOST_LEVELS = 4;

/** Where secrets stand in a text, in order, without overlaps. */
export function findSecrets(text: string, forms: SecretForms): readonly Place[] {
  const places: Place[] = [];
  let level: Level | undefined = { text, at: undefined };
  for (let depth = 0; level !== undefined && depth < MOST_LEVELS; depth++) {
    const { at } = level;
    for (const [from, to] of placesIn(level.text, forms)) {
      places.push(at === undefined ? [from, to] : [at[from]!, at[to]!]);
    }
    level = unescaped(level);
  }
  return united(places);
}

function* placesIn(given: string, { anywhere, alone }: SecretForms): Iterable<Place> {
  const lower = given.toLowerCase();
  // Some capital letters have longer small ones.
  const text = lower.length === given.length ? lower : given;
  for (const form of anywhere) {
    for (let i = text.indexOf(form); i >= 0; i = text.indexOf(form, i + form.length)) {
      yield [i, i + form.length];
    }
  }
  for (const form of alone) {
    for (let i = text.indexOf(form); i >= 0; i = text.indexOf(form, i + form.length)) {
      const around = text.slice(Math.max(0, i - 1), i) + text.slice(i + form.length).slice(0, 1);
      if (!/\d/.test(around)) yield [i, i + form.length];
    }
  }
  yield* cutPlaces(text, anywhere);
}

/** Fewer characters of a secret's beginning say nothing, before a mark of a cut and at an end. */
const LEAST_BEFORE_MARK = 5;
const LEAST_AT_END = 8;
/** Cuts that are looked at, from the end: our own are few. */
const MOST_CUTS = 32;

/** The beginning of a secret before `…` or `...`, or at the end of the text. */
function* cutPlaces(text: string, forms: readonly string[]): Iterable<Place> {
  let cuts = 0;
  for (let end = text.length; end > 0 && cuts < MOST_CUTS; cuts++) {
    const least = cuts === 0 ? LEAST_AT_END : LEAST_BEFORE_MARK;
    for (const form of forms) {
      const longest = Math.min(form.length - 1, end);
      for (let length = longest; length >= least; length--) {
        if (text[end - 1] !== form[length - 1]) continue;
        if (!text.startsWith(form.slice(0, length), end - length)) continue;
        yield [end - length, end];
        break;
      }
    }
    end = Math.max(text.lastIndexOf("…", end - 1), text.lastIndexOf("...", end - 1));
  }
}

interface Level {
  readonly text: string;
  /** Where each character, and the end, stands in the first text; absent = at the same place. */
  readonly at: Uint32Array | undefined;
}

/** Escapes of URLs, JSON, programs and HTML. */
const ESCAPE =
  /%([0-9a-f]{2})|\\u([0-9a-f]{4})|\\x([0-9a-f]{2})|&#(?:x([0-9a-f]{1,6})|([0-9]{1,7}));|&(amp|lt|gt|quot|apos|nbsp);|\\([^\w\s])/gi;

const NAMED: Readonly<Record<string, string>> = {
  amp: "&",
  lt: "<",
  gt: ">",
  quot: '"',
  apos: "'",
  nbsp: " ",
};

/** The text with one level of escapes undone; nothing where it has none. */
function unescaped({ text, at }: Level): Level | undefined {
  if (!/[%\\&]/.test(text)) return undefined;
  const parts: string[] = [];
  const starts = new Uint32Array(text.length + 1);
  let length = 0;
  let done = 0;
  const original = (i: number) => at === undefined ? i : at[i]!;
  const copy = (to: number) => {
    parts.push(text.slice(done, to));
    for (let i = done; i < to; i++) starts[length++] = original(i);
  };
  for (const match of text.matchAll(ESCAPE)) {
    const { 0: all, index } = match;
    const [, percent, unit, byte, hexPoint, point, name, plain] = match;
    const code = percent ?? unit ?? byte ?? hexPoint;
    const character = name !== undefined
      ? NAMED[name.toLowerCase()]!
      : plain ?? character16(code === undefined ? Number(point) : parseInt(code, 16));
    copy(index);
    parts.push(character);
    for (let i = 0; i < character.length; i++) starts[length++] = original(index);
    done = index + all.length;
  }
  if (done === 0) return undefined;
  copy(text.length);
  starts[length] = original(text.length);
  return { text: parts.join(""), at: starts.subarray(0, length + 1) };
}

function character16(code: number): string {
  return code > 0x10ffff ? "\ufffd" : String.fromCodePoint(code);
}

function united(places: Place[]): readonly Place[] {
  const found: [number, number][] = [];
  for (const [from, to] of places.sort(([a], [b]) => a - b)) {
    const last = found.at(-1);
    if (last !== undefined && from < last[1]) last[1] = Math.max(last[1], to);
    else found.push([from, to]);
  }
  return found;
}
