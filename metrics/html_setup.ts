/**
 * End of the page: how to repeat the run, and what the numbers mean.
 *
 * @module
 */
import {
  formatCount,
  formatMs,
  formatNumber,
  formatShare,
  NOT_AVAILABLE,
  plural,
} from "./format.ts";
import { type HtmlValue, type Markup, markup } from "./markup.ts";
import { factTable, htmlTable, left } from "./html_table.ts";
import type { MetricSummary } from "./load_figures.ts";
import { mixFacts, replayFacts, replayPlan } from "./html_replay.ts";
import type { Environment, LoadPlan, RunHeader } from "./run.ts";
import type { Summary } from "./summary.ts";

/** Command line, dataset, versions, machine. */
export function setupSection({ header, scenario }: Summary): Markup {
  const options = Object.entries(header.options).map(([name, value]) =>
    [name, markup`<code>${optionText(value)}</code>`] as const
  );
  const plans = htmlTable({
    caption: "Loads as planned",
    hideCaption: true,
    columns: [left("Load"), left("plan")],
    rows: header.loads.map((plan) => [plan.label, planText(plan)]),
  });
  const recorded = replayFacts({ header, scenario });
  const tables = [
    factTable("Target", targetFacts(header)),
    factTable("Dataset", datasetFacts(header)),
    ...(recorded.length === 0 ? [] : [factTable("Sessions and recording", recorded)]),
    factTable("Client", clientFacts(header)),
  ];
  const folded = options.length > 0 && markup`<details class="checks">
<summary>${plural(options.length, "option value")} of this run</summary>
${factTable("Options", options)}</details>
`;
  return markup`<section>
<h2>Configuration and environment</h2>
<pre tabindex="0"><code>${commandText(header.commandLine)}</code></pre>
<div class="facts">${tables}</div>
<h3>Loads as planned</h3>
${plans}${folded}</section>
`;
}

/** Every metric with its formula, and the rules behind the other numbers. */
export function definitionSection({ loads }: Summary): Markup {
  const metrics = new Map<string, MetricSummary>();
  for (const load of loads) for (const metric of load.metrics) metrics.set(metric.name, metric);
  const table = htmlTable({
    caption: "Metrics and their formulas",
    hideCaption: true,
    columns: ["Metric", "name in files", "unit", "one value per", "better", "formula"]
      .map(left),
    rows: [...metrics.values()].map(({ name, title, unit, per, better, formula }) => [
      title,
      markup`<code>${name}</code>`,
      unit === "1" ? "ratio" : unit,
      per,
      better,
      markup`<code>${formula}</code>`,
    ]),
  });
  return markup`<section>
<h2>Definitions</h2>
${table}<dl class="rules">
${
    [...RULES, ...(loads.some(({ timeSplit }) => timeSplit) ? [PARTS_RULE] : [])].map((
      [term, meaning],
    ) =>
      markup`<dt>${term}</dt><dd>${meaning}</dd>
`
    )
  }</dl>
</section>
`;
}

const PARTS_RULE: readonly [term: string, meaning: string] = [
  "Parts of TTFT",
  "The mean TTFT that the client saw = client (what its stamps add) + connect + network (what is left of both sides) + queue + prefill, as the server tells them + rest (the server's own TTFT − queue − prefill; without that TTFT, also the network).",
];

const RULES: readonly (readonly [term: string, meaning: string])[] = [
  ["Sent", "Just before the request is handed to the transport: latencies include connecting."],
  ["Intended", "When the request was due; in a closed loop, when its user was free."],
  ["Tick", "An instant at which tokens arrived. All events of one read are one tick."],
  [
    "Whole run",
    "From the start of the load to the end of its last request, ramp-up and drain included.",
  ],
  [
    "Steady window",
    "From the end of the ramp-up to the first moment when nothing was left to send.",
  ],
  [
    "Percentiles",
    `Linear interpolation between sorted values; pN needs 100 ÷ (100 − N) values, fewer print ${NOT_AVAILABLE}.`,
  ],
  [
    "Accuracy",
    "A load with too many values to keep counts them in histograms: percentiles and times in the load then have the error given there. Counts, totals, means, extremes and shares stay exact.",
  ],
  ["Latencies", "Of completed requests only; warm-up requests are excluded from everything."],
  [
    "Success",
    "completed ÷ (offered − cancelled as planned): what was never sent, or not waited for, is no success.",
  ],
  [
    "Bracket",
    "A stamp of the client is the end of an interval: the bytes came at that moment or a little before. Every figure is computed from the ends that make it smallest and from those that make it largest; the true figure at the client's host lies between. A bracket holds neither what happens between the server and this host nor differences from run to run.",
  ],
  [
    "Witness",
    "A few streams to an engine of known timing, through the same threads and the same transport while the load ran. Its log says how late the client was and how many of its brackets hold.",
  ],
  [
    "Goodput",
    "Requests that met every limit ÷ time; attainment is their share of all offered requests.",
  ],
];

