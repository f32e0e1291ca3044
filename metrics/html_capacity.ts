/**
 * The answer of a search or of a curve, at the top of the page.
 *
 * @module
 */
import { axisText, VERDICT_WORDS } from "./capacity_summary.ts";
import { capacityChart } from "./chart_capacity.ts";
import { capitalize, formatCount } from "./format.ts";
import { loadId } from "./html_overview.ts";
import { htmlTable, left, right } from "./html_table.ts";
import { type Markup, markup } from "./markup.ts";
import type { Summary } from "./summary.ts";

/** What was looked for, and what was found; absent where the run looked for nothing. */
export function searchBlock({ capacity, curve, loads }: Summary): Markup | undefined {
  if (curve !== undefined) {
    return markup`<section>
<h2>Curve</h2>
<p><b>${capitalize(curve.sentence)}</b></p>
</section>
`;
  }
  if (capacity === undefined) return undefined;
  const { probes, axis, sentence, errorPerLook, plannedLooks } = capacity;
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
<p><b>${capitalize(sentence)}</b></p>
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
