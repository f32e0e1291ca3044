import { assert, assertEquals, assertThrows } from "@std/assert";
import { readSentencePiece } from "../workloads/tokenizer_sentencepiece.ts";
import golden from "./fixtures/tokenizers/golden.json" with { type: "json" };

function load(name: string) {
  const url = new URL(`./fixtures/tokenizers/${name}/tokenizer.model`, import.meta.url);
  return readSentencePiece(Deno.readFileSync(url));
}

function bytes(...parts: (number[] | string)[]): Uint8Array {
  return Uint8Array.from(
    parts.flatMap((part) => typeof part === "string" ? [...new TextEncoder().encode(part)] : part),
  );
}

/** A protobuf field of bytes. */
function field(number: number, content: Uint8Array): number[] {
  return [number * 8 + 2, content.length, ...content];
}

/** A piece: text, score, type. */
function piece(text: string, score: number, type: number): number[] {
  const float = new Uint8Array(new Float32Array([score]).buffer);
  return field(1, bytes(field(1, bytes(text)), [0x15, ...float], [0x18, type]));
}

/** Trainer's model type, and a normalizer without dummy prefix and without trimming. */
function specs(modelType: number): number[] {
  return [...field(2, bytes([0x18, modelType])), ...field(3, bytes([0x18, 0], [0x20, 0]))];
}

for (const name of ["bpe", "unigram"] as const) {
  Deno.test(`readSentencePiece encodes ${name} as the C++ library does`, () => {
    const model = load(name);
    assertEquals(model.kind, name);
    golden.texts.forEach((text, i) => {
      assertEquals(model.encode(text), golden[name].ids[i], JSON.stringify(text));
    });
  });

  Deno.test(`readSentencePiece decodes ${name} as the C++ library does`, () => {
    const model = load(name);
    golden.texts.forEach((text, i) => {
      const ids = golden[name].ids[i] as number[];
      assertEquals(model.decode(ids), golden[name].decoded[i], JSON.stringify(text));
    });
  });
}

Deno.test("readSentencePiece applies the character map and joins spaces", () => {
  const model = load("unigram");
  assertEquals(model.normalize("  ｆｕｌｌ　ｗｉｄｔｈ \n ﬁ… "), "▁full▁width▁fi...");
  assertEquals(load("bpe").normalize(" ｆ  "), "▁▁ｆ▁▁");
});

Deno.test("readSentencePiece encodes unknown characters as bytes where the model has them", () => {
  const ids = load("bpe").encode("𓀀");
  // The dummy prefix and four bytes of UTF-8: F0 93 80 80, whose pieces begin at id 3.
  assertEquals(ids.slice(1), [0xf0, 0x93, 0x80, 0x80].map((byte) => byte + 3));
  // Without byte pieces a run of unknown characters is one token.
  assertEquals(load("unigram").encode("𓀀𓀀𓀀").filter((id) => id === 0).length, 1);
});

Deno.test("readSentencePiece merges the best pair first, of equals the leftmost", () => {
  const pieces = ["<unk>", "a", "b", "ab", "ba", "aba", "aa"];
  const scores = [0, -9, -9, -1, -2, -3, -4];
  const list = pieces.flatMap((text, id) => piece(text, scores[id] as number, id === 0 ? 2 : 1));
  const model = readSentencePiece(bytes(list, specs(2)));
  const rows: [text: string, expected: string[]][] = [
    ["ab", ["ab"]],
    // "ab" (−1) is merged before "ba" (−2), then "ab" + "a".
    ["aba", ["aba"]],
    ["bab", ["b", "ab"]],
    ["aaa", ["aa", "a"]],
    ["aab", ["a", "ab"]],
    ["", []],
  ];
  for (const [text, expected] of rows) {
    assertEquals(model.encode(text).map((id) => pieces[id]), expected, text);
  }
});

Deno.test("readSentencePiece takes the best-scored segmentation of a unigram model", () => {
  const pieces = ["<unk>", "a", "b", "ab", "abab"];
  const list = (scores: number[]) =>
    pieces.flatMap((text, id) => piece(text, scores[id] as number, id === 0 ? 2 : 1));
  const encode = (scores: number[], text: string) =>
    readSentencePiece(bytes(list(scores), specs(1))).encode(text).map((id) => pieces[id]);
  assertEquals(encode([0, -1, -1, -3, -9], "abab"), ["a", "b", "a", "b"]);
  assertEquals(encode([0, -2, -2, -3, -7], "abab"), ["ab", "ab"]);
  assertEquals(encode([0, -2, -2, -3, -5], "abab"), ["abab"]);
  assertEquals(encode([0, -2, -2, -3, -5], "cab"), ["<unk>", "ab"]);
});

Deno.test("readSentencePiece rates an unknown character 10 below the worst piece", () => {
  // No piece covers "x" alone: it is unknown, or part of "xy" in front of the dearer pieces.
  const pieces = ["<unk>", "xy", "z", "u", "v", "yz", "yzu", "yzuv"];
  const scores = [0, -4, -4, -4, -4, -1, -1, -1];
  const list = pieces.flatMap((text, id) => piece(text, scores[id] as number, id === 0 ? 2 : 1));
  const model = readSentencePiece(bytes(list, specs(1)));
  const encode = (text: string) => model.encode(text).map((id) => pieces[id]);
  // Sums of scores: -8 or -1 - 14, -12 or -15, but -16 or -15.
  assertEquals(encode("xyz"), ["xy", "z"]);
  assertEquals(encode("xyzu"), ["xy", "z", "u"]);
  assertEquals(encode("xyzuv"), ["<unk>", "yzuv"]);
});

Deno.test("readSentencePiece encodes long texts without a gap", () => {
  const long = golden.texts.slice(-8).join("\n").repeat(70);
  assert(long.length > 50_000);
  const bpe = load("bpe");
  assertEquals(bpe.decode(bpe.encode(long)), long);
  const words = "Hello world ".repeat(10_000);
  const unigram = load("unigram");
  assertEquals(unigram.decode(unigram.encode(words)), words.trim());
});

Deno.test("readSentencePiece says what is wrong with a file", () => {
  assertThrows(() => readSentencePiece(bytes("nonsense")), SyntaxError, "broken or cut off");
  assertThrows(() => readSentencePiece(new Uint8Array()), SyntaxError, "holds no pieces");
  const whole = piece("<unk>", 0, 2);
  assertThrows(() => readSentencePiece(bytes(whole.slice(0, -1))), SyntaxError, "cut off");
  assertThrows(() => readSentencePiece(bytes(whole, specs(4))), SyntaxError, "of the kind char");
  assertThrows(() => load("bpe").decode([99_999]), RangeError, "token 99999");
});
