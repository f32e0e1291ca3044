import { assertEquals, assertThrows } from "@std/assert";
import {
  type ProgramEnvironment,
  type ProgramForm,
  programForm,
  selfCommand,
} from "../backends/relaunch.ts";

const CHECKOUT: ProgramEnvironment = {
  moduleUrl: "file:///home/me/my%20code/tokometer/backends/relaunch.ts",
  mainModule: "file:///elsewhere/test.ts",
  execPath: "/usr/bin/deno",
  standalone: false,
  ownBundle: false,
};
const RUN = ["run", "--quiet", "--no-prompt"];

/** Arguments after the executable, for `simulate --port 0`. */
function argsIn(environment: Partial<ProgramEnvironment>): readonly string[] {
  const all = { ...CHECKOUT, ...environment };
  const { command, args } = selfCommand(["simulate", "--port", "0"], { environment: all });
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

const BUNDLE = "file:///opt/tokometer.mjs";
/** A program of somebody's that imports Tokometer. */
const FOREIGN = { moduleUrl: "file:///opt/app.mjs", mainModule: "file:///opt/app.mjs" };

Deno.test("selfCommand runs a compiled executable as it is", () => {
  const executable = { standalone: true, execPath: "/opt/tokometer" };
  assertEquals(argsIn({ ...executable, moduleUrl: BUNDLE, ownBundle: true }), []);
  const mainModule = "file:///tmp/deno-compile-t/cli.ts";
  const moduleUrl = "file:///tmp/deno-compile-t/backends/relaunch.ts";
  assertEquals(argsIn({ ...executable, moduleUrl, mainModule }), []);
});

Deno.test("selfCommand runs its own bundle, whatever deno.json lies above it", () => {
  const own = { moduleUrl: BUNDLE, mainModule: BUNDLE, ownBundle: true };
  assertEquals(argsIn(own), [...RUN, "-A", "--no-config", BUNDLE]);
});

Deno.test("selfCommand does not start another program that holds it", () => {
  const cases: Partial<ProgramEnvironment>[] = [
    FOREIGN,
    { ...FOREIGN, standalone: true },
    { standalone: true, mainModule: "file:///tmp/deno-compile-app/app.ts" },
    {
      standalone: true,
      moduleUrl: "https://jsr.io/@tokometer/tokometer/1.2.3/backends/relaunch.ts",
    },
  ];
  for (const environment of cases) {
    assertThrows(() => argsIn(environment), TypeError, "another program that holds it");
  }
});

Deno.test("programForm gives what the program was started from", () => {
  const cases: [string, boolean, ProgramForm][] = [
    ["file:///home/me/tokometer/backends/relaunch.ts", false, "checkout"],
    ["https://jsr.io/@tokometer/tokometer/1.2.3/backends/relaunch.ts", false, "JSR"],
    ["https://jsr.io/backends/relaunch.ts", false, "web"],
    ["https://example.org/t/backends/relaunch.ts", false, "web"],
    [BUNDLE, false, "single file"],
    [BUNDLE, true, "executable"],
    ["file:///tmp/deno-compile-t/backends/relaunch.ts", true, "executable"],
  ];
  for (const [moduleUrl, standalone, form] of cases) {
    assertEquals(programForm({ moduleUrl, standalone }), form, moduleUrl);
  }
});

Deno.test("selfCommand passes on the permissions that are asked for", () => {
  const permissions = ["--allow-net=127.0.0.1"];
  const { args } = selfCommand(["simulate"], { environment: CHECKOUT, permissions });
  assertEquals(args.slice(0, 4), [...RUN, "--allow-net=127.0.0.1"]);
});
