import { assert, assertEquals, assertStringIncludes, assertThrows } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { LIMITED, parseRequired } from "../metrics/check_limit.ts";
import type { LimitResult } from "../metrics/load_limits.ts";
import { METRICS } from "../metrics/metrics.ts";
import { renderTable } from "../metrics/report_table.ts";
import { reportHtml } from "../metrics/report_html.ts";
import { reportJson } from "../metrics/report_json.ts";
import { summarize, type SummaryOptions } from "../metrics/summary.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";
import { withoutIntervals } from "./support/with_intervals.ts";

Deno.test("parseRequired reads the one grammar of limits", () => {
  assertEquals(parseRequired("ttft:p99<500, attainment>0.95,failures<1%"), [
    { name: "ttft", statistic: 99, operator: "<", value: 500, unit: "ms" },
    { name: "attainment", operator: ">", value: 0.95, unit: "share" },
    { name: "failures", operator: "<", value: 0.01, unit: "share" },
  ]);
  const one = (text: string) => {
    const [{ operator, value, unit, statistic }] = parseRequired(text) as [
      ReturnType<typeof parseRequired>[number],
    ];
    return [statistic, operator, value, unit];
  };
  assertEquals(one("itl:p99.9 <= 0.5 s"), [99.9, "<=", 500, "ms"]);
  assertEquals(one("E2E:Mean ≤ 1.5S"), ["mean", "<=", 1500, "ms"]);
  assertEquals(one("ttft<1e3"), [undefined, "<", 1000, "ms"]);
  assertEquals(one("throughput>=900tok/s"), [undefined, ">=", 900, "tokens/s"]);
  assertEquals(one("throughput>4.5 req/s"), [undefined, ">", 4.5, "req/s"]);
  assertEquals(one("success>99.9%"), [undefined, ">", 0.999, "share"]);
  assertEquals(one("output_tokens:min>0"), ["min", ">", 0, "tokens"]);
  assertEquals(one("goodput:3"), [undefined, ">=", 3, "req/s"]);
  // A band is two limits of one figure.
  assertEquals(parseRequired("itl:p50>1,itl:p50<9").length, 2);
});

Deno.test("parseRequired says what would work", () => {
  const table: readonly [text: string, part: string][] = [
    ["", "as in ttft:p99<500, attainment>95%, failures<1%"],
    ["ttft:p99", "put it in quotes, or the shell takes < and > for files"],
    ["attainment", "put it in quotes"],
    ["speed<5", `"speed" is nothing that can have a limit; known are ttft,`],
    ["ttft:p100<5", `"p100" of ttft is not a percentile from p0 to below p100, nor mean, median`],
    ["ttft:99<5", `"99" of ttft is no percentile, write p99`],
    ["failures:p99<1%", `failures is one number and has no "p99"`],
    ["attainment>95", "attainment is a share from 0 to 1: write 95% or 0.95"],
    ["ttft:p99<5%", `"%" is no unit of ttft, in ms, s, us`],
    ["throughput>5ms", "in tok/s, tokens/s, t/s, req/s"],
    ["tokens_per_tick:mean<2s", `"s" is no unit of tokens_per_tick, which has none`],
    ["ttft:p99=5", "use < <= > or >="],
    ["ttft:p99<fast", `"fast" of ttft is not a number of ms`],
    ["ttft:p99<-1", "at least 0"],
    ["ttft:p99<5,ttft:p99<=6", `"ttft:p99" has two limits, give one`],
  ];
  for (const [text, part] of table) {
    const error = assertThrows(
      () => parseRequired(text),
      Error,
      `Cannot use --require "${text}": `,
    );
    assertStringIncludes((error as Error).message, part, text);
  }
});

Deno.test("LIMITED has every metric, each name once", () => {
  const names = LIMITED.map(({ name }) => name);
  assertEquals(new Set(names).size, names.length);
  for (const { name } of METRICS) assert(names.includes(name), name);
});

/** 100 requests of TTFT 100 ms and TPOT 10 ms, one each 150 ms. */
function records(change: (index: number) => Partial<RequestRecord> = () => ({})) {
  return Array.from({ length: 100 }, (_, index) => ({
    ...createRecord({ index, sentMs: index * 150, endMs: index * 150 + 150 }),
    ...change(index),
  }));
}

function judge(
  text: string,
  list: readonly RequestRecord[] = records(),
  { slo, ...fields }: RunFields & Pick<SummaryOptions, "slo"> = {},
): readonly LimitResult[] {
  const require = parseRequired(text);
  return summarize(createRun(list, fields), { require, slo }).loads[0]!.limits;
}

