import { assertEquals } from "@std/assert";
import {
  parsePrometheus,
  type PrometheusSeries,
  type PrometheusText,
} from "../backends/telemetry_prometheus.ts";

/** Families by name: type and series. */
function familiesOf(text: PrometheusText): Record<string, [string, readonly PrometheusSeries[]]> {
  return Object.fromEntries(
    text.families.map(({ name, type, series }) => [name, [type, [...series]]]),
  );
}

Deno.test("parsePrometheus reads the text format 0.0.4", () => {
  const text = parsePrometheus(
    '# HELP http_requests_total The "total".\n' +
      "# TYPE http_requests_total counter\n" +
      'http_requests_total{method="post",code="200"} 1027 1395066363000\n' +
      'http_requests_total { method = "post" , code="400", }    3\r\n' +
      "\n" +
      "# a comment\n" +
      'escapes{path="C:\\\\DIR\\\\F.TXT",error="\\"no\\"\\nline {}, #"} 1.458255915e9\n' +
      'not_a_number NaN\nup +Inf\ndown{a=""} -Inf\n' +
      "# TYPE rpc_seconds summary\n" +
      'rpc_seconds{quantile="0.5"} 4773\n' +
      "rpc_seconds_sum 1.7560473e+07\nrpc_seconds_count 2693",
  );
  assertEquals([text.unusable, text.leftOut, text.typed], [0, 0, 2]);
  assertEquals(familiesOf(text), {
    http_requests_total: ["counter", [
      { labels: { method: "post", code: "200" }, value: 1027 },
      { labels: { method: "post", code: "400" }, value: 3 },
    ]],
    escapes: ["untyped", [
      { labels: { path: "C:\\DIR\\F.TXT", error: '"no"\nline {}, #' }, value: 1458255915 },
    ]],
    not_a_number: ["untyped", [{ labels: {}, value: NaN }]],
    up: ["untyped", [{ labels: {}, value: Infinity }]],
    down: ["untyped", [{ labels: { a: "" }, value: -Infinity }]],
    rpc_seconds: ["summary", [
      { labels: {}, spread: { count: 2693, sum: 17560473, edges: [], upTo: [] } },
    ]],
  });
});

Deno.test("parsePrometheus puts buckets in order, by series", () => {
  const text = parsePrometheus(
    "# TYPE h histogram\n" +
      'h_bucket{le="+Inf",m="a"} 9\nh_bucket{m="a",le="0.5"} 4\nh_bucket{le="1e-1",m="a"} 1\n' +
      'h_sum{m="a"} 3.5\nh_count{m="a"} 9\nh_bucket{le="+Inf",m="b"} 0\n',
  );
  assertEquals(familiesOf(text), {
    h: ["histogram", [
      {
        labels: { m: "a" },
        spread: { count: 9, sum: 3.5, edges: [0.1, 0.5, Infinity], upTo: [1, 4, 9] },
      },
      { labels: { m: "b" }, spread: { count: 0, edges: [Infinity], upTo: [0] } },
    ]],
  });
});

Deno.test("parsePrometheus reads OpenMetrics 1.0", () => {
  const text = parsePrometheus(
    "# TYPE c counter\n# UNIT c seconds\n" +
      'c_total{a="b"} 17.0 1520879607.789 # {trace_id="KOO # }"} 0.67 1520879607.1\n' +
      'c_created{a="b"} 1.6e9\n' +
      "# TYPE h histogram\n" +
      'h_bucket{le="1.0"} 2 # {} 0.5\nh_bucket{le="+Inf"} 2\nh_count 2\nh_sum 1\n' +
      '# TYPE i info\ni_info{version="1"} 1\n# TYPE s stateset\n' + 's{s="on"} 1\n' +
      "# TYPE u unknown\nu 1\n# TYPE g gaugehistogram\n" +
      'g_bucket{le="+Inf"} 3\ng_gcount 3\n# EOF\nafter_the_end 1\n',
  );
  assertEquals(text.unusable, 0);
  assertEquals(familiesOf(text), {
    c_total: ["counter", [{ labels: { a: "b" }, value: 17 }]],
    h: ["histogram", [
      { labels: {}, spread: { count: 2, sum: 1, edges: [1, Infinity], upTo: [2, 2] } },
    ]],
    i_info: ["gauge", [{ labels: { version: "1" }, value: 1 }]],
    s: ["gauge", [{ labels: { s: "on" }, value: 1 }]],
    u: ["untyped", [{ labels: {}, value: 1 }]],
    g_bucket: ["untyped", [{ labels: { le: "+Inf" }, value: 3 }]],
    g_gcount: ["untyped", [{ labels: {}, value: 3 }]],
  });
});

Deno.test("parsePrometheus takes names in quotes", () => {
  const text = parsePrometheus(
    '# TYPE "my.total" counter\n{"my.total","a.b"="c",d="e"} 5\n{a="b"} 1\nx{"y"} 1\n',
  );
  assertEquals(familiesOf(text), {
    "my.total": ["counter", [{ labels: { "a.b": "c", d: "e" }, value: 5 }]],
  });
  assertEquals(text.unusable, 2);
});

