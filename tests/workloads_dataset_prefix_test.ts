import { assert, assertEquals, assertNotEquals, assertRejects } from "@std/assert";
import { startSimServer } from "../backends/sim_server.ts";
import { marksOf, withOtherMark } from "../workloads/dataset_salt.ts";
import { planPrefixes } from "../workloads/dataset_prefix.ts";
import { synthetic } from "../workloads/dataset_synthetic.ts";
import type { Dataset, Prompt, TokenCounter } from "../workloads/prompt.ts";
import { type BenchOptions, measureBench } from "../workloads/run_bench.ts";
import { estimateCounter, loadTokenizer } from "../workloads/tokenizer.ts";
import { UserError } from "../workloads/user_error.ts";

const FIXTURES = new URL("./fixtures/tokenizers/", import.meta.url).pathname;

async function counters(): Promise<TokenCounter[]> {
  const loaded = ["byte_level", "bpe", "unigram"].map((name) => loadTokenizer(FIXTURES + name));
  return [estimateCounter, ...await Promise.all(loaded)];
}

const salted = { salt: "run-1", mark: marksOf("run-1", estimateCounter).of("load/0") };

function make(
  extra: Record<string, unknown>,
  options: Partial<Parameters<typeof synthetic.load>[0]> = {},
) {
  return synthetic.load({
    ...{ count: 40, seed: 1, counter: estimateCounter, turns: 1, ...salted },
    extra,
    ...options,
  });
}

const textOf = ({ messages }: Prompt) => String(messages[0]?.content);

/** How many ids, or characters, two prompts have in common at their front. */
function shared(one: ArrayLike<unknown>, other: ArrayLike<unknown>): number {
  let count = 0;
  while (count < one.length && one[count] === other[count]) count++;
  return count;
}

Deno.test("a mark stands at the very front and takes the place of tokens, whatever the tokenizer", async () => {
  for (const counter of await counters()) {
    const marks = marksOf("a salt", counter);
    const [mark, other] = [marks.of("load/0"), marks.of("load/1")];
    assertNotEquals(mark, other);
    assertEquals(counter.count(other), marks.tokens);
    for (const [tokens, prefixTokens] of [[40, 0], [300, 0], [30, 50]] as const) {
      const extra = { inputTokens: String(tokens), prefixTokens };
      const { prompts } = await make(extra, { counter, mark, count: 6 });
      for (const prompt of prompts) {
        assert(textOf(prompt).startsWith(mark));
        assertEquals(counter.count(textOf(prompt)), tokens + prefixTokens, counter.name);
        // So have those of the next load.
        const next = textOf(withOtherMark(prompt, mark, other));
        assert(next.startsWith(other));
        assertEquals(counter.count(next), tokens + prefixTokens, counter.name);
        assertEquals(next.slice(other.length), textOf(prompt).slice(mark.length));
      }
    }
    // Where it does not fit, the length is kept and the mark left out.
    const { prompts: [short] } = await make({ inputTokens: "1" }, { counter, mark, count: 1 });
    assertEquals(counter.count(textOf(short!)), 1);
  }
});

Deno.test("marks of token ids are as many for each load, and known to the model", async () => {
  const { mark } = salted;
  const extra = { tokenIds: true, vocab: 32_000, inputTokens: "20", prefixTokens: 10 };
  const { prompts } = await make(extra, { count: 5 });
  for (const prompt of prompts) {
    const other = withOtherMark(prompt, mark, "abcdefg\n");
    assertEquals([prompt.tokenIds?.length, other.tokenIds?.length], [30, 30]);
    assertEquals(shared(prompt.tokenIds!, other.tokenIds!), 0);
    assertEquals(other.tokenIds!.slice(3), prompt.tokenIds!.slice(3));
    assert(other.tokenIds!.every((id) => id >= 4000 && id < 28_000));
  }
  assertEquals(shared(prompts[0]!.tokenIds!, prompts[1]!.tokenIds!), 10);
});

/** The prompts of each prefix. */
function byPool({ prompts }: Dataset): Map<number, Prompt[]> {
  return Map.groupBy(prompts, ({ prefix }) => prefix!.pool);
}

