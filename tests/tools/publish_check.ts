/**
 * Shows that the package can be published as it is: `deno publish --dry-run` on a copy of the
 * published files, and `deno doc --lint` on what they export.
 *
 * On a copy, because `deno publish` looks into `links/` where they lie inside of the package; the
 * copy's `links` are absolute, so that no network is needed.
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };
import { runDeno } from "../support/run_deno.ts";

/** What is published of the top level; the rest is for those who work on it. */
const PUBLISHED: readonly string[] = [
  "deno.json",
  "mod.ts",
  "cli.ts",
  "backends",
  "metrics",
  "workloads",
  "docs",
  "README.md",
  "CHANGELOG.md",
  "LICENSE",
];

const root = new URL("../..", import.meta.url).pathname;

async function copy(from: string, to: string): Promise<void> {
  if ((await Deno.stat(from)).isFile) return await Deno.copyFile(from, to);
  await Deno.mkdir(to);
  for await (const { name } of Deno.readDir(from)) await copy(`${from}/${name}`, `${to}/${name}`);
}

/** Runs both checks; returns the paths that would be published. @throws when one fails. */
export async function checkPublishing(): Promise<string[]> {
  const folder = await Deno.makeTempDir({ prefix: "tokometer_publish_" });
  try {
    for (const name of PUBLISHED) {
      await copy(`${root}${name}`, `${folder}/${name}`).catch((error) => {
        // README and changelog may still be to come; code may not.
        if (!(error instanceof Deno.errors.NotFound && name.endsWith(".md"))) throw error;
      });
    }
    const links = config.links.map((link) => `${root}${link.replace("../", "")}`);
    await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify({ ...config, links }, null, 2));
    const { success, output } = await runDeno(
      ["publish", "--dry-run", "--allow-dirty", "--no-lock"],
      folder,
    );
    if (!success) throw new Error(`Cannot publish:\n${output}`);
    const paths = [...output.matchAll(/^\s*file:\/\/(\S+) \(/gm)].map(([, path]) =>
      path!.slice(path!.indexOf(folder) + folder.length + 1)
    );
    const strays = paths.filter((path) => !PUBLISHED.includes(path.split("/")[0]!));
    if (paths.length === 0 || strays.length > 0) {
      throw new Error(`Cannot publish ${strays.join(", ")}:\n${output}`);
    }
    const lint = await runDeno(["doc", "--lint", ...Object.values(config.exports)], root);
    if (!lint.success) throw new Error(`Cannot publish undocumented:\n${lint.output}`);
    return paths;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const paths = await checkPublishing();
  await Deno.stdout.write(
    new TextEncoder().encode(`${paths.length} files can be published:\n${paths.join("\n")}\n`),
  );
}
