/**
 * Runs tests on the real `@std` packages instead of the stand-ins in `links/`: from JSR, or from
 * a checkout of denoland/std in the folder that STD_SOURCES names.
 *
 * `deno task test:jsr [test files]`
 *
 * @module
 */
import config from "../../deno.json" with { type: "json" };

/** The tests that state what we rely on, and those of the code nearest to it. */
const DEFAULT_TESTS: readonly string[] = [
  "tests/links_test.ts",
  "tests/workloads_option_parse_test.ts",
  "tests/workloads_option_help_test.ts",
  "tests/workloads_live_progress_test.ts",
];

/** Packages that the four need themselves. */
const STD_PACKAGES: readonly string[] = [
  "assert",
  "async",
  "cli",
  "csv",
  "data_structures",
  "fmt",
  "internal",
  "streams",
  "text",
];

const root = new URL("../..", import.meta.url).pathname;
const sources = Deno.env.get("STD_SOURCES");
const { imports, compilerOptions, test } = config;
const folder = await Deno.makeTempDir({ prefix: "tokometer_jsr_" });
try {
  const real = {
    imports,
    compilerOptions,
    test,
    nodeModulesDir: "none",
    ...sources && { links: STD_PACKAGES.map((name) => `${sources}/${name}`) },
  };
  await Deno.writeTextFile(`${folder}/deno.json`, JSON.stringify(real));
  const tests = Deno.args.length > 0 ? Deno.args : DEFAULT_TESTS;
  const { code } = await new Deno.Command(Deno.execPath(), {
    args: ["test", "-A", "--no-lock", "--config", `${folder}/deno.json`, ...tests],
    cwd: root,
  }).spawn().status;
  Deno.exitCode = code;
} finally {
  await Deno.remove(folder, { recursive: true });
}
