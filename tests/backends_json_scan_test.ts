import { assert, assertEquals } from "@std/assert";
import { JsonScanner } from "../backends/json_scan.ts";
import type { FieldMask } from "../backends/protocol.ts";
import { createRandom, type Random, uniformInteger } from "../backends/random.ts";

type Fields = { readonly [name: string]: FieldMask };

function scan(text: string | Uint8Array, wanted: Fields): unknown {
  return scanAll([text], wanted)[0];
}

/** Objects that follow each other in one body, each with the object's text behind it cut off. */
function scanAll(texts: readonly (string | Uint8Array)[], wanted: Fields): unknown[] {
  const parts = texts.map((text) =>
    typeof text === "string" ? new TextEncoder().encode(text) : text
  );
  const body = new Uint8Array(parts.reduce((sum, { length }) => sum + length + 1, 0));
  const scanner = new JsonScanner(wanted);
  let at = 0;
  const starts = parts.map((part) => {
    const start = at;
    body.set(part, at);
    at += part.length;
    body[at++] = 10;
    return start;
  });
  scanner.open(body);
  return parts.map((part, i) => {
    const value = scanner.scan(starts[i]!);
    // What ends early is not the text that was given.
    if (value === undefined || scanner.end !== starts[i]! + part.length) return undefined;
    // The next one is read into the same objects.
    return structuredClone(value);
  });
}

/** What is wanted of a parsed value, the plain way. */
function pick(value: unknown, wanted: FieldMask): unknown {
  if (wanted === "value" || typeof value !== "object" || value === null) return value;
  if (Array.isArray(wanted)) {
    return Array.isArray(value) ? value.map((one) => pick(one, wanted[0]!)) : value;
  }
  if (Array.isArray(value)) return value;
  const fields = wanted as Fields;
  return Object.fromEntries(
    Object.entries(value).filter(([name]) => Object.hasOwn(fields, name))
      .map(([name, one]) => [name, pick(one, fields[name]!)]),
  );
}

const WANTED = {
  a: "value",
  list: [{ text: "value", deep: { n: "value" } }],
  o: { b: "value" },
} as const;

Deno.test("JsonScanner gives the wanted fields and steps over the others", () => {
  const text =
    '{"id":"x","a":1.5e3, "list" : [ {"text":"h\\u00e9\\n","y":[1,{}]},{"deep":{"n":null,"m":{}}} ],' +
    '"o":{"b":{"c":[true,false]},"z":0},"t":-0.1}';
  assertEquals(scan(text, WANTED), {
    a: 1500,
    list: [{ text: "h\u00e9\n" }, { deep: { n: null } }],
    o: { b: { c: [true, false] } },
  });
});

Deno.test("JsonScanner takes a value of another type than expected whole", () => {
  assertEquals(scan('{"list":{"text":1},"o":[2,3],"a":{"q":[]}}', WANTED), {
    list: { text: 1 },
    o: [2, 3],
    a: { q: [] },
  });
  assertEquals(scan('{"list":null,"o":"b"}', WANTED), { list: null, o: "b" });
});

Deno.test("JsonScanner takes the last of two fields of one name, as JSON.parse does", () => {
  const texts = ['{"a":1,"a":2}', '{"a":3,"a":2}', '{"a":3,"a":4}'];
  assertEquals(scanAll(texts, WANTED), [{ a: 2 }, { a: 2 }, { a: 4 }]);
});

Deno.test("JsonScanner does not take an old value for one that goes on", () => {
  const texts = ['{"a":1,"b":1}', '{"a":12,"b":1}', '{"a":12,"b":13}', '{"a":"x"}', '{"a":"xy"}'];
  assertEquals(scanAll(texts, { a: "value" }), [{ a: 1 }, { a: 12 }, { a: 12 }, { a: "x" }, {
    a: "xy",
  }]);
});

