/**
 * Our pages in a real browser: `tests/browser/*.ts`, each in a process of its own without the lock file,
 * since the driver is no part of it. Skipped by name where there is no browser.
 */
import { assert } from "@std/assert";
import { chromiumPath } from "./support/browser.ts";
import { runDeno } from "./support/run_deno.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const MISSING = chromiumPath() === undefined;

for (const { name } of [...Deno.readDirSync(new URL("browser", import.meta.url))]) {
  Deno.test({
    name: `in Chromium: ${name.replace(/\.ts$/, "")} page${
      MISSING ? " (skipped: there is no Chromium; CHROMIUM names one)" : ""
    }`,
    ignore: MISSING,
    fn: async () => {
      const { success, output } = await runDeno(
        ["test", "--quiet", "-A", "--no-lock", `tests/browser/${name}`],
        ROOT,
      );
      assert(success, output);
    },
  });
}
