/**
 * The whole program as one file, which is its own worker and starts itself again: what the
 * executables hold, and what the self-extracting file runs.
 *
 * Not minified: a fault that a user reports then names our functions, and next to a runtime of
 * 90 MB a megabyte is nothing.
 *
 * @module
 */
import { BUNDLE_MARK } from "../../backends/relaunch.ts";
import { NATS_HELD, NATS_SPECIFIERS } from "../../workloads/fleet_nats_library.ts";
import { runDeno } from "../support/run_deno.ts";

/** Name of the one file; not `.js`, which could be taken for CommonJS. */
export const BUNDLE_NAME = "tokometer.mjs";

/** A bundle on disk. */
export interface Bundle {
  readonly path: string;
  /** npm packages in it, as `name/version`. */
  readonly packages: readonly string[];
}

const root = `${import.meta.dirname}/../..`;

/** Bundles `cli.ts`, marks it as Tokometer's own, and adds the licenses of what it holds. */
export async function bundleProgram(folder: string): Promise<Bundle> {
  const path = `${folder}/${BUNDLE_NAME}`;
  const { success, output } = await runDeno(["bundle", "-o", path, `${root}/cli.ts`], root);
  if (!success) throw new Error(`Cannot bundle cli.ts:\n${output}`);
  const held = `${globalNamed(NATS_HELD)} = ${await bundleNats(folder)};`;
  // Modules are named by their path from here to this machine's cache, which is nobody's business.
  const source = `${held}\n${await Deno.readTextFile(path)}`.replaceAll(CACHE_PATH, "npm/");
  const packages = [
    ...new Set([...source.matchAll(PACKAGE)].map(([, name]) => name!)),
  ].toSorted();
  const mark = `${globalNamed(BUNDLE_MARK)} = true;`;
  const licenses = (await licensesOf(packages)).replaceAll("*/", "* /");
  await Deno.writeTextFile(path, `${mark}\n${source}\n/*\n${licenses}*/\n`);
  return { path, packages };
}

function globalNamed({ description }: symbol): string {
  return `globalThis[Symbol.for(${JSON.stringify(description)})]`;
}

/**
 * The client of NATS, which no file imports by a name that a bundler could follow: an expression of a
 * function that returns it. Nothing of it runs before that is called.
 */
export async function bundleNats(folder: string): Promise<string> {
  const path = `${folder}/nats.cjs`;
  const entry = `${folder}/nats_entry.ts`;
  const lines = NATS_SPECIFIERS.map((specifier, i) =>
    `import * as part${i} from ${JSON.stringify(specifier)};`
  );
  const parts = NATS_SPECIFIERS.map((_, i) => `...part${i}`).join();
  await Deno.writeTextFile(entry, `${lines.join("\n")}\nexport const nats = { ${parts} };\n`);
  const flags = ["--no-config", "--no-lock", "--format", "cjs"];
  const { success, output } = await runDeno(["bundle", ...flags, "-o", path, entry], folder);
  if (!success) throw new Error(`Cannot bundle the client of NATS:\n${output}`);
  return `() => {
const module = { exports: {} };
const require = (name) => globalThis.process.getBuiltinModule(name);
${await Deno.readTextFile(path)}
return module.exports.nats;
}`;
}

/** A path into the cache of packages, e.g. `../../home/me/.cache/deno/npm/HOST/`. */
const CACHE_PATH = /(?:\.\.\/)+[^"\n]*?\/npm\/[^/"\n]+\//g;
/** The comment before each module: `// npm/@grpc/grpc-js/1.14.7/build/src/index.js` */
const PACKAGE = /^\/\/ npm\/((?:@[^/\n]+\/)?[^/\n]+\/[^/\n]+)\//gm;

/** Their license files, each text once. */
async function licensesOf(packages: readonly string[]): Promise<string> {
  const { output } = await runDeno(["info", "--json", "--no-config"], root);
  const { npmCache } = JSON.parse(output) as { npmCache: string };
  const registries = [...Deno.readDirSync(npmCache)].map(({ name }) => `${npmCache}/${name}`);
  const holders = new Map<string, string[]>();
  for (const name of packages) {
    const text = await licenseIn(registries.map((registry) => `${registry}/${name}`)) ??
      "See the package";
    holders.set(text, [...holders.get(text) ?? [], name]);
  }
  return [...holders].map(([text, names]) => `== ${names.join(", ")}\n\n${text.trim()}\n\n`).join(
    "",
  );
}

async function licenseIn(folders: readonly string[]): Promise<string | undefined> {
  for (const folder of folders) {
    for (const name of ["LICENSE", "LICENSE.md", "LICENSE.txt", "license"]) {
      const text = await Deno.readTextFile(`${folder}/${name}`).catch(() => undefined);
      if (text !== undefined) return text;
    }
  }
  return undefined;
}