function targetFacts(header: RunHeader): readonly (readonly HtmlValue[])[] {
  const { url, protocol, model, transport, workers, stream, length, seed } = header;
  return [
    ["URL", url],
    ["Protocol", protocol],
    ["Model", model === "" ? NOT_AVAILABLE : model],
    ["Transport", workers === 0 ? transport : `${transport} in ${plural(workers, "worker")}`],
    ...(header.proxied === undefined
      ? []
      : [["Proxy of the environment", header.proxy ?? "yes"] as const]),
    ...(header.transportChoice === undefined
      ? []
      : [["Chosen by auto", header.transportChoice.why] as const]),
    ["Streaming", stream ? "yes" : "no"],
    ["Answer lengths", length],
    ["Seed", String(seed)],
    ...mixFacts(header),
  ];
}

function datasetFacts({ dataset, tokenizer }: RunHeader): readonly (readonly HtmlValue[])[] {
  const skipped = Object.entries(dataset.skipped).filter(([, count]) => count > 0);
  return [
    ["Kind", dataset.kind],
    ["Source", dataset.source],
    [
      "SHA-256",
      dataset.sha256 === undefined ? NOT_AVAILABLE : markup`<code>${dataset.sha256}</code>`,
    ],
    ["Prompts", formatCount(dataset.prompts)],
    [
      "Repeated prompts",
      dataset.prompts === 0
        ? NOT_AVAILABLE
        : `${formatCount(dataset.duplicates)} (${
          formatShare(dataset.duplicates / dataset.prompts)
        })`,
    ],
    [
      "Skipped",
      skipped.map(([reason, count]) => `${reason} ${formatCount(count)}`).join(", ") || "none",
    ],
    ...(dataset.bad === undefined ? [] : [["Rows", dataset.bad]]),
    ...(dataset.parts ?? []).map((part) => [
      `Class ${part.class}`,
      `${part.kind} ${part.source}, ${plural(part.prompts, "prompt")}, mean ${
        formatNumber(part.promptTokens)
      } tokens in, ${formatNumber(part.outputTokens)} out${
        Object.entries(part.skipped).map(([reason, count]) => `; ${reason} ${formatCount(count)}`)
          .join("")
      }${part.sha256 === undefined ? "" : `; SHA-256 ${part.sha256}`}`,
    ]),
    ...(dataset.remarks ?? []).map((remark, i) => [i === 0 ? "Remarks" : "", remark]),
    ["Tokens counted by", `${tokenizer.source} ${tokenizer.name}`],
  ];
}

function clientFacts(
  { environment, version }: RunHeader,
): readonly (readonly HtmlValue[])[] {
  const { os, osRelease, arch, cpu, cores, memoryMiB, hostname, deno, v8 }: Environment =
    environment;
  const { effectiveCores = cores } = environment;
  return [
    ["Tokometer", version],
    ["Deno, V8", `${deno}, ${v8}`],
    ["System", [os, osRelease, arch].filter((part) => part !== undefined).join(" ")],
    ["CPU", cpu ?? NOT_AVAILABLE],
    ["Cores", formatCount(cores)],
    // Pinned, or in a container with a quota.
    ...(effectiveCores === cores ? [] : [["Cores it may use", formatNumber(effectiveCores)]]),
    ["Memory, MiB", formatCount(memoryMiB)],
    ["Host", hostname ?? NOT_AVAILABLE],
  ];
}

function planText(plan: LoadPlan): string {
  const { kind, users, rampUpMs } = plan;
  const { arrival, ratePerSec, maxInFlight, overflow } = plan;
  const { stopRequests, stopDurationMs } = plan;
  const stops = [
    ...(stopRequests === undefined ? [] : [plural(stopRequests, "request")]),
    ...(stopDurationMs === undefined ? [] : [formatMs(stopDurationMs)]),
  ];
  return [
    kind === "closed" ? "closed loop" : "open loop",
    ...(users === undefined ? [] : [plural(users, "user")]),
    ...(rampUpMs === undefined || rampUpMs === 0 ? [] : [`ramp-up ${formatMs(rampUpMs)}`]),
    ...(ratePerSec === undefined ? [] : [`${ratePerSec} req/s ${arrival ?? ""}`.trim()]),
    ...(maxInFlight === undefined || maxInFlight === 0
      ? []
      : [`at most ${formatCount(maxInFlight)} in flight, then ${overflow ?? "wait"}`]),
    ...replayPlan(plan),
    ...(stops.length === 0 ? [] : [`until ${stops.join(" or ")}`]),
  ].join(", ");
}

/** As typed in a shell: words with special characters are quoted. */
function commandText(words: readonly string[]): string {
  return ["tokometer", ...words].map((word) =>
    /^[\w@%+=:,./-]+$/.test(word) ? word : `'${word.replaceAll("'", `'\\''`)}'`
  ).join(" ");
}

function optionText(value: unknown): string {
  return typeof value === "string" ? value : JSON.stringify(value) ?? String(value);
}
