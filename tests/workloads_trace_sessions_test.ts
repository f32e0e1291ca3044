import { assert, assertEquals } from "@std/assert";
import { assertRefused, readWritten, turnLines } from "./support/trace_files.ts";

const user = (content: string) => ({ role: "user", content });

Deno.test("sessions: a conversation with think time, its tools, fields and models", async () => {
  const tools = [{ type: "function", function: { name: "f" } }];
  const trace = await readWritten([
    {
      id: "a",
      model: "big",
      turns: [
        { messages: "hello", output_tokens: 20, tools },
        { messages: [user("again")], delay_ms: 1500, extra: { temperature: 0 } },
      ],
    },
    { turns: [{ messages: [{ role: "system", content: "be brief" }, user("x")] }] },
  ]);
  const { format, hasSessions, hasInstants, history, sessions: [a, b] } = trace;
  assertEquals([format, hasSessions, hasInstants, history], ["sessions", true, false, "live"]);
  assertEquals(turnLines(a!), ["main0 1 at 0 after - +0", "main0 2 at 1500 after 0 +1500"]);
  assertEquals([a!.id, b!.id, a!.models, b!.models], ["a", "2", ["big"], []]);
  assertEquals(a!.turns.map(({ prompt, outputTokens, model }) => [prompt, outputTokens, model]), [
    [{ kind: "messages", holds: "new", messages: [user("hello")], tools }, 20, 0],
    [
      {
        kind: "messages",
        holds: "new",
        messages: [user("again")],
        tools,
        extra: { temperature: 0 },
      },
      undefined,
      0,
    ],
  ]);
  assertEquals("model" in b!.turns[0]!, false);
});

Deno.test("sessions: helpers run beside each other and are joined, by numbers and by ids", async () => {
  const turn = (id: string) => ({ id, messages: id });
  const { sessions: [session] } = await readWritten([{
    model: "big",
    turns: [turn("plan"), turn("sum"), turn("more")],
    spawn: [
      { name: "a", after: 1, join: 2, turns: [turn("a1"), { messages: "a2", delay_ms: 30 }] },
      { name: "b", after: "plan", join: "sum", model: "small", turns: [turn("b1")] },
      { after: "a1", turns: [turn("nested")] },
      { turns: [turn("alone")] },
    ],
  }]);
  assertEquals(turnLines(session!), [
    "main0 1 at 0 after - +0",
    "a1 1 at 0 after 0 +0",
    "a1 2 at 30 after 1 +30",
    "b2 1 at 0 after 0 +0",
    "helper3 1 at 0 after 1 +0",
    "helper4 1 at 0 after - +0",
    "main0 2 at 30 after 0,2,3 +0",
    "main0 3 at 30 after 6 +0",
  ]);
  assertEquals(session!.chains.map(({ parent, depth }) => [parent, depth]), [
    [undefined, 0],
    [0, 1],
    [0, 1],
    [1, 2],
    [0, 1],
  ]);
  assertEquals(session!.models, ["big", "small"]);
});

Deno.test("sessions: an array and one object over many lines are read as well", async () => {
  const one = { turns: [{ messages: "x", output_tokens: 3 }] };
  const ids = async (text: string) =>
    (await readWritten(text, { name: "s.json" })).sessions.map(({ id }) => id);
  assertEquals(await ids(JSON.stringify([one, one], null, 2)), ["0", "1"]);
  assertEquals(await ids(JSON.stringify({ id: "a", ...one }, null, 2)), ["a"]);
  assertEquals(await ids(`${JSON.stringify(one)}\n\n${JSON.stringify(one)}\n`), ["1", "3"]);
});

Deno.test("sessions: what does not fit is named, unknown fields with the nearest", async () => {
  const refuse = (row: unknown, words: string) => assertRefused([row], words, "sessions");
  const turns = [{ messages: "x" }];
  await refuse({ turns, turn: 1 }, 'line 1: it has the unknown field "turn": did you mean turns?');
  await refuse(
    { turns: [{ mesages: "x" }] },
    'turns[0] has the unknown field "mesages": did you mean messages? known are id, messages',
  );
  await refuse({ turns: [{}] }, "turns[0] has no messages");
  await refuse({ id: "a" }, "it has no turns");
  await refuse({ turns: [] }, "turns is empty");
  await refuse({ turns: 3 }, "turns is 3, not a list");
  await refuse({ turns: ["x"] }, 'turns[0] is "x", not an object');
  await refuse({ turns: [{ messages: 3 }] }, "turns[0].messages is 3, not a text or a list");
  await refuse({ turns: [{ messages: [] }] }, "turns[0] has an empty messages");
  await refuse(
    { turns: [{ messages: [{ role: "x", content: "" }] }] },
    "turns[0] has messages with",
  );
  await refuse(
    { turns: [{ messages: "x", output_tokens: 0 }] },
    "turns[0].output_tokens is 0, not a whole number from 1 on",
  );
  await refuse(
    { turns: [{ messages: "x", delay_ms: "1s" }] },
    'turns[0].delay_ms is "1s", not a number from 0 on',
  );
  await refuse(
    { turns, spawn: [{ after: 2, turns }] },
    "spawn[0].after is 2: the main conversation",
  );
  await refuse({ turns, spawn: [{ join: "x", turns }] }, 'spawn[0].join is "x": no turn has an id');
  await refuse({ turns, spawn: [{ join: 1, after: 1, turns }] }, "waits for itself");
  const named = [{ id: "a", messages: "x" }];
  await refuse(
    { turns: named, spawn: [{ turns: named }] },
    'spawn[0].turns[0].id is "a", as that of',
  );
  await refuse({ turns: named, spawn: [{ after: "b", turns }] }, "turns have the ids a");
  await assertRefused([{ id: "a", turns }, { id: "a", turns }], "line 2: id is", "sessions");
  await assertRefused(["text"], 'it is "text", not an object', "sessions");
});

Deno.test("sessions: a file whose fields are misspelled is still taken for one", async () => {
  for (
    const [turn, field] of [
      [{ messages: "x", dely_ms: 3 }, "delay_ms"],
      [{ message: "x" }, "messages"],
    ] as const
  ) {
    const failed = await readWritten([{ turns: [turn] }]).catch((error) => error.message);
    assert(String(failed).includes(`did you mean ${field}?`), String(failed));
  }
});

Deno.test("sessions: long conversations do not fill the stack", async () => {
  const turns = Array.from({ length: 20_000 }, () => ({ messages: "x" }));
  const { sessions: [session] } = await readWritten([{
    turns: [{ messages: "x" }, { messages: "y" }],
    spawn: [{ after: 1, join: 2, turns }],
  }]);
  assertEquals(session!.turns.at(-1)!.waitsFor, [0, 20_000]);
});