Deno.test("--prefix-pools puts one of G prefixes of exact length in front of each prompt", async () => {
  for (const counter of await counters()) {
    const dataset = await make({ inputTokens: "30", prefixPools: "3:70" }, { counter });
    const pools = byPool(dataset);
    assertEquals([...pools.keys()].sort(), [0, 1, 2]);
    assertEquals([...dataset.prefixes!.keys()].sort(), [0, 1, 2]);
    for (const [pool, prompts] of pools) {
      const prefix = textOf(dataset.prefixes!.get(pool)!);
      assertEquals(counter.count(prefix), 70);
      for (const prompt of prompts) {
        assert(textOf(prompt).startsWith(prefix));
        assertEquals(counter.count(textOf(prompt)), 100);
        assertEquals(prompt.promptTokens.tokens, 100);
        assertEquals(prompt.prefix, { pool, tokens: 70 });
      }
    }
    const fronts = [...dataset.prefixes!.values()].map(textOf);
    // All begin with the mark of the load, and with nothing else in common.
    assert(shared(fronts[0]!, fronts[1]!) < salted.mark.length + 4);
    assertEquals(dataset.askedCachedShare, 0.7);
  }
  const ids = await make({
    ...{ tokenIds: true, vocab: 32_000 },
    prefixPools: "2:50",
    inputTokens: "9",
  });
  for (const [pool, prompts] of byPool(ids)) {
    const prefix = ids.prefixes!.get(pool)!.tokenIds!;
    assertEquals(prefix.length, 50);
    for (const { tokenIds } of prompts) {
      assertEquals(tokenIds!.length, 59);
      assertEquals(shared(prefix, tokenIds!), 50);
    }
  }
});

Deno.test("--cached-share: that share of each prompt comes from a prefix, and its length stays", async () => {
  for (const counter of await counters()) {
    const extra = { inputTokens: "uniform:100:300", cachedShare: 60, prefixPools: "2" };
    const dataset = await make(extra, { counter });
    for (const [pool, prompts] of byPool(dataset)) {
      const whole = textOf(dataset.prefixes!.get(pool)!);
      for (const prompt of prompts) {
        const { tokens } = prompt.promptTokens;
        assertEquals(counter.count(textOf(prompt)), tokens);
        assertEquals(prompt.prefix?.tokens, Math.round(0.6 * tokens));
        const common = textOf(prompt).slice(0, shared(textOf(prompt), whole));
        // But for the word at the end.
        assert(
          Math.abs(counter.count(common) - 0.6 * tokens) < 8,
          `${counter.count(common)} of ${tokens}`,
        );
      }
    }
    assertEquals(dataset.askedCachedShare, 0.6);
  }
});

Deno.test("prefixes follow from the seed; the first prompt is the same alone", async () => {
  for (
    const extra of [{ prefixPools: "5:40" }, { cachedShare: 50, inputTokens: "uniform:50:90" }]
  ) {
    const all = await make(extra);
    const alone = await make(extra, { count: 1 });
    assertEquals(alone.prompts[0], all.prompts[0]);
    assertEquals((await make(extra)).prompts, all.prompts);
    assertNotEquals((await make(extra, { seed: 2 })).prompts[0], all.prompts[0]);
  }
});

Deno.test("prefixes are drawn equally often, or by Zipf's law", () => {
  const shares = (prefixPools: string) => {
    const { poolOf, pools } = planPrefixes({ prefixPools, cachedShare: undefined }, 7)!;
    const counts = Array(pools).fill(0);
    for (let i = 0; i < 6000; i++) counts[poolOf(i)]++;
    return counts.map((count) => count / 6000);
  };
  for (const share of shares("4:10")) assert(Math.abs(share - 0.25) < 0.03, `${share}`);
  const weights = [1, 2, 3, 4].map((rank) => rank ** -1.5);
  const sum = weights.reduce((total, weight) => total + weight);
  shares("4:10:zipf=1.5").forEach((share, rank) =>
    assert(Math.abs(share - weights[rank]! / sum) < 0.03, `${rank} ${share}`)
  );
});

Deno.test("prefixes that contradict each other or cannot be are refused", async () => {
  for (
    const extra of [
      { prefixPools: "4" },
      { prefixPools: "0:10" },
      { prefixPools: "4:0" },
      { prefixPools: "4:10:zipf=0" },
      { prefixPools: "4:10:zipf" },
      { prefixPools: "many" },
      { prefixPools: "4:10", cachedShare: 50 },
    ]
  ) {
    await assertRejects(() => make(extra), UserError, "--prefix-pools");
  }
  await assertRejects(() => make({ cachedShare: 50 }, { systemPrompt: "Hi" }), UserError, "system");
});

