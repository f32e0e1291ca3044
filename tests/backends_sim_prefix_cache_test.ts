import { assertEquals } from "@std/assert";
import { PrefixCache } from "../backends/sim_prefix_cache.ts";
import { createJob } from "./support/create_job.ts";

const ids = (length: number, last = -1) =>
  createJob({
    promptTokens: length,
    promptIds: Array.from({ length }, (_, i) => i < length - 1 ? i : last),
  });

Deno.test("PrefixCache counts whole blocks of 16 shared with a recent prompt", () => {
  const cache = new PrefixCache();
  assertEquals(cache.lookUp(ids(40)), 0);
  assertEquals(cache.lookUp(ids(40)), 32);
  assertEquals(cache.lookUp(ids(20, -2)), 16);
  assertEquals(cache.lookUp(ids(16, -3)), 0);
});

Deno.test("PrefixCache never caches the last token of a prompt", () => {
  const cache = new PrefixCache();
  assertEquals([cache.lookUp(ids(32)), cache.lookUp(ids(32)), cache.lookUp(ids(33))], [0, 16, 16]);
});

Deno.test("PrefixCache counts four characters of text as a token", () => {
  const cache = new PrefixCache();
  const job = (text: string) => createJob({ promptTokens: 100, extra: { promptText: text } });
  assertEquals(cache.lookUp(job("x".repeat(100) + "a")), 0);
  assertEquals(cache.lookUp(job("x".repeat(100) + "b")), 16);
  assertEquals(cache.lookUp(createJob()), 0);
});
