/**
 * Searches on simulated time whose answer is known by construction, as Markdown.
 * Arguments: searches of each engine (100), an engine's name or `all`, the first seed (0).
 */
import { ENGINES } from "../support/simulated_queue.ts";
import { searchSimulated } from "../support/simulated_search.ts";

const [count = "100", only = "all", first = "0"] = Deno.args;
const runs = Number(count);
const missed: string[] = [];
const print = (line: string) => Deno.stdout.writeSync(new TextEncoder().encode(`${line}\n`));

print(
  "| engine | true limit | bracket holds it | both ends known | median width | told not monotonic | probes | requests | minutes |",
);
print("| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |");
for (const engine of ENGINES.map((make) => make())) {
  if (only !== "all" && engine.name !== only) continue;
  let [held, found, probes, requests, minutes, above] = [0, 0, 0, 0, 0, 0];
  const widths: number[] = [];
  for (let seed = Number(first); seed < Number(first) + runs; seed++) {
    const search = searchSimulated(engine, { seed });
    const { kept, broke, keptAbove } = search.capacity;
    if ((kept ?? 0) <= engine.truth && (broke ?? Infinity) > engine.truth) held++;
    else missed.push(`${engine.name}, seed ${seed}: ${kept} to ${broke}`);
    if (search.capacity.outcome === "found") {
      found++;
      widths.push(broke! / kept! - 1);
    }
    if (keptAbove.length > 0) above++;
    probes += search.probes;
    requests += search.requests;
    minutes += search.minutes;
  }
  const width = widths.toSorted((a, b) => a - b)[widths.length >> 1];
  const row = [
    engine.name,
    `${engine.truth.toFixed(2)} req/s`,
    `${held} of ${runs}`,
    `${found} of ${runs}`,
    width === undefined ? "n/a" : `${(width * 100).toFixed(1)} %`,
    `${above} of ${runs}`,
    (probes / runs).toFixed(1),
    (requests / runs).toFixed(0),
    (minutes / runs).toFixed(0),
  ];
  print(`| ${row.join(" | ")} |`);
}
for (const line of missed) print(`\nnot held: ${line}`);
