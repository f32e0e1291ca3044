/**
 * Puts a `tokometer` on the PATH that runs this clone: `deno task install`.
 *
 * `deno install` copies the config file beside the command, where relative `links` lead nowhere. So
 * it gets a config that maps the same names to absolute places.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { runDeno } from "../support/run_deno.ts";

const root = new URL("../../", import.meta.url);

/** `@std/cli` → the package in `links/` that stands for it, else what `deno.json` imports. */
async function absoluteImports(): Promise<Record<string, string>> {
  const imports: Record<string, string> = { ...config.imports };
  for (const link of config.links) {
    const folder = new URL(`${link}/`, root);
    const { name, exports } = JSON.parse(await Deno.readTextFile(new URL("deno.json", folder)));
    // A package with one entry names its file alone.
    const entries = typeof exports === "string" ? { ".": exports } : exports;
    for (const [entry, path] of Object.entries<string>(entries)) {
      imports[`${name}${entry.slice(1)}`] = new URL(path, folder).href;
    }
  }
  return imports;
}

/**
 * Installs the command.
 *
 * @param args more arguments of `deno install`, e.g. `--root`.
 * @throws {Error} with the output of `deno install` when it fails.
 */
export async function installProgram(args: readonly string[]): Promise<void> {
  const file = await Deno.makeTempFile({ suffix: ".json" });
  try {
    const own = { imports: await absoluteImports(), nodeModulesDir: "none" };
    await Deno.writeTextFile(file, JSON.stringify(own));
    const flags = ["--global", "--force", "--allow-all", "--name", "tokometer", "--config", file];
    const cli = new URL("cli.ts", root).href;
    const { success, output } = await runDeno(["install", "--quiet", ...flags, ...args, cli], ".");
    if (!success) throw new Error(`Cannot install:\n${output}`);
  } finally {
    await Deno.remove(file);
  }
}

if (import.meta.main) {
  await installProgram(Deno.args);
  await Deno.stdout.write(new TextEncoder().encode("Installed the command tokometer\n"));
}
