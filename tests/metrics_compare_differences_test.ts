import { assert, assertEquals } from "@std/assert";
import { compareRuns } from "../metrics/compare.ts";
import { compareExitCode, parseGate } from "../metrics/compare_gate.ts";
import type { CompareSide, Comparison } from "../metrics/compare_result.ts";
import type { VerdictKind } from "../metrics/load_client.ts";
import type { LoadSummary } from "../metrics/load_summary.ts";
import type { LoadPlan, RunHeader } from "../metrics/run.ts";
import { createCompared } from "./support/create_compared.ts";
import { createHeader } from "./support/create_run.ts";

const HEADER = createHeader();

interface Fields {
  readonly header?: Partial<RunHeader>;
  readonly plan?: Partial<LoadPlan>;
  readonly load?: Partial<LoadSummary>;
}

function side(name: string, { header = {}, plan = {}, load = {} }: Fields): CompareSide {
  return { name, runs: [createCompared([{ ttftMs: 100, plan, load }], { header })] };
}

function compare(a: Fields, b: Fields): Comparison {
  return compareRuns([side("a", a), side("b", b)]);
}

/** The load of a side as it is without overrides. */
function plain(): LoadSummary {
  return createCompared([{ ttftMs: 100 }]).loads[0]!;
}

function verdictOf(kind: "ok" | "suspect" | "client-bound" | "no-measurement"): Fields {
  return { load: { verdict: { kind, message: "", reasons: [] } } };
}

function failed(count: number): Fields {
  const { counts } = plain();
  return { load: { counts: { ...counts, offered: 1000, failed: count } } };
}

const DATASET = { ...HEADER.dataset, kind: "jsonl", source: "a.jsonl", sha256: "a".repeat(64) };

Deno.test("sides that are the same have no differences", () => {
  const { differences, refused } = compare({}, {});
  assertEquals([differences, refused], [[], undefined]);
});

Deno.test("what makes a comparison meaningless refuses it, and the exit code is 2", () => {
  const other = { ...DATASET, sha256: "b".repeat(64) };
  const { environment } = HEADER;
  for (
    const [a, b, what] of [
      [{ header: { dataset: DATASET } }, { header: { dataset: other } }, "dataset sha256"],
      [{}, { header: { dataset: DATASET } }, "dataset"],
      [{}, { header: { length: "cap" } }, "length"],
      [{}, { header: { stream: false } }, "streaming"],
      [{}, { header: { options: { "output-tokens": 5 } } }, "--output-tokens"],
      [{}, { plan: { kind: "open", arrival: "poisson", ratePerSec: 1 } }, "load"],
      [{}, { plan: { thinkTime: "5000" } }, "load"],
      [{}, verdictOf("client-bound"), "client verdict"],
      [verdictOf("no-measurement"), {}, "client verdict"],
      [{}, { load: { interrupted: true } }, "repeats left out"],
      [{}, { load: { complete: false } }, "repeats left out"],
      [{}, failed(11), "failed requests"],
      [
        {},
        { load: { lengths: { ...plain().lengths, requestedTokens: 4 } } },
        "requested answers, mean",
      ],
      [
        {},
        { load: { tokens: { ...plain().tokens, prompt: { ...plain().tokens.prompt, mean: 12 } } } },
        "prompts, mean",
      ],
    ] satisfies readonly (readonly [Fields, Fields, string])[]
  ) {
    const comparison = compare(a, b);
    assert(comparison.refused?.includes(`${what}: `), `${what}: ${comparison.refused}`);
    assertEquals(comparison.differences.find(({ fatal }) => fatal)?.what, what);
    assertEquals(comparison.answer, [`no verdict: ${comparison.refused}`]);
    assertEquals(compareExitCode(comparison), 2);
    const verdicts = comparison.loads.flatMap(({ figures }) => figures.map((one) => one.verdict));
    assertEquals([...new Set(verdicts)], ["undecided"], what);
  }
  assertEquals(environment.os, "linux");
});

Deno.test("what only has to be known is told, and verdicts stand", () => {
  const { environment } = HEADER;
  for (
    const [a, b, what, values] of [
      [{}, { header: { model: "big" } }, "model", ["tiny", "big"]],
      [{}, { header: { protocol: "tgi" } }, "protocol", ["openai-completions", "tgi"]],
      [{}, { header: { transport: "epoll" } }, "transport", ["fetch", "epoll"]],
      [{}, { header: { seed: 7 } }, "seed", ["0", "7"]],
      [{}, { header: { saltScope: "none" } }, "salt", ["none", "none"]],
      [{}, { header: { version: "0.2.0" } }, "Tokometer", ["0.1.0", "0.2.0"]],
      [{}, { header: { environment: { ...environment, deno: "3.0.0" } } }, "Deno", [
        "2.9.6",
        "3.0.0",
      ]],
      [{}, { header: { environment: { ...environment, cores: 4 } } }, "client's cores", ["2", "4"]],
      [{}, { header: { url: "http://b:1" } }, "server", ["http://127.0.0.1:8000", "http://b:1"]],
      [{}, { header: { options: { "extra-body": { n: 2 } } } }, "--extra-body", [
        "none",
        '{"n":2}',
      ]],
      [{ plan: { stopRequests: 5 } }, { plan: { stopRequests: 9 } }, "length of the load", [
        "5 requests",
        "9 requests",
      ]],
      [verdictOf("ok"), verdictOf("suspect"), "client verdict", ["ok", "suspect"]],
      [failed(0), failed(9), "failed requests", ["0 %", "0.9 %"]],
      [
        {},
        { load: { lengths: { ...plain().lengths, requestedTokens: 3.1 } } },
        "requested answers, mean",
        ["3 tokens", "3.10 tokens"],
      ],
    ] satisfies readonly (readonly [Fields, Fields, string, readonly string[]])[]
  ) {
    const { refused, differences } = compare(a, b);
    assertEquals(refused, undefined, what);
    const own = differences.find((one) => one.what === what);
    if (what === "salt") {
      assertEquals(own, undefined, "older files without a salt are as those that asked for none");
      continue;
    }
    assertEquals([own?.fatal, own?.values], [false, values], what);
  }
});

