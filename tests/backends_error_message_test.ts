import { assertEquals, assertStrictEquals } from "@std/assert";
import { oneLine, readErrorBody } from "../backends/error_message.ts";

Deno.test("readErrorBody() finds the message in every shape", () => {
  const table = [
    ['{"error":{"message":"m","type":"t","code":404}}', "m"],
    ['{"error":"m"}', "m"],
    ['{"error":"m","error_type":"validation"}', "m"],
    ['{"object":"error","message":"m","code":400}', "m"],
    ['{"error":{"code":500}}', '{"code":500}'],
    ['{"detail":"m"}', "m"],
    [
      '{"detail":[{"loc":["body","a"],"msg":"m"},{"loc":["body","b"],"msg":"n"}]}',
      "body.a: m; body.b: n",
    ],
    ['{"status":"busy"}', '{"status":"busy"}'],
    ["plain\r\n text ", "plain text"],
    ["", ""],
    ["null", "null"],
  ] as const;
  for (const [body, message] of table) assertStrictEquals(readErrorBody(body), message, body);
});

Deno.test("oneLine() folds white space and control characters and cuts long texts", () => {
  assertStrictEquals(oneLine(" a\n\t\0b\x1b[31m "), "a b [31m");
  assertEquals(oneLine("x".repeat(301)).length, 300);
  assertStrictEquals(oneLine("abcdef", 4), "abc…");
});
