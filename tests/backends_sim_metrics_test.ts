import { assertAlmostEquals, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import { createRandom } from "../backends/random.ts";
import type { SimOptions } from "../backends/sim_options.ts";
import { SIM_DEFAULTS } from "../backends/sim_options.ts";
import { simPrometheusReply } from "../backends/sim_prometheus.ts";
import type { SimJob } from "../backends/sim_protocol.ts";
import { acceptedOf, parseSpeculation } from "../backends/sim_speculation.ts";
import { partsOf, type SimTimes } from "../backends/sim_times.ts";
import { createEngine, createJob } from "./support/create_job.ts";
import { FakeClock } from "./support/fake_clock.ts";

/** Costs that can be added up in the head: 10 ms a step, 1 ms a prompt token. */
const STEPS: Partial<SimOptions> = {
  ...{ stepMs: 10, prefillMs: 1, prefillChunk: 100, stepMsPerRequest: 0, stepMsPerKilotoken: 0 },
};

/** Runs jobs that arrive at time 0; what the engine noted of each, and its metrics. */
async function run(options: Partial<SimOptions>, jobs: readonly Partial<SimJob>[]) {
  const clock = new FakeClock();
  const engine = createEngine(clock, options);
  const times: SimTimes[] = [];
  const events: number[] = [];
  const all = jobs.map((job) =>
    new Promise<void>((resolve) =>
      engine.submit(createJob(job), {
        queued: (of) => void times.push(of),
        tokens(tokens, last) {
          events.push(tokens.length);
          if (last) resolve();
        },
      })
    )
  );
  await clock.run(Promise.all(all));
  const { body } = simPrometheusReply(engine.metered(), { ...SIM_DEFAULTS, ...options });
  await engine.stop();
  return { times, events, text: String(body) };
}

/** The value of a series of the first engine. */
function valueOf(text: string, name: string, labels = ""): number {
  const wanted = `vllm:${name}{engine="0",${labels}model_name="simulated"} `;
  const line = text.split("\n").find((one) => one.startsWith(wanted));
  if (line === undefined) throw new Error(`No ${wanted} in\n${text}`);
  return Number(line.slice(wanted.length));
}

Deno.test("the engine notes when it took a request up and when its tokens were due", async () => {
  // One after the other: 10 + 20 for a prompt, 10 for each further token.
  const { times } = await run({ ...STEPS, maxBatch: 1 }, [
    { promptTokens: 20, maxTokens: 3 },
    { promptTokens: 50, maxTokens: 1 },
  ]);
  assertEquals(times.map(partsOf), [
    { queueMs: 0, prefillMs: 30, decodeMs: 20 },
    { queueMs: 50, prefillMs: 60, decodeMs: 0 },
  ]);
});

Deno.test("a request that joins while a step runs waits for the next one", async () => {
  // The second is taken up by the step that begins at 30.
  const { times } = await run(STEPS, [{ promptTokens: 20 }, { promptTokens: 40 }]);
  assertEquals(times.map(({ scheduledMs, firstTokenMs }) => [scheduledMs, firstTokenMs]), [
    [0, 30],
    [30, 80],
  ]);
});

Deno.test("streams with times of their own wait for a place as well", async () => {
  const { times } = await run({ ttft: "10", itl: "5", maxBatch: 1 }, [
    { maxTokens: 3 },
    { maxTokens: 2 },
  ]);
  assertEquals(times.map(partsOf), [
    { queueMs: 0, prefillMs: 10, decodeMs: 10 },
    { queueMs: 20, prefillMs: 10, decodeMs: 5 },
  ]);
});

Deno.test("/metrics: counts, sums and buckets of what ran", async () => {
  const { text } = await run({ ...STEPS, maxBatch: 1 }, [
    { promptTokens: 20, maxTokens: 3 },
    { promptTokens: 50, maxTokens: 1 },
  ]);
  assertEquals(valueOf(text, "prompt_tokens_total"), 70);
  assertEquals(valueOf(text, "generation_tokens_total"), 4);
  assertEquals(valueOf(text, "request_success_total", 'finished_reason="length",'), 2);
  assertEquals(valueOf(text, "num_requests_running"), 0);
  assertEquals(valueOf(text, "request_queue_time_seconds_count"), 2);
  assertAlmostEquals(valueOf(text, "request_queue_time_seconds_sum"), 0.05);
  assertAlmostEquals(valueOf(text, "request_prefill_time_seconds_sum"), 0.09);
  assertAlmostEquals(valueOf(text, "request_decode_time_seconds_sum"), 0.02);
  assertAlmostEquals(valueOf(text, "time_to_first_token_seconds_sum"), 0.14);
  // 30 and 110 ms: a bucket holds all values up to its edge.
  const upTo = (le: string) => valueOf(text, "time_to_first_token_seconds_bucket", `le="${le}",`);
  assertEquals(["0.02", "0.04", "0.1", "0.25", "+Inf"].map(upTo), [0, 1, 1, 2, 2]);
  assertStringIncludes(text, 'le="1.0"');
  assertEquals(valueOf(text, "inter_token_latency_seconds_count"), 2);
  assertStringIncludes(text, "# TYPE vllm:inter_token_latency_seconds histogram\n");
});

Deno.test("/metrics: of a cancelled request the tokens and the first of them count", async () => {
  const clock = new FakeClock();
  const engine = createEngine(clock, STEPS);
  await clock.run(
    new Promise<void>((resolve) => {
      const cancel = engine.submit(createJob({ maxTokens: 100 }), {
        tokens() {
          cancel();
          resolve();
        },
      });
    }),
  );
  const text = String(simPrometheusReply(engine.metered(), SIM_DEFAULTS).body);
  await engine.stop();
  assertEquals(valueOf(text, "time_to_first_token_seconds_count"), 1);
  assertEquals(valueOf(text, "request_queue_time_seconds_count"), 0);
  assertEquals(valueOf(text, "request_success_total", 'finished_reason="abort",'), 0);
});

Deno.test("/metrics: each replica is an engine of its own", async () => {
  const { text } = await run({ ...STEPS, replicas: 2 }, [{ promptTokens: 20 }, {
    promptTokens: 30,
  }]);
  assertEquals(valueOf(text, "prompt_tokens_total"), 20);
  assertStringIncludes(text, 'vllm:prompt_tokens_total{engine="1",model_name="simulated"} 30\n');
});

Deno.test("speculation: the first token alone, then those that were right with the next one", async () => {
  const { times: [times], events, text } = await run({ ...STEPS, speculate: "3:1" }, [
    { promptTokens: 20, maxTokens: 11 },
  ]);
  assertEquals(events, [1, 4, 4, 2]);
  const { drafts, draftTokens, acceptedTokens } = times!;
  assertEquals([drafts, draftTokens, acceptedTokens], [3, 9, 7]);
  assertEquals(valueOf(text, "spec_decode_num_drafts_total"), 3);
  assertEquals(valueOf(text, "spec_decode_num_accepted_tokens_total"), 7);
  assertEquals(
    [0, 1, 2].map((position) =>
      valueOf(text, "spec_decode_num_accepted_tokens_per_pos_total", `position="${position}",`)
    ),
    [3, 2, 2],
  );
  const never = await run({ ...STEPS, speculate: "2:0" }, [{ maxTokens: 4 }]);
  assertEquals(never.events, [1, 1, 1, 1]);
});

Deno.test("speculation: a token is right with its probability where those before it are", () => {
  const random = createRandom(0, "speculation");
  const counts = [0, 0, 0, 0];
  for (let i = 0; i < 20_000; i++) counts[acceptedOf({ draft: 3, acceptance: 0.6 }, random)]!++;
  const shares = counts.map((count) => count / 20_000);
  for (const [i, share] of [0.4, 0.24, 0.144, 0.216].entries()) {
    assertAlmostEquals(shares[i]!, share, 0.015);
  }
});

Deno.test("speculation: what it is not", () => {
  assertEquals(parseSpeculation(" 3:.5 "), { draft: 3, acceptance: 0.5 });
  for (const spec of ["", "3", "3:", "3:a", "3:-1", "1.5:1", "3:0.5:1"]) {
    assertThrows(() => parseSpeculation(spec), SyntaxError, "give N:P");
  }
  for (const spec of ["0:0.5", "65:0.5", "3:1.1"]) {
    assertThrows(() => parseSpeculation(spec), RangeError, "Cannot use");
  }
});
