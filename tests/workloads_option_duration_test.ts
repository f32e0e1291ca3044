import { assertEquals, assertThrows } from "@std/assert";
import { parseDuration } from "../workloads/option_duration.ts";
import { UserError } from "../workloads/user_error.ts";

Deno.test("times are seconds, or have a unit", () => {
  for (
    const [given, ms] of [
      [30, 30_000],
      ["30", 30_000],
      ["30s", 30_000],
      ["1.5", 1500],
      ["250ms", 250],
      ["5m", 300_000],
      ["5 min", 300_000],
      ["2h", 7_200_000],
      ["0", 0],
    ] as const
  ) assertEquals(parseDuration(given, "--from"), ms, `${given}`);
  for (const given of ["", "soon", "-1", "5x", "1e3", "5m30s", "none"]) {
    assertThrows(() => parseDuration(given, "--from"), UserError, "--from");
  }
});
