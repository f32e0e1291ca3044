/**
 * Tokenizers of each kind for tests: small ones of ours, and real ones where `TOKOMETER_TOKENIZERS`
 * names a folder with a folder for each.
 *
 * @module
 */
import type { TokenCounter } from "../../workloads/prompt.ts";
import { chooseUnits, type UnitTable } from "../../workloads/session_prompt_units.ts";
import { loadTokenizer } from "../../workloads/tokenizer.ts";
import { inTempFolder } from "./run_cli.ts";
import { writeTinyModel } from "./tiny_model.ts";

export interface TestTokenizer {
  readonly name: string;
  /** The same one each time. */
  readonly open: () => Promise<TokenCounter>;
  /** What prompts of blocks are made of with it; chosen once. */
  readonly units: () => Promise<UnitTable>;
}

const FIXTURES = new URL("../fixtures/tokenizers/", import.meta.url).pathname;

function tokenizer(name: string, load: () => Promise<TokenCounter>): TestTokenizer {
  let loaded: Promise<TokenCounter> | undefined;
  let chosen: Promise<UnitTable> | undefined;
  const open = () => loaded ??= load();
  return { name, open, units: () => chosen ??= open().then(chooseUnits) };
}

/** Of GPT-2's kind: a word is one token behind a space only. */
async function tinyModel(): Promise<TokenCounter> {
  let counter: TokenCounter | undefined;
  await inTempFolder(async (folder) => {
    await writeTinyModel(folder, { width: 4, layers: 1, heads: 1, contextTokens: 8 });
    counter = await loadTokenizer(folder);
  });
  return counter!;
}

/** Folders of real tokenizers. */
function realOnes(): readonly TestTokenizer[] {
  const folder = Deno.env.get("TOKOMETER_TOKENIZERS");
  if (folder === undefined) return [];
  return [...Deno.readDirSync(folder)].filter(({ isDirectory }) => isDirectory).map(({ name }) =>
    tokenizer(name, () => loadTokenizer(`${folder}/${name}`))
  );
}

export const TEST_TOKENIZERS: readonly TestTokenizer[] = [
  ...["byte_level", "bpe", "unigram"].map((name) =>
    tokenizer(name, () => loadTokenizer(FIXTURES + name))
  ),
  tokenizer("tiny model", tinyModel),
  ...realOnes(),
];
