import { assertEquals } from "@std/assert";
import { Backlog, backlogLimit } from "../workloads/load_backlog.ts";

Deno.test("a backlog is the same for all threads, and empty once everything is decoded", () => {
  const here = new Backlog();
  const there = new Backlog(here.memory);
  there.add(1);
  there.add(60 * 2 ** 20);
  there.add(0);
  assertEquals(here.bytes, 60 * 2 ** 20 + 1024);
  here.remove(60 * 2 ** 20);
  here.remove(1);
  here.remove(0);
  assertEquals(there.bytes, 0);
});

Deno.test("a backlog may hold two of the largest answers, and a long one of each stream", () => {
  assertEquals(backlogLimit(64 * 2 ** 20, 2), 136 * 2 ** 20);
  assertEquals(backlogLimit(1024, 1000) > 1000 * 4e6, true);
});
