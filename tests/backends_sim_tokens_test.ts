import { assert, assertEquals, assertNotEquals } from "@std/assert";
import { textOfTokens, tokenSource, VOCABULARY_SIZE } from "../backends/sim_tokens.ts";

const PLAIN = { seed: 0, serial: 1, reasoning: 0, bytes: false };

/** The first tokens of a request that gets exactly that many. */
function take(count: number, options: Partial<typeof PLAIN> = {}) {
  const next = tokenSource({ ...PLAIN, ...options });
  return Array.from({ length: count }, (_, made) => next(count - made));
}

Deno.test("tokenSource gives the same tokens for the same seed and serial only", () => {
  assertEquals(take(20), take(20));
  assertNotEquals(take(20), take(20, { serial: 2 }));
  assertNotEquals(take(20), take(20, { seed: 1 }));
});

Deno.test("tokenSource gives ids of its vocabulary and a text for each", () => {
  for (const { id, text } of take(500)) {
    assert(id > 0 && id < VOCABULARY_SIZE);
    assert(/^ [a-z]+$/.test(text));
  }
});

Deno.test("tokenSource marks as many thinking tokens as asked for", () => {
  const marks = take(10, { reasoning: 3, bytes: true }).map(({ reasoning }) => reasoning);
  assertEquals(marks.filter(Boolean).length, 3);
  assertEquals(marks.slice(0, 3), [true, true, true]);
});

Deno.test("tokenSource holds text back until its bytes are whole, and never ends inside a character", () => {
  for (let count = 1; count < 60; count++) {
    const tokens = take(count, { bytes: true });
    // A byte token's id is its byte plus three special ids; the last one of a character has the text.
    let bytes: number[] = [];
    for (const { id, text } of tokens) {
      if (id >= 259) continue;
      bytes.push(id - 3);
      if (text === "") continue;
      assertEquals(new TextDecoder().decode(new Uint8Array(bytes)), text);
      bytes = [];
    }
    assertEquals(bytes, []);
  }
  assert(take(60, { bytes: true }).some(({ text }) => text === ""));
});

Deno.test("textOfTokens gives back the text of any answer", () => {
  for (const serial of [1, 2, 3]) {
    const tokens = take(60, { bytes: true, serial });
    const text = tokens.map(({ text }) => text).join("");
    assertEquals(textOfTokens(tokens.map(({ id }) => id)), text);
  }
  assertEquals(textOfTokens([1, 2, 99_999]), "");
});
