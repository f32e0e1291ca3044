/**
 * The agents of a fleet on the live page.
 *
 * @module
 */
import { formatCount } from "../metrics/format.ts";
import { htmlTable, left, right } from "../metrics/html_table.ts";
import { type Markup, markup } from "../metrics/markup.ts";
import { liveFleetText } from "./live_fleet.ts";
import type { LiveState } from "./live_state.ts";

/** A row for each agent, the lost and silent ones first; nothing where one client sends all. */
export function fleetPart({ fleet }: LiveState): Markup {
  if (fleet === undefined) return markup``;
  const { agents, shown } = fleet;
  const hidden = agents - shown.length;
  const table = htmlTable({
    caption: "Agents of the fleet",
    hideCaption: true,
    dense: true,
    columns: [
      left("Agent"),
      ...["sent", "completed", "failed", "in flight", "heard, s ago"].map((name) => right(name)),
    ],
    rows: shown.map((one) => [
      one.name,
      formatCount(one.sent),
      formatCount(one.completed),
      formatCount(one.failed),
      formatCount(one.inFlight),
      formatCount(Math.floor(one.heardMs / 1000)),
    ]),
  });
  // In a cell it would be one letter wide on a phone.
  const notes = shown.filter(({ wrong }) => wrong !== "").map(({ name, wrong }) =>
    markup`<p>${name}: <b class="bad">${wrong}</b></p>
`
  );
  return markup`<section><h2>Fleet: ${liveFleetText(fleet)}</h2>
${notes}${table}${
    hidden > 0 && markup`<p class="note">and ${formatCount(hidden)} more</p>
`
  }</section>
`;
}
