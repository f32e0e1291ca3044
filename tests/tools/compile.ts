/**
 * Makes one file to copy to a benchmark node: `deno task compile`.
 *
 * `deno compile` fetches a base binary for each target. Where none can be fetched, this reports it and
 * makes a self-extracting file for this Linux machine instead. Both hold the same bundle.
 *
 * @module
 */
import { parseArgs } from "node:util";
import config from "../../deno.json" with { type: "json" };
import { bundleProgram } from "./bundle.ts";
import { runDeno } from "../support/run_deno.ts";
import { writeSelfExtracting } from "./self_extracting.ts";

/** What executables are made for. */
export const TARGETS: readonly string[] = [
  "x86_64-unknown-linux-gnu",
  "aarch64-unknown-linux-gnu",
  "x86_64-apple-darwin",
  "aarch64-apple-darwin",
  "x86_64-pc-windows-msvc",
];

/** What the executable may do, and why; docs/operating.md says the same. */
export const PERMISSIONS: readonly { readonly flag: string; readonly use: string }[] = [
  { flag: "--allow-net", use: "to talk to the server" },
  { flag: "--allow-read", use: "to read datasets, tokenizers and records" },
  { flag: "--allow-write", use: "to write records and reports" },
  { flag: "--allow-env", use: "for gRPC, proxies, and keys given as env:NAME" },
  { flag: "--allow-run", use: "to start servers and the simulated engine" },
  { flag: "--allow-sys", use: "to describe the machine in the record" },
  { flag: "--allow-ffi", use: "for epoll and the GPU's own library" },
];

/** {@linkcode PERMISSIONS} for the command line. */
export const PERMISSION_FLAGS: readonly string[] = PERMISSIONS.map(({ flag }) => flag);

/** How one target went. */
export type Compiled =
  | { readonly kind: "made"; readonly path: string; readonly output: string }
  /** The base binary could not be had. */
  | { readonly kind: "no base"; readonly reason: string };

/** Options of {@linkcode compileBundle}. */
export interface CompileOptions {
  readonly target: string;
  /** Path of the executable. */
  readonly out: string;
  /** A base binary to use instead of the one that would be fetched. */
  readonly base?: string;
}

/**
 * Compiles the bundle for one target.
 *
 * @throws {Error} when it fails for another reason than a missing base binary.
 */
export async function compileBundle(bundle: string, options: CompileOptions): Promise<Compiled> {
  const { target, out, base } = options;
  const { success, output } = await runDeno(
    [
      ...["compile", "--no-config", "--no-lock", "--no-prompt", ...PERMISSION_FLAGS],
      ...["--target", target, "--output", out, bundle],
    ],
    bundle.slice(0, bundle.lastIndexOf("/")),
    base === undefined ? {} : { DENORT_BIN: base },
  );
  if (success) return { kind: "made", path: out, output };
  const reason = NO_BASE.exec(output)?.[1];
  if (reason === undefined) throw new Error(`Cannot compile:\n${output}`);
  return { kind: "no base", reason };
}

/** How `deno compile` reports that it found or fetched no base binary; the cause is captured. */
const NO_BASE = /^\s+0: (?:Setting up base binary\.\n\s+1: )?(.*(?:url|denort).*)$/m;

/** `dist/tokometer-0.1.0-x86_64-unknown-linux-gnu` */
export function executableName(target: string): string {
  return `tokometer-${config.version}-${target}${target.includes("windows") ? ".exe" : ""}`;
}

const HELP = `deno task compile [--target TARGET]… [--out DIR] [--strict] [--self-extracting]

  --target           one of ${TARGETS.join(", ")}; default all
  --out              where the files go; default dist
  --strict           fail when a base binary cannot be had, instead of falling back
  --self-extracting  only the self-extracting file for this machine
`;

function say(text: string): void {
  Deno.stdout.writeSync(new TextEncoder().encode(text));
}

function megabytes(path: string): string {
  return `${(Deno.statSync(path).size / 1e6).toFixed(1)} MB`;
}

/** The task; returns its exit code. */
async function compile(argv: string[]): Promise<number> {
  const { values, positionals } = parseArgs({
    args: argv,
    options: {
      target: { type: "string", multiple: true, default: [...TARGETS] },
      out: { type: "string", default: "dist" },
      strict: { type: "boolean" },
      "self-extracting": { type: "boolean" },
      help: { type: "boolean" },
    },
    strict: true,
    allowPositionals: true,
  });
  const { target: targets, out } = values;
  const strange = [...positionals, ...targets.filter((target) => !TARGETS.includes(target))];
  if (values.help || strange.length > 0) {
    say(strange.length > 0 ? `Cannot use ${strange.join(", ")}\n\n${HELP}` : HELP);
    return strange.length > 0 ? 2 : 0;
  }
  await Deno.mkdir(out, { recursive: true });
  const folder = await Deno.makeTempDir({ prefix: "tokometer_compile_" });
  try {
    const bundle = await bundleProgram(folder);
    say(`Bundled cli.ts and ${bundle.packages.length} packages: ${megabytes(bundle.path)}\n`);
    let missing = 0;
    for (const target of values["self-extracting"] ? [] : targets) {
      const path = `${await Deno.realPath(out)}/${executableName(target)}`;
      const compiled = await compileBundle(bundle.path, { target, out: path });
      if (compiled.kind === "made") say(`${path}: ${megabytes(path)}\n`);
      else {
        missing++;
        say(`No executable for ${target}, its base cannot be had: ${compiled.reason}\n`);
      }
    }
    if (missing > 0 && values.strict) return 1;
    if (missing === 0 && !values["self-extracting"]) return 0;
    if (Deno.build.os !== "linux") {
      say(`Cannot fall back on ${Deno.build.os}: self-extracting files are for Linux\n`);
      return 1;
    }
    const path = `${out}/${executableName(Deno.build.target)}.run`;
    await writeSelfExtracting(path, bundle.path, { permissions: PERMISSION_FLAGS });
    say(`${path}: ${megabytes(path)}, self-extracting, runs like an executable\n`);
    return 0;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) Deno.exit(await compile(Deno.args));