Deno.test("JsonScanner reads the next object by the pattern of the last one", () => {
  const texts = [
    '{"id":"x","t":1,"list":[{"text":"a","deep":{"n":9}},{"text":""}],"z":{"y":1},"o":{"b":"é"}}',
    '{"id":"x","t":2,"list":[{"text":"ab","deep":{"n":10}},{"text":"q"}],"z":{"y":1},"o":{"b":"é"}}',
    '{"id":"xy","t":2.5,"list":[{"text":"","deep":{"n":1}},{"text":"q"}],"z":{"y":1},"o":{"b":"ü"}}',
    '{"id":"","t":12345678901234567890,"list":[{"text":"\\n\\u00e9","deep":{"n":1}},{"text":"q"}],"z":{"y":1},"o":{"b":"\\\\"}}',
    '{"id":"","t":1,"list":[{"text":"\\t","deep":{"n":1}},{"text":"q"}],"z":{"y":12},"o":{"b":"\\""}}',
    '{"id":"","t":1,"list":[{"text":"\\t","deep":{"n":1.5}},{"text":"q"}],"z":{"y":12},"o":{"b":null}}',
    '{"id":"","t":1,"list":[{"text":"\\t","deep":{"n":-1}},{"text":"q"}],"z":{"y":12},"o":{"b":"null"}}',
    '{"id":"","t":1,"list":[{"text":"\\t","deep":{"n":-2}}],"z":{"y":12},"o":{"b":"null"}}',
  ];
  assertEquals(scanAll(texts, WANTED), texts.map((text) => pick(JSON.parse(text), WANTED)));
  // The same pattern, broken in one place.
  for (const broken of ['{"a":01}', '{"a":1,}', '{"a":12', '{"a":1x}', '{"a":1]', '{"a":1 2}']) {
    assertEquals(scanAll(['{"a":1}', broken, '{"a":3}'], WANTED), [{ a: 1 }, undefined, { a: 3 }]);
  }
  for (const broken of ['{"a":"x', '{"a":"\\x"}', '{"a":"x"y}', '{"a":"x"']) {
    assertEquals(scanAll(['{"a":"b"}', broken, '{"a":"c"}'], WANTED), [{ a: "b" }, undefined, {
      a: "c",
    }]);
  }
});

