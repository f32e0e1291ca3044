/**
 * Where a reader can go in the page: its parts, and its loads with how each came out.
 *
 * @module
 */
import { warnings } from "./check.ts";
import { formatCount, plural } from "./format.ts";
import { type Markup, markup } from "./markup.ts";
import { loadId } from "./html_overview.ts";
import type { LoadSummary } from "./load_summary.ts";

/** One part of the page. */
export interface PagePart {
  /** Target of links; unique in the page. */
  readonly id: string;
  /** Short, for the list. */
  readonly title: string;
  readonly content: Markup;
}

/** More loads than this are not listed: the key numbers list them all. */
const MOST_LOADS = 24;

/** Id of the first load's place, also where there is none. */
export const LOADS_ID = "loads";

/** Parts that have something in them, each where its link leads. */
export function placedParts(parts: readonly PagePart[]): readonly Markup[] {
  return filled(parts).map(({ id, content }) =>
    markup`<div id="${id}" class="part">${content}</div>
`
  );
}

/** Links to the parts that have something in them, and to the loads. */
export function contentsNav(parts: readonly PagePart[], loads: readonly LoadSummary[]): Markup {
  const links = filled(parts).map(({ id, title }) =>
    markup`<li><a href="#${id}">${title}</a>${
      id === LOADS_ID && loads.length > 1 && loads.length <= MOST_LOADS && loadLinks(loads)
    }</li>
`
  );
  return markup`<nav class="contents" aria-label="Contents" tabindex="0">
<ul>
${links}</ul>
</nav>
`;
}

function loadLinks(loads: readonly LoadSummary[]): Markup {
  const links = loads.map((load, i) => {
    const { tone, sign, text } = loadState(load);
    return markup`<li><a href="#${
      loadId(i)
    }"><b class="${tone}" aria-hidden="true">${sign}</b> ${load.label}<span class="hidden">: ${text}</span></a></li>
`;
  });
  return markup`<ul>
${links}</ul>`;
}

/** How a load came out, as a sign and in words. */
export interface LoadState {
  readonly tone: "good" | "warn" | "bad";
  readonly sign: "✓" | "!" | "✗";
  readonly text: string;
}

/** Whether the numbers of a load can be used as they are. */
export function loadState(load: LoadSummary): LoadState {
  const { verdict, serverLost, fleet, interrupted, complete, counts } = load;
  const found = warnings(load.checks).length;
  const noted = found === 0 ? "" : `, ${plural(found, "warning")}`;
  const bad = (text: string): LoadState => ({ tone: "bad", sign: "✗", text: `${text}${noted}` });
  const warn = (text: string): LoadState => ({ tone: "warn", sign: "!", text });
  if (serverLost !== undefined) return bad("server lost");
  if (fleet?.asAsked === false) return bad(fleet.lost > 0 ? "agent lost" : "agents late");
  if (counts.completed === 0) return bad("no request completed");
  if (verdict?.kind === "client-bound" || verdict?.kind === "no-measurement") {
    return bad(verdict.kind);
  }
  if (interrupted) return warn(`interrupted${noted}`);
  if (!complete) return warn(`incomplete record${noted}`);
  if (counts.failed > 0) return warn(`${formatCount(counts.failed)} failed${noted}`);
  if (found > 0) return warn(plural(found, "warning"));
  return { tone: "good", sign: "✓", text: "all checks passed" };
}

function filled(parts: readonly PagePart[]): readonly PagePart[] {
  return parts.filter(({ content }) => content.toString() !== "");
}
