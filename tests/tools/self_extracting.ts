/**
 * One file for Linux without `deno compile`: a shell script that carries Deno and the bundle, and
 * unpacks them into a cache folder at its first start. It needs `sh`, `tail`, `tar` and `gzip`.
 *
 * @module
 */
import { gzipSync } from "node:zlib";
import config from "../../deno.json" with { type: "json" };
import { BUNDLE_NAME } from "./bundle.ts";

/** Options of {@linkcode writeSelfExtracting}. */
export interface SelfExtractingOptions {
  /** Flags of `deno run`. */
  readonly permissions: readonly string[];
  /** Of compression: 0 (none) to 9 (small). Default 9. */
  readonly level?: number;
  /** The Deno that goes in. Default: this process's own. */
  readonly deno?: string;
}

/**
 * Writes the file.
 *
 * @throws {Error} on other systems than Linux, and when `tar` fails.
 */
export async function writeSelfExtracting(
  out: string,
  bundle: string,
  { permissions, level = 9, deno = Deno.execPath() }: SelfExtractingOptions,
): Promise<void> {
  if (Deno.build.os !== "linux") {
    throw new Error(`Cannot make a self-extracting file on ${Deno.build.os}: it is for Linux`);
  }
  const folder = await Deno.makeTempDir({ prefix: "tokometer_pack_" });
  try {
    await Deno.copyFile(deno, `${folder}/deno`);
    await Deno.chmod(`${folder}/deno`, 0o755);
    await Deno.copyFile(bundle, `${folder}/${BUNDLE_NAME}`);
    const archive = `${folder}/archive.tar`;
    // Nothing of this machine or hour goes in: the same inputs give the same file.
    const { success, stderr } = await new Deno.Command("tar", {
      args: [
        ...["--create", "--owner=0", "--group=0", "--numeric-owner", "--mtime=@0"],
        ...["--file", archive, "-C", folder, "deno", BUNDLE_NAME],
      ],
    }).output();
    if (!success) throw new Error(`Cannot pack: ${new TextDecoder().decode(stderr)}`);
    const payload = gzipSync(await Deno.readFile(archive), { level });
    const digest = await crypto.subtle.digest("SHA-256", payload);
    const key = new Uint8Array(digest).toHex().slice(0, 16);
    await Deno.writeFile(out, new TextEncoder().encode(stub(key, permissions)));
    await Deno.writeFile(out, payload, { append: true });
    await Deno.chmod(out, 0o755);
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

/**
 * The script before the archive. Several starts at once are safe, since a folder gets its name only
 * when it is complete. A folder that is somebody else's is not used: in /tmp it could hold anything.
 */
function stub(key: string, permissions: readonly string[]): string {
  const run = ["--quiet", "--no-prompt", "--no-config", "--cached-only", ...permissions].join(" ");
  const script = `#!/bin/sh
# Tokometer ${config.version} for ${Deno.build.target}, with Deno ${Deno.version.deno}.
# Unpacks itself once, into TOKOMETER_CACHE, the user's cache folder or a temporary one.
set -u
key=${key}
new=
trap '[ -z "$new" ] || rm -rf "$new"' EXIT
trap 'exit 130' INT
trap 'exit 143' TERM
unpack() {
  (umask 077 && mkdir -p "$1") 2>/dev/null && [ -O "$1" ] || return 1
  [ -x "$1/$key/deno" ] && return 0
  new=$(mktemp -d "$1/unpacking.XXXXXX" 2>/dev/null) || return 1
  tail -n +LINES "$0" 2>/dev/null | tar -xzf - -C "$new" 2>/dev/null &&
    "$new/deno" --version >/dev/null 2>&1 &&
    mv -T "$new" "$1/$key" 2>/dev/null
  [ ! -d "$new" ] || rm -rf "$new"
  new=
  [ -x "$1/$key/deno" ]
}
for folder in "\${TOKOMETER_CACHE:-}" "\${XDG_CACHE_HOME:+$XDG_CACHE_HOME/tokometer}" \\
  "\${HOME:+$HOME/.cache/tokometer}" "\${TMPDIR:-/tmp}/tokometer-$(id -u)"; do
  [ -n "$folder" ] && unpack "$folder" || continue
  export DENO_DIR="$folder/$key/cache" DENO_NO_UPDATE_CHECK=1
  trap - EXIT INT TERM
  exec "$folder/$key/deno" run ${run} "$folder/$key/${BUNDLE_NAME}" "$@"
done
echo "error: Cannot unpack $0: it takes 100 MB in a folder of yours where programs may run; name one in TOKOMETER_CACHE" >&2
exit 2
`;
  return script.replace("+LINES", `+${script.split("\n").length}`);
}
