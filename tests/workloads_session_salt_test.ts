import { assertEquals } from "@std/assert";
import type { Message } from "../backends/protocol.ts";
import { markMessages, saltOf } from "../workloads/session_salt.ts";

const FACTS = { run: "r", load: 2, session: "s#2", turn: 3, systemTokens: 40 };

Deno.test("saltOf renews a mark for a load, a session, or a request", () => {
  assertEquals(saltOf("none", FACTS), undefined);
  assertEquals(saltOf("load", FACTS), { mark: "r.2", at: 0 });
  assertEquals(saltOf("session", FACTS), { mark: "r.2.s#2", at: 40 });
  assertEquals(saltOf("request", FACTS), { mark: "r.2.s#2.3", at: 0 });
});

Deno.test("markMessages marks the user's first message for a session, else the first of all", () => {
  const messages: Message[] = [
    { role: "system", content: "S" },
    { role: "user", content: "U" },
    { role: "assistant", content: "A" },
    { role: "user", content: "V" },
  ];
  const marked = (scope: Parameters<typeof markMessages>[1], list = messages) =>
    markMessages(list, scope, "m\n").map(({ content }) => content);
  assertEquals(marked("none"), ["S", "U", "A", "V"]);
  assertEquals(marked("session"), ["S", "m\nU", "A", "V"]);
  assertEquals(marked("load"), ["m\nS", "U", "A", "V"]);
  assertEquals(marked("request"), ["m\nS", "U", "A", "V"]);
  // Of no user: at the front.
  assertEquals(marked("session", messages.slice(0, 1)), ["m\nS"]);
  const parts: Message[] = [{ role: "user", content: [{ type: "image_url" }] }];
  assertEquals(markMessages(parts, "session", "m\n")[0]!.content, [
    { type: "text", text: "m\n" },
    { type: "image_url" },
  ]);
});
