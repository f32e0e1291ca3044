import { assert, assertEquals } from "@std/assert";
import { CONTEXT_WORDS } from "../backends/sim_context.ts";
import { isContextTooLong } from "../workloads/server_context.ts";

Deno.test("each engine's words for a prompt that is too long are understood", () => {
  for (const { name, status, message, stream } of CONTEXT_WORDS) {
    for (const promptTokens of [90, 200]) {
      const words = message({ promptTokens, maxTokens: 50, limit: 100 });
      const outcome = stream === "empty"
        ? { kind: "engine_error", message: words } as const
        : { kind: "http_error", status, message: words } as const;
      assert(isContextTooLong(outcome), `${name}: ${words}`);
    }
  }
});

Deno.test("other refusals and failures are failures", () => {
  for (
    const outcome of [
      { kind: "http_error", status: 400, message: "temperature must be at least 0" },
      { kind: "http_error", status: 400, message: "unknown field max_tokens" },
      { kind: "http_error", status: 500, message: "maximum context length" },
      { kind: "http_error", status: 429, message: "too many requests" },
      { kind: "engine_error", message: "CUDA out of memory" },
      { kind: "timeout", message: "no answer within 10 ms" },
      { kind: "ok" },
    ] as const
  ) assertEquals(isContextTooLong(outcome), false, JSON.stringify(outcome));
});
