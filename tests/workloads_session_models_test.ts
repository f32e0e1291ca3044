import { assertEquals } from "@std/assert";
import {
  SessionModels,
  type SessionModelsOptions,
  usualAssignment,
} from "../workloads/session_models.ts";
import type { TraceSession } from "../workloads/trace.ts";

function session(...models: readonly string[]): TraceSession {
  return { id: "s", scope: "s", chains: [], turns: [], models };
}

const MODELS = [{ name: "a", weight: 60 }, { name: "b", weight: 30 }, { name: "c", weight: 10 }];

function modelsOf(options: Partial<SessionModelsOptions>): SessionModels {
  const trace = { hasSessions: true, sessions: [] };
  return new SessionModels({
    ...{ models: MODELS, assignment: "random", seed: 0, load: 0, trace },
    ...options,
  });
}

Deno.test("sessions get their models by weight, in whatever order they ask", () => {
  const orders = Array.from({ length: 40 }, (_, order) => order);
  const ask = (models: SessionModels, asked: readonly number[]) =>
    asked.map((order) => [order, models.of({ session: session("x"), order }, 0)] as const)
      .toSorted(([one], [other]) => one - other).map(([, name]) => name);
  const names = ask(modelsOf({}), orders);
  const counts = ["a", "b", "c"].map((name) => names.filter((one) => one === name).length);
  assertEquals(counts, [24, 12, 4]);
  assertEquals(ask(modelsOf({}), orders.toReversed()), names);
  const again = modelsOf({});
  assertEquals([again.of({ session: session("x"), order: 7 }, 0)], [names[7]]);
  assertEquals(ask(modelsOf({ load: 1 }), orders).join() === names.join(), false);
});

Deno.test("a session of several models has as many, beginning with its own", () => {
  const models = modelsOf({ assignment: "round-robin" });
  const of = (order: number, position: number) =>
    models.of({ session: session("x", "y"), order }, position);
  assertEquals([of(0, 0), of(0, 1), of(1, 0), of(1, 1), of(2, 1)], ["a", "b", "b", "c", "a"]);
});

Deno.test("as recorded: the first model of the recording is the first of the run, and around", () => {
  const recorded = modelsOf({ assignment: "recorded" });
  const four = session("w", "x", "y", "z");
  assertEquals(
    [0, 1, 2, 3].map((i) => recorded.of({ session: four, order: 9 }, i)).join(""),
    "abca",
  );
  // Rows of no session: the recording has one list.
  const rows = [session("gpt-4"), session("chat"), session("gpt-4")];
  const flat = modelsOf({ assignment: "recorded", trace: { hasSessions: false, sessions: rows } });
  assertEquals(rows.map((one, order) => flat.of({ session: one, order }, 0)).join(""), "aba");
});

Deno.test("without a word, weights are drawn, and recordings of several models are followed", () => {
  const equal = MODELS.map(({ name }) => ({ name, weight: 1 }));
  const several = { sessions: [session("x"), session("y")] };
  assertEquals(usualAssignment(equal, undefined), "random");
  assertEquals(usualAssignment(equal, several), "recorded");
  assertEquals(usualAssignment(equal, { sessions: [session("x"), session("x")] }), "random");
  assertEquals(usualAssignment(MODELS, several), "random");
});
