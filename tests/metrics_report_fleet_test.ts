import { assert, assertEquals, assertFalse, assertStringIncludes } from "@std/assert";
import { fleetSection } from "../metrics/html_fleet.ts";
import { reportCsv } from "../metrics/report_csv.ts";
import { reportHtml } from "../metrics/report_html.ts";
import { renderTable } from "../metrics/report_table.ts";
import { summarize, type Summary } from "../metrics/summary.ts";
import { createFleetRun, type FleetFields } from "./support/create_fleet.ts";
import { textOf } from "./support/html_text.ts";

const HARMED: FleetFields = {
  parts: {
    2: {
      lost: { atMs: 12_300, reason: "nothing was heard of it for 30 s" },
      ...{ sent: 20, verdict: "client-bound", causes: ["the reading thread was busy"] },
    },
    1: { lateMs: 3200, fileFailure: "disk full" },
  },
};
const MANY: FleetFields = { agents: 1000, loads: [{ label: "2000 users", users: 2000 }] };

const fleet = (fields: FleetFields = {}): Summary => summarize(createFleetRun(fields));

/** The line of the fleet and what hangs below it. */
function fleetLines(summary: Summary, options = {}): readonly string[] {
  const lines = renderTable(summary, { width: 160, ...options }).split("\n");
  const from = lines.findIndex((line) => line.startsWith("Fleet "));
  const to = lines.findIndex((line, i) => i > from && !line.startsWith(" "));
  return lines.slice(from, to);
}

const section = (summary: Summary, loads = 1): string =>
  fleetSection(summary.loads[0]!, { id: "load-1", loads }).toString();

Deno.test("a table has one line for a fleet that went well, and a row an agent with details", () => {
  const summary = fleet();
  const lines = fleetLines(summary);
  assertEquals(lines.length, 2);
  assertStringIncludes(
    lines.join(" ").replace(/\s+/g, " "),
    "Fleet 4 agents on 4 machines, all there, 100 requests each, began within 400 µs, clocks " +
      "within ±370 µs, client error at most 1.0 % (agent 0 (node-0))",
  );
  const detailed = fleetLines(summary, { details: true });
  for (const name of ["agent 0 (node-0)", "agent 3 (node-3)"]) {
    assert(detailed.some((line) => line.includes(name)), name);
  }
  assertStringIncludes(
    renderTable(summary),
    "fleet night: 4 agents on node-0, node-1, node-2, node-3",
  );
});

Deno.test("a table always shows lost and late agents, the worst first", () => {
  const text = fleetLines(fleet(HARMED)).join("\n");
  assertStringIncludes(text, "1 lost");
  const lost = text.indexOf("lost 12.3 s after the start of the load: nothing was heard");
  const late = text.indexOf("began 3.20 s late");
  assert(lost > 0 && late > lost, text);
  assertStringIncludes(text, "record file incomplete: disk full");
  assertStringIncludes(text, "2 more agents: 100 requests, 12,800 output tokens each");
});

Deno.test("a table of several loads says which one does not count as asked", () => {
  const run = createFleetRun({
    loads: [
      { label: "8 users", users: 8 },
      { label: "16 users", users: 16 },
    ],
  });
  const [first, second] = run.ends;
  const parts = second!.fleet!.parts.map((part) =>
    part.agent === 3 ? { ...part, lost: { atMs: 5000, reason: "it was killed" } } : part
  );
  const summary = summarize({ ...run, ends: [first!, { ...second!, fleet: { parts } }] });
  const lines = renderTable(summary, { width: 120 }).split("\n");
  assertFalse(lines.find((line) => line.startsWith("8 users "))!.includes("not as asked"));
  assertStringIncludes(lines.find((line) => line.startsWith("16 users "))!, "not as asked");
  assertStringIncludes(
    summary.answer.soundness,
    "Does not count as asked: 1 of 2 loads did not have the whole fleet, first 16 users: agent 3",
  );
});

Deno.test("a table of a thousand agents stays readable", () => {
  assert(fleetLines(fleet(MANY)).length <= 3);
  const broken = Object.fromEntries(
    [...Array(500).keys()].map((i) => [i, { lost: { atMs: i, reason: "gone" } }]),
  );
  assert(fleetLines(fleet({ ...MANY, parts: broken })).length < 25);
  const detailed = fleetLines(fleet(MANY), { details: true });
  assert(detailed.length < 60, `${detailed.length} lines`);
  assertStringIncludes(detailed.join("\n"), "950 more agents: 100 requests");
});

Deno.test("the page shows each agent, and over time the share that was there", () => {
  const html = section(fleet(HARMED));
  const text = textOf(html);
  for (
    const part of [
      "Machines of the fleet not as asked 4 agents on 4 machines, 1 lost",
      "75.0 % of the load was there at first, all from 3.20 s on, 75.0 % from 12.3 s on",
      "agent 2 (node-2): lost 12.3 s after the start of the load: nothing was heard of it for 30 s",
      "agent 1 (node-1): began 3.20 s late; record file incomplete: disk full",
      "agent 3 (node-3) 25.0 % 100 100 0 12,800 400 µs 3.00 s ±250 µs 2 ppm 1.0 % 0.400 1.20 ms ok",
    ]
  ) assertStringIncludes(text, part);
  assertStringIncludes(html, "Share of the load that was there, % (dashed: asked for)");
  assertFalse(section(fleet()).includes("<svg"));
  assertFalse(section(fleet()).includes("not as asked"));
});

Deno.test("the page folds most of a thousand agents, and all but some of very many", () => {
  const summary = fleet({ ...MANY, parts: { 777: { lateMs: 500 } } });
  const html = section(summary);
  const rows = html.slice(html.indexOf("<tbody>"));
  assert(rows.indexOf("agent 777 ") < rows.indexOf("agent 0 "));
  assertStringIncludes(textOf(html), "988 more agents");
  assertEquals(html.split("<details").length, 2);
  assertEquals(html.split("<tr>").length - 1, 1000 + 2);
  const short = section(summary, 40);
  assertEquals(short.split("<tr>").length - 1, 50 + 2);
  assertStringIncludes(textOf(short), "950 more are in the JSON report");
});

Deno.test("names and reasons of others are shown and not obeyed", () => {
  const evil = "<img src=x onerror=alert(1)>\x1b[2J";
  const summary = fleet({
    machines: { 0: { hostname: evil } },
    parts: { 0: { lost: { atMs: 5, reason: evil }, causes: [evil], verdict: "client-bound" } },
  });
  const html = String(reportHtml.render(summary));
  assertFalse(html.includes("<img src=x"));
  assertFalse(html.includes("\x1b"));
  assertFalse(renderTable(summary, { details: true }).includes("\x1b"));
});

Deno.test("CSV has what a fleet was", () => {
  const [names, values] = String(reportCsv.render(fleet(HARMED))).split("\r\n")
    .map((line) => line.split(","));
  const cell = (name: string) => values!.at(names!.indexOf(name) - names!.length);
  assertEquals(cell("fleet_agents"), "4");
  assertEquals(cell("fleet_as_asked"), "false");
  assertEquals(cell("fleet_lost"), "1");
  assertEquals(cell("fleet_client_error"), "0.01");
});
