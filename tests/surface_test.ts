/** What the package offers: few names at the root, each name at one address, and all explained. */
import { assert, assertEquals, assertMatch } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { type DocEntry, type DocSymbol, readDocEntries } from "./support/doc_entries.ts";
import { runDeno } from "./support/run_deno.ts";

const ROOT = new URL("..", import.meta.url);

const ENTRIES: ReadonlyMap<string, DocEntry> = await readDocEntries();

/** Names of what exists at run time: all but types. */
function isValue({ declarations }: DocSymbol): boolean {
  return declarations.some(({ kind }) => kind !== "interface" && kind !== "typeAlias");
}

function examplesOf({ declarations }: DocSymbol): string[] {
  return declarations.flatMap(({ jsDoc }) => jsDoc?.tags ?? [])
    .filter(({ kind }) => kind === "example").map(({ doc = "" }) => doc);
}

Deno.test("the root exports at most 60 names", () => {
  const { symbols } = ENTRIES.get(".")!;
  assert(symbols.length <= 60, `${symbols.length} names`);
});

Deno.test("each name has one address", () => {
  const addresses = new Map<string, string[]>();
  for (const [entry, { symbols }] of ENTRIES) {
    for (const { name } of symbols) addresses.set(name, [...addresses.get(name) ?? [], entry]);
  }
  assertEquals([...addresses].filter(([, entries]) => entries.length > 1), []);
});

Deno.test("each value of the root has an example that asserts something, and is run", () => {
  // `deno test --doc` runs the blocks that are TypeScript and not ignored.
  const missing = ENTRIES.get(".")!.symbols.filter(isValue).filter((symbol) =>
    !examplesOf(symbol).some((text) => {
      const block = /^```ts\n([^]*?)^```$/m.exec(text)?.[1] ?? "";
      const imports = /^import (?:type )?\{([^}]*)\} from "@tokometer\/tokometer";$/m.exec(block);
      return new RegExp(`\\b${symbol.name}\\b`).test(imports?.[1] ?? "") &&
        /\bassert\w*\(/.test(block);
    })
  );
  assertEquals(missing.map(({ name }) => name), []);
});

Deno.test("no example only seems to assert", () => {
  // console.assert prints, and the program goes on.
  for (const [entry, { symbols }] of ENTRIES) {
    const silent = symbols.filter((symbol) => examplesOf(symbol).join().includes("console.assert"));
    assertEquals(silent.map(({ name }) => name), [], entry);
  }
});

Deno.test("each exported name has a description, and so have the types in its signature", async () => {
  const { success, output } = await runDeno(
    ["doc", "--lint", ...Object.values(config.exports)],
    ROOT.pathname,
  );
  assert(success, output);
  for (const [entry, { symbols }] of ENTRIES) {
    const silent = symbols.filter(({ declarations }) =>
      declarations.every(({ jsDoc }) => (jsDoc?.doc ?? "").trim() === "")
    );
    assertEquals(silent.map(({ name }) => name), [], entry);
  }
});

Deno.test("each entry says whether it is stable", () => {
  for (const [entry, { moduleDoc }] of ENTRIES) {
    assertMatch(moduleDoc, entry === "." ? /\bis stable\b/ : /\bis not stable\b/, entry);
  }
});

Deno.test("a member of a registry needs no export of its own", async () => {
  const registries = ["protocols", "transports"].map((name) => `../backends/${name}.ts`)
    .concat(["metrics", "reports"].map((name) => `../metrics/${name}.ts`))
    .concat(["datasets", "commands"].map((name) => `../workloads/${name}.ts`));
  const lists = await Promise.all(registries.map((path) => import(path)));
  const members = new Set(
    lists.flatMap((module) => Object.values(module)).filter(Array.isArray).flat(),
  );
  assert(members.size > 60, `${members.size} members`);
  for (const file of Object.values(config.exports)) {
    const exported = Object.entries(await import(new URL(file, ROOT).href));
    assertEquals(exported.filter(([, value]) => members.has(value)).map(([name]) => name), []);
  }
});
