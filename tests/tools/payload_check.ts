/**
 * The size gate of what the executables carry besides Deno: `deno task payload-check`. It compiles
 * on this machine's own Deno as the base, so that it needs no download; the result cannot run.
 *
 * @module
 */
import { type Bundle, bundleProgram } from "./bundle.ts";
import { compileBundle } from "./compile.ts";

/** The most that the executable may carry: what runs models in process would be 11 to 460 MB. */
export const PAYLOAD_LIMIT_BYTES = 15e6;

/** Weighs the payload. @throws when it is too heavy, or holds what it must not. */
export async function payloadBytes(bundle: Bundle): Promise<number> {
  const folder = await Deno.makeTempDir({ prefix: "tokometer_payload_" });
  try {
    const strays = bundle.packages.filter((name) => /transformers|onnx|sharp/.test(name));
    if (strays.length > 0) {
      throw new Error(`Cannot ship what runs models in process: ${strays.join(", ")}`);
    }
    const base = await Deno.realPath(Deno.execPath());
    const out = `${folder}/program`;
    const compiled = await compileBundle(bundle.path, { target: Deno.build.target, out, base });
    if (compiled.kind === "no base") throw new Error(`Cannot use ${base}: ${compiled.reason}`);
    const bytes = (await Deno.stat(out)).size - (await Deno.stat(base)).size;
    if (!(bytes > 0 && bytes < PAYLOAD_LIMIT_BYTES)) {
      throw new Error(
        `Cannot ship a payload of ${bytes} bytes: the limit is ${PAYLOAD_LIMIT_BYTES}`,
      );
    }
    return bytes;
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}

if (import.meta.main) {
  const folder = await Deno.makeTempDir({ prefix: "tokometer_payload_" });
  try {
    const bytes = await payloadBytes(await bundleProgram(folder));
    const text = `Payload ${(bytes / 1e6).toFixed(1)} MB, limit ${PAYLOAD_LIMIT_BYTES / 1e6} MB\n`;
    await Deno.stdout.write(new TextEncoder().encode(text));
  } finally {
    await Deno.remove(folder, { recursive: true });
  }
}
