/**
 * What every published file imports, as Deno itself sees it: one `deno info` for all files.
 *
 * @module
 */
import { runIn } from "./copy_repository.ts";
import { inTempFolder } from "./run_cli.ts";

const ROOT = new URL("../..", import.meta.url);

/** One import or re-export. */
export interface Import {
  /** As written: `./clock.ts`, `@std/csv`. */
  readonly specifier: string;
  /** Path from the root, for our own files. */
  readonly path: string | undefined;
  /** `type`: gone when the program runs; `lazy`: loaded when the code there runs. */
  readonly kind: "static" | "type" | "lazy";
}

interface Dependency {
  readonly specifier: string;
  readonly code?: { readonly specifier?: string };
  readonly type?: { readonly specifier?: string };
  readonly isDynamic?: boolean;
}

interface Module {
  readonly specifier: string;
  readonly dependencies?: readonly Dependency[];
}

function importOf({ specifier, code, type, isDynamic }: Dependency): Import {
  const target = (code ?? type)?.specifier;
  return {
    specifier,
    path: target?.startsWith(ROOT.href) ? target.slice(ROOT.href.length) : undefined,
    kind: code === undefined ? "type" : isDynamic ? "lazy" : "static",
  };
}

/**
 * Imports of each file, by paths from the root. `import { type A }` counts as `static`: Deno loads
 * the file. Specifiers that are computed are not seen.
 */
export async function readImports(
  paths: readonly string[],
): Promise<ReadonlyMap<string, readonly Import[]>> {
  const { modules } = await inTempFolder(async (folder) => {
    const entry = `${folder}/all.ts`;
    const lines = paths.map((path) => `import ${JSON.stringify(new URL(path, ROOT).href)};\n`);
    await Deno.writeTextFile(entry, lines.join(""));
    const args = ["info", "--json", "--config", "deno.json", entry];
    return JSON.parse(await runIn(ROOT.pathname, Deno.execPath(), args)) as {
      readonly modules: readonly Module[];
    };
  });
  const found = new Map(
    modules.map(({ specifier, dependencies = [] }) => [specifier, dependencies.map(importOf)]),
  );
  return new Map(paths.map((path) => [path, found.get(new URL(path, ROOT).href) ?? []]));
}
