import { assert, assertEquals, assertThrows } from "@std/assert";
import type { ProbeVerdict } from "../metrics/capacity_result.ts";
import {
  type CapacitySearchOptions,
  createCapacitySearch,
  MOST_REPEATS,
} from "../metrics/capacity_search.ts";

const USERS: CapacitySearchOptions = {
  ...{ axis: "concurrency", first: 8, lowest: 1, highest: 1024, tolerance: 0.05 },
};
const RATE: CapacitySearchOptions = {
  ...{ axis: "rate", first: 4, lowest: 0.5, highest: 64, tolerance: 0.05 },
};

/** Goes through a search; returns its answer and the loads in their order, each look one. */
function searched(
  options: CapacitySearchOptions,
  verdictAt: (value: number, repeat: number) => ProbeVerdict,
) {
  const search = createCapacitySearch(options);
  const looks: number[] = [];
  for (let step = search.next(); step !== undefined; step = search.next()) {
    assert(looks.length < search.plannedLooks, "more looks than were planned");
    assertEquals(search.next(), step, "asking twice changes nothing");
    looks.push(step.value);
    search.add(step.value, verdictAt(step.value, step.repeat));
  }
  return { looks, answer: search.answer(), search };
}

const upTo = (truth: number) => (value: number): ProbeVerdict =>
  value <= truth ? "keeps" : "breaks";

Deno.test("capacity search: users to the exact one, whatever it is", () => {
  for (const truth of [1, 2, 7, 8, 9, 15, 16, 17, 100, 333, 1023]) {
    const { answer } = searched(USERS, upTo(truth));
    assertEquals(answer.outcome, "found", `${truth}`);
    assert(answer.kept! <= truth && answer.broke! > truth, `${truth}: ${JSON.stringify(answer)}`);
    assert(
      answer.precise && answer.broke! / answer.kept! <= 1.05 || answer.broke! - answer.kept! === 1,
    );
  }
});

Deno.test("capacity search: doubles until broken, looks into the ladder, halves by ratio", () => {
  const { looks } = searched({ ...RATE, tolerance: 0.2 }, upTo(20));
  assertEquals(looks, [4, 8, 16, 32, 11.31, 5.657, 22.63, 19.03]);
});

Deno.test("capacity search: halves where the first load breaks", () => {
  const { looks, answer } = searched({ ...RATE, tolerance: 0.5 }, upTo(1.2));
  assertEquals(looks, [4, 2, 1, 0.7071, 1.414]);
  assertEquals([answer.kept, answer.broke], [1, 1.414]);
});

Deno.test("capacity search: the ends of the range are answers", () => {
  const all = searched(RATE, () => "keeps");
  assertEquals([all.answer.outcome, all.answer.kept], ["at-least", 64]);
  assertEquals(all.answer.interval, undefined);
  const none = searched(RATE, () => "breaks");
  assertEquals([none.answer.outcome, none.answer.broke], ["below", 0.5]);
  assertEquals(none.looks, [4, 2, 1, 0.5]);
});

Deno.test("capacity search: a lower load that breaks counts, and the higher that keep are told", () => {
  // Slow from 5 to 7 and from 20 on: the ladder jumps over the first.
  const { answer } = searched(
    RATE,
    (value) => value >= 20 || value >= 5 && value < 7 ? "breaks" : "keeps",
  );
  assert(answer.kept! < 5 && answer.broke! >= 5 && answer.broke! < 7, JSON.stringify(answer));
  assertEquals(answer.keptAbove, [8, 11.31, 16]);
});

Deno.test("capacity search: also below a first load that keeps, a lower one may break", () => {
  const { answer } = searched(
    { ...RATE, first: 8 },
    (value) => value >= 12 || value >= 5 && value < 7 ? "breaks" : "keeps",
  );
  assert(answer.kept! < 5 && answer.broke! < 7, JSON.stringify(answer));
  assertEquals(answer.keptAbove, [8]);
});

Deno.test("capacity search: what is undecided is measured three times, then left aside", () => {
  const { looks, answer } = searched(
    RATE,
    (value) => value > 9 && value < 13 ? "undecided" : value <= 11 ? "keeps" : "breaks",
  );
  const open = looks.filter((value) => value > 9 && value < 13);
  for (const value of new Set(open)) {
    assertEquals(open.filter((one) => one === value).length, MOST_REPEATS);
  }
  assertEquals(answer.outcome, "found");
  assert(answer.kept! <= 9 && answer.broke! >= 13 && !answer.precise);
  assert(answer.kept! > 8 && answer.broke! < 14, "both sides were narrowed");
});

Deno.test("capacity search: a repeat may decide, and is not repeated again", () => {
  const { looks } = searched(
    RATE,
    (value, repeat) => value === 4 && repeat === 1 ? "undecided" : upTo(20)(value),
  );
  assertEquals(looks.slice(0, 3), [4, 4, 8]);
});

Deno.test("capacity search: a client that is the limit ends it", () => {
  const { looks, answer } = searched(RATE, (value) => value < 16 ? "keeps" : "client-bound");
  assertEquals(looks, [4, 8, 16]);
  assertEquals([answer.outcome, answer.kept, answer.broke], ["client-bound", 8, undefined]);
});

Deno.test("capacity search: nothing decided is no answer", () => {
  const { answer } = searched(RATE, () => "undecided");
  assertEquals([answer.outcome, answer.kept, answer.broke], ["undecided", undefined, undefined]);
});

Deno.test("capacity search: the error is spent over all looks that are planned", () => {
  const search = createCapacitySearch(RATE);
  assertEquals(search.plannedLooks, 3 * search.plannedLoads);
  assertEquals(search.errorPerLook * search.plannedLooks, 0.05);
});

Deno.test("capacity search refuses a range that is none", () => {
  assertThrows(
    () => createCapacitySearch({ ...RATE, first: 100 }),
    RangeError,
    "0.5 over 100 to 64",
  );
  assertThrows(() => createCapacitySearch({ ...RATE, tolerance: 0 }), RangeError, "tolerance");
});