/** Expected and measured cached tokens of each load, against a cache of blocks of one token. */
async function cachedShares(options: BenchOptions) {
  const server = await startSimServer({ ttft: "0", itl: "0", prefixCache: true, cacheBlock: 1 });
  try {
    const { header, records } = await measureBench(server.url, {
      ...{ gpu: "off", witness: false, noCalibration: true, transport: "fetch", timeout: 30 },
      ...{ outputTokens: 2, workers: 0, dataset: "synthetic", requests: 12, concurrency: [1, 1] },
      ...options,
    });
    const measured = records.filter(({ phase }) => phase === "measure");
    return {
      header,
      records: measured,
      warmups: records.filter(({ phase }) => phase === "warmup"),
    };
  } finally {
    await server.stop();
  }
}

Deno.test("the prefixes are sent before each load, and a perfect cache has what was asked for", async () => {
  for (
    const options of [
      { prefixPools: "3:80", inputTokens: 20 },
      { cachedShare: 80, inputTokens: 100, prefixPools: "3:zipf=1" },
      {
        ...{ prefixPools: "3:80", inputTokens: 20 },
        ...{ tokenIds: true, vocab: 32_000, protocol: "openai-completions" },
      },
    ]
  ) {
    const { header, records } = await cachedShares(options);
    assertEquals(header.askedCachedShare, 0.8);
    assertEquals(records.length, 24);
    for (const { cachedTokens, expectedCachedTokens, contentTokens } of records) {
      assertEquals([expectedCachedTokens, contentTokens], [80, 100]);
      // The tail may begin with the same letters.
      assert(cachedTokens! >= 79 && cachedTokens! <= 81, `${cachedTokens}`);
    }
  }
});

Deno.test("the prefixes go to each server and for each model", async () => {
  const servers = await Promise.all(
    [1, 2].map(() => startSimServer({ ttft: "0", itl: "0", prefixCache: true, cacheBlock: 1 })),
  );
  try {
    const { records } = await measureBench(servers.map(({ url }) => url), {
      ...{ gpu: "off", witness: false, noCalibration: true, transport: "fetch", timeout: 30 },
      ...{ outputTokens: 2, workers: 0, dataset: "synthetic", requests: 12, concurrency: [1] },
      ...{ prefixPools: "2:80", inputTokens: 20 },
    });
    for (const { cachedTokens, expectedCachedTokens, phase } of records) {
      if (phase === "warmup") continue;
      assertEquals(expectedCachedTokens, 80);
      assert(cachedTokens! >= 79, `${cachedTokens}`);
    }
  } finally {
    await Promise.all(servers.map((server) => server.stop()));
  }
});

Deno.test("without a warm-up the first of each prefix finds nothing; a prompt sent again finds all", async () => {
  const asked = { prefixPools: "2:80", inputTokens: 20, concurrency: [1], warmup: 0 };
  const { header, records } = await cachedShares({ ...asked, prompts: 4 });
  assertEquals(header.askedCachedShare, undefined);
  const expected = records.map(({ expectedCachedTokens }) => expectedCachedTokens!);
  assertEquals(expected.slice(0, 4).toSorted(), [0, 0, 80, 80]);
  assertEquals(expected.slice(4), Array(8).fill(100));
  for (const [i, { cachedTokens }] of records.entries()) {
    assert(Math.abs(cachedTokens! - expected[i]!) <= 3, `${cachedTokens} of ${expected[i]}`);
  }
});

Deno.test("a share that no prefix can have is refused", async () => {
  const refused = (options: BenchOptions, words: string) =>
    assertRejects(
      () => measureBench("http://127.0.0.1:9", { dataset: "synthetic", ...options }),
      UserError,
      words,
    );
  await refused({ cachedShare: 50, warmup: 0 }, "leave --warmup out");
  await refused({ cachedShare: 50, saltScope: "request" }, "use --salt-scope load");
  await refused({ cachedShare: 50, prefixTokens: 10 }, "--prefix-tokens");
  await refused({ cachedShare: 100 }, "99");
  await refused({ prefixPools: "2:10", dataset: "sample" }, "it is for synthetic");
});
