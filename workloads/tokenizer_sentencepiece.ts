/**
 * SentencePiece models (`tokenizer.model`), BPE and Unigram, as LLaMA, Mistral and T5 ship them:
 * the normalizer with its compiled character map, and both segmentations. Token ids equal those of
 * the C++ library. The one library that fits, `@agnai/sentencepiece-js`, is one maintainer's fork
 * with a single release: too thin to depend on.
 *
 * @module
 */
import { type Decoded, message } from "../backends/protobuf.ts";
import { utf8Length } from "./tokenizer_utf8.ts";

/** What a loaded model can do. */
export interface SentencePiece {
  /** How it segments. */
  readonly kind: "bpe" | "unigram";
  /** Ids without BOS and EOS. */
  encode(text: string): number[];
  /** Control pieces give no text, unknown ones ` ⁇ `, as in the library. */
  decode(ids: readonly number[]): string;
  /** The text as the segmentation sees it (`▁` for a space). */
  normalize(text: string): string;
}

/** Stands for a space inside pieces. */
const SPACE = "\u2581";
/** What the library prints for an unknown piece. */
const UNKNOWN_SURFACE = " \u2047 ";
const UNKNOWN_PENALTY = 10;

const PIECE_NORMAL = 1;
const PIECE_UNKNOWN = 2;
const PIECE_CONTROL = 3;
const PIECE_USER_DEFINED = 4;
const PIECE_UNUSED = 5;
const PIECE_BYTE = 6;

/**
 * Reads a model.
 *
 * @param bytes the content of `tokenizer.model`.
 * @throws {SyntaxError} when it is no SentencePiece model, or of a kind other than BPE and Unigram.
 */
export function readSentencePiece(bytes: Uint8Array): SentencePiece {
  const model = parseModel(bytes);
  const normalizer = createNormalizer(model);
  const byId = model.pieces;
  const segment = model.kind === "bpe" ? bpeSegmenter(model) : unigramSegmenter(model);
  const unknown = model.unknownId;
  const byteIds = model.trainer.byteFallback ? byteFallbackIds(model) : undefined;
  const encoder = new TextEncoder();
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });

  function encode(text: string): number[] {
    const normalized = normalizer(text);
    const ids: number[] = [];
    let afterUnknown = false;
    segment(normalized, (id, start, end) => {
      if (id !== unknown) {
        ids.push(id);
        afterUnknown = false;
      } else if (byteIds !== undefined) {
        for (const byte of encoder.encode(normalized.slice(start, end))) {
          ids.push(byteIds[byte] as number);
        }
      } else {
        // A run of unknown characters is one token.
        if (!afterUnknown) ids.push(id);
        afterUnknown = true;
      }
    });
    return ids;
  }

  function decode(ids: readonly number[]): string {
    let text = "";
    let pending: number[] = [];
    /** Still at the beginning, where the space that encoding put there is taken off again. */
    let first = true;
    const flush = () => {
      if (pending.length > 0) text += decoder.decode(Uint8Array.from(pending));
      pending = [];
    };
    for (const id of ids) {
      const piece = byId[id];
      if (piece === undefined) {
        throw new RangeError(`Cannot decode token ${id}: ids go from 0 to ${byId.length - 1}`);
      }
      if (piece.type === PIECE_BYTE) {
        pending.push(Number.parseInt(piece.text.slice(3, 5), 16));
        first = false;
        continue;
      }
      flush();
      if (piece.type === PIECE_CONTROL) continue;
      if (piece.type === PIECE_UNKNOWN) {
        text += UNKNOWN_SURFACE;
      } else {
        const dummy = first &&
          (model.normalizer.addDummyPrefix || model.normalizer.removeExtraSpaces);
        const surface = dummy && piece.text.startsWith(SPACE) ? piece.text.slice(1) : piece.text;
        text += surface.replaceAll(SPACE, " ");
        if (model.normalizer.removeExtraSpaces && text === "") continue;
      }
      first = false;
    }
    flush();
    return text;
  }
  return { kind: model.kind, encode, decode, normalize: normalizer };
}

// ---------------------------------------------------------------------------------- the file

interface Piece {
  readonly text: string;
  /** Single precision, as the library stores and adds it. */
  readonly score: number;
  readonly type: number;
}

