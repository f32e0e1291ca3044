import { assertEquals, assertMatch, assertStringIncludes } from "@std/assert";
import { parseRequired } from "../metrics/check_limit.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import type { LoadPlan, Run } from "../metrics/run.ts";
import { type Answer, answerOf } from "../metrics/summary_answer.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { summarize, type Summary, type SummaryOptions } from "../metrics/summary.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { withIntervals } from "./support/with_intervals.ts";

/**
 * Each load 120 requests, that many at a time, TTFT as given, four gaps of 10 ms: `users` requests end
 * in each TTFT + 40 ms.
 */
function loads(...given: readonly (readonly [users: number, ttftMs: number])[]): Run {
  const records = given.flatMap(([users, ttft], load) =>
    Array.from({ length: 120 }, (_, index) => {
      const sentMs = Math.floor(index / users) * (ttft + 40);
      const ticks = [0, 10, 20, 30, 40].map((ms, i) => [sentMs + ttft + ms, i + 1] as const);
      return createRecord({ load, index, user: index % users, sentMs, ticks });
    })
  );
  return createRun(records, {
    loads: given.map(([users]) => ({
      label: users === 1 ? "1 user" : `${users} users`,
      users,
    })),
  });
}

const SOUND_VERDICT = { kind: "ok", message: "", reasons: [] } as const;

/** A summary of loads whose client had time, and which were long enough. */
function sound(run: Run, options: SummaryOptions = {}): Summary {
  const summary = withIntervals(summarize(run, options), 0.001);
  return {
    ...summary,
    loads: summary.loads.map((load) => ({ ...load, verdict: SOUND_VERDICT })),
  };
}

/** The answer of a summary with some fields of some loads changed. */
function answer(summary: Summary, changes: readonly Partial<LoadSummary>[] = []): Answer {
  return answerOf({
    ...summary,
    loads: summary.loads.map((load, i) => ({ ...load, ...changes[i] })),
  });
}

const limits = (text: string) => ({ require: parseRequired(text) });

const THREE = loads([1, 100], [4, 120], [16, 600]);

Deno.test("answer: the fastest load within the limits, and that the server was measured", () => {
  const found = answer(sound(THREE, limits("ttft:p99<500")));
  assertEquals(found, {
    sentence: "Best of 3 loads within ttft:p99 < 500 ms: 4 users, 124.1 output tokens/s, " +
      "TTFT p99 120 ms, ITL p99 10.0 ms.",
    soundness: "The server was measured, not the client.",
    standing: "sound",
    load: 1,
    knee: undefined,
  });
});

Deno.test("answer: no load within the limits names the nearest", () => {
  const found = answer(sound(THREE, limits("ttft:p99<50,itl:p99<20")));
  assertEquals(
    found.sentence,
    "None of 3 loads keeps ttft:p99 < 50 ms and itl:p99 < 20 ms: the nearest is 1 user, " +
      "ttft:p99 100 ms.",
  );
  assertEquals([found.load, found.standing], [0, "sound"]);
});

Deno.test("answer: a limit that could not be judged is not kept", () => {
  const { sentence } = answer(sound(loads([1, 100], [2, 100]), limits("ttft:p99.9<500")));
  assertMatch(sentence, /^None of 2 loads keeps .* not measured: /);
});

Deno.test("answer: what chance leaves open about a kept limit is said", () => {
  const summary = sound(loads([1, 100], [2, 100]), limits("ttft:p99<105"));
  assertStringIncludes(
    answer(withIntervals(summary, 0.1), [{ verdict: SOUND_VERDICT }]).sentence,
    "; by chance it may not keep ttft:p99 < 105 ms.",
  );
});

Deno.test("answer without limits: the highest throughput and the knee before it", () => {
  const found = answer(sound(loads([1, 100], [16, 100], [64, 580])));
  assertEquals(
    found.sentence,
    "Highest throughput of 3 loads: 16 users, 535.7 output tokens/s, TTFT p99 100 ms, ITL p99 10.0 ms.",
  );
  const flat = answer(sound(loads([1, 100], [12, 100], [24, 230])));
  assertEquals([flat.load, flat.knee], [2, 1]);
  assertMatch(
    flat.sentence,
    /: 24 users, .*; 12 users: 9\d\.\d % of it with TTFT p99 100 ms\.$/,
  );
});

