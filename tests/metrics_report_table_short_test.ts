import { assert, assertEquals, assertFalse, assertMatch, assertStringIncludes } from "@std/assert";
import { renderTable } from "../metrics/report_table.ts";
import { answerOf } from "../metrics/summary_answer.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

/** Loads of one request each; those in `broken` fail, and `messages` say why. */
function run(
  loads: number,
  { broken = {}, repeats = true }: {
    readonly broken?: Readonly<Record<number, string>>;
    readonly repeats?: boolean;
  } = {},
): Summary {
  const records = Array.from({ length: loads }, (_, load) => {
    const message = broken[load];
    return message === undefined
      ? createRecord({ load })
      : createFailure("http_error", { load, message });
  });
  const plans = records.map((_, i) => ({
    label: repeats ? `8 users, repeat ${i + 1}` : `${i + 1} users`,
    ...(repeats ? { repeat: i + 1 } : {}),
  }));
  return summarize(createRun(records, {
    loads: plans,
    ...(repeats ? { header: { repeats: loads } } : {}),
  }));
}

/** The text in one line: where it breaks is not what is tested. */
function words(summary: Summary, options: Parameters<typeof renderTable>[1] = {}): string {
  return renderTable(summary, options).replaceAll(/\s+/g, " ");
}

Deno.test("a run of several loads leaves its details out and says where they are", () => {
  for (const repeats of [true, false]) {
    const text = renderTable(run(4, { repeats }));
    assertFalse(text.includes("\nRequests "), text);
    assertEquals(/^Repeats /m.test(text), repeats);
    assertStringIncludes(text, "Details of 4 loads are printed");
    // What is read first stands last.
    const order = [
      "Warning:",
      "Details of",
      "\nLoad ",
      ...(repeats ? ["\nRepeats "] : []),
      "\nAnswer\n",
    ];
    const places = order.map((part) => text.indexOf(part));
    assertEquals(places, places.toSorted((a, b) => a - b), text);
    assertFalse(places.includes(-1), text);
  }
  const one = renderTable(run(1, { repeats: false }));
  assertMatch(one, /^Requests /m);
  assertFalse(/Details of|^Load /m.test(one), one);
});

Deno.test("on request the details of all loads stand before what is read first", () => {
  const text = renderTable(run(3), { details: true, detailsAt: "run/report.html" });
  assertEquals(text.match(/^Requests /gm)?.length, 3);
  assertFalse(text.includes("run/report.html"), text);
  assert(text.lastIndexOf("\nRequests ") < text.indexOf("\nLoad "), text);
  assert(text.indexOf("\nLoad ") < text.indexOf("\nRepeats "), text);
  // Each warning once, with details or without.
  assertEquals(text.match(/too few for p50/g)?.length, 1);
});

Deno.test("sides and searches are answers as well, of one load, too", () => {
  const one = run(1, { repeats: false });
  const sides = [{ name: "a", url: "http://a" }, { name: "b", url: "http://b" }];
  const capacity = {
    ...{ axis: "concurrency", outcome: "found", kept: 4, broke: undefined },
    ...{ probes: [], sentence: "holds 4 users" },
  } as unknown as Summary["capacity"];
  const curve = { sentence: "no knee", loads: [] } as unknown as Summary["curve"];
  const answered = (more: Partial<Summary>) => {
    const summary = { ...one, ...more };
    const { header, loads, repeats, capacity, curve } = summary;
    return { ...summary, answer: answerOf({ header, loads, repeats, capacity, curve }) };
  };
  const texts = [
    answered({ header: { ...one.header, sides } }),
    answered({ capacity }),
    answered({ curve }),
  ].map((summary) => renderTable(summary));
  for (const text of texts) {
    assertStringIncludes(text, "Details of 1 load are printed");
    assertMatch(text, /^Load /m);
    assertFalse(text.includes("\nRequests "), text);
  }
  assertMatch(texts[1]!, /\n\nAnswer\n {2}The server holds 4 users\.\n/);
  assertMatch(texts[2]!, /\n\nAnswer\n {2}No knee\.\n/);
  const none = answered({ loads: [], capacity });
  assertFalse(/Details|^Load/m.test(renderTable(none)), renderTable(none));
});

