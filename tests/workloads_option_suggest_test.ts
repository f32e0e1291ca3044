import { assertEquals } from "@std/assert";
import { editDistance, nearestName } from "../workloads/option_suggest.ts";

Deno.test("editDistance counts inserted, removed, replaced and swapped letters", () => {
  const cases: [string, string, number][] = [
    ["", "", 0],
    ["", "abc", 3],
    ["abc", "", 3],
    ["rate", "rate", 0],
    ["rate", "rte", 1],
    ["rate", "raate", 1],
    ["rate", "late", 1],
    ["rate", "rtae", 1],
    ["kitten", "sitting", 3],
  ];
  for (const [a, b, distance] of cases) {
    assertEquals(editDistance(a, b), distance, `${a} ${b}`);
    assertEquals(editDistance(b, a), distance, `${b} ${a}`);
  }
});

Deno.test("nearestName finds what was meant, and nothing where nothing is near", () => {
  const names = ["rate", "concurrency", "max-requests", "no-stream", "stream"];
  const cases: [string, string | undefined][] = [
    ["conccurency", "concurrency"],
    ["--Concurency", "concurrency"],
    ["max_request", "max-requests"],
    ["--max", "max-requests"],
    ["--no-strem", "no-stream"],
    ["rtae", "rate"],
    ["gpu", undefined],
    ["x", undefined],
  ];
  for (const [name, nearest] of cases) assertEquals(nearestName(name, names), nearest, name);
  assertEquals(nearestName("bat", ["cat", "rat"]), "cat", "the first of equally near names");
});
