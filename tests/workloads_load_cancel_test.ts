import { assert, assertEquals, assertThrows } from "@std/assert";
import type { CancelSpec } from "../workloads/load.ts";
import { formatCancel, leaversOf, parseCancel } from "../workloads/load_cancel.ts";
import { UserError } from "../workloads/user_error.ts";

const SPECS: readonly (readonly [text: string, spec: CancelSpec, written: string])[] = [
  [
    "10%:after=ttft+500ms",
    { share: 0.1, from: "first", afterMs: 500 },
    "10%:after=ttft+500ms",
  ],
  ["0.5%:after=2", { share: 0.005, from: "sent", afterMs: 2000 }, "0.5%:after=2000ms"],
  ["100%:after=200ms", { share: 1, from: "sent", afterMs: 200 }, "100%:after=200ms"],
  ["7%:after=ttft", { share: 0.07, from: "first", afterMs: 0 }, "7%:after=ttft+0ms"],
];

Deno.test("parseCancel reads a share and when its users leave", () => {
  for (const [text, spec, written] of SPECS) {
    assertEquals(parseCancel(text), spec);
    assertEquals(formatCancel(spec), written);
    assertEquals(parseCancel(written), spec);
  }
});

Deno.test("parseCancel refuses the rest, with an example that works", () => {
  const refused = (text: string, works: string) => {
    const { message } = assertThrows(() => parseCancel(text), UserError);
    assert(message.startsWith(`Cannot use --cancel ${JSON.stringify(text)}: give `), message);
    assert(message.includes(works), message);
  };
  for (
    const text of [
      ...[
        "",
        "10",
        "10%",
        "10%:ttft",
        "10%:after=",
        "10%:after=soon",
        "10%:after=ttft+",
        "x%:after=1s",
      ],
      ...["10%:after=ttft500ms", "10%:after=0", "-1%:after=1s", "10%:after=1s+ttft"],
    ]
  ) {
    refused(text, "10%:after=ttft+500ms or 10%:after=200ms");
  }
  for (const text of ["0%:after=1s", "101%:after=1s"]) refused(text, "up to 100 %");
});

Deno.test("leaversOf draws a share of the requests, each by itself", () => {
  const spec: CancelSpec = { share: 0.1, from: "sent", afterMs: 1 };
  const at = (index: number, key?: string) => ({
    index,
    user: 0,
    item: 0,
    intendedMs: 0,
    ...(key === undefined ? {} : { key }),
  });
  const leaves = leaversOf(spec, { seed: 1, loadNumber: 0 });
  const drawn = Array.from({ length: 5000 }, (_, index) => leaves(at(index)));
  const share = drawn.filter((one) => one).length / drawn.length;
  assert(share > 0.08 && share < 0.12, `${share}`);
  const again = leaversOf(spec, { seed: 1, loadNumber: 0 });
  assertEquals(drawn.map((_, i) => again(at(4999 - i))), drawn.toReversed());
  for (const other of [{ seed: 2, loadNumber: 0 }, { seed: 1, loadNumber: 1 }]) {
    const draw = leaversOf(spec, other);
    assert(drawn.some((one, index) => one !== draw(at(index))));
  }
  // An order's own key counts, whatever its number.
  const keyed = drawn.map((_, index) => leaves(at(index, "a/1")));
  assertEquals(new Set(keyed).size, 1);
  assert(!leaversOf({ ...spec, share: 1 }, { seed: 1, loadNumber: 0 })({ ...at(3), key: null }));
  assert(leaversOf({ ...spec, share: 1 }, { seed: 1, loadNumber: 0 })(at(3)));
});
