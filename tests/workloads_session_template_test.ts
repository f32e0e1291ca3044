import { assertEquals } from "@std/assert";
import { templateRemark, templateTokens } from "../workloads/session_template.ts";

Deno.test("templateTokens is what the server counts above the content, where both are exact", () => {
  const usage = { promptTokens: { tokens: 133, source: "usage" } } as const;
  assertEquals(templateTokens(usage, 128, { source: "tokenizer" }), 5);
  assertEquals(templateTokens(usage, 128, { source: "estimate" }), undefined);
  assertEquals(templateTokens({}, 128, { source: "tokenizer" }), undefined);
  const ours = { promptTokens: { tokens: 133, source: "ids" } } as const;
  assertEquals(templateTokens(ours, 128, { source: "tokenizer" }), undefined);
});

Deno.test("templateRemark says it, where it is known", () => {
  assertEquals(templateRemark(undefined), undefined);
  assertEquals(
    templateRemark(1),
    "The server's template adds 1 token to a prompt of one message; the recorded lengths are without it",
  );
  assertEquals(
    templateRemark(5),
    "The server's template adds 5 tokens to a prompt of one message; the recorded lengths are without them",
  );
});
