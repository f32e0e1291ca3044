import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { RequestRecord } from "../backends/record.ts";
import { otelIds } from "../workloads/otel_ids.ts";
import { attributes, exportBody, type OtelSpan, unixNano } from "../workloads/otel_json.ts";
import {
  loadSpan,
  requestSpan,
  runSpan,
  sourceOf,
  type SpannedLoad,
  spannedRequest,
} from "../workloads/otel_spans.ts";
import { createFailure, createRecord } from "./support/create_record.ts";
import { createRun, type RunFields } from "./support/create_run.ts";

const STARTED_AT_MS = 1_796_074_279_343.709;

async function loadOf(fields: RunFields = {}): Promise<SpannedLoad> {
  const { header, ends } = createRun([], fields);
  return {
    ...{ header, ids: await otelIds(header), plan: header.loads[0]! },
    end: { ...ends[0]!, startedAtMs: STARTED_AT_MS, durationMs: 2000 },
  };
}

function valuesOf({ attributes }: Pick<OtelSpan, "attributes">): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const [one] = Object.values(value) as unknown[];
      return [key, one];
    }),
  );
}

Deno.test("instants keep every microsecond of a time of day", () => {
  assertEquals(unixNano(STARTED_AT_MS, 0), "1796074279343709000");
  assertEquals(unixNano(STARTED_AT_MS, 0.001), "1796074279343710000");
  assertEquals(unixNano(STARTED_AT_MS, 86_400_000.123), "1796160679343832000");
});

Deno.test("the span of a request: from sending to its end, with the conventions' names", async () => {
  const load = await loadOf({ header: { protocol: "openai-chat", model: "m", url: "http://h" } });
  const record = createRecord({
    ...{ index: 3, user: 1, sentMs: 1, intendedMs: 0.5, endMs: 150, cachedTokens: 4 },
    ...{ session: "s#1", serverTimings: { queueMs: 2.5 } },
  });
  const span = requestSpan(load, spannedRequest(record));
  assertEquals(span.name, "chat m");
  assertEquals(span.kind, 3);
  assertEquals(span.startTimeUnixNano, unixNano(STARTED_AT_MS, 1));
  assertEquals(span.endTimeUnixNano, unixNano(STARTED_AT_MS, 150));
  assertEquals(span.parentSpanId, load.ids.load(0));
  assertEquals(span.status, undefined, "a span without an error has no status");
  assertEquals(span.events?.map(({ name }) => name), [
    ...["tokometer.first_byte", "tokometer.first_token", "tokometer.last_token"],
  ]);
  assertEquals(span.events?.[1]?.timeUnixNano, unixNano(STARTED_AT_MS, 101));
  const values = valuesOf(span);
  const expected = {
    "gen_ai.operation.name": "chat",
    "gen_ai.provider.name": "openai",
    "gen_ai.request.model": "m",
    "gen_ai.request.stream": true,
    "gen_ai.request.max_tokens": "5",
    "gen_ai.response.finish_reasons": { values: [{ stringValue: "length" }] },
    "gen_ai.response.time_to_first_chunk": 0.1,
    "gen_ai.usage.input_tokens": "10",
    "gen_ai.usage.output_tokens": "5",
    "gen_ai.usage.cache_read.input_tokens": "4",
    "gen_ai.conversation.id": "s#1",
    "server.address": "h",
    "server.port": "80",
    "tokometer.load.number": "1",
    "tokometer.load.label": "1 user",
    "tokometer.outcome": "ok",
    "tokometer.intended_time_unix_nano": unixNano(STARTED_AT_MS, 0.5),
    "tokometer.schedule_delay_ms": 0.5,
    "tokometer.ttft_ms": 100,
    "tokometer.tpot_ms": 10,
    "tokometer.e2e_ms": 140,
    "tokometer.server.queue_ms": 2.5,
  };
  for (const [key, value] of Object.entries(expected)) assertEquals(values[key], value, key);
  assertEquals("error.type" in values, false);
  assertEquals("tokometer.server.prefill_ms" in values, false);
});

