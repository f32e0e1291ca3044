import { assert, assertEquals, assertLess, assertStringIncludes } from "@std/assert";
import { drawnLanes, lanesChart, slotsText } from "../metrics/chart_lanes.ts";
import { groupChart } from "../metrics/chart_groups.ts";
import { reportHtml } from "../metrics/report_html.ts";
import type { Run } from "../metrics/run.ts";
import type { LaneChain, Lanes, LaneSession } from "../metrics/load_sessions.ts";
import { summarize } from "../metrics/summary.ts";
import { pathOf, tipsOf } from "./support/chart_parts.ts";
import { createSessionsRun } from "./support/create_sessions.ts";

/** Requests of 100 ms, half of them before the first token. */
function chain(starts: readonly number[], fields: Partial<LaneChain> = {}): LaneChain {
  return {
    depth: 0,
    turn: starts.map((_, i) => i + 1),
    intendedMs: starts,
    sentMs: starts,
    heldMs: undefined,
    firstTokenMs: starts.map((ms) => ms + 50),
    lastTokenMs: starts.map((ms) => ms + 100),
    endMs: starts.map((ms) => ms + 100),
    outcome: starts.map(() => "ok"),
    promptTokens: starts.map(() => 1000),
    ...fields,
  };
}

function session(chains: readonly LaneChain[], fields: Partial<LaneSession> = {}): LaneSession {
  return {
    ...{ session: "a#1", startMs: 0, endMs: 1000, end: "done", notSent: 0, chains, ...fields },
  };
}

function lanes(slots: readonly (readonly LaneSession[])[], fields: Partial<Lanes> = {}): Lanes {
  return {
    ...{ slots: slots.length, every: 1, untilMs: undefined },
    lanes: slots.map((sessions, user) => ({ user, sessions })),
    ...fields,
  };
}

const draw = (lanes: Lanes) => lanesChart({ id: "l", lanes, durationMs: 1000 });

Deno.test("lanesChart draws requests, the pauses between them, and where a session begins", () => {
  const chart = draw(lanes([[session([chain([100, 400])], { startMs: 50 })]]));
  // Half as wide before the first token.
  for (const [kind, width] of [["delay", 1], ["prefill", 6], ["decode", 12]]) {
    assertStringIncludes(chart.toString(), `<g stroke-width="${width}"><path class="${kind}"`);
  }
  assertEquals(pathOf(chart, "prefill"), "M100 10H150M400 10H450");
  assertEquals(pathOf(chart, "decode"), "M150 10H200M450 10H500");
  // From the start of the session, and from the end of the request before.
  assertEquals(pathOf(chart, "delay"), "M50 10H100M200 10H400");
  assertEquals(pathOf(chart, "session"), "M50 2v16");
  assertEquals(pathOf(chart, "late"), "");
  assertEquals(tipsOf(chart)[1], [
    "a#1, slot 1, turn 2",
    "due at 400 ms, sent 0 ms later",
    "TTFT 50.0 ms, E2E 100 ms, 1,000 prompt tokens",
  ]);
});

Deno.test("lanesChart shows what left late, from when it was due", () => {
  const chart = draw(lanes([[
    session([chain([100, 400], { intendedMs: [96, 390] })]),
  ]]));
  // 4 ms are no fault, 10 ms are.
  assertEquals(pathOf(chart, "late"), "M390 10H400");
});

Deno.test("lanesChart takes what the plan held back for a pause", () => {
  const chart = draw(lanes([[session([chain([100], { intendedMs: [40], heldMs: [58] })])]]));
  assertEquals(pathOf(chart, "delay"), "M0 10H98");
  assertEquals(pathOf(chart, "late"), "");
  assertEquals(tipsOf(chart)[0]![1], "due at 40.0 ms, sent 60.0 ms later, held for 58.0 ms");
});

Deno.test("lanesChart puts sub-agents below their agent, in the first row that is free", () => {
  const sub = (starts: readonly number[]) => chain(starts, { depth: 1 });
  const chart = draw(lanes([[
    session([chain([0, 600]), sub([100]), sub([150]), sub([300])]),
    session([chain([800])], { session: "b#1", startMs: 800 }),
  ], [session([chain([0])])]]));
  // Three rows of 16 pixels: the second helper runs beside the first, the third after both.
  assertEquals(pathOf(chart, "decode nested"), "M150 26H200M200 42H250M350 26H400");
  assertEquals(pathOf(chart, "spawn"), "M100 10V26M150 10V42M300 10V26");
  // The next session of the slot is in the lane of the first.
  assertStringIncludes(pathOf(chart, "decode"), "M850 10H900");
  // The second slot lies below all of them, on a ground of its own.
  assertStringIncludes(pathOf(chart, "decode"), "M50 62H100");
  assertEquals(pathOf(chart, "lane"), "M0 52h1000v20H0z");
  assertEquals(tipsOf(chart)[2]![0], "a#1, slot 1, turn 1 of a sub-agent");
});

