import { assertEquals, assertStringIncludes } from "@std/assert";
import { parseRequired } from "../metrics/check_limit.ts";
import { answerBlock } from "../metrics/html_answer.ts";
import { ANSWER_STYLE, ANSWER_STYLE_SHA256 } from "../metrics/html_answer_style.ts";
import { parseSlo } from "../metrics/summary_slo.ts";
import { summarize, type Summary, type SummaryOptions } from "../metrics/summary.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { textOf } from "./support/html_text.ts";

function several(loads: number, options: SummaryOptions = {}): Summary {
  const records = Array.from(
    { length: loads * 120 },
    (_, i) =>
      createRecord({
        load: i % loads,
        index: Math.floor(i / loads),
        sentMs: 140 * Math.floor(i / loads),
      }),
  );
  return summarize(
    createRun(records, {
      loads: Array.from({ length: loads }, (_, i) => ({ label: `${i + 1} users`, users: i + 1 })),
    }),
    options,
  );
}

/** Titles of the large figures, with their values. */
function figures(summary: Summary): readonly (readonly string[])[] {
  return [
    ...answerBlock(summary).toString().matchAll(/<dt>([^]*?)<\/dt><dd><strong>([^]*?)<\/strong>/g),
  ]
    .map(([, title, value]) => [textOf(title!).trim(), textOf(value!).trim()]);
}

Deno.test("answerBlock of one load: its rate and its tails, large", () => {
  const summary = several(1);
  assertEquals(figures(summary).map(([title]) => title), [
    "Output tokens/s",
    "TTFT p99",
    "ITL p99",
    "E2E p99",
    "One user, tokens/s",
  ]);
  const block = answerBlock(summary).toString();
  assertStringIncludes(textOf(block).replace(/\u00a0/g, " "), summary.answer.sentence);
  assertStringIncludes(textOf(block), summary.answer.soundness);
});

Deno.test("answerBlock of several loads names the best first, and links to it", () => {
  const summary = several(3, { require: parseRequired("ttft:p90<500") });
  const [[title, label], , [ttft]] = figures(summary) as [string[], string[], string[]];
  assertEquals([title, label, ttft], ["Best within the limits", "1 users", "TTFT p90"]);
  assertStringIncludes(answerBlock(summary).toString(), '<a href="#load-1">1 users</a>');
  const missed = several(3, { require: parseRequired("ttft:p90<50") });
  assertEquals(figures(missed)[0]![0], "Nearest to the limits");
});

Deno.test("answerBlock shows goodput where requests have limits, and failures where some failed", () => {
  const good = several(2, { slo: parseSlo("ttft:500") });
  assertEquals(figures(good)[0]![0], "Most goodput");
  assertStringIncludes(figures(good).map(([title]) => title).join(), "Goodput, req/s");
  const failed = summarize(createRun([
    ...Array.from({ length: 30 }, (_, index) => createRecord({ index, sentMs: 150 * index })),
    createFailure("timeout", { index: 30, sentMs: 0 }),
  ]));
  assertEquals(figures(failed).at(-1), ["Failed or not sent", "3.2 %"]);
});

Deno.test("answerBlock without an answer has the sentence alone", () => {
  const block = answerBlock(
    summarize(createRun([createFailure("timeout", { message: "<late>" })])),
  );
  assertEquals(block.toString().includes("<dl"), false);
  assertStringIncludes(
    block.toString().replace(/\u00a0/g, " "),
    "None of 1 request completed: timeout 1 time, ",
  );
  assertStringIncludes(block.toString(), "&#60;late&#62;");
});

Deno.test("ANSWER_STYLE has the hash that is written beside it", async () => {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(ANSWER_STYLE));
  assertEquals(new Uint8Array(digest).toBase64(), ANSWER_STYLE_SHA256);
});
