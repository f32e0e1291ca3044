import { assertEquals, assertThrows } from "@std/assert";
import { grpcTarget } from "../backends/grpc_call.ts";

const nameFor = (origin: string, headers: Record<string, string> = {}, insecure = false) =>
  grpcTarget({ url: `${origin}/a.B/C`, headers }, { insecure }).serverName;

Deno.test("grpcTarget looks for a certificate's name only where there is a certificate", () => {
  for (const host of ["10.0.0.5:8001", "0.0.0.0:33337", "[2001:db8::1]:9", "engine.example:1"]) {
    assertEquals(nameFor(`grpc://${host}`), undefined, host);
  }
  assertEquals(nameFor("grpc://10.0.0.5:1", { host: "engine.example:1" }), undefined);
});

Deno.test("grpcTarget names what a certificate must have", () => {
  assertEquals(nameFor("grpcs://engine.example:1"), undefined);
  assertEquals(nameFor("grpcs://10.0.0.5:1", { host: "engine.example:1" }), "engine.example");
  for (const local of ["127.0.0.1", "[::1]", "0.0.0.0", "[::]"]) {
    assertEquals(nameFor(`grpcs://${local}:1`), "localhost");
  }
  assertEquals(nameFor("grpcs://10.0.0.5:1", {}, true), "localhost");
  assertThrows(() => nameFor("grpcs://10.0.0.5:1"), TypeError, "certificate of 10.0.0.5");
});
