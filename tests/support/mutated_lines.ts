/**
 * Lines of a record file in which single values were replaced, removed or repeated, by seed.
 *
 * @module
 */
import { type Random, uniformInteger } from "../../backends/random.ts";

/** Values that no field expects, and those at the edges of what some accept. */
const VALUES: readonly unknown[] = [
  ...[null, true, false, "", "x", "=1+1", "\u001b[31m\u202e", "9e99", [], {}, [null], [[]]],
  ...[{ toString: 1 }, -1, -0, 0, 0.5, 1, 3, 100, 1e6, 1e9, 1e10, -1e10, 1e12, 1e15, 1e16],
  ...[2 ** 32 - 1, 2 ** 32, 2 ** 53, -(2 ** 53), 1e300, -1e300, 5e-324, 1.7976931348623157e308],
];

function pick<T>(random: Random, list: readonly T[]): T {
  return list[uniformInteger(random, { low: 0, high: list.length - 1 })]!;
}

/** Every place in a value: the object or list that holds it, and its name there. */
function placesIn(value: unknown): [holder: Record<string, unknown>, name: string][] {
  if (typeof value !== "object" || value === null) return [];
  return Object.entries(value).flatMap(([name, one]) => [
    [value as Record<string, unknown>, name] as [Record<string, unknown>, string],
    ...placesIn(one),
  ]);
}

/** A line with one change; sometimes it is no JSON any more. */
export function mutatedLine(line: string, random: Random): string {
  if (random.next() < 0.05) {
    return line.slice(0, uniformInteger(random, { low: 1, high: line.length }));
  }
  const value = JSON.parse(line);
  const [holder, name] = pick(random, placesIn(value));
  const chance = random.next();
  const old = holder[name];
  if (chance < 0.15) {
    if (Array.isArray(holder)) holder.splice(Number(name), 1);
    else delete holder[name];
  } else if (chance < 0.25 && Array.isArray(old)) {
    holder[name] = [...old, ...old, pick(random, VALUES)];
  } else if (chance < 0.5 && typeof old === "number") {
    holder[name] = old * pick(random, [-1, 0, 0.5, 1e3, 1e6]) + pick(random, [0, 1, -1]);
  } else {
    holder[name] = pick(random, VALUES);
  }
  return JSON.stringify(value);
}