Deno.test("answer without limits: where the highest load is the fastest, more may bring more", () => {
  const { sentence, knee } = answer(sound(loads([1, 100], [4, 100])));
  assertMatch(sentence, /4 users, .*; that is the highest load, so more may bring more\.$/);
  assertEquals(knee, undefined);
});

Deno.test("answer without limits: an open loop that fell behind brings no more", () => {
  const summary = sound(loads([1, 100], [4, 100]));
  const arrivals = { plannedPerSec: 100, scheduledPerSec: 100, sentPerSec: 80 };
  assertMatch(
    answer(summary, [{}, { arrivals }]).sentence,
    /; it fell behind: 80 req\/s were sent, 28\.\d req\/s answered\.$/,
  );
});

Deno.test("answer with limits on requests: the most goodput", () => {
  const slo = parseSlo("ttft:500");
  const found = answer(sound(THREE, { slo }));
  assertMatch(
    found.sentence,
    /^Most goodput of 3 loads: 4 users, 25 req\/s within ttft ≤ 500 ms \(100 % of its requests\), /,
  );
  assertMatch(
    answer(sound(THREE, { slo: parseSlo("ttft:50") })).sentence,
    /^No request of 3 loads was within ttft ≤ 50 ms\.$/,
  );
});

Deno.test("answer of one load: its figures, and each limit kept or missed", () => {
  const one = loads([4, 120]);
  assertEquals(
    answer(sound(one)).sentence,
    "4 users: 124.1 output tokens/s, TTFT p99 120 ms, ITL p99 10.0 ms.",
  );
  assertMatch(
    answer(sound(one, limits("ttft:p99<500,itl:p99<5"))).sentence,
    /^4 users keeps ttft:p99 < 500 ms and misses itl:p99 < 5 ms \(10 ms\): /,
  );
  assertMatch(
    answer(sound(one, { slo: parseSlo("ttft:500") })).sentence,
    /^4 users, 100 % of its requests within ttft ≤ 500 ms: /,
  );
});

Deno.test("answer: what is wrong with the named load is told, the worst first", () => {
  const summary = sound(loads([1, 100], [4, 100]));
  const verdict = { kind: "client-bound", message: "", reasons: [] } as const;
  const { counts } = summary.loads[1]!;
  const { standing, soundness } = answer(summary, [{}, {
    verdict,
    counts: { ...counts, failed: 3, offered: 123 },
  }]);
  assertEquals(standing, "doubtful");
  assertEquals(
    soundness,
    "Read with care: the client was the limit, the server may be faster; " +
      "3 of 123 requests failed.",
  );
});

Deno.test("answer: failures that were allowed are no flaw", () => {
  const summary = sound(loads([4, 100]));
  const { counts, ...load } = summary.loads[0]!;
  const failed = { ...load, counts: { ...counts, failed: 6, offered: 126 } };
  const header = { ...summary.header, options: { "max-failures": 5 } };
  assertEquals(answerOf({ ...summary, header, loads: [failed] }).standing, "sound");
  assertEquals(answerOf({ ...summary, loads: [failed] }).standing, "doubtful");
});

Deno.test("answer: a saturated load, a short one and an unknown client are told", () => {
  const summary = sound(loads([4, 100]));
  const saturation = { name: "saturation", ok: false, message: "", advice: "" };
  assertMatch(answer(summary, [{ checks: [saturation] }]).soundness, /more was sent than/);
  assertMatch(answer(summary, [{ verdict: undefined }]).soundness, /how exact the client was/);
  const sampling = { ...summary.loads[0]!.sampling, blocks: undefined };
  assertMatch(answer(summary, [{ sampling }]).soundness, /too short to tell/);
});

