import { assert, assertEquals, assertGreaterOrEqual, assertThrows } from "@std/assert";
import type { TokenCounter } from "../workloads/prompt.ts";
import { allPairs, chooseUnits, UNITS } from "../workloads/session_prompt_units.ts";
import { estimateCounter } from "../workloads/tokenizer.ts";
import { UserError } from "../workloads/user_error.ts";
import { TEST_TOKENIZERS } from "./support/test_tokenizers.ts";

Deno.test("chooseUnits has words of four bytes for the estimate", () => {
  const { behind, front, ids } = chooseUnits(estimateCounter);
  assertEquals([behind.length, front.length, ids], [UNITS, UNITS, undefined]);
  assertEquals([new Set(behind).size, new Set(front).size], [UNITS, UNITS]);
  for (const text of behind) assert(/^ [a-z]{3}$/.test(text), text);
  for (const text of front) assert(/^[a-z]{4}$/.test(text), text);
});

Deno.test("chooseUnits finds words that are one token each behind every other", async () => {
  for (const { name, open } of TEST_TOKENIZERS) {
    const counter = await open();
    const encode = counter.encode!;
    const { behind, front, ids } = chooseUnits(counter);
    assertEquals([behind.length, front.length, ids!.length], [UNITS, UNITS, UNITS], name);
    const kinds = new Set(behind).size;
    assertGreaterOrEqual(kinds, 32, name);
    for (const text of behind) assert(/^ [A-Za-z]+$/.test(text), `${name}: ${text}`);
    const order = allPairs(Math.min(kinds, 48));
    const text = front[0] + order.map((at) => behind[at]).join("");
    const first = encode(front[0]!);
    assertEquals(first.length, 1, name);
    assertEquals(encode(text), [...first, ...order.map((at) => ids![at]!)], name);
    for (const [i, word] of front.entries()) {
      assertEquals(encode(word).length, 1, `${name}: ${word}`);
      assertEquals(encode(word + behind[i]!).slice(1), [ids![i]!], `${name}: ${word}`);
    }
    // Ids can be sent in place of the text.
    const few = ids!.slice(0, 8);
    assertEquals(counter.decode!(few).trim(), behind.slice(0, 8).join("").trim(), name);
  }
});

Deno.test("chooseUnits takes the words of the estimate from a tokenizer that has them all", () => {
  const seen = new Map<string, number>();
  const idOf = (word: string) => seen.get(word) ?? seen.set(word, seen.size).size - 1;
  const encode = (text: string) => text.match(/ ?\w+/g)?.map(idOf) ?? [];
  const words: TokenCounter = {
    source: "tokenizer",
    name: "words",
    encode,
    count: (text) => encode(text).length,
  };
  const { behind, front } = chooseUnits(words);
  assertEquals({ behind, front }, chooseUnits(estimateCounter));
});

/** One token a letter, one a space; and some words, one of which swallows what is behind it. */
function letterCounter(words: readonly string[], glued: string = "-"): TokenCounter {
  const known = [...words, ..." abcdefghijklmnopqrstuvwxyz"];
  const pattern = new RegExp(
    ` ?${glued} \\w+|${words.map((word) => ` ${word}\\b`).join("|")}|.`,
    "g",
  );
  const idOf = (text: string) => {
    const at = known.indexOf(text.length > 1 ? text.slice(1) : text);
    return at < 0 ? 1000 + text.length : at;
  };
  const encode = (text: string) => text.match(pattern)?.map(idOf) ?? [];
  return {
    source: "tokenizer",
    name: "letters",
    encode,
    count: (text) => encode(text).length,
    decode: (ids) => {
      if (ids[0]! >= known.length) throw new RangeError("no such id");
      return ids.map((id) => known[id]!).join("");
    },
  };
}

const STRANGE = "qaa qbb qcc qdd qee qff qgg qhh qii qjj qkk qll qmm qnn qoo qpp".split(" ");

Deno.test("chooseUnits looks for words in the tokenizer where it has none of the known ones", () => {
  const { behind, front } = chooseUnits(letterCounter(STRANGE));
  assertEquals(new Set(behind), new Set(STRANGE.map((word) => ` ${word}`)));
  // None of them is one token without its space.
  assert(front.every((word) => /^[a-z]$/.test(word)), front.join());
});

Deno.test("chooseUnits drops a word that becomes another token beside some word", () => {
  const words = [...STRANGE, "qzz"];
  assertEquals(new Set(chooseUnits(letterCounter(words)).behind).size, 17);
  const { behind } = chooseUnits(letterCounter(words, "qbb qcc"));
  assertEquals(new Set(behind).size, 16);
  assert(!(behind.includes(" qbb") && behind.includes(" qcc")));
});

Deno.test("chooseUnits says what works where a tokenizer has too few words", () => {
  const error = assertThrows(() => chooseUnits(letterCounter(STRANGE.slice(1))), UserError);
  assertEquals(
    error.message,
    "Cannot make prompts of blocks with the tokenizer letters: 15 words that are one token each " +
      "were found, 16 are needed; use --token-ids with --vocab N, or leave out --tokenizer",
  );
});

Deno.test("allPairs puts each number behind each", () => {
  for (const count of [1, 2, 3, 20]) {
    const order = allPairs(count);
    const pairs = new Set(order.slice(1).map((number, i) => `${order[i]} ${number}`));
    assertEquals([pairs.size, order.length], [count ** 2, count ** 2 + 1]);
  }
});
