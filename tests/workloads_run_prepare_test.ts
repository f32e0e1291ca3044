import { assertEquals, assertRejects } from "@std/assert";
import { planBench } from "../workloads/run_bench.ts";
import { loadPrompts, prepare } from "../workloads/run_prepare.ts";
import { EXIT, UserError } from "../workloads/user_error.ts";

Deno.test("prepare() fails with the server's own refusal where several requests fail at once", async () => {
  const listener = Deno.listen({ hostname: "127.0.0.1", port: 0 });
  const { port } = listener.addr as Deno.NetAddr;
  listener.close();
  // A named model: the first thing asked of the server is to tokenize the prompts.
  const plan = await planBench(`grpc://127.0.0.1:${port}`, {
    protocol: "triton-turbomind",
    model: "ensemble",
  });
  const error = await assertRejects(() => prepare(plan, {}), UserError, "Cannot reach");
  assertEquals(error.exitCode, EXIT.unreachable);
});

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