Deno.test("how a request ended is the status of its span", async () => {
  const load = await loadOf();
  const shown = (record: RequestRecord) => {
    const span = requestSpan(load, spannedRequest(record));
    const values = valuesOf(span);
    return [
      ...[span.status?.code, span.status?.message, values["error.type"]],
      (values["gen_ai.response.finish_reasons"] as { values: unknown[] } | undefined)?.values[0],
    ];
  };
  const broken = { stringValue: "error" };
  assertEquals(shown(createFailure("http_error")), [2, "it broke", "503", broken]);
  assertEquals(shown(createFailure("timeout")), [2, "it broke", "timeout", broken]);
  assertEquals(shown(createFailure("cancelled")), [undefined, undefined, undefined, broken]);
  assertEquals(shown(createFailure("cancelled_as_planned"))[0], undefined);
  assertEquals(shown(createFailure("dropped")), [2, "it broke", "dropped", undefined]);
  const dropped = requestSpan(load, spannedRequest(createFailure("dropped", { intendedMs: 70 })));
  assertEquals(dropped.startTimeUnixNano, unixNano(STARTED_AT_MS, 70));
  assertEquals(dropped.endTimeUnixNano, unixNano(STARTED_AT_MS, 70));
});

Deno.test("the server of a span is the one that was asked", async () => {
  const portOf = (load: SpannedLoad, fields = {}) =>
    valuesOf(requestSpan(load, spannedRequest(createRecord(fields))))["server.port"];
  const urls = ["http://a:1", "http://b:2"];
  const several = await loadOf({ header: { url: urls[0]!, urls } });
  assertEquals(portOf(several, { server: 1 }), "2");
  const sides = urls.map((url, i) => ({ name: "ab"[i]!, url }));
  assertEquals(portOf(await loadOf({ header: { sides }, loads: [{ side: 1 }] })), "2");
  assertEquals(portOf(await loadOf({ header: { url: "https://[::1]/v1" } })), "443");
});

Deno.test("ids are the same for the same run, and no two of a run are", async () => {
  const { header } = createRun([]);
  const ids = await otelIds(header);
  assertEquals((await otelIds({ ...header })).request(1, 2), ids.request(1, 2));
  const other = await otelIds({ ...header, startedAt: "2026-01-01T00:00:00.001Z" });
  assertNotEquals(other.traceId, ids.traceId);
  const all = [ids.run];
  for (let load = 0; load < 20; load++) {
    all.push(ids.load(load), ...Array.from({ length: 200 }, (_, i) => ids.request(load, i)));
  }
  assertEquals(new Set(all).size, all.length);
  assert(all.every((id) => /^[\da-f]{16}$/.test(id)));
  assert(/^[\da-f]{32}$/.test(ids.traceId));
});

Deno.test("loads hold requests, and the run holds loads", async () => {
  const load = await loadOf();
  const one = loadSpan(load, { requests: 7, failed: 2 });
  assertEquals([one.parentSpanId, one.spanId], [load.ids.run, load.ids.load(0)]);
  assertEquals(one.endTimeUnixNano, unixNano(STARTED_AT_MS, 2000));
  assertEquals(valuesOf(one)["tokometer.load.failed"], "2");
  const run = runSpan(load, { startMs: STARTED_AT_MS - 500, endMs: STARTED_AT_MS + 2000 });
  assertEquals(run.parentSpanId, undefined);
  assertEquals(run.spanId, load.ids.run);
});

Deno.test("texts are bounded and well-formed, and a batch names the run once", async () => {
  const [text] = attributes({ a: "x".repeat(999) + "😀" });
  assertEquals(text!.value, { stringValue: "x".repeat(999) + "\ufffd" });
  const load = await loadOf({ header: { name: "nightly", tags: { commit: "1a2b" } } });
  const body = JSON.parse(exportBody(sourceOf(load), [loadSpan(load, { requests: 0, failed: 0 })]));
  const { resource, scopeSpans } = body.resourceSpans[0];
  const values = valuesOf(resource);
  assertEquals(values["service.name"], "tokometer");
  assertEquals(values["tokometer.run.name"], "nightly");
  assertEquals(values["tokometer.run.tag.commit"], "1a2b");
  assertEquals(values["tokometer.run.id"], load.ids.traceId);
  assertEquals(scopeSpans[0].spans.length, 1);
});
