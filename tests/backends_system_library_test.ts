import { assertEquals, assertInstanceOf, assertMatch, assertThrows } from "@std/assert";
import { libraryPermission, openSystemLibrary } from "../backends/system_library.ts";

const SYMBOLS = { getpid: { parameters: [], result: "i32" } } as const;
const LINUX = { ignore: Deno.build.os !== "linux" };

Deno.test({
  ...LINUX,
  name: "openSystemLibrary opens the system's library where every one is allowed",
  fn() {
    const library = openSystemLibrary("libc.so.6", SYMBOLS);
    assertEquals(library.symbols.getpid(), Deno.pid);
    library.close();
    assertEquals(libraryPermission("libc.so.6"), "granted");
    assertThrows(() => openSystemLibrary("libno-such.so.9", SYMBOLS), Error, "libno-such.so.9");
  },
});

Deno.test({
  ...LINUX,
  name: "openSystemLibrary never takes a bare name for a file of the current folder",
  // Deno makes a path of each of them, in the current folder.
  permissions: { ffi: ["libc.so.6", "libnvidia-ml.so.1"], read: true },
  fn() {
    for (const name of ["libc.so.6", "libnvidia-ml.so.1"]) {
      assertEquals(libraryPermission(name), "prompt");
      let error: unknown;
      try {
        openSystemLibrary(name, SYMBOLS);
      } catch (thrown) {
        error = thrown;
      }
      assertInstanceOf(error, Deno.errors.NotCapable);
      assertMatch(error.message, new RegExp(`ffi access to "/.*/${name}"`));
    }
  },
});
