import { assertEquals, assertRejects } from "@std/assert";
import { planBench } from "../workloads/run_bench.ts";
import { prepare } from "../workloads/run_prepare.ts";
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
