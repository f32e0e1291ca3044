import { assertEquals, assertRejects, assertStringIncludes } from "@std/assert";
import {
  countTo,
  flag,
  listOf,
  mapOf,
  numberFrom,
  objectOf,
  oneOf,
  onlyTrue,
  optional,
  orNull,
  readSmallFile,
  type Shape,
  textTo,
} from "../workloads/json_shape.ts";
import { lookUpMachine, saveCalibration } from "../workloads/calibration_file.ts";
import { readEnvironment } from "../workloads/environment.ts";
import { machineOf } from "../workloads/calibration_file.ts";
import { UserError } from "../workloads/user_error.ts";
import { createCell, createLimit } from "./support/create_calibration.ts";
import { inTempFolder } from "./support/run_cli.ts";

Deno.test("each shape takes its values, and names what it does not take", () => {
  const cases:
    readonly (readonly [Shape, good: readonly unknown[], bad: Record<string, unknown>])[] = [
      [numberFrom(0, 10), [0, 2.5, 10], {
        "-1": -1,
        "11": 11,
        "1e+300": 1e300,
        '"1"': "1",
        null: null,
      }],
      [countTo(9), [0, 9], { "0.5": 0.5, "10": 10, "[]": [] }],
      [countTo(9, 2), [2], { "1": 1 }],
      [textTo(3), ["", "abc"], { "1": 1, "{}": {} }],
      [textTo(3, 1), ["a"], { '""': "" }],
      [oneOf(["a", "b"]), ["a"], { '"c"': "c", missing: undefined }],
      [flag, [true, false], { "0": 0 }],
      [onlyTrue, [true], { false: false }],
      [optional(flag), [undefined, true], { null: null }],
      [orNull(flag), [null, true], { missing: undefined }],
    ];
  for (const [shape, good, bad] of cases) {
    for (const value of good) assertEquals(shape(value, "x"), undefined);
    for (const [shown, value] of Object.entries(bad)) {
      assertStringIncludes(shape(value, "x") ?? "nothing", `x is ${shown}, not `);
    }
  }
  assertEquals(textTo(3)("abcd", "x"), "x has 4 characters, more than 3");
});

Deno.test("lists and objects name the place, and are bounded", () => {
  const shape = objectOf<{ a: { b: number }[]; c?: Record<string, number> }>({
    a: listOf(objectOf<{ b: number }>({ b: countTo(9) }), 2),
    c: optional(mapOf(countTo(9), 2)),
  });
  assertEquals(shape({ a: [{ b: 1 }], more: 1 }, "x"), undefined);
  assertEquals(
    shape({ a: [{ b: 1 }, {}] }, "x"),
    "x.a[1].b is missing, not a whole number from 0 to 9",
  );
  assertEquals(shape({ a: [1] }, ""), "a[0] is 1, not an object");
  assertEquals(shape({ a: [{}, {}, {}] }, "x"), "x.a has 3 entries, more than 2");
  assertEquals(
    shape({ a: [], c: { "\u001b": -1 } }, "x"),
    'x.c["\\u001b"] is -1, not a whole number from 0 to 9',
  );
  assertEquals(shape({ a: [], c: { a: 1, b: 1, c: 1 } }, "x"), "x.c has 3 fields, more than 2");
  assertEquals(shape([], "x"), "x is [], not an object");
  // A field that every object inherits is not there.
  assertEquals(
    objectOf<{ toString: string }>({ toString: textTo(9) })({}, "x")?.slice(0, 10),
    "x.toString",
  );
});

Deno.test("a file that is larger than it may be is not read", () =>
  inTempFolder(async (folder) => {
    const path = `${folder}/f`;
    await Deno.writeTextFile(path, "12345");
    assertEquals(await readSmallFile(path, 5), "12345");
    await assertRejects(() => readSmallFile(path, 4), UserError, "it has more than 4 bytes");
    await assertRejects(() => readSmallFile("/dev/zero", 1e5), UserError, "more than 100000 bytes");
  }));

Deno.test("a calibration file is checked field by field", () =>
  inTempFolder(async (folder) => {
    const path = `${folder}/calibration.json`;
    const environment = await readEnvironment();
    const found = {
      machine: machineOf(environment),
      savedAt: "2026-01-01T00:00:00Z",
      cells: [createCell(), createCell({ streams: 128 })],
      limits: [createLimit()],
    };
    await saveCalibration(found, path);
    assertEquals((await lookUpMachine(environment, path)).found?.cells.length, 2);
    const text = await Deno.readTextFile(path);
    for (
      const [from, to, problem] of [
        [
          '"streams": 128',
          '"streams": 1e300',
          "machines[0].cells[1].streams is 1e+300, not a whole",
        ],
        [
          '"pattern": "lockstep"',
          '"pattern": "x"',
          'machines[0].cells[0].pattern is "x", not one of',
        ],
        ['"matched": 100', '"matched": null', "machines[0].cells[0].error.matched is null"],
        ['"schema"', '"other"', "schema is missing"],
        ["{", "[", "it is not JSON"],
      ] as const
    ) {
      await Deno.writeTextFile(path, text.replace(from, to));
      const error = await assertRejects(() => lookUpMachine(environment, path), UserError);
      assertStringIncludes(error.message, `Cannot use ${path} as a calibration: ${problem}`);
    }
  }));
