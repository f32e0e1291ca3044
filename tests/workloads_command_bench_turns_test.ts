/** Two launch settings by turns: one server runs at a time, and none is left. */
import { assert, assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { inTempFolder, runCli } from "./support/run_cli.ts";

const FAKE = new URL("support/fake_engine.ts", import.meta.url).pathname;

/** Processes are told apart by what Linux says of them. */
const LINUX = { ignore: Deno.build.os !== "linux" } as const;

function argv(folder: string): readonly string[] {
  return [
    ...["bench", "--launch=llama.cpp", "--model-path=M.gguf", "--launch-port=0"],
    ...[`--launch-executable=${FAKE}`, `--launch-log=${folder}/engine.log`],
    ...["--launch-args=--fake-itl 1", "--against-launch-args=--fake-itl 2"],
    ...["--concurrency=1,2", "--requests=2", "--output-tokens=2", "--warmup=0", "--repeat=1"],
    ...["--no-witness", "--gpu=off", `--out=${folder}/out`],
  ];
}

Deno.test({
  ...LINUX,
  name: "each side has a server that was just started, and both were checked before",
  fn: () =>
    inTempFolder(async (folder) => {
      const { code, err, out } = await runCli(argv(folder));
      assertEquals(code, 0, err);
      assertMatch(out, /by turns: a \S+ · b \S+ \(--launch-args=--fake-itl 2\)/);
      const log = await Deno.readTextFile(`${folder}/engine.log`);
      const starts = [...log.matchAll(/loading the model,.*--fake-itl (\d)/g)].map(([, itl]) =>
        itl
      );
      // The checks of a and b; then the block of each, of which the first may go on with b's.
      assert(["1", "2"].every((itl) => starts.includes(itl)), `${starts}`);
      assert(starts.length === 3 || starts.length === 4, `${starts}`);
      for (const [, pid] of err.matchAll(/as process (\d+)/g)) {
        assertEquals(await Deno.stat(`/proc/${pid}`).catch(() => undefined), undefined);
      }
      const { loads } = JSON.parse(await Deno.readTextFile(`${folder}/out/report.json`));
      const sides = loads.map(({ plan }: { plan: { side: number } }) => plan.side).join("");
      assert(["0011", "1100"].includes(sides), sides);
      assert(
        loads.every(({ counts }: { counts: { completed: number } }) => counts.completed === 2),
      );
    }),
});

Deno.test("a dry run starts nothing and shows both servers; what makes no sense is refused", async () => {
  await inTempFolder(async (folder) => {
    const { code, out, err } = await runCli([...argv(folder), "--dry-run"]);
    assertEquals(code, 0, err);
    assertEquals(out.match(/^start .*--fake-itl \d$/gm)?.length, 2, out);
    const refused = async (...words: string[]) => {
      const ran = await runCli(["bench", ...words]);
      assertEquals(ran.code, 2, ran.err);
      return ran.err;
    };
    assertStringIncludes(
      await refused("http://127.0.0.1:9", "--against-launch-args=-c 1"),
      "without --launch",
    );
    assertStringIncludes(
      await refused(...argv(folder).slice(1), "--against=http://127.0.0.1:9"),
      "--against",
    );
  });
});
