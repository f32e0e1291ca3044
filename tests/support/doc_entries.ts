/**
 * What the entries of the package export, as `deno doc` sees it.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };

/** One exported name. */
export interface DocSymbol {
  readonly name: string;
  readonly declarations: readonly {
    /** `function`, `variable`, `class`, `interface`, `typeAlias`. */
    readonly kind: string;
    readonly jsDoc?: {
      readonly doc?: string;
      readonly tags?: readonly { readonly kind: string; readonly doc?: string }[];
    };
  }[];
}

/** One entry of `exports` in deno.json. */
export interface DocEntry {
  /** Comment of the module, without its tags. */
  readonly moduleDoc: string;
  readonly symbols: readonly DocSymbol[];
}

/** Every entry by its name in `exports`, e.g. `./metrics`. */
export async function readDocEntries(): Promise<ReadonlyMap<string, DocEntry>> {
  const root = new URL("../..", import.meta.url);
  const args = ["doc", "--json", "--quiet", ...Object.values(config.exports)];
  const { stdout, success } = await new Deno.Command(Deno.execPath(), { args, cwd: root }).output();
  if (!success) throw new Error("Cannot run deno doc");
  const { nodes } = JSON.parse(new TextDecoder().decode(stdout));
  return new Map(
    Object.entries(config.exports).map(([entry, file]) => {
      const { module_doc, symbols } = nodes[new URL(file, root).href];
      return [entry, { moduleDoc: module_doc?.doc ?? "", symbols }];
    }),
  );
}
