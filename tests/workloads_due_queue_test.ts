import { assertEquals } from "@std/assert";
import { createRandom } from "../backends/random.ts";
import { DueQueue } from "../workloads/due_queue.ts";

Deno.test("DueQueue gives the earliest first, and of one instant the first that came", () => {
  const random = createRandom(1, "due");
  const queue = new DueQueue<string>();
  const added: [number, string][] = [];
  const taken: string[] = [];
  for (let i = 0; i < 500; i++) {
    const atMs = Math.floor(random.next() * 40);
    queue.add(atMs, `${i}`);
    added.push([atMs, `${i}`]);
  }
  assertEquals(queue.dueMs, Math.min(...added.map(([atMs]) => atMs)));
  while (queue.size > 0) taken.push(queue.take()!);
  assertEquals(taken, added.toSorted(([a], [b]) => a - b).map(([, item]) => item));
  assertEquals([queue.take(), queue.dueMs], [undefined, Infinity]);
});

Deno.test("DueQueue without what is not wanted any more gives the rest in order", () => {
  const queue = new DueQueue<number>();
  const instants = [5, 3, 9, 1, 7, 3, 8, 2, 6, 4];
  for (const [item, atMs] of instants.entries()) queue.add(atMs, item);
  queue.remove((item) => item % 3 === 0);
  const taken: number[] = [];
  while (queue.size > 0) taken.push(queue.take()!);
  assertEquals(taken, [7, 1, 5, 8, 4, 2]);
});