/** `ModelProto` of `sentencepiece_model.proto`, as far as it matters here. */
const MODEL_FILE = message({
  pieces: [
    1,
    message({ text: [1, "string"], score: [2, "float"], type: [3, "enum"] }),
    "repeated",
  ],
  trainer: [
    2,
    message({ modelType: [3, "enum"], spaceAsSuffix: [24, "bool"], byteFallback: [35, "bool"] }),
  ],
  normalizer: [
    3,
    message({
      charsMap: [2, "bytes"],
      addDummyPrefix: [3, "bool"],
      removeExtraSpaces: [4, "bool"],
      escapeSpaces: [5, "bool"],
    }),
  ],
});

/** Read in front of a file, these are the defaults of what it leaves out: parts are merged. */
const DEFAULTS = MODEL_FILE.encode({
  trainer: { modelType: 1 },
  normalizer: { addDummyPrefix: true, removeExtraSpaces: true, escapeSpaces: true },
});

type ModelFile = Decoded<typeof MODEL_FILE>;

interface Model {
  readonly kind: "bpe" | "unigram";
  readonly pieces: readonly Piece[];
  readonly unknownId: number;
  readonly trainer: NonNullable<ModelFile["trainer"]>;
  readonly normalizer: NonNullable<ModelFile["normalizer"]>;
}

function parseModel(bytes: Uint8Array): Model {
  const whole = new Uint8Array(DEFAULTS.length + bytes.length);
  whole.set(DEFAULTS);
  whole.set(bytes, DEFAULTS.length);
  let file: ModelFile;
  try {
    file = MODEL_FILE.decode(whole);
  } catch (error) {
    const why = "Cannot read the SentencePiece model: it is broken or cut off";
    throw new SyntaxError(why, { cause: error });
  }
  const pieces = file.pieces.map((piece) => ({ ...piece, type: piece.type || PIECE_NORMAL }));
  const unknownId = pieces.findIndex(({ type }) => type === PIECE_UNKNOWN);
  if (unknownId < 0) {
    throw new SyntaxError("Cannot read the SentencePiece model: it holds no pieces");
  }
  const { modelType } = file.trainer!;
  const kind = ({ 1: "unigram", 2: "bpe" } as const)[modelType];
  if (kind === undefined) {
    const name = modelType === 3 ? "word" : modelType === 4 ? "char" : `number ${modelType}`;
    throw new SyntaxError(
      `Cannot use a SentencePiece model of the kind ${name}: bpe and unigram work`,
    );
  }
  return { kind, pieces, unknownId, trainer: file.trainer!, normalizer: file.normalizer! };
}

function byteFallbackIds(model: Model): number[] {
  const ids: number[] = [];
  model.pieces.forEach(({ text, type }, id) => {
    if (type === PIECE_BYTE) ids[Number.parseInt(text.slice(3, 5), 16)] = id;
  });
  for (let byte = 0; byte < 256; byte++) ids[byte] ??= model.unknownId;
  return ids;
}

// ---------------------------------------------------------------------------------- normalizer

/**
 * The character map is applied by longest match; spaces are then trimmed and joined where the model
 * says so, and written as `▁`. User-defined pieces pass through unchanged.
 */
function createNormalizer(model: Model): (text: string) => string {
  const { addDummyPrefix, removeExtraSpaces, escapeSpaces } = model.normalizer;
  const { spaceAsSuffix } = model.trainer;
  const charsMap = readCharsMap(model.normalizer.charsMap);
  const userDefined = userDefinedPieces(model);
  const space = escapeSpaces ? SPACE : " ";

  return (text) => {
    const input = text.toWellFormed();
    let at = 0;
    let length = 0;
    /** Replacement of what begins at `at`; sets the length consumed. */
    function next(): string {
      length = userDefined.longest(input, at);
      if (length > 0) return input.slice(at, at + length);
      length = charsMap.longest(input, at);
      if (length > 0) return charsMap.get(input.slice(at, at + length))!;
      length = charLength(input, at);
      return input.slice(at, at + length);
    }

    if (removeExtraSpaces) {
      while (at < input.length && next() === " ") at += length;
    }
    if (at >= input.length) return "";
    let out = addDummyPrefix && !spaceAsSuffix ? space : "";
    let afterSpace = removeExtraSpaces;
    while (at < input.length) {
      let piece = next();
      at += length;
      if (afterSpace) piece = piece.replace(/^ +/, "");
      if (piece !== "") {
        out += piece.includes(" ") ? piece.replaceAll(" ", space) : piece;
        afterSpace = removeExtraSpaces && piece.endsWith(" ");
      }
    }
    if (removeExtraSpaces) {
      while (out.endsWith(space)) out = out.slice(0, -space.length);
    }
    return addDummyPrefix && spaceAsSuffix ? out + space : out;
  };
}

