/**
 * Options of what sends a run's requests to an OpenTelemetry collector as spans.
 *
 * @module
 */
import type { ValuesOf } from "./command.ts";
import { group, option } from "./option_table.ts";

/** Where spans go. */
export const OTEL_OPTIONS = group("OpenTelemetry", {
  otel: option.text({
    value: "URL",
    help: "Send a span of each measured request to this collector (OTLP/HTTP with JSON, e.g. " +
      "http://127.0.0.1:4318), between the loads and never while one is measured. What cannot be " +
      "sent is told, and changes nothing else.",
    advanced: true,
  }),
  otelHeader: option.texts({
    value: '"NAME: VALUE"',
    repeat: true,
    secret: true,
    needs: [{ key: "otel", because: "it is sent to the collector alone, add --otel URL" }],
    defaultText: "OTEL_EXPORTER_OTLP_HEADERS, if set",
    help: "Request header for the collector, such as its key; may be repeated. Never stored.",
    advanced: true,
  }),
});

/** Their values. */
export type OtelValues = ValuesOf<typeof OTEL_OPTIONS>;
