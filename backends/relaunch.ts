/**
 * How this program starts itself again: for the simulated server, for workers in processes of their
 * own, for the demo. One decision for a checkout, JSR, a compiled executable and a bundle.
 *
 * @module
 */

/** What the program knows of how it was started. */
export interface ProgramEnvironment {
  /** URL of this module. */
  readonly moduleUrl: string;
  /** URL of the program's main module. */
  readonly mainModule: string;
  /** Path of the running executable. */
  readonly execPath: string;
  /** Made by `deno compile`. */
  readonly standalone: boolean;
  /** The bundle, where there is one, is Tokometer's own and not another program's. */
  readonly ownBundle: boolean;
}

/** What the program was started from, as `--version` shows it. */
export type ProgramForm = "checkout" | "JSR" | "web" | "single file" | "executable";

/** A program and its arguments, ready for `Deno.Command`. */
export interface SelfCommand {
  /** Path of the executable to start. */
  readonly command: string;
  /** In order; Tokometer's own come last. */
  readonly args: readonly string[];
}

export interface SelfCommandOptions {
  /** Permission flags for `deno run`; a compiled executable has its own. Default `-A`. */
  readonly permissions?: readonly string[];
  /** Flags for V8; a compiled executable has its own. */
  readonly v8Flags?: readonly string[];
  /** Default: those of this process. */
  readonly environment?: ProgramEnvironment;
}

/**
 * The command that runs `tokometer` with these arguments, from any working directory.
 *
 * - compiled: the executable itself;
 * - checkout: `deno run` on `cli.ts` beside this folder, with its `deno.json`;
 * - JSR: `deno run` on the same version's `/cli`;
 * - bundled into one file: `deno run` on that file.
 *
 * @throws {TypeError} inside another program that was compiled or bundled: the command would start
 *   that program again.
 */
export function selfCommand(
  args: readonly string[],
  options: SelfCommandOptions = {},
): SelfCommand {
  const { permissions = ["-A"], v8Flags = [], environment = here() } = options;
  const { moduleUrl, mainModule, execPath } = environment;
  const flags = v8Flags.length === 0 ? [] : [`--v8-flags=${v8Flags.join()}`];
  const run = ["run", "--quiet", "--no-prompt", ...permissions, ...flags];
  switch (programForm(environment)) {
    case "executable": {
      const ours = isBundled(moduleUrl)
        ? environment.ownBundle
        : mainModule === new URL("../cli.ts", moduleUrl).href;
      if (!ours) throw foreignProgram(execPath);
      return { command: execPath, args };
    }
    case "single file":
      if (!environment.ownBundle) throw foreignProgram(moduleUrl);
      // A deno.json in a folder above would change the meaning of the file.
      return { command: execPath, args: [...run, "--no-config", moduleUrl, ...args] };
    case "checkout": {
      const config = pathOf(new URL("../deno.json", moduleUrl));
      const cli = pathOf(new URL("../cli.ts", moduleUrl));
      return { command: execPath, args: [...run, `--config=${config}`, cli, ...args] };
    }
    case "JSR": {
      // The version's own dependencies apply only to its package name, not to its URL.
      const [, name, version] = JSR_PATH.exec(new URL(moduleUrl).pathname)!;
      return { command: execPath, args: [...run, `jsr:${name}@${version}/cli`, ...args] };
    }
    case "web":
      return { command: execPath, args: [...run, new URL("../cli.ts", moduleUrl).href, ...args] };
  }
}

/** What this program was started from. */
export function programForm(
  { moduleUrl, standalone }: Pick<ProgramEnvironment, "moduleUrl" | "standalone"> = here(),
): ProgramForm {
  if (standalone) return "executable";
  if (isBundled(moduleUrl)) return "single file";
  const { protocol, hostname, pathname } = new URL(moduleUrl);
  if (protocol === "file:") return "checkout";
  return hostname === "jsr.io" && JSR_PATH.test(pathname) ? "JSR" : "web";
}

/** Whether a module of `backends/` was bundled into one file with all others. */
export function isBundled(moduleUrl: string): boolean {
  return !/\/backends\/\w+\.ts$/.test(moduleUrl);
}

/** Whether the mark is set that our build writes into its bundle. */
export function bundleIsOurs(): boolean {
  return Object.hasOwn(globalThis, BUNDLE_MARK);
}

/** Set, to anything, at the start of Tokometer's own bundle. */
export const BUNDLE_MARK: unique symbol = Symbol.for("tokometer.bundle");

/** `/@scope/name/version/` */
const JSR_PATH = /^\/(@[^/]+\/[^/]+)\/([^/]+)\//;

function foreignProgram(file: string): TypeError {
  return new TypeError(
    `Cannot start Tokometer from ${file}, another program that holds it: ` +
      'start "tokometer simulate" yourself and pass its address, or run the program with deno run',
  );
}

function here(): ProgramEnvironment {
  return {
    moduleUrl: import.meta.url,
    mainModule: Deno.mainModule,
    execPath: Deno.execPath(),
    standalone: Deno.build.standalone,
    ownBundle: bundleIsOurs(),
  };
}

/** Path of a file URL; also `C:\…` on Windows. */
function pathOf(url: URL): string {
  const path = decodeURIComponent(url.pathname);
  return /^\/[A-Za-z]:\//.test(path) ? path.slice(1).replaceAll("/", "\\") : path;
}
