import { assertEquals, assertMatch, assertStrictEquals, assertThrows } from "@std/assert";
import {
  DATASET_EXTRA_OPTIONS,
  datasetExtra,
  DATASETS,
  findDataset,
} from "../workloads/datasets.ts";
import { UserError } from "../workloads/user_error.ts";

const NAMES = DATASETS.map(({ name }) => name);

Deno.test("DATASETS have names of their own and say what they are", () => {
  assertEquals(new Set(NAMES).size, NAMES.length);
  for (const kind of DATASETS) {
    assertStrictEquals(findDataset(kind.name), kind);
    assertMatch(kind.description, /^[^A-Z].*[^.]$/, kind.name);
  }
});

Deno.test("DATASET_EXTRA_OPTIONS lists each option once, the same in all datasets that share it", () => {
  const names = DATASET_EXTRA_OPTIONS.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  for (const { options } of DATASETS) {
    for (const option of options) {
      assertEquals(DATASET_EXTRA_OPTIONS.find(({ name }) => name === option.name), option);
      // A default in the table would look as if the user had given it.
      assertEquals(option.default, undefined, option.name);
    }
  }
});

Deno.test("findDataset suggests", () => {
  assertThrows(() => findDataset("sharedgpt"), UserError, "did you mean sharegpt?");
  assertThrows(() => findDataset("zzz"), UserError, `known are ${NAMES.join(", ")}`);
});

Deno.test("datasetExtra collects a dataset's options and refuses those of others", () => {
  const values = { "min-prompt-tokens": 9, concurrency: 4, sampler: undefined };
  assertEquals(datasetExtra(findDataset("sharegpt"), values), { minPromptTokens: 9 });
  assertEquals(datasetExtra(findDataset("synthetic"), { "token-ids": true }), { tokenIds: true });
  assertThrows(
    () => datasetExtra(findDataset("synthetic"), values),
    UserError,
    "Cannot use --min-prompt-tokens with --dataset synthetic: it is for sample and sharegpt",
  );
});
