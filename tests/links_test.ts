/**
 * What we rely on of the four `@std` packages. It holds for the stand-ins in `links/` and for the
 * real packages alike: `deno task test:jsr`.
 */
import {
  assert,
  assertAlmostEquals,
  assertEquals,
  assertFalse,
  assertGreater,
  assertGreaterOrEqual,
  assertInstanceOf,
  AssertionError,
  assertLess,
  assertLessOrEqual,
  assertMatch,
  assertNotEquals,
  assertRejects,
  assertStrictEquals,
  assertStringIncludes,
  assertThrows,
  fail,
} from "@std/assert";
import { delay, pooledMap } from "@std/async";
import { promptSecret } from "@std/cli/prompt-secret";
import { unicodeWidth } from "@std/cli/unicode-width";
import { parse, stringify } from "@std/csv";

// The assertions are tested with bare throws: they cannot vouch for themselves.
function holds(what: string, assertion: () => unknown): void {
  try {
    assertion();
  } catch (error) {
    throw new Error(`${what}: should hold`, { cause: error });
  }
}

function breaks(what: string, assertion: () => unknown): void {
  try {
    assertion();
  } catch (error) {
    if (error instanceof AssertionError) return;
    throw new Error(`${what}: should throw an AssertionError`, { cause: error });
  }
  throw new Error(`${what}: should not hold`);
}

Deno.test("@std/assert holds and breaks where it should", () => {
  const same: [unknown, unknown][] = [
    [1, 1],
    [NaN, NaN],
    ["a", "a"],
    [[1, [2]], [1, [2]]],
    [{ a: 1, b: [2] }, { b: [2], a: 1 }],
    [new Map([[1, { a: 1 }]]), new Map([[1, { a: 1 }]])],
    [new Set([1, 2]), new Set([1, 2])],
    [new Uint8Array([1, 2]), new Uint8Array([1, 2])],
    [new Float64Array([1.5]), new Float64Array([1.5])],
    [new Date(5), new Date(5)],
    [undefined, undefined],
  ];
  const different: [unknown, unknown][] = [
    [1, 2],
    [1, "1"],
    [null, undefined],
    [[1, 2], [2, 1]],
    [[1], [1, 2]],
    [{ a: 1 }, { a: 2 }],
    [{ a: 1 }, { a: 1, b: 2 }],
    [{ a: undefined }, {}],
    [new Map([[1, 2]]), new Map([[1, 3]])],
    [new Uint8Array([1]), new Uint8Array([2])],
    [new Uint8Array([1]), new Uint16Array([1])],
    [new Date(5), new Date(6)],
  ];
  for (const [a, b] of same) {
    const what = Deno.inspect([a, b]);
    holds(`assertEquals ${what}`, () => assertEquals(a, b));
    breaks(`assertNotEquals ${what}`, () => assertNotEquals(a, b));
  }
  for (const [a, b] of different) {
    const what = Deno.inspect([a, b]);
    breaks(`assertEquals ${what}`, () => assertEquals(a, b));
    holds(`assertNotEquals ${what}`, () => assertNotEquals(a, b));
  }
  holds("assert", () => assert(1));
  breaks("assert", () => assert(""));
  holds("assertFalse", () => assertFalse(0));
  breaks("assertFalse", () => assertFalse(1));
  holds("assertStrictEquals", () => assertStrictEquals(NaN, NaN));
  breaks("assertStrictEquals", () => assertStrictEquals<unknown>([], []));
  holds("assertInstanceOf", () => assertInstanceOf(new TypeError(), Error));
  breaks("assertInstanceOf", () => assertInstanceOf(new Error(), TypeError));
  holds("assertMatch", () => assertMatch("abc", /b/));
  breaks("assertMatch", () => assertMatch("abc", /x/));
  holds("assertStringIncludes", () => assertStringIncludes("abc", "bc"));
  breaks("assertStringIncludes", () => assertStringIncludes("abc", "cb"));
  breaks("fail", () => fail("on purpose"));
});

Deno.test("@std/assert compares numbers", () => {
  holds("2 > 1", () => assertGreater(2, 1));
  breaks("1 > 1", () => assertGreater(1, 1));
  holds("1 >= 1", () => assertGreaterOrEqual(1, 1));
  breaks("0 >= 1", () => assertGreaterOrEqual(0, 1));
  holds("1 < 2", () => assertLess(1, 2));
  breaks("1 < 1", () => assertLess(1, 1));
  holds("1 <= 1", () => assertLessOrEqual(1, 1));
  breaks("2 <= 1", () => assertLessOrEqual(2, 1));
  breaks("NaN <= 1", () => assertLessOrEqual(NaN, 1));
  holds("1.5 is 1 within 0.5", () => assertAlmostEquals(1.5, 1, 0.5));
  breaks("1.6 is 1 within 0.5", () => assertAlmostEquals(1.6, 1, 0.5));
  holds("default tolerance", () => assertAlmostEquals(0.1 + 0.2, 0.3));
  breaks("default tolerance", () => assertAlmostEquals(1.001, 1));
  breaks("NaN is 1", () => assertAlmostEquals(NaN, 1));
});