Deno.test("JsonScanner reads objects that change in a few places as JSON.parse does", () => {
  const random = createRandom(6, "json pattern");
  let text =
    '{"a":1,"id":"i","list":[{"text":"t","deep":{"n":2}},{"text":"u"}],"o":{"b":"v"},"n":3}';
  let texts: string[] = [];
  const check = () => {
    const found = scanAll(texts, WANTED);
    texts.forEach((one, i) => {
      if (found[i] !== undefined) assertEquals(found[i], pick(JSON.parse(one), WANTED), one);
    });
    texts = [];
  };
  for (let round = 0; round < 20_000; round++) {
    const places = [...text.matchAll(/:("(?:[^"\\]|\\.)*"|[-\d.e+]+|null|true|false)/g)];
    const place = places[below(random, places.length)]!;
    const at = place.index + 1;
    const scalar = JSON.stringify(SCALARS[below(random, SCALARS.length)]);
    text = text.slice(0, at) + scalar + text.slice(at + place[1]!.length);
    texts.push(below(random, 4) === 0 ? damage(text, random) : text);
    if (texts.length === 20) check();
  }
});

Deno.test("JsonScanner forgets a body when the next one is opened", () => {
  const scanner = new JsonScanner({ a: "value" });
  const body = new TextEncoder().encode('{"a":1}');
  scanner.open(body);
  assertEquals(scanner.scan(0), { a: 1 });
  body[5] = 50;
  scanner.open(body);
  assertEquals(scanner.scan(0), { a: 2 });
});

Deno.test("JsonScanner finds a field whose order, spelling or neighbours change", () => {
  const texts = [
    '{"a":1,"x":2,"o":{"b":3}}',
    '{"x":2,"a":1,"o":{"b":3}}',
    '{"x":2, "a":1,"o":{"b":4},"y":"\u00fc"}',
    '{"o":{"b":"\u00fc\u4e2d"},"a":1}',
    "{}",
    '{"a" :7}',
  ];
  assertEquals(scanAll(texts, WANTED), texts.map((text) => pick(JSON.parse(text), WANTED)));
});

Deno.test("JsonScanner declines what is no JSON, or nested too deep", () => {
  const wrong = [
    ...["", "{", '{"a"', '{"a":', '{"a":1', '{"a":1,', '{"a":1,}', '{"a" 1}', "{1:2}", '{"a":01}'],
    ...['{"a":1.}', '{"a":.5}', '{"a":-}', '{"a":1e}', '{"a":+1}', '{"a":nul}', '{"a":True}'],
    ...['{"a":"\t"}', '{"a":"\\x"}', '{"a":"\\u00g0"}', '{"a":"x}', '{"z":[1,]}', '{"z":[1 2]}'],
    ...['{"z":{"y"}}', '{"z":[}', '{"a":1}}', "[1]", "3", '{"a":NaN}', "{'a':1}"],
  ];
  for (const text of wrong) assertEquals(scan(text, WANTED), undefined, text);
  assertEquals(scan(`{"z":${"[".repeat(40)}${"]".repeat(40)}}`, WANTED), undefined);
});

Deno.test("JsonScanner agrees with JSON.parse on whatever it does not decline", () => {
  const random = createRandom(5, "json");
  let taken = 0;
  for (let round = 0; round < 3000; round++) {
    const texts = Array.from({ length: 3 }, () => JSON.stringify(anyObject(random, 0)));
    const damaged = damage(texts[1]!, random);
    const found = scanAll([texts[0]!, damaged, texts[2]!], WANTED);
    assertEquals(found[0], pick(JSON.parse(texts[0]!), WANTED), texts[0]!);
    assertEquals(found[2], pick(JSON.parse(texts[2]!), WANTED), texts[2]!);
    if (found[1] === undefined) continue;
    taken++;
    assertEquals(found[1], pick(JSON.parse(damaged), WANTED), damaged);
  }
  assert(taken > 300, `only ${taken} damaged texts were read`);
});

function below(random: Random, count: number): number {
  return uniformInteger(random, { low: 0, high: count - 1 });
}

const NAMES = ["a", "list", "o", "b", "text", "deep", "n", "id", "\u00fc"];
const SCALARS = [
  0,
  -1.5,
  1e21,
  7e-7,
  12,
  123,
  true,
  false,
  null,
  "",
  "hi",
  "a\nb",
  '"',
  "\u00e9\u4e2d",
  "x".repeat(50),
];

function anyObject(random: Random, depth: number): Record<string, unknown> {
  const result: Record<string, unknown> = {};
  for (let count = below(random, 5); count > 0; count--) {
    result[NAMES[below(random, NAMES.length)]!] = anyValue(random, depth + 1);
  }
  return result;
}

function anyValue(random: Random, depth: number): unknown {
  const kind = depth > 3 ? 0 : below(random, 4);
  if (kind === 1) return anyObject(random, depth);
  if (kind === 2) {
    return Array.from({ length: below(random, 3) }, () => anyValue(random, depth + 1));
  }
  return SCALARS[below(random, SCALARS.length)];
}

const TELLING = '{}[]:,"\\ -0159.eEtfnu';

function damage(text: string, random: Random): string {
  const at = below(random, text.length + 1);
  const put = below(random, 3) === 0 ? "" : TELLING[below(random, TELLING.length)]!;
  return text.slice(0, at) + put + text.slice(at + below(random, 2));
}

Deno.test("JsonScanner gives each of many short texts as it is, however often it comes", () => {
  const texts = Array.from({ length: 3000 }, (_, i) => i.toString(36).repeat(1 + i % 3));
  for (let round = 0; round < 2; round++) {
    const bodies = texts.map((text) => `{"choices":[{"text":"${text}"}]}`);
    const found = scanAll(bodies, { choices: [{ text: "value" }] });
    assertEquals(found, texts.map((text) => ({ choices: [{ text }] })));
  }
});
