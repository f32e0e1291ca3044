/** `deno task install` puts a command on the PATH that runs this clone from any folder. */
import { assertEquals, assertMatch } from "@std/assert";
import config from "../deno.json" with { type: "json" };
import { inTempFolder } from "./support/run_cli.ts";
import { installProgram } from "./tools/install.ts";

Deno.test({
  name: "installProgram makes a command that works from another folder and starts itself again",
  // There it is a .cmd file beside the script.
  ignore: Deno.build.os === "windows",
  async fn() {
    await inTempFolder(async (folder) => {
      await installProgram(["--root", folder]);
      const run = async (...args: string[]) => {
        const { code, stdout, stderr } = await new Deno.Command(`${folder}/bin/tokometer`, {
          args,
          cwd: folder,
        }).output();
        assertEquals(code, 0, new TextDecoder().decode(stderr));
        return new TextDecoder().decode(stdout);
      };
      assertMatch(await run("--version"), new RegExp(`^tokometer ${config.version} .*checkout`));
      const load = ["--concurrency=2", "--duration=0.2", "--no-save", "--quiet"];
      assertMatch(await run("demo", ...load), /^Requests .* 0 failed/m);
    });
  },
});
