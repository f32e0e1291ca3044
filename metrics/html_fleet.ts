/**
 * The machines of a fleet in the page: what each sent, when it was there, how near its clock was.
 *
 * @module
 */
import { agentName, presentText } from "./check_fleet.ts";
import { fleetChart } from "./chart_fleet.ts";
import { capitalize, formatCount, plural } from "./format.ts";
import { verdictBadge } from "./html_client.ts";
import { htmlTable, left, right } from "./html_table.ts";
import type { LoadSummary } from "./load_summary.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import {
  AGENT_COLUMNS,
  agentCells,
  type AgentNote,
  agentsWorstFirst,
  fleetText,
  othersText,
} from "./summary_fleet_text.ts";

/** Agents that are shown at once; the rest is folded. */
const ROWS_SHOWN = 12;

/** Rows of all loads together: more would make the page slow to open. */
const MOST_ROWS = 2000;

/** Only a share below this can be told from all of it in a chart. */
const VISIBLE_SHARE = 0.98;

/** The machines of one load; empty where one client sent it. */
export function fleetSection(
  load: LoadSummary,
  { id, loads }: { readonly id: string; readonly loads: number },
): Markup {
  const { fleet } = load;
  if (fleet === undefined) return markup``;
  const agents = agentsWorstFirst(load);
  const shown = agents.slice(0, ROWS_SHOWN);
  const rest = agents.slice(ROWS_SHOWN);
  const folded = rest.slice(0, Math.max(0, Math.floor(MOST_ROWS / loads) - ROWS_SHOWN));
  const left = rest.length - folded.length;
  const present = presentText(fleet);
  return markup`<h3>Machines of the fleet</h3>
<p>${!fleet.asAsked && markup`<b class="bad">not as asked</b> `}${
    capitalize(fleetText(load) ?? "")
  }</p>
${
    present !== undefined && markup`<p>${capitalize(present)}</p>
`
  }${
    fleet.present.some(({ share }) => share < VISIBLE_SHARE) && markup`<figure>${
      fleetChart({
        id: `${id}-fleet`,
        present: fleet.present,
        durationMs: load.durationMs,
        agents: fleet.agents.length,
      })
    }</figure>
`
  }${agentTable(shown, rest.length > 0 ? "Agents, the worst first" : "Agents")}${
    rest.length > 0 && markup`<p class="note">${capitalize(othersText(rest))}</p>
`
  }${
    folded.length > 0 && markup`<details class="checks">
<summary>${plural(folded.length, "more agent")}</summary>
${agentTable(folded, "More agents")}${
      left > 0 && markup`<p class="note">${formatCount(left)} more are in the JSON report</p>
`
    }</details>
`
  }`;
}

/** What is to be said of single agents, and a row for each. */
function agentTable(agents: readonly AgentNote[], caption: string): Markup {
  const notes = agents.filter(({ notes }) => notes.length > 0).map(({ agent, notes }) =>
    markup`<p class="message"><bdi>${agentName(agent)}:</bdi> ${notes.join("; ")}</p>
`
  );
  const table = htmlTable({
    caption,
    hideCaption: true,
    dense: true,
    columns: [
      left("Agent"),
      ...AGENT_COLUMNS.map(([heading]) => heading === "verdict" ? left(heading) : right(heading)),
    ],
    rows: agents.map(({ agent }) => [
      agentName(agent),
      ...agentCells(agent).map((cell, i): HtmlValue =>
        AGENT_COLUMNS[i]![0] !== "verdict"
          ? cell
          : agent.lost !== undefined
          ? markup`<b class="bad">lost</b>`
          : agent.verdict === undefined
          ? cell
          : verdictBadge(agent.verdict)
      ),
    ]),
  });
  return markup`${notes}${table}`;
}