/**
 * Replacements by what they replace. The compiled map is: size of a double-array trie, the trie, then
 * the replacements, each ended by a NUL. A unit of the trie (Darts-clone's layout) holds in one word a
 * label, a relative offset and whether a value hangs below.
 */
function readCharsMap(bytes: Uint8Array): TextIndex<string> {
  const index = new TextIndex<string>();
  if (bytes.length <= 4) return index;
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const trieBytes = view.getUint32(0, true);
  const broken = () =>
    new SyntaxError("Cannot read the SentencePiece model: its character map is broken");
  if (trieBytes % 4 !== 0 || 4 + trieBytes > bytes.length) throw broken();
  const texts = bytes.subarray(4 + trieBytes);
  const decoder = new TextDecoder("utf-8", { ignoreBOM: true });
  const unitAt = (i: number) => 4 * i < trieBytes ? view.getUint32(4 + 4 * i, true) : 0;
  let nodes = 0;
  const walk = (node: number, key: readonly number[]) => {
    if (4 * nodes++ > trieBytes) throw broken();
    for (let byte = 1; byte < 256; byte++) {
      const unit = unitAt(node ^ byte);
      // Bit 31 marks a value: it never equals a label.
      if (((unit & 0x800000ff) >>> 0) !== byte) continue;
      const child = node ^ byte ^ offsetOf(unit);
      const text = [...key, byte];
      if ((unit >>> 8) & 1) {
        const value = unitAt(child) & 0x7fffffff;
        const replacement = texts.subarray(value, texts.indexOf(0, value));
        index.add(decoder.decode(Uint8Array.from(text)), decoder.decode(replacement));
      }
      walk(child, text);
    }
  };
  walk(offsetOf(unitAt(0)), []);
  return index;
}

function offsetOf(unit: number): number {
  return (unit >>> 10) << ((unit & 0x200) >>> 6);
}

// ---------------------------------------------------------------------------------- texts by their start

/** Values by texts, which are also found where they begin in a longer text. */
class TextIndex<V> {
  readonly #values = new Map<string, V>();
  /** By its first two units, the length of the longest text: only rows of dashes are long. */
  readonly #longest = new Map<number, number>();

  add(text: string, value: V): void {
    const start = startOf(text, 0);
    this.#values.set(text, value);
    this.#longest.set(start, Math.max(text.length, this.#longest.get(start) ?? 1));
  }

  get size(): number {
    return this.#values.size;
  }

  get(text: string): V | undefined {
    return this.#values.get(text);
  }

