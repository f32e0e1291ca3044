import {
  assertEquals,
  assertMatch,
  assertRejects,
  assertStrictEquals,
  assertThrows,
} from "@std/assert";
import {
  chooseDataset,
  DATASET_EXTRA_OPTIONS,
  datasetExtra,
  DATASETS,
  findDataset,
} from "../workloads/datasets.ts";
import { UserError } from "../workloads/user_error.ts";
import { inTempFolder } from "./support/run_cli.ts";

const NAMES = DATASETS.map(({ name }) => name);

Deno.test("DATASETS have names of their own and say what they are", () => {
  assertEquals(new Set(NAMES).size, NAMES.length);
  for (const kind of DATASETS) {
    assertStrictEquals(findDataset(kind.name), kind);
    assertMatch(kind.description, /^[^A-Z].*[^.]$/, kind.name);
  }
});

Deno.test("DATASET_EXTRA_OPTIONS has each option, the same in all datasets that share it", () => {
  for (const { options } of DATASETS) {
    for (const [key, option] of Object.entries(options)) {
      assertEquals(DATASET_EXTRA_OPTIONS[key], option);
      // A default in the table would look as if the user had given it.
      assertEquals(option.default, undefined, key);
    }
  }
});

Deno.test("chooseDataset takes the dataset whose files end like the one given", async () => {
  const cases: [name: string, path: string | undefined, chosen: string][] = [
    ["sample", undefined, "sample"],
    ["synthetic", undefined, "synthetic"],
    ["sample", "a.jsonl", "jsonl"],
    ["sample", "a.json", "sharegpt"],
    ["sample", "a", "sharegpt"],
    ["sample", "a.txt", "text"],
    ["sample", "a.csv", "jsonl"],
    ["jsonl", "a.txt", "jsonl"],
    ["sharegpt", "a.jsonl", "sharegpt"],
  ];
  await inTempFolder(async (folder) => {
    for (const [name, path, chosen] of cases) {
      // Nothing in it tells more than its name.
      if (path !== undefined) await Deno.writeTextFile(`${folder}/${path}`, "");
      const given = path === undefined ? undefined : `${folder}/${path}`;
      assertEquals((await chooseDataset(name, given)).name, chosen);
    }
    await assertRejects(
      () => chooseDataset("sample", `${folder}/none.jsonl`),
      UserError,
      `Cannot read --dataset-path "${folder}/none.jsonl": there is no such file or folder`,
    );
  });
  const refused = [["jsonl", undefined, "add --dataset-path FILE"], [
    "synthetic",
    "a.json",
    "it reads no file",
  ]] as const;
  for (const [name, path, says] of refused) {
    await assertRejects(() => chooseDataset(name, path), UserError, says);
  }
});

Deno.test("findDataset suggests", () => {
  assertThrows(() => findDataset("sharedgpt"), UserError, "did you mean sharegpt?");
  assertThrows(() => findDataset("zzz"), UserError, `known are ${NAMES.join(", ")}`);
});

Deno.test("datasetExtra collects a dataset's options and refuses those of others", () => {
  const values = { minPromptTokens: 9, concurrency: 4, sampler: undefined };
  assertEquals(datasetExtra(findDataset("sharegpt"), values), { minPromptTokens: 9 });
  assertEquals(datasetExtra(findDataset("synthetic"), { tokenIds: true }), { tokenIds: true });
  assertThrows(
    () => datasetExtra(findDataset("synthetic"), values),
    UserError,
    "Cannot use --min-prompt-tokens with --dataset synthetic: it is for sample and sharegpt",
  );
});
