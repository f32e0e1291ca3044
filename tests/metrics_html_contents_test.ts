import { assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { contentsNav, loadState, placedParts } from "../metrics/html_contents.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import { markup } from "../metrics/markup.ts";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";

const [PLAIN] = summarize(createRun([createRecord()])).loads;
const LOAD: LoadSummary = { ...PLAIN!, checks: [] };

function stateOf(fields: Partial<LoadSummary>): string {
  const { sign, text } = loadState({ ...LOAD, ...fields });
  return `${sign} ${text}`;
}

Deno.test("loadState says in a sign and in words how a load came out", () => {
  const check = { name: "samples", ok: false, message: "few", advice: "more" };
  const counts = { ...LOAD.counts, failed: 3 };
  const verdict = (kind: string) => ({ kind, message: "" }) as LoadSummary["verdict"];
  assertEquals(stateOf({}), "✓ all checks passed");
  assertEquals(stateOf({ checks: [check] }), "! 1 warning");
  assertEquals(stateOf({ counts }), "! 3 failed");
  assertEquals(stateOf({ complete: false }), "! incomplete record");
  assertEquals(stateOf({ interrupted: true, checks: [check, check] }), "! interrupted, 2 warnings");
  assertEquals(stateOf({ verdict: verdict("client-bound") }), "✗ client-bound");
  assertEquals(stateOf({ verdict: verdict("ok") }), "✓ all checks passed");
  assertEquals(
    stateOf({ counts: { ...LOAD.counts, completed: 0 }, checks: [check] }),
    "✗ no request completed, 1 warning",
  );
});

Deno.test("contentsNav lists parts that hold something, and loads while they are few", () => {
  const parts = [
    { id: "answer", title: "Answer", content: markup`` },
    { id: "numbers", title: "Key numbers", content: markup`<p>1</p>` },
    { id: "loads", title: "Loads", content: markup`<p>2</p>` },
  ];
  const nav = contentsNav(parts, [LOAD, { ...LOAD, label: "<b>" }]).toString();
  assertFalse(nav.includes("#answer"));
  assertStringIncludes(nav, '<a href="#numbers">Key numbers</a>');
  assertStringIncludes(nav, "&#60;b&#62;");
  assertStringIncludes(nav, '<span class="hidden">: all checks passed</span>');
  assertFalse(contentsNav(parts, [LOAD]).toString().includes("#load-1"));
  const many = contentsNav(parts, Array.from({ length: 25 }, () => LOAD)).toString();
  assertFalse(many.includes("#load-1"));
  assertEquals(placedParts(parts).length, 2);
});
