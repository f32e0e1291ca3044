/**
 * How this program starts itself again: for the simulated server, for workers in processes of
 * their own, for the demo. One decision for a checkout, JSR, a compiled executable and a bundle.
 *
 * @module
 */

/** What the decision rests on. */
export interface Surroundings {
  /** URL of this very module. */
  readonly moduleUrl: string;
  /** URL of the program's main module. */
  readonly mainModule: string;
  /** Path of the running executable. */
  readonly execPath: string;
  /** Made by `deno compile`. */
  readonly standalone: boolean;
}

/** A program and its arguments, ready for `Deno.Command`. */
export interface SelfCommand {
  readonly command: string;
  readonly args: readonly string[];
}

/** Options of {@linkcode selfCommand}. */
export interface SelfCommandOptions {
  /** Permission flags for `deno run`; a compiled executable has its own. Default `-A`. */
  readonly permissions?: readonly string[];
  /** Default: those of this process. */
  readonly surroundings?: Surroundings;
}

/**
 * The command that runs `tokometer` with these arguments, from any working directory.
 *
 * - compiled: the executable itself;
 * - checkout: `deno run` on `cli.ts` beside this folder, with its `deno.json`;
 * - JSR: `deno run` on the same version's `/cli`;
 * - bundled into one file: `deno run` on that file, which must be Tokometer's own.
 */
export function selfCommand(
  args: readonly string[],
  options: SelfCommandOptions = {},
): SelfCommand {
  const { permissions = ["-A"], surroundings = here() } = options;
  const { moduleUrl, mainModule, execPath, standalone } = surroundings;
  if (standalone) return { command: execPath, args };
  const run = ["run", "--quiet", "--no-prompt", ...permissions];
  if (!moduleUrl.endsWith("/backends/relaunch.ts")) {
    return { command: execPath, args: [...run, mainModule, ...args] };
  }
  const cli = new URL("../cli.ts", moduleUrl);
  if (cli.protocol === "file:") {
    const config = new URL("../deno.json", moduleUrl);
    return {
      command: execPath,
      args: [...run, `--config=${pathOf(config)}`, pathOf(cli), ...args],
    };
  }
  // By its package name the version's own list of dependencies applies, by its URL it would not.
  const [, name, version] = /^\/(@[^/]+\/[^/]+)\/([^/]+)\//.exec(cli.pathname) ?? [];
  const entry = cli.hostname === "jsr.io" && name !== undefined
    ? `jsr:${name}@${version}/cli`
    : cli.href;
  return { command: execPath, args: [...run, entry, ...args] };
}

function here(): Surroundings {
  return {
    moduleUrl: import.meta.url,
    mainModule: Deno.mainModule,
    execPath: Deno.execPath(),
    standalone: Deno.build.standalone,
  };
}

/** Path of a file URL; also `C:\…` on Windows. */
function pathOf(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return /^\/[A-Za-z]:\//.test(path) ? path.slice(1).replaceAll("/", "\\") : path;
}