  /** Upper bound of the ends of texts that begin at `from`. */
  lastEnd(text: string, from: number): number {
    return Math.min(text.length, from + (this.#longest.get(startOf(text, from)) ?? 1));
  }

  /** Units of the longest text that begins there; 0 for none. */
  longest(text: string, from: number): number {
    let end = this.lastEnd(text, from);
    while (end > from && !this.#values.has(text.slice(from, end))) end--;
    return end - from;
  }
}

function startOf(text: string, at: number): number {
  return text.charCodeAt(at) * 65536 + (text.charCodeAt(at + 1) || 0);
}

function indexPieces(model: Model, isWanted: (piece: Piece) => boolean): TextIndex<number> {
  const index = new TextIndex<number>();
  model.pieces.forEach((piece, id) => isWanted(piece) && index.add(piece.text, id));
  return index;
}

/** Pieces that pass through normalization and segmentation as they are. */
function userDefinedPieces(model: Model): TextIndex<number> {
  return indexPieces(model, ({ type }) => type === PIECE_USER_DEFINED);
}

/** Normal, user-defined and unused pieces take part in the segmentation; the others are markers. */
function isSegmentable({ type }: Piece): boolean {
  return type === PIECE_NORMAL || type === PIECE_USER_DEFINED || type === PIECE_UNUSED;
}

/** Calls back for each piece of a normalized text, in order, with its id and where it stands. */
type Segmenter = (
  text: string,
  onPiece: (id: number, start: number, end: number) => void,
) => void;

// ---------------------------------------------------------------------------------- Unigram

/**
 * The best-scored segmentation (Viterbi, forward). Candidates are summed in double and kept in single
 * precision, as in the library: rounding everything one way picks other pieces on long texts.
 */
function unigramSegmenter(model: Model): Segmenter {
  const { pieces, unknownId } = model;
  const index = indexPieces(model, isSegmentable);
  const normalScores = pieces.filter(({ type }) => type === PIECE_NORMAL).map(({ score }) => score);
  const extreme = (pick: (a: number, b: number) => number) =>
    normalScores.length === 0 ? 0 : normalScores.reduce((a, b) => pick(a, b));
  const unknownScore = Math.fround(extreme(Math.min) - UNKNOWN_PENALTY);
  const maxScore = extreme(Math.max);

  return (text, onPiece) => {
    const size = text.length;
    const best = new Float32Array(size + 1);
    const from = new Int32Array(size + 1).fill(-1);
    const ids = new Int32Array(size + 1);
    function offer(end: number, start: number, id: number, score: number): void {
      const candidate = score + (best[start] as number);
      if (from[end] === -1 || candidate > (best[end] as number)) {
        best[end] = candidate;
        from[end] = start;
        ids[end] = id;
      }
    }
    for (let start = 0; start < size;) {
      const one = charLength(text, start);
      const last = index.lastEnd(text, start);
      let hasSingle = false;
      for (let end = start + 1; end <= last; end++) {
        const id = index.get(text.slice(start, end));
        if (id === undefined) continue;
        const piece = pieces[id] as Piece;
        if (piece.type === PIECE_UNUSED) continue;
        // A user-defined piece must always win: the library rates it by its length in bytes.
        const score = piece.type === PIECE_USER_DEFINED
          ? utf8Length(piece.text) * maxScore - 0.1
          : piece.score;
        offer(end, start, id, score);
        if (end - start === one) hasSingle = true;
      }
      if (!hasSingle) offer(start + one, start, unknownId, unknownScore);
      start += one;
    }
    const ends: number[] = [];
    for (let end = size; end > 0; end = from[end] as number) ends.push(end);
    for (let i = ends.length - 1; i >= 0; i--) {
      const end = ends[i] as number;
      onPiece(ids[end] as number, from[end] as number, end);
    }
  };
}

function charLength(text: string, at: number): number {
  return (text.codePointAt(at) as number) > 0xffff ? 2 : 1;
}

// ---------------------------------------------------------------------------------- BPE

/**
 * Merges the best-scored neighboring pair until none is left; of equals the leftmost. Where no
 * piece spans the border of two words, words are segmented one by one and remembered, which keeps
 * long texts linear.
 */
function bpeSegmenter(model: Model): Segmenter {
  const { pieces, unknownId } = model;
  const idOf = indexPieces(model, isSegmentable);
  const userDefined = userDefinedPieces(model);
  const wordByWord = userDefined.size === 0 && !model.trainer.spaceAsSuffix &&
    pieces.every((piece) => !isSegmentable(piece) || !/[^\u2581]\u2581/.test(piece.text));
  /** Flat lists of (id, length). Bounded: cleared when full. */
  const remembered = new Map<string, readonly number[]>();

  function segmentWord(text: string): readonly number[] {
    const known = remembered.get(text);
    if (known !== undefined) return known;
    const found: number[] = [];
    mergePairs(text, (id, start, end) => found.push(id, end - start));
    if (text.length <= 64) {
      if (remembered.size >= 20_000) remembered.clear();
      remembered.set(text, found);
    }
    return found;
  }

  function mergePairs(text: string, onPiece: (id: number, start: number, end: number) => void) {
    // Symbols as a doubly linked list over their first positions.
    const starts: number[] = [];
    const ends: number[] = [];
    const frozen: boolean[] = [];
    for (let at = 0; at < text.length;) {
      const kept = userDefined.longest(text, at);
      const length = kept > 0 ? kept : charLength(text, at);
      starts.push(at);
      ends.push(at + length);
      frozen.push(kept > 0);
      at += length;
    }
    const count = starts.length;
    const before = Int32Array.from({ length: count }, (_, i) => i - 1);
    const after = Int32Array.from({ length: count }, (_, i) => i + 1 < count ? i + 1 : -1);
    const heap = new PairHeap();
    /** Parts of merged pieces that are marked unused and must be split again. */
    let splits: Map<string, number> | undefined;

    function offer(left: number, right: number): void {
      if (left < 0 || right < 0 || frozen[left] || frozen[right]) return;
      const joined = text.slice(starts[left], ends[right]);
      const id = idOf.get(joined);
      if (id === undefined) return;
      const piece = pieces[id] as Piece;
      heap.push({ score: piece.score, left, right, length: joined.length });
      if (piece.type === PIECE_UNUSED) {
        (splits ??= new Map()).set(joined, (ends[left] as number) - (starts[left] as number));
      }
    }
    for (let i = 1; i < count; i++) offer(i - 1, i);
    while (true) {
      const pair = heap.pop();
      if (pair === undefined) break;
      const { left, right, length } = pair;
      const leftLength = (ends[left] as number) - (starts[left] as number);
      const rightLength = (ends[right] as number) - (starts[right] as number);
      // Stale: one of the two has been merged with someone else since.
      if (leftLength === 0 || rightLength === 0 || leftLength + rightLength !== length) continue;
      ends[left] = ends[right] as number;
      ends[right] = starts[right] as number;
      const next = after[right] as number;
      after[left] = next;
      if (next >= 0) before[next] = left;
      offer(before[left] as number, left);
      offer(left, next);
    }
    function emit(start: number, end: number): void {
      const joined = text.slice(start, end);
      const id = idOf.get(joined);
      if (id === undefined || (pieces[id] as Piece).type !== PIECE_UNUSED) {
        onPiece(id ?? unknownId, start, end);
        return;
      }
      const cut = splits?.get(joined);
      if (cut === undefined) {
        onPiece(id, start, end);
        return;
      }
      emit(start, start + cut);
      emit(start + cut, end);
    }
    for (let i = 0; i >= 0 && i < count; i = after[i] as number) {
      emit(starts[i] as number, ends[i] as number);
    }
  }

  return (text, onPiece) => {
    if (!wordByWord) return mergePairs(text, onPiece);
    for (let start = 0; start < text.length;) {
      // A word begins at a ▁ that does not follow another one.
      let end = start + 1;
      while (
        end < text.length && !(text[end] === SPACE && text[end - 1] !== SPACE)
      ) end++;
      const found = segmentWord(text.slice(start, end));
      let at = start;
      for (let i = 0; i < found.length; i += 2) {
        const length = found[i + 1] as number;
        onPiece(found[i] as number, at, at + length);
        at += length;
      }
      start = end;
    }
  };
}

interface Pair {
  readonly score: number;
  /** Symbols by number; smaller is further left. */
  readonly left: number;
  readonly right: number;
  /** Of both together, to recognize stale pairs. */
  readonly length: number;
}

/** Binary heap: best score first, then leftmost. */
class PairHeap {
  #pairs: Pair[] = [];

  push(pair: Pair): void {
    const pairs = this.#pairs;
    let at = pairs.push(pair) - 1;
    while (at > 0) {
      const parent = (at - 1) >> 1;
      if (!precedes(pair, pairs[parent] as Pair)) break;
      pairs[at] = pairs[parent] as Pair;
      at = parent;
    }
    pairs[at] = pair;
  }

  pop(): Pair | undefined {
    const pairs = this.#pairs;
    const top = pairs[0];
    const last = pairs.pop();
    if (last === undefined || pairs.length === 0) return top;
    let at = 0;
    while (true) {
      let child = 2 * at + 1;
      if (child >= pairs.length) break;
      if (child + 1 < pairs.length && precedes(pairs[child + 1] as Pair, pairs[child] as Pair)) {
        child++;
      }
      if (!precedes(pairs[child] as Pair, last)) break;
      pairs[at] = pairs[child] as Pair;
      at = child;
    }
    pairs[at] = last;
    return top;
  }
}

function precedes(a: Pair, b: Pair): boolean {
  return a.score > b.score || (a.score === b.score && a.left < b.left);
}
