import { assertEquals, assertStrictEquals } from "@std/assert";
import type { CollectedBody } from "../backends/buffers.ts";
import { AnswerMemory } from "../workloads/load_answer_memory.ts";

/** Fills an answer with one value, its own. */
function fill({ body, readMs, readEnds }: CollectedBody, value: number): void {
  body.fill(value);
  readMs.fill(value);
  readEnds.fill(value);
}

/** All values in an answer. */
function valuesOf({ body, readMs, readEnds }: CollectedBody): unknown[] {
  return [...new Set([...body, ...readMs, ...readEnds])];
}

Deno.test("AnswerMemory gives each answer a place of its own until it is given back", () => {
  const memory = new AnswerMemory();
  const answers: CollectedBody[] = [];
  // Of odd lengths, and more than a buffer holds.
  for (let i = 0; i < 200; i++) {
    const answer = memory.collect(3001 + i * 13, 3);
    assertEquals([answer.body.length, answer.readMs.length], [3001 + i * 13, 3]);
    fill(answer, i);
    answers.push(answer);
    // Two thirds go at once, in another order than they came.
    if (i % 3 === 2) {
      memory.giveBack(answers.splice(-2, 1)[0]!.body.buffer);
      memory.giveBack(answers.pop()!.body.buffer);
    }
  }
  assertEquals(answers.map(valuesOf), answers.map((_, i) => [i < 66 ? i * 3 : i + 132]));
});

Deno.test("AnswerMemory uses a buffer again once all in it was given back", () => {
  const memory = new AnswerMemory();
  const [first, second] = [memory.collect(1000, 1), memory.collect(1000, 1)];
  assertStrictEquals(first.body.buffer, second.body.buffer);
  memory.giveBack(first.body.buffer);
  const third = memory.collect(1000, 1);
  assertEquals(third.body.byteOffset > second.body.byteOffset, true);
  memory.giveBack(second.body.buffer);
  memory.giveBack(third.body.buffer);
  assertEquals(memory.collect(1000, 1).body.byteOffset, first.body.byteOffset);
});

Deno.test("AnswerMemory holds an answer larger than its buffers, and knows no other memory", () => {
  const memory = new AnswerMemory();
  const small = memory.collect(10, 1);
  const large = memory.collect(5_000_000, 2);
  assertEquals(large.body.length, 5_000_000);
  memory.giveBack(new ArrayBuffer(8));
  memory.giveBack(large.body.buffer);
  fill(small, 7);
  fill(memory.collect(250_000, 1), 9);
  assertEquals(valuesOf(small), [7]);
});
