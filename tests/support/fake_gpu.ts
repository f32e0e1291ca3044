/**
 * A machine with GPUs, for tests: a compiled NVML, and a `nvidia-smi` that is a shell script.
 *
 * @module
 */
import { assert } from "@std/assert";
import { inTempFolder } from "./run_cli.ts";

/** Tests that need a compiler say so in their name. */
export const HAS_GCC: boolean = hasGcc();

/** Lends the library's path; `OLD_DRIVER` leaves out what old drivers do not have. */
export async function withFakeNvml(
  use: (library: string, folder: string) => Promise<void>,
  ...defines: readonly string[]
): Promise<void> {
  await inTempFolder(async (folder) => {
    const library = `${folder}/libnvidia-ml.so.1`;
    const { success, stderr } = await new Deno.Command("gcc", {
      args: [
        "-shared",
        "-fPIC",
        "-w",
        ...defines.map((name) => `-D${name}`),
        "-o",
        library,
        new URL("fake_nvml.c", import.meta.url).pathname,
      ],
    }).output();
    assert(success, new TextDecoder().decode(stderr));
    await use(library, folder);
  });
}

/** Lends the path of a program that prints these lines for each look, or whatever `script` does. */
export async function withFakeSmi(
  script: string,
  use: (command: string, folder: string) => Promise<void>,
): Promise<void> {
  await inTempFolder(async (folder) => {
    const command = `${folder}/nvidia-smi`;
    await Deno.writeTextFile(command, `#!/bin/sh\n[ "$1" = -L ] && exit 0\n${script}\n`);
    await Deno.chmod(command, 0o755);
    await use(command, folder);
  });
}

/** Two GPUs, of which one reports little; twenty samples per second until it is ended. */
export const TWO_GPUS = `
while :; do
  echo "0, 2, NVIDIA H200, 143771, 1024, 50, 300.25"
  echo "1, 2, Tesla K80, 11441, 0, [N/A], [Not Supported]"
  sleep 0.05
done`;

function hasGcc(): boolean {
  if (Deno.build.os !== "linux") return false;
  try {
    return new Deno.Command("gcc", { args: ["--version"], stdout: "null", stderr: "null" })
      .outputSync().success;
  } catch {
    return false;
  }
}