Deno.test("parsePrometheus is not led astray by names of families that end like samples", () => {
  const text = parsePrometheus(
    // LightLLM and vLLM have such.
    "# TYPE q_bucket histogram\n" +
      'q_bucket_bucket{le="1"} 1\nq_bucket_bucket{le="+Inf"} 2\nq_bucket_sum 3\nq_bucket_count 2\n' +
      "# TYPE t_total histogram\n" +
      't_total_bucket{le="+Inf"} 1\nt_total_count 1\nt_total_sum 8\n' +
      "# TYPE t_total_created gauge\nt_total_created 1.7e9\n" +
      "# TYPE a gauge\na_total 1\na_count 2\n",
  );
  assertEquals(text.unusable, 0);
  assertEquals(Object.entries(familiesOf(text)).map(([name, [type]]) => [name, type]), [
    ["q_bucket", "histogram"],
    ["t_total", "histogram"],
    ["t_total_created", "gauge"],
    ["a_total", "untyped"],
    ["a_count", "untyped"],
  ]);
});

Deno.test("parsePrometheus tells the lines that it cannot use, and uses the others", () => {
  const lines: readonly (readonly [line: string, why: string])[] = [
    ["novalue", "its value cannot be read"],
    ["a b c d", "its value cannot be read"],
    ["a twelve", "its value is no number"],
    ["a 0x1p-2", "its value is no number"],
    ["a 1 2 3", "its value cannot be read"],
    ['a{b="c" 1', "its labels cannot be read"],
    ['a{b="c} 1', "a label's value is not in quotes"],
    ["a{b=c} 1", "a label's value is not in quotes"],
    ['a{b="1",b="2"} 1', "a label is there twice"],
    ['a{b="1" c="2"} 1', "its labels cannot be read"],
    ["a{{}} 1", "its labels cannot be read"],
    ["{} 1", "it has no name"],
    ["<!doctype html>", "it has no name"],
    ['{"object": "list"}', "its labels cannot be read"],
    ["é 1", "it has no name"],
    [`${"a".repeat(501)} 1`, "its name is too long"],
    [`a{b="${"x".repeat(10_001)}"} 1`, "a label's value is too long"],
    [`a{b="${"x".repeat(70_000)}"} 1`, "it is too long"],
    [`a{${Array.from({ length: 102 }, (_, i) => `l${i}="1"`)}} 1`, "it has more than 100 labels"],
  ];
  for (const [line, why] of lines) {
    const text = parsePrometheus(`ok 1\n${line}\nalso_ok 2\n`);
    assertEquals(text.families.map(({ name }) => name), ["ok", "also_ok"], line.slice(0, 50));
    assertEquals([text.unusable, text.firstUnusable], [1, { line: 2, why }]);
  }
  const typed = parsePrometheus(
    '# TYPE h histogram\nh 1\nh_bucket{x="1"} 1\nh_count 2\nv 1\nv 2\n',
  );
  assertEquals(typed.unusable, 3);
  assertEquals(familiesOf(typed).v, ["untyped", [{ labels: {}, value: 1 }]]);
});

Deno.test("parsePrometheus is bounded: series, buckets, types", () => {
  const many = Array.from({ length: 50 }, (_, i) => `a{i="${i}"} ${i}`).join("\n");
  const text = parsePrometheus(many, 10);
  assertEquals([text.families[0]!.series.length, text.leftOut, text.unusable], [10, 40, 0]);
  const buckets = Array.from({ length: 1002 }, (_, i) => `h_bucket{le="${i}"} ${i}`).join("\n");
  const { families } = parsePrometheus(`# TYPE h histogram\n${buckets}\nh_count 5\nh_sum 7\n`);
  assertEquals(families[0]!.series, [
    { labels: {}, spread: { count: 5, sum: 7, edges: [], upTo: [] } },
  ]);
});

Deno.test("parsePrometheus never throws, whatever the text", () => {
  let seed = 7;
  const random = (below: number) => {
    seed = (seed * 1103515245 + 12345) % 2 ** 31;
    return Math.floor(seed / 2 ** 31 * below);
  };
  const pieces = [
    ...["a{", "}", '"', "\\", "le=", '{a="b"}', " 1", "\n", "# TYPE a histogram\n", "a_bucket"],
    ...["NaN", ",", "__proto__", "constructor", "\u0000", "\ud800", "=", "# EOF", "e1", "\t"],
  ];
  for (let i = 0; i < 5000; i++) {
    parsePrometheus(
      Array.from({ length: random(12) }, () => pieces[random(pieces.length)]).join(""),
    );
  }
  const text = parsePrometheus('__proto__{__proto__="1",constructor="2"} 1\n');
  assertEquals(Object.entries(text.families[0]!.series[0]!.labels), [
    ["__proto__", "1"],
    ["constructor", "2"],
  ]);
});

Deno.test("parsePrometheus takes no longer for long lines of digits than for others", () => {
  // Tried in all ways to part the digits, this would take minutes.
  const { unusable } = parsePrometheus(`a ${"1".repeat(60_000)}x\n`.repeat(100));
  assertEquals(unusable, 100);
});
