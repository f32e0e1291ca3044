import { assertEquals, assertRejects } from "@std/assert";
import { readTextFile } from "../workloads/text_file.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";

Deno.test("readTextFile() reads a file to its last byte, wherever its characters are split", () =>
  inTempFolder(async (folder) => {
    const path = `${folder}/text`;
    const text = "\ufeffé😀".repeat(20_001);
    await Deno.writeTextFile(path, text);
    assertEquals(await readTextFile(path), text);
    const { size } = await Deno.stat(path);
    assertEquals(await readTextFile(path, size), text);
    await assertRejects(() => readTextFile(path, size - 1), RangeError, "it is larger than");
    await assertRejects(() => readTextFile(`${folder}/none`), Deno.errors.NotFound);
  }));

Deno.test({
  name: "files that never end are refused wherever an option names one",
  ignore: Deno.build.os === "windows",
  async fn() {
    for (const option of ["--system-prompt-file", "--ca-cert", "--config", "--api-key=file:"]) {
      const given = option.endsWith(":") ? [`${option}/dev/zero`] : [option, "/dev/zero"];
      const { code, err } = await runCli(["bench", "http://127.0.0.1:1", "--no-save", ...given]);
      assertEquals([code, /larger than \d+ [KM]iB/.test(err)], [2, true], `${option}: ${err}`);
    }
  },
});
