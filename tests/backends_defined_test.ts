import { assertEquals } from "@std/assert";
import { defined } from "../backends/defined.ts";

Deno.test("undefined fields are dropped; other falsy values and the order are kept", () => {
  const kept = defined({ b: 0, a: undefined, c: null, d: "", e: false });
  assertEquals(Object.entries(kept), [["b", 0], ["c", null], ["d", ""], ["e", false]]);
});

Deno.test("the result fits a type with exact optional fields", () => {
  const port: number | undefined = Number("8000") || undefined;
  const options: { readonly host: string; readonly port?: number } = defined({ host: "::1", port });
  assertEquals(options, { host: "::1", port: 8000 });
});