Deno.test("@std/assert catches errors by class and text, and returns them", async () => {
  const error = new RangeError("too far");
  const thrower = () => {
    throw error;
  };
  const rejecter = () => Promise.reject(error);
  assertStrictEquals(assertThrows(thrower, RangeError, "far"), error);
  assertStrictEquals(assertThrows(thrower, Error), error);
  assertStrictEquals(assertThrows(thrower), error);
  breaks("nothing thrown", () => assertThrows(() => {}));
  breaks("another class", () => assertThrows(thrower, TypeError));
  breaks("another text", () => assertThrows(thrower, RangeError, "near"));
  assertStrictEquals(await assertRejects(rejecter, RangeError, "far"), error);
  const cases = [
    () => assertRejects(() => Promise.resolve()),
    () => assertRejects(rejecter, TypeError),
    () => assertRejects(rejecter, RangeError, "near"),
  ];
  for (const assertion of cases) {
    const thrown = await assertion().then(() => undefined, (error: unknown) => error);
    breaks(String(assertion), () => {
      if (thrown !== undefined) throw thrown;
    });
  }
});

Deno.test("@std/cli unicodeWidth counts columns", () => {
  const cases: [string, number][] = [
    ["", 0],
    ["abc", 3],
    ["é", 1],
    ["e\u0301", 1],
    ["日本", 4],
    ["━─…", 3],
    ["µs ≥ τ", 6],
    ["한글", 4],
    ["ｆull（", 7],
    ["😀!", 3],
    ["a\u200db", 2],
  ];
  for (const [text, columns] of cases) assertEquals(unicodeWidth(text), columns, text);
});

Deno.test({
  name: "@std/cli promptSecret gives null where nobody can answer",
  ignore: Deno.stdin.isTerminal(),
  fn: () => assertEquals(promptSecret("Key:", { mask: "", clear: true }), null),
});

Deno.test("@std/csv stringify writes CRLF lines and quotes what needs it", () => {
  const rows = [
    ["plain", 1.5, true],
    ['a "b", c', undefined, null],
    ["two\nlines", -0, [1]],
    [" spaced ", NaN, "=1+1"],
  ];
  assertEquals(
    stringify([["name", "n", "ok"], ...rows]),
    "name,n,ok\r\nplain,1.5,true\r\n" +
      '"a ""b"", c",,\r\n"two\nlines",0,[1]\r\n spaced ,NaN,=1+1\r\n',
  );
});

Deno.test("@std/csv parse reads what stringify writes", () => {
  const rows = [["a", 'q "x", y', "l\nm"], ["1", "", " s "]];
  assertEquals(parse(stringify(rows)), rows);
  assertEquals(parse("a,b\n\n1,2\n"), [["a", "b"], ["1", "2"]], "empty lines are not rows");
  assertEquals(parse("\ufeffa,b"), [["a", "b"]], "nor is the mark a letter");
  assertThrows(() => parse('a"b,c\n'), SyntaxError);
  assertThrows(() => parse('"a'), SyntaxError);
  assertThrows(() => parse('"a"b'), SyntaxError);
  assertEquals(parse('a,\r\n"",b\n,'), [["a", ""], ["", "b"], ["", ""]], "empty values");
  assertEquals(parse('""""\nx,"a,\r\n"'), [['"'], ["x", "a,\r\n"]]);
});

Deno.test("@std/async delay resolves after its time", async () => {
  const startMs = performance.now();
  assertEquals(await delay(20), undefined);
  // A timer may be a millisecond early.
  assertGreaterOrEqual(performance.now() - startMs, 19);
});

Deno.test("@std/async pooledMap runs a few at once and yields in the order of the items", async () => {
  let running = 0;
  let most = 0;
  const results = pooledMap(3, [5, 1, 4, 1, 3, 1, 2], async (ms) => {
    most = Math.max(most, ++running);
    await delay(ms);
    running--;
    return `${ms}`;
  });
  assertEquals((await Array.fromAsync(results)).join(), "5,1,4,1,3,1,2");
  assertEquals(most, 3);
  assertEquals(await Array.fromAsync(pooledMap(2, [], () => Promise.resolve(1))), []);
});

Deno.test("@std/async pooledMap starts nothing after a failure and throws all failures as one", async () => {
  const started: number[] = [];
  const yielded: number[] = [];
  const results = pooledMap(2, [1, 2, 3, 4, 5], async (item) => {
    started.push(item);
    await delay(item === 3 ? 20 : 1);
    if (item === 2 || item === 3) throw new RangeError(`no ${item}`);
    return item;
  });
  const error = await assertRejects(async () => {
    for await (const one of results) yielded.push(one);
  }, AggregateError);
  assertEquals(error.errors.map(({ message }) => message)[0], "no 2");
  assertEquals(yielded[0], 1);
  assertFalse(started.includes(5));
});