Deno.test("a place is told as it is, and controls no terminal", () => {
  const text = words(run(2), { detailsAt: "a b/report.html, or \x1b[2Jtokometer report" });
  assertStringIncludes(text, "Details of 2 loads: a b/report.html, or ");
  assertFalse(text.includes("\x1b"), text);
});

Deno.test("a warning that loads share stands once, with how many they are", () => {
  const text = words(run(4));
  assertStringIncludes(text, "Warning: All 4 loads: 1 completed request is too few for p50, p90");
  assertEquals(text.match(/too few for p50/g)?.length, 1);
  assertEquals(text.match(/Advice: send at least/g)?.length, 1);
});

Deno.test("of warnings that differ in numbers or behind a colon the first is told, of one load its name", () => {
  const broken = { 1: "busy for 3 s", 2: "overloaded" };
  const several = words(run(4, { broken }));
  assertStringIncludes(
    several,
    "Warning: 2 of 4 loads, first 8 users, repeat 2: 1 of 1 request failed, most often http_error " +
      "(1): 503: busy for 3 s",
  );
  assertFalse(several.includes("overloaded"), several);
  // What makes other numbers meaningless is read first, whichever load has it.
  assert(several.indexOf("most often") < several.indexOf("too few"), several);
  const one = words(run(3, { broken: { 2: "busy" } }));
  assertStringIncludes(one, "Warning: 8 users, repeat 3: 1 of 1 request failed");
});

Deno.test("warnings with other reasons stay apart, and the client's go by its verdict", () => {
  const summary = run(4, { broken: { 0: "busy" } });
  const checks = (message: string, advice: string) => [
    { name: "client", ok: false, message, advice },
  ];
  const verdict = (kind: "suspect" | "client-bound") => ({ kind, message: "", reasons: [] });
  const loads = summary.loads.map((load, i) => ({
    ...load,
    checks: checks(["p99 of ITL", "p99 of TPOT", "Lost", "p99 of E2E"][i]!, i === 3 ? "b" : "a"),
    verdict: verdict(i === 2 ? "client-bound" : "suspect"),
  }));
  const text = words({ ...summary, loads });
  // The same advice stands once.
  assertStringIncludes(
    text,
    "Warning: 2 of 4 loads, first 8 users, repeat 1: p99 of ITL Advice: a Warning: 8 users, repeat " +
      "3: Lost Warning: 8 users, repeat 4: p99 of E2E Advice: b",
  );
  const stopped = run(2, { broken: { 0: "busy" } });
  const kinds = stopped.loads.map((load, i) => ({
    ...load,
    checks: [{
      ...{ name: "failures", ok: false, advice: "x" },
      message: `1 of 2 requests failed, most often ${["timeout", "http_error"][i]} (1): y`,
    }],
  }));
  assertEquals(words({ ...stopped, loads: kinds }).match(/most often/g)?.length, 2);
});

Deno.test("a few loads that share a warning are named, more are counted", () => {
  const checks = [{ name: "few", ok: false, message: "Too few", advice: "send more" }];
  const summary = run(6, { repeats: false });
  const told = (positions: readonly number[]) =>
    words({
      ...summary,
      loads: summary.loads.map((load, i) => ({
        ...load,
        checks: positions.includes(i) ? checks : [],
      })),
    }).match(/Warning: (.*?): Too few/)?.[1];
  assertEquals(told([2]), "3 users");
  assertEquals(told([1, 4]), "2 users and 5 users");
  assertEquals(told([0, 1, 4]), "1 users, 2 users and 5 users");
  assertEquals(told([0, 1, 2, 4]), "4 of 6 loads");
  assertEquals(told([0, 1, 2, 3, 4, 5]), "All 6 loads");
  const two = run(2, { repeats: false });
  assertStringIncludes(
    words({ ...two, loads: two.loads.map((load) => ({ ...load, checks })) }),
    "Warning: Both loads: Too few",
  );
});