Deno.test("answer: nothing completed, nothing sent, no load", () => {
  const failed = summarize(createRun([
    createFailure("http_error", { message: "HTTP 503" }),
    createFailure("http_error", { index: 1, message: "HTTP 503" }),
    createFailure("timeout", { index: 2, message: "late" }),
  ]));
  assertEquals(
    failed.answer.sentence,
    'None of 3 requests completed: http_error 2 times, "503: HTTP 503".',
  );
  assertEquals(failed.answer.standing, "none");
  for (const run of [createRun([]), createRun([], { loads: [] })]) {
    const { sentence, standing, soundness } = summarize(run).answer;
    assertEquals(
      [sentence, standing, soundness],
      ["Nothing was measured: no request was sent.", "none", ""],
    );
  }
});

Deno.test("answer: loads that the run did not get to", () => {
  const summary = sound(loads([1, 100], [4, 100], [8, 100]));
  const { soundness, standing } = answer(summary, [{}, {}, { interrupted: true }]);
  assertStringIncludes(soundness, "The run was stopped: 1 of 3 loads did not run to the end.");
  assertEquals(standing, "doubtful");
  const lost = { atMs: 1200, failures: 3, message: "refused" };
  assertStringIncludes(
    answer(summary, [{}, { serverLost: lost }, { serverLost: lost }]).soundness,
    "The server was lost: 2 of 3 loads did not run to the end.",
  );
});

Deno.test("answer: repeats are told by their mean", () => {
  const plans = [1, 2].flatMap((repeat) =>
    [1, 4].map((users): Partial<LoadPlan> => ({
      label: `${users} users, repeat ${repeat}`,
      users,
      repeat,
    }))
  );
  const run = loads([1, 100], [4, 100], [1, 100], [4, 120]);
  const summary = summarize({
    ...run,
    header: { ...run.header, repeats: 2, loads: plans as LoadPlan[] },
  }, limits("ttft:p99<500"));
  assertMatch(
    summary.answer.sentence,
    /^Best of 2 loads within ttft:p99 < 500 ms: 4 users, 1\d\d output tokens\/s \(mean of 2 runs\), TTFT p99 110 ms, /,
  );
  assertEquals(summary.answer.load, 1);
});

Deno.test("answer: sides stand beside each other, without a winner", () => {
  const run = loads([4, 100], [4, 200]);
  const sides = ["a", "b"].map((name) => ({ name, url: `http://${name}` }));
  const plans = sides.map(({ name }, side) => ({
    ...run.header.loads[0]!,
    ...{ label: `4 users, ${name}`, side },
  }));
  const { answer } = summarize({ ...run, header: { ...run.header, sides, loads: plans } });
  assertMatch(
    answer.sentence,
    /^Highest throughput of 2 sides: a 1\d\d output tokens\/s at 4 users, b \d+.* at 4 users\.$/,
  );
});

Deno.test("answer: a search has the words of the search", () => {
  const summary = sound(loads([4, 100]));
  const capacity = {
    sentence: "holds 6 req/s (95 %: 5–7) within ttft:p99 < 500 ms; the client was not the limit",
    outcome: "found",
    kept: 5,
    probes: [{ load: 0, value: 5, verdict: "keeps" }],
  } as unknown as Summary["capacity"];
  const found = answerOf({ ...summary, capacity });
  assertMatch(found.sentence, /^The server holds 6 req\/s \(95 %: 5–7\) within /);
  assertEquals([found.load, found.standing], [0, "sound"]);
  const open = { ...capacity!, sentence: "undecided: nothing is known", outcome: "undecided" };
  assertEquals(
    answerOf({ ...summary, capacity: open as Summary["capacity"] }).standing,
    "none",
  );
  const curve = {
    ...{ sentence: "no knee was found; not saturated at 8 users", loads: [0], knee: undefined },
  } as unknown as Summary["curve"];
  assertEquals(
    answerOf({ ...summary, curve }).sentence,
    "No knee was found; not saturated at 8 users.",
  );
});
