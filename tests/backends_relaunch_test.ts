import { assertEquals } from "@std/assert";
import { selfCommand, type Surroundings } from "../backends/relaunch.ts";

const CHECKOUT: Surroundings = {
  moduleUrl: "file:///home/me/my%20code/tokometer/backends/relaunch.ts",
  mainModule: "file:///elsewhere/test.ts",
  execPath: "/usr/bin/deno",
  standalone: false,
};
const RUN = ["run", "--quiet", "--no-prompt"];

/** Arguments after the executable, for `simulate --port 0`. */
function argsIn(surroundings: Partial<Surroundings>): readonly string[] {
  const all = { ...CHECKOUT, ...surroundings };
  const { command, args } = selfCommand(["simulate", "--port", "0"], { surroundings: all });
  assertEquals(command, all.execPath);
  assertEquals(args.slice(-3), ["simulate", "--port", "0"]);
  return args.slice(0, -3);
}

Deno.test("selfCommand runs cli.ts of a checkout with its own config", () => {
  assertEquals(argsIn({}), [
    ...RUN,
    "-A",
    "--config=/home/me/my code/tokometer/deno.json",
    "/home/me/my code/tokometer/cli.ts",
  ]);
});

Deno.test("selfCommand knows paths of Windows", () => {
  const moduleUrl = "file:///C:/code/tokometer/backends/relaunch.ts";
  assertEquals(argsIn({ moduleUrl }).slice(-2), [
    "--config=C:\\code\\tokometer\\deno.json",
    "C:\\code\\tokometer\\cli.ts",
  ]);
});

Deno.test("selfCommand runs the same version from JSR", () => {
  const moduleUrl = "https://jsr.io/@tokometer/tokometer/1.2.3/backends/relaunch.ts";
  assertEquals(argsIn({ moduleUrl }), [...RUN, "-A", "jsr:@tokometer/tokometer@1.2.3/cli"]);
});

Deno.test("selfCommand runs cli.ts beside it from any other address", () => {
  const moduleUrl = "https://example.org/t/backends/relaunch.ts";
  assertEquals(argsIn({ moduleUrl }), [...RUN, "-A", "https://example.org/t/cli.ts"]);
});

Deno.test("selfCommand runs a compiled executable as it is", () => {
  const standalone = { standalone: true, execPath: "/opt/tokometer" };
  assertEquals(argsIn(standalone), []);
});

Deno.test("selfCommand runs the main module of a bundle", () => {
  const bundle = "file:///opt/tokometer.js";
  assertEquals(argsIn({ moduleUrl: bundle, mainModule: bundle }), [...RUN, "-A", bundle]);
});

Deno.test("selfCommand passes on the permissions that are asked for", () => {
  const permissions = ["--allow-net=127.0.0.1"];
  const { args } = selfCommand(["simulate"], { surroundings: CHECKOUT, permissions });
  assertEquals(args.slice(0, 4), [...RUN, "--allow-net=127.0.0.1"]);
});
