/**
 * The probes of a search; its answer stands at the top of the page.
 *
 * @module
 */
import { axisText, VERDICT_WORDS } from "./capacity_summary.ts";
import { capacityChart } from "./chart_capacity.ts";
import { formatCount } from "./format.ts";
import { loadId } from "./html_overview.ts";
import { htmlTable, left, right } from "./html_table.ts";
import { type Markup, markup } from "./markup.ts";
import type { Summary } from "./summary.ts";

/** Chart and table of the probes; absent where the run looked for no capacity. */
export function searchBlock({ capacity, loads }: Summary): Markup | undefined {
  if (capacity === undefined) return undefined;
  const { probes, axis, errorPerLook, plannedLooks } = capacity;
  const table = htmlTable({
    ...{ caption: "Probes in their order", hideCaption: true },
    columns: [right("Probe"), left("Load"), right("Requests"), left("Service level"), left("Why")],
    rows: probes.map(({ load, value, repeat, verdict, reason }, i) => [
      formatCount(i + 1),
      markup`<a href="#${loadId(load)}">${axisText(value, axis)}${
        repeat > 1 && `, repeat ${repeat}`
      }</a>`,
      formatCount(loads[load]!.counts.offered),
      VERDICT_WORDS[verdict],
      reason,
    ]),
  });
  return markup`<section>
<h2>Capacity</h2>
${capacityChart(capacity, { id: "capacity" })}
<details><summary>All probes</summary>${table}
<p class="note">Each of the ${
    formatCount(plannedLooks)
  } looks that were planned at most may err once in ${
    formatCount(Math.round(1 / errorPerLook))
  } times, so that all of them together are right in 95 % of such searches.</p></details>
</section>
`;
}
