import { assertEquals } from "@std/assert";
import { planBench } from "../workloads/run_bench.ts";
import { loadPrompts } from "../workloads/run_prompts.ts";

Deno.test("loadPrompts() says that a pool with too few prompts starts over", async () => {
  const path = await Deno.makeTempFile({ suffix: ".jsonl" });
  try {
    await Deno.writeTextFile(path, '{"prompt": "Hi", "output_tokens": 1}\n');
    const plan = await planBench("http://127.0.0.1:1", { datasetPath: path, prompts: 3 });
    const notes: string[] = [];
    await loadPrompts(plan, { note: (line) => void notes.push(line) });
    assertEquals(notes, [
      "3 prompts wanted, 1 found; a pool that is too small is sent again from its start",
    ]);
  } finally {
    await Deno.remove(path);
  }
});
