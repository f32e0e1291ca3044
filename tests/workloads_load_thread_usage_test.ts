import { assertEquals } from "@std/assert";
import { busiestUsage } from "../workloads/load_thread_usage.ts";

Deno.test("busiestUsage() gives the largest of each share, since the busiest thread limits a run", () => {
  assertEquals(
    busiestUsage([{ cpu: 0.2, wait: 0.1 }, { cpu: 0.9, wait: 0 }, { cpu: 0.4, wait: 0.3 }]),
    { cpu: 0.9, wait: 0.3 },
  );
  assertEquals(busiestUsage([]), undefined);
});