Deno.test("lanesChart marks what failed, by a shape of its own", () => {
  const failed = (end: LaneSession["end"], outcome: LaneChain["outcome"][number]) =>
    draw(lanes([[session([chain([100], { outcome: [outcome] })], { end })]])).toString();
  for (
    const [end, outcome, kind, mark] of [
      ["failed", "timeout", "failed", "×"],
      ["context", "http_error", "context", "■"],
      ["cut", "cancelled", "cancelled", "○"],
      ["done", "cancelled_as_planned", "cancelledAsPlanned", "◇"],
    ] as const
  ) {
    const found = new RegExp(`<text class="${kind}" x="20%" [^>]*>${mark}<`);
    assert(found.test(failed(end, outcome)), `${end} ${outcome}`);
  }
});

Deno.test("lanesChart scrolls, with its axis in sight, and has a text for each bar", () => {
  const chart = draw(lanes([[session([chain([100, 400])])], [session([chain([0])])]]));
  const text = chart.toString();
  assert(/<div class="scrolls" role="region" aria-label="[^"]+" tabindex="0">/.test(text));
  assert(/<\/svg><svg height="\d+" aria-hidden="true"><text class="tick"/.test(text));
  // Row, left end, right end of each bar, in thousandths.
  assertStringIncludes(text, 'data-axis="xy"');
  assertStringIncludes(text, 'data-at="250 100 200 250 400 500 750 0 100"');
  assertEquals(tipsOf(chart).length, 3);
});

Deno.test("lanes: what is not drawn is said", () => {
  const all = lanes(Array.from({ length: 8 }, () => [session([chain([0, 100])])]));
  assertEquals(drawnLanes(all).length, 8);
  assertEquals(drawnLanes(all, 8).map(({ user }) => user), [0, 2, 4, 6]);
  assertEquals(slotsText(all, 8), "8 slots");
  assertEquals(slotsText(all, 4), "4 of 8 slots, every 2nd");
  assertEquals(slotsText({ ...all, slots: 80, every: 10 }, 8), "8 of 80 slots, every 10th");
  assertEquals(slotsText({ ...all, slots: 24, every: 3 }, 8), "8 of 24 slots, every 3rd");
  assertEquals(slotsText({ ...all, slots: 96, every: 12 }, 8), "8 of 96 slots, every 12th");
  assertEquals(slotsText({ ...all, slots: 176, every: 22 }, 8), "8 of 176 slots, every 22nd");
  assertEquals(
    slotsText({ ...all, untilMs: 60_000 }, 8),
    "8 slots, only requests that were due in the first 60.0 s",
  );
});

/** The lanes of a page. */
function svgOf(run: Run): string {
  const page = reportHtml.render(summarize(run));
  return /<div class="scrolls"[^]*?<\/div><\/div>/.exec(page)![0];
}

Deno.test("the page draws 500 slots in less than 1.5 MB, and no number that does not exist", () => {
  const svg = svgOf(createSessionsRun({ slots: 500, sessions: 2, turns: 6 }));
  assertLess(svg.length, 1_500_000);
  assert(!/NaN|Infinity|undefined|null/.test(svg));
  // Paths by kind, not an element for each request.
  assertLess(svg.split("<path").length, 30);
  const [, height] = /<svg height="(\d+)" role="img"/.exec(svg)!;
  assertLess(Number(height), 6000);
});

Deno.test("the page says where sessions that ended early are not drawn", () => {
  const note = (slots: number) => {
    const page = reportHtml.render(summarize(createSessionsRun({ slots, sessions: 1, turns: 40 })));
    return page.split("\n").find((line) => line.includes("helpers below their agent"))!;
  };
  assertEquals(note(4), '<p class="note">4 slots; sub-agents and helpers below their agent.</p>');
  assertStringIncludes(note(200), "100 of 200 slots, every 2nd");
  assertStringIncludes(note(200), "1 session that ended early is in slots that are not drawn.");
});

Deno.test("groupChart leaves a gap where a group has too few requests", () => {
  const chart = groupChart({
    ...{ id: "g", title: "TTFT by turn", name: "Turn", figure: "TTFT", unit: "ms" },
    groups: ["1", "2", "3–5", "6–10"],
    series: [{ name: "p50", values: [100, 200, undefined, 100] }],
  });
  assertEquals(pathOf(chart, "curve rank0"), "M125 90L375 0M875 90");
  assertEquals(tipsOf(chart)[2], ["Turn 3–5", "p50 n/a"]);
});
