/**
 * llama.cpp's own server, where `LLAMA_SERVER` names it (see `tests/truth/get_llama_server.sh`),
 * and a model of random weights for it: speeds mean nothing, agreement does.
 *
 * @module
 */
import { assert } from "@std/assert";

/** The program; tests that need it are skipped by name without it. */
export const LLAMA_SERVER: string | undefined = Deno.env.get("LLAMA_SERVER");

const WRITE_MODEL = new URL("../truth/random_gguf.mjs", import.meta.url).pathname;

/**
 * Writes a model into a folder and returns its path. `bpe`: with words of one token, its
 * `tokenizer.json` beside it, and a chat template that joins nothing to a message's text.
 */
export async function writeRandomModel(
  folder: string,
  kind: "spm" | "bpe" = "spm",
): Promise<string> {
  const model = `${folder}/model.gguf`;
  const options = kind === "spm"
    ? []
    : ["vocab=1024", "template=lines", `tokenizer=${folder}/tokenizer.json`];
  const { success } = await new Deno.Command(Deno.execPath(), {
    args: ["run", "-A", "--no-config", WRITE_MODEL, model, `tok=${kind}`, ...options],
    stdout: "null",
    stderr: "null",
  }).output();
  assert(success);
  return model;
}
