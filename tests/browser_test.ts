/**
 * Our pages in a real browser: `tests/browser/*.ts`, each in a process of its own without the lock file,
 * since the driver is no part of it. They take a minute, so they run where `TOKOMETER_BROWSER=1` asks
 * for them, or by `deno task bench:browser`; else they are skipped by name.
 */
import { assert } from "@std/assert";
import { chromiumPath } from "./support/browser.ts";
import { runDeno } from "./support/run_deno.ts";

const ROOT = new URL("..", import.meta.url).pathname;
const MISSING = Deno.env.get("TOKOMETER_BROWSER") !== "1"
  ? "TOKOMETER_BROWSER=1 runs it"
  : chromiumPath() === undefined
  ? "there is no Chromium; CHROMIUM names one"
  : undefined;

for (const { name } of [...Deno.readDirSync(new URL("browser", import.meta.url))]) {
  Deno.test({
    name: `in Chromium: ${name.replace(/\.ts$/, "")} page${
      MISSING === undefined ? "" : ` (skipped: ${MISSING})`
    }`,
    ignore: MISSING !== undefined,
    fn: async () => {
      const { success, output } = await runDeno(
        ["test", "--quiet", "-A", "--no-lock", `tests/browser/${name}`],
        ROOT,
      );
      assert(success, output);
    },
  });
}