/** The measured value and whether it was kept; the reason where it was not measured. */
function outcome(...asked: Parameters<typeof judge>): readonly unknown[] {
  return judge(...asked).map(({ value, kept, reason }) => reason ?? [value, kept]);
}

Deno.test("judgeLimits: percentiles, figures and shares against what was measured", () => {
  assertEquals(outcome("ttft:p99<=100,ttft:p95<100,ttft:mean>99"), [
    [100, true],
    [100, false],
    [100, true],
  ]);
  // One slow request: the percentile keeps its limit, every value does not.
  const slow = records((index) =>
    index === 7 ? createRecord({ index, ticks: [[900, 1], [910, 2]] }) : {}
  );
  assertEquals(outcome("ttft:p50<500,ttft<500,ttft>50", slow), [
    [100, true],
    [900, false],
    [100, true],
  ]);
  const [rate, tokens] = judge("throughput>5req/s,throughput>30tok/s");
  assertEquals([rate!.kept, tokens!.kept], [true, true]);
  assert(Math.abs(rate!.value! - 6.67) < 0.01 && Math.abs(tokens!.value! - 33.3) < 0.1);

  const broken = [...records().slice(0, 98), createFailure("timeout", { index: 98 })];
  const offered = [...broken, createFailure("dropped", { index: 99 })];
  assertEquals(outcome("failures<2%,errors<=1%,dropped<1%,success>=98%", offered), [
    [0.02, false],
    [0.01, true],
    [0.01, false],
    [0.98, true],
  ]);
  const slo = parseSlo("ttft:100");
  assertEquals(outcome("attainment>=0.98", offered, { slo }), [[0.98, true]]);
});

Deno.test("judgeLimits: what was not measured is neither kept nor missed, and says why", () => {
  assertEquals(outcome("attainment>0.9,goodput>1"), [
    "no --slo says which requests are good",
    "no --slo says which requests are good",
  ]);
  assertEquals(outcome("ttft:p99<500", records().slice(0, 20)), [
    "p99 needs 100 values, there are 20",
  ]);
  const nothing = [createFailure("http_error")];
  assertEquals(outcome("ttft:p50<5,throughput>1,failures<1%", nothing), [
    "no request completed",
    "no request completed",
    [1, false],
  ]);
  assertEquals(outcome("ttft_intended:p50<5"), ["a closed loop has no schedule"]);
  assertEquals(outcome("ttft_answer:p50<5"), ["no answer has a ttft_answer"]);
  assertEquals(outcome("success>0", []), ["no request was due"]);
});

Deno.test("judgeLimits: answers that came at once may all have missed a limit", () => {
  const held = (count: number) =>
    records((index) => index < count ? { wholeBody: true as const } : {});
  assertEquals(outcome("ttft:p90<500,ttft:mean<500", held(10)), [[100, true], [100, true]]);
  assertEquals(outcome("ttft:p90<500,tpot:p50<500,ttft<500", held(11)), [
    "11 of 100 answers did not come as a stream",
    [10, true],
    "11 of 100 answers did not come as a stream",
  ]);
  // E2E needs no stream.
  assertEquals(judge("e2e:p90<500", held(100))[0]!.kept, true);
});

Deno.test("limits are in every report, and --slo's percentiles are only reported", () => {
  const summary = summarize(createRun(records((i) => i < 3 ? { wholeBody: true } : {})), {
    slo: parseSlo("ttft:500,tpot:p50<5"),
    require: parseRequired("ttft:p50<500,attainment>0.99,throughput>1e6"),
  });
  const [reported, first] = summary.loads[0]!.limits;
  assertEquals([reported!.required, reported!.kept, first!.required], [false, false, true]);
  const limit = summary.loads[0]!.slo!.limits[0]!;
  assertEquals([limit.met, limit.unmeasured], [97, 3]);
  const table = renderTable(withoutIntervals(summary));
  for (
    const line of [
      "ttft ≤ 500 ms met by 97.0 % (3 answers without it)",
      "Limit        tpot:p50 < 5 ms missed: 10 ms",
      "Required     ttft:p50 < 500 ms kept: 100 ms",
      "Required     attainment > 99 % missed: 97 %",
    ]
  ) assertStringIncludes(table, line);
  const page = reportHtml.render(summary).replace(/<[^>]*>/g, " ").replace(/\s+/g, " ");
  assertStringIncludes(page, "99 % missed: 97 %");
  assertStringIncludes(page, "Limits 1 of 4 kept");
  const json = JSON.parse(reportJson.render(summary)).loads[0].limits;
  assertEquals(json.map(({ kept }: LimitResult) => kept), [false, true, false, false]);
});
