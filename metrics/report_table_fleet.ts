/**
 * The machines of a fleet in a table: a line for all, and a row for each on request or where something is
 * wrong with it.
 *
 * @module
 */
import { agentName } from "./check_fleet.ts";
import type { LoadSummary } from "./load_summary.ts";
import { labelled, type Page } from "./report_table_page.ts";
import { numberColumn, textTable, wrapText } from "./report_text_table.ts";
import {
  AGENT_COLUMNS,
  agentCells,
  type AgentNote,
  agentsWorstFirst,
  fleetText,
  othersText,
} from "./summary_fleet_text.ts";

/** Most rows without details: agents with something to say. */
const ROWS = 8;
/** Most rows with details. */
const DETAILED_ROWS = 50;

/** How the load went on its machines; nothing where one client sent it. */
export function fleetLines(load: LoadSummary, page: Page): readonly string[] {
  if (load.fleet === undefined) return [];
  const agents = agentsWorstFirst(load);
  const concerns = agents.filter(({ notes }) => notes.length > 0);
  const shown = page.details ? agents.slice(0, DETAILED_ROWS) : concerns.slice(0, ROWS);
  const line = labelled("Fleet", fleetText(load), page);
  return [
    ...(load.fleet.asAsked ? line : line.map((text) => page.paint("red", text))),
    ...(shown.length === 0 ? [] : rowLines(shown, page)),
    ...(shown.length === 0 || shown.length === agents.length
      ? []
      : wrapText(othersText(agents.slice(shown.length)), page.width - INDENT.length)
        .map((text) => page.paint("dim", INDENT + text))),
  ];
}

const INDENT = "  ";

function rowLines(agents: readonly AgentNote[], { paint, width, tableWidth = width }: Page) {
  const cells = agents.map(({ agent }) => agentCells(agent));
  const [heading, ...rows] = textTable([
    { heading: "Agent", cells: agents.map(({ agent }) => agentName(agent)), align: "left" },
    ...AGENT_COLUMNS.map(([name, dropOrder], i) =>
      numberColumn(name, cells.map((row) => row[i]!), dropOrder === 0 ? undefined : dropOrder)
    ),
  ], tableWidth - INDENT.length);
  return [
    paint("bold", INDENT + heading!),
    ...rows.flatMap((row, i) => {
      const { agent, notes } = agents[i]!;
      const style = agent.lost !== undefined || agent.verdict === "client-bound" ? "red" : "yellow";
      return [
        notes.length === 0 ? INDENT + row : paint(style, INDENT + row),
        ...notes.flatMap((note) =>
          wrapText(note, width - 2 * INDENT.length).map((line) => INDENT + INDENT + line)
        ),
      ];
    }),
  ];
}
