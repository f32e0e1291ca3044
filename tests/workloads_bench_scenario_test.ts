/** What --scenario makes of the options of a run. */
import { assertEquals, assertMatch, assertRejects } from "@std/assert";
import { underRules } from "../workloads/bench_scenario.ts";
import { SCENARIOS } from "../workloads/bench_scenarios.ts";
import type { Values } from "../workloads/command.ts";
import { MEASURE_OPTIONS } from "../workloads/bench_options.ts";
import { LOAD_OPTIONS } from "../workloads/bench_options_load.ts";
import { type BenchOptions, planBench } from "../workloads/run_bench.ts";
import { UserError } from "../workloads/user_error.ts";
import { inTempFolder } from "./support/run_cli.ts";

const URL = "http://127.0.0.1:9";

/** A recording of one session of two requests. */
const WEKA = {
  ...{ id: "trace_1", models: ["m"], block_size: 64, hash_id_scope: "local" },
  ...{ tool_tokens: 0, system_tokens: 0, totals: {} },
  requests: [
    { t: 0, type: "s", model: "m", in: 130, out: 5, hash_ids: [1, 2], think_time: 0, api_time: 1 },
    { t: 60, type: "s", model: "m", in: 200, out: 7, hash_ids: [1, 2, 3], api_time: 1 },
  ].map((one) => ({ ...one, input_types: ["text"], output_types: ["text"], stop: "" })),
};

async function withTrace(
  use: (plan: (options?: BenchOptions) => ReturnType<typeof planBench>) => Promise<void>,
) {
  await inTempFolder(async (folder) => {
    const datasetPath = `${folder}/trace_1.json`;
    await Deno.writeTextFile(datasetPath, JSON.stringify(WEKA));
    await use((options = {}) => planBench(URL, { scenario: "agentx", datasetPath, ...options }));
  });
}

Deno.test("agentx fixes what the leaderboard fixes, and 30 minutes for each load", async () => {
  await withTrace(async (plan) => {
    const made = await plan({ concurrency: [1, 4] });
    assertEquals(made.dataset, "trace");
    assertEquals(made.loads.map((load) => load.kind === "replay" && [load.mode, load.users]), [
      ["sessions", 1],
      ["sessions", 4],
    ]);
    assertEquals(made.stops, [{ durationMs: 1_800_000 }, { durationMs: 1_800_000 }]);
    const { idleCapMs, sessionStart, history, repeats } = made.replay!;
    assertEquals({ idleCapMs, sessionStart, history, repeats }, {
      ...{ idleCapMs: 10_000, sessionStart: 1, history: "recorded", repeats: true },
    });
    assertEquals([made.length, made.stream, made.saltScope], ["forced", true, "session"]);
    assertEquals(made.ruledBy, { name: "agentx", broken: [] });
  });
});

Deno.test("agentx refuses what contradicts it, with the rule", async () => {
  await withTrace(async (plan) => {
    const cases: readonly [BenchOptions, string][] = [
      [{ traceFormat: "mooncake" }, "Cannot use --trace-format mooncake with --scenario agentx"],
      [{ dataset: "sharegpt" }, "Cannot use --dataset sharegpt with --scenario agentx"],
      [{ replay: "schedule" }, "each request leaves after the end of what it waits for"],
      [{ stream: false }, "Cannot use --no-stream with --scenario agentx: answers are streamed"],
      [{ idleCap: "60" }, "at most 10 s; leave it out"],
      [{ idleCap: "none" }, "at most 10 s; leave it out"],
      [{ length: "cap" }, "Cannot use --length cap"],
      [{ sessionStart: 0.5 }, "drawn over their whole records"],
      [{ saltScope: "load" }, "the first request of each session has a mark"],
      [{ rate: [2] }, "--concurrency says how many sessions are alive"],
      [{ requests: 10 }, "each load ends by its time"],
      [{ once: true }, "each load ends by its time"],
      [{ outputTokens: 8 }, "their recorded length"],
      [{ stop: ["x"] }, "their recorded length"],
      [{ thinkTime: "5s" }, "pauses are as recorded"],
      [{ cancel: "10%:after=1s" }, "no request is given up"],
      [{ extraBody: { ignore_eos: false } }, "Cannot use --extra-body with --scenario agentx"],
      [{ duration: 60 }, "each load takes 900 s at least; --trial-duration 60 tries it out"],
      [{ duration: 900, trialDuration: 60 }, "leave one of them out"],
    ];
    await assertRejects(() => planBench(URL, { trialDuration: 60 }), UserError, "--trial-duration");
    for (const [options, why] of cases) {
      await assertRejects(() => plan(options), UserError, why, JSON.stringify(options));
    }
  });
});

Deno.test("agentx takes what its rules say anyway, and what they leave open", async () => {
  await withTrace(async (plan) => {
    const { ruledBy, stops, extraBody } = await plan({
      ...{ dataset: "trace", traceFormat: "weka", replay: "sessions", idleCap: "10s" },
      ...{ sessionStart: 1, saltScope: "session", duration: 900, length: "forced" },
      ...{ extraBody: { chat_template_kwargs: {} }, temperature: 0, maxContext: 1000 },
    });
    assertEquals(ruledBy?.broken, []);
    assertEquals([stops, extraBody], [[{ durationMs: 900_000 }], { chat_template_kwargs: {} }]);
  });
});

Deno.test("a trial takes the time that it is given, and is invalid", async () => {
  await withTrace(async (plan) => {
    const { ruledBy, stops } = await plan({ trialDuration: 20 });
    assertEquals(stops, [{ durationMs: 20_000 }]);
    assertEquals(ruledBy, {
      name: "agentx",
      broken: ["each load took 20 s (--trial-duration), not 900 s or more"],
    });
    assertEquals((await plan({ trialDuration: 900 })).ruledBy?.broken, []);
  });
});

Deno.test("a recording of another format is refused, whatever its options say", async () => {
  await inTempFolder(async (folder) => {
    const datasetPath = `${folder}/m.jsonl`;
    await Deno.writeTextFile(
      datasetPath,
      '{"timestamp": 0, "input_length": 5, "output_length": 2, "hash_ids": [1]}\n',
    );
    await assertRejects(() => planBench(URL, { scenario: "agentx", datasetPath }), UserError);
  });
});

Deno.test("each rule is about an option that there is, and says why", () => {
  for (const { name, description, rules, leastSec, usualSec } of SCENARIOS) {
    assertMatch(description, /^[^A-Z].*[^.]$/, name);
    assertEquals(leastSec <= usualSec, true);
    for (const { key, because } of rules) {
      assertEquals(key in MEASURE_OPTIONS || `${key} of ${name}`, true);
      assertMatch(because, /[^.]$/);
    }
  }
});

Deno.test("a value that the rules allow stays as it was given", () => {
  const scenario = {
    ...{ name: "x", description: "", leastSec: 1, usualSec: 2 },
    rules: [{
      ...{ key: "prompts", value: 5, because: "few" },
      keeps: (given: Values[string]) => Number(given) < 9,
    }],
  };
  const usual: Values = { requests: LOAD_OPTIONS.requests.default };
  assertEquals(underRules(scenario, { prompts: 7 }, usual).values.prompts, 7);
  assertEquals(underRules(scenario, {} as Values, usual).values.prompts, 5);
});
