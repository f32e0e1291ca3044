import { assertEquals } from "@std/assert";
import type { LoadPlan } from "../metrics/run.ts";
import { OpenSessions } from "../workloads/record_sessions.ts";
import { createFailure, createRecord } from "./support/create_record.ts";

const LOADS: readonly LoadPlan[] = [
  { label: "2 sessions", kind: "closed", users: 2, rampUpMs: 0, replay: "sessions" },
  { label: "as recorded", kind: "open", arrival: "trace", replay: "schedule" },
];

Deno.test("sessions without a line of their own are told from their records", () => {
  const open = new OpenSessions(LOADS);
  const at = (session: string, intendedMs: number) => ({ session, intendedMs, user: 1 });
  open.add(createRecord({ ...at("done", 0), endMs: 10 }));
  open.add(createRecord({ ...at("alive", 0), phase: "warmup", endMs: 5 }));
  open.add(createRecord({ ...at("alive", 20), endMs: 30 }));
  open.add(createRecord({ ...at("alive", 40), endMs: 55 }));
  open.add(createFailure("http_error", { ...at("failed", 7), endMs: 8 }));
  open.add(createRecord({ ...at("failed", 7), endMs: 12 }));
  open.add(createRecord({ ...at("row", 0), load: 1 }));
  open.add(createRecord({ session: undefined }));
  open.close({ load: 0, session: "done" });
  const rest = { load: 0, user: 1, notSent: 0 };
  assertEquals(open.left(0), [
    { ...rest, session: "alive", startMs: 0, endMs: 55, sent: 2, end: "cut" },
    { ...rest, session: "failed", startMs: 7, endMs: 12, sent: 2, end: "failed" },
  ]);
  assertEquals(open.left(1), []);
});
