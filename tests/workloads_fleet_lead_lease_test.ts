/** Requests of a closed load, given out in portions. */
import { assert, assertEquals } from "@std/assert";
import { LeaseBook } from "../workloads/fleet_lead_lease.ts";

Deno.test("portions are exact, become small at the end, and a question asked again has one answer", () => {
  const book = new LeaseBook(4);
  const ask = (agent: number, number: number) =>
    book.answer({ agent, load: 0, want: 50, limit: 100, number });
  assertEquals(ask(0, 1), { portion: { from: 0, count: 13 } });
  assertEquals(ask(0, 1), { portion: { from: 0, count: 13 } });
  assertEquals(ask(1, 1), { portion: { from: 13, count: 11 } });
  assertEquals(ask(0, 0), undefined, "an old question");
  const sizes: number[] = [];
  for (let number = 2;; number++) {
    const { portion } = ask(number % 4, number)!;
    if (portion === undefined) break;
    sizes.push(portion.count);
  }
  assertEquals(sizes.reduce((sum, one) => sum + one, 24), 100);
  assertEquals(sizes.at(-1), 1);
  assertEquals(book.given, 100);
});

Deno.test("a question about another count is not answered", () => {
  const book = new LeaseBook(1);
  assert(book.answer({ agent: 0, load: 0, want: 1, limit: 5, number: 1 }));
  assertEquals(book.answer({ agent: 0, load: 0, want: 1, limit: 6, number: 2 }), undefined);
});