Deno.test("options that change no request are not told", () => {
  const options = { out: "x", name: "x", percentiles: [50], color: true, seed: 4, "ramp-up": 1 };
  assertEquals(compare({}, { header: { options } }).differences, []);
});

Deno.test("a repeat that was interrupted is left out where others remain", () => {
  const run = (interrupted: boolean) => createCompared([{ ttftMs: 100, load: { interrupted } }]);
  const sides = [
    { name: "a", runs: [run(false), run(false), run(true)] },
    { name: "b", runs: [run(false), run(false)] },
  ];
  const { refused, loads, differences } = compareRuns(sides);
  assertEquals([refused, loads[0]!.repeats], [undefined, [2, 2]]);
  assertEquals(differences.map(({ what, values }) => [what, ...values]), [
    ["repeats left out", "1 of 3: interrupted", "none"],
  ]);
});

Deno.test("of a side that was interrupted nothing else is told", () => {
  const { differences } = compare({ load: { interrupted: true } }, verdictOf("ok"));
  assertEquals(differences.map(({ what, values }) => [what, ...values]), [
    ["repeats left out", "1 of 1: interrupted", "none"],
  ]);
});

Deno.test("few repeats of which the client was the limit are left out, many are not", () => {
  const run = (kind: VerdictKind) =>
    createCompared([{ ttftMs: 100, load: { verdict: { kind, message: "", reasons: [] } } }]);
  const good = Array.from({ length: 4 }, () => run("ok"));
  const b = { name: "b", runs: good };
  const one = compareRuns([{ name: "a", runs: [...good, run("client-bound")] }, b]);
  assertEquals([one.refused, one.loads[0]!.repeats], [undefined, [4, 4]]);
  assertEquals(one.differences.map(({ what, values }) => [what, ...values]), [
    ["repeats left out", "1 of 5: client-bound", "none"],
  ]);
  const two = [run("client-bound"), run("client-bound")];
  const many = compareRuns([{ name: "a", runs: [...good, ...two] }, b]);
  assert(many.refused?.includes("client verdict"), many.refused);
});

Deno.test("one load that cannot be compared leaves the others, and refuses a gate", () => {
  const loads = (load: Partial<LoadSummary>) =>
    createCompared([
      { ttftMs: 100, plan: { label: "1 user" } },
      { ttftMs: 100, plan: { label: "2 users" }, load },
    ]);
  const bound = loads({ verdict: { kind: "client-bound", message: "", reasons: [] } });
  const sides = [{ name: "a", runs: [loads({})] }, { name: "b", runs: [bound] }];
  const comparison = compareRuns(sides);
  assertEquals(comparison.refused, undefined);
  assertEquals(comparison.loads.map(({ refused }) => refused), [
    undefined,
    "client verdict: not measured against client-bound",
  ]);
  const both = compareRuns([{ name: "a", runs: [bound] }, { name: "b", runs: [bound] }]);
  assertEquals(both.loads[1]?.refused, "client verdict: client-bound on both sides");
  assertEquals(compareExitCode(comparison), 0);
  const gated = compareRuns(sides, { gate: parseGate("ttft<5%") });
  assertEquals([gated.gate.map(({ result }) => result), compareExitCode(gated)], [
    ["undecided", "undecided"],
    2,
  ]);
});

Deno.test("sides without a load in common are refused", () => {
  const { refused } = compare({}, { plan: { label: "2 users", users: 2 } });
  assertEquals(refused, "no load is on both sides: 1 user: only a; 2 users: only b");
});

Deno.test("sides of one run are told apart by their server and options", () => {
  const sides = [
    { name: "a", url: "http://a:1" },
    { name: "b", url: "http://b:1", differs: '--extra-body {"n":2}' },
  ];
  const run = createCompared([
    { ttftMs: 100, plan: { side: 0, repeat: 1 } },
    { ttftMs: 100, plan: { side: 1, repeat: 1 } },
  ], { header: { sides } });
  const { differences } = compareRuns(
    [0, 1].map((side) => ({ name: "ab"[side]!, side, runs: [run] })),
  );
  assertEquals(differences.map(({ what, values }) => [what, ...values]), [
    ["server", "http://a:1", "http://b:1"],
    ["side's own options", "none", '--extra-body {"n":2}'],
  ]);
});

Deno.test("values of a load that two of three sides have stand in their places", () => {
  const sides = [side("a", {}), side("b", failed(5)), side("c", {})];
  const { differences } = compareRuns(sides);
  assertEquals(differences.map(({ what, values, load }) => [what, load, ...values]), [
    ["failed requests", "1 user", "0 %", "0.5 %", ""],
  ]);
});
