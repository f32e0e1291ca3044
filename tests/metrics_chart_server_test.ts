import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { hasServerChart, serverChart } from "../metrics/chart_server.ts";
import { splitChart } from "../metrics/chart_time_split.ts";
import type { ServerCourse } from "../metrics/load_server.ts";
import { summarize } from "../metrics/summary.ts";
import { createRecord } from "./support/create_record.ts";
import { createRun } from "./support/create_run.ts";
import { createPart, createServer, createSplit } from "./support/create_server.ts";

const LOAD = summarize(createRun([createRecord()], { ends: [{ durationMs: 10_000 }] })).loads[0]!;

function drawn(course: ServerCourse): string {
  return serverChart({ id: "s", course, series: LOAD.series, durationMs: 10_000 }).toString();
}

function paths(chart: string, kind: string): readonly string[] {
  return [...chart.matchAll(new RegExp(`<path class="${kind}" d="([^"]*)"`, "g"))]
    .map(([, d]) => d!);
}

function course(lines: ServerCourse["lines"]): ServerCourse {
  return { timeMs: [-3, 2500, 5000, 10_002], lines };
}

Deno.test("serverChart draws on the time axis of the load, with gaps where nothing was listed", () => {
  const chart = drawn(course([
    { role: "running", title: "Requests running", unit: "requests", values: [0, 5, 10, 0] },
    { role: "waiting", title: "Requests waiting", unit: "requests", values: [null, 2.5, null, 5] },
  ]));
  // From 0 to 10 in 76 pixels, downwards; the idle server before and after the load is not drawn.
  assertEquals(paths(chart, "line"), ["M250 38L500 0"]);
  assertEquals(paths(chart, "curve rank1"), ["M250 57h1"]);
  assertStringIncludes(chart, "Requests running, waiting (dashed); gray: ours");
  assertEquals(paths(chart, "ours").length, 1);
  assertStringIncludes(
    chart,
    "4 scrapes over 10.0 s: Requests running at most 10, Requests waiting at most 2.50",
  );
  assertStringIncludes(chart, "2.50 s\tRequests running: 5\tRequests waiting: 2.50");
  assertStringIncludes(chart, "Requests waiting: n/a");
});

Deno.test("serverChart has a panel for each metric that has a value, in fitting units", () => {
  const chart = drawn(course([
    { role: "cache_use", title: "KV cache in use", unit: "share", values: [0, 0.5, 0.25, 0] },
    { role: "gpu_memory_used", title: "GPU memory", unit: "MiB", values: [1024, 2048, 2048, 0] },
    { role: "gpu_power", title: "GPU power", unit: "W", values: [null, null, null, null] },
    { role: "preemptions", title: "Preemptions", unit: "events/s", values: [null, 0, 0, 0] },
    { role: "requests_done", title: "Requests done", unit: "requests/s", values: [null, 9, 9, 9] },
  ]));
  assertStringIncludes(chart, "KV cache in use, %");
  assertStringIncludes(chart, "GPU memory in use, GiB");
  assertStringIncludes(chart, "KV cache in use at most 50.0 %, GPU memory at most 2.00 GiB");
  // 0 to 100 %, and 0 to 2 GiB.
  assertEquals(paths(chart, "line"), ["M250 38L500 57", "M250 0L500 0"]);
  for (const absent of ["GPU power", "Preemptions", "Requests done"]) {
    assertFalse(chart.includes(absent), absent);
  }
});

Deno.test("a rate is named so, and rare events have a panel once there are any", () => {
  const chart = drawn(course([
    { role: "preemptions", title: "Preemptions", unit: "events/s", values: [null, 0, 2, 0] },
  ]));
  assertStringIncludes(chart, "Preemptions/s");
  assertStringIncludes(chart, "Preemptions: 2/s");
  // The rate up to the scrape after the load is of the load.
  assertEquals(paths(chart, "line"), ["M250 76L500 0L1000 76"]);
});

Deno.test("hasServerChart wants two scrapes and a value inside of the load", () => {
  const has = (course: ServerCourse) => hasServerChart(course, 10_000);
  assert(has(createServer().course));
  const [line] = createServer().course.lines;
  assertFalse(has({ timeMs: [0], lines: [{ ...line!, values: [1] }] }));
  assertFalse(has({ timeMs: [0, 1], lines: [{ ...line!, values: [null, null] }] }));
  assertFalse(has({ timeMs: [0, 1], lines: [{ ...line!, role: "e2e", values: [1, 1] }] }));
  // A load shorter than the time between two scrapes.
  const around = { timeMs: [-5, 10_005], lines: [{ ...line!, values: [0, 0] }] };
  assertFalse(has(around));
  assert(has({ ...around, lines: [{ ...line!, unit: "tokens/s", values: [null, 5] }] }));
});

Deno.test("splitChart stacks the parts, and what is below zero to the left of it", () => {
  const rects = (chart: string) =>
    [...chart.matchAll(/<rect class="piece ([^"]*)" x="([^"]*)" y="([^"]*)" width="([^"]*)"/g)]
      .map(([, kind, x, y, width]) => `${kind} ${x}+${width} at ${y}`);
  const bars = (...parts: Parameters<typeof createPart>[]) => [{
    label: "8 users",
    split: createSplit({ ttftMs: 100, parts: parts.map((part) => createPart(...part)) }),
  }];
  const plain = splitChart({
    id: "p",
    bars: bars(["client", 0.01], ["queue", 75], ["prefill", 25]),
  });
  // A part too small to be seen has two units, and what is behind it its place.
  assertEquals(rects(plain.toString()), [
    "client 0+2 at 16",
    "queue 0.1+749.9 at 16",
    "prefill 750+250 at 16",
  ]);
  const below = splitChart({ id: "b", bars: bars(["queue", 150], ["rest", -50]) }).toString();
  assertEquals(rects(below), ["queue 250+750 at 16", "rest below 0+250 at 16"]);
  assertStringIncludes(below, "8 users: 100 ms = queue 150 + rest −50");
  assertStringIncludes(below, 'data-axis="xy"');
  assertStringIncludes(below, "8 users, rest: -50.0 ms, -50.0 % of TTFT");
  assertStringIncludes(splitChart({ id: "e", bars: [] }).toString(), "nothing is known");
});

Deno.test("splitChart has a row for each load on one axis", () => {
  const split = (ttftMs: number) => createSplit({ ttftMs, parts: [createPart("queue", ttftMs)] });
  const chart = splitChart({
    id: "r",
    bars: [{ label: "1 user", split: split(50) }, { label: "<8 users>", split: split(100) }],
  }).toString();
  assertStringIncludes(chart, '<rect class="piece queue" x="0" y="16" width="500" height="16"/>');
  assertStringIncludes(chart, '<rect class="piece queue" x="0" y="54" width="1000" height="16"/>');
  assertStringIncludes(chart, "1 user: 50.0 ms");
  assertFalse(chart.includes("<8 users>"));
});
