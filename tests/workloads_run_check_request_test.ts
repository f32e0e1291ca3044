import { assert, assertEquals, assertNotEquals } from "@std/assert";
import type { GenerationRequest } from "../backends/protocol.ts";
import { checkRequestOf, markedRequest } from "../workloads/run_check_request.ts";
import { startCompletionsServer } from "./support/completions_server.ts";
import { cannedRequest } from "./support/protocol_contract.ts";
import { inTempFolder, runCli } from "./support/run_cli.ts";
import { TOKENIZER, writeSharegpt } from "./support/sharegpt_file.ts";

const textOf = (body: Record<string, unknown>) => JSON.stringify(body.prompt ?? body.messages);

Deno.test("no command sends a prompt in its check that it measures", async () => {
  const server = startCompletionsServer();
  try {
    await inTempFolder(async (folder) => {
      const dataset = await writeSharegpt(folder, 4);
      const bench = ["bench", server.url, "--warmup=0", "--no-save", "--quiet", "--requests=4"];
      const lines: readonly (readonly string[])[] = [
        [...bench, "--protocol=openai-completions"],
        [...bench, "--protocol=openai-chat", "--system-prompt-file", dataset],
        [
          ...bench,
          "--protocol=openai-completions",
          "--dataset=synthetic",
          "--token-ids",
          "--vocab=900",
        ],
        ["num-clients", server.url, "--num-requests=4", "--workers=0"],
        ["request-rate", server.url, "--num-requests=4", "--workers=0"],
        ["profile-restful-api", server.url, TOKENIZER, dataset, "-n=4", "-c=1", "--no-csv"],
        ["profile-generation", server.url, "-c=1", "-pt=6", "-ct=2", "-tr=2", "--no-csv"],
      ];
      for (const line of lines) {
        server.bodies.length = 0;
        const { err } = await runCli(line);
        const [check, ...measured] = server.bodies;
        const where = `${line.join(" ")}: ${err}`;
        assert(measured.length >= 2, where);
        for (const body of measured) {
          assertNotEquals(textOf(body), textOf(check!), where);
          // Not even the beginning, which a prefix cache would know.
          assertNotEquals(textOf(body).slice(0, 60), textOf(check!).slice(0, 60), where);
        }
        const sessions = server.bodies.map(({ session_id }) => session_id);
        if (sessions[0] !== undefined) assert(!sessions.slice(1).includes(sessions[0]), where);
      }
    });
  } finally {
    await server.stop();
  }
});

Deno.test("checkRequestOf keeps the shape and changes the prompt, the id and a long answer", () => {
  const first = cannedRequest({ outputTokens: 500, requestId: 9n, stream: true });
  const { messages, outputTokens, requestId, ...rest } = checkRequestOf(first);
  const { messages: before, outputTokens: _, requestId: id, ...same } = first;
  assertEquals([outputTokens, requestId, id, rest], [8, 8n, 9n, same]);
  const lengthOf = (fields: Partial<GenerationRequest>, few?: boolean) =>
    checkRequestOf(cannedRequest(fields), few === undefined ? {} : { few }).outputTokens;
  assertEquals(lengthOf({ outputTokens: 4 }), 4);
  // Nothing is seen of an answer in one piece but its time.
  assertEquals(lengthOf({ outputTokens: 500, stream: false }), 64);
  assertEquals(lengthOf({ outputTokens: 500, stream: true }, false), 64);
  assertEquals(messages.map(({ role }) => role), before.map(({ role }) => role));
  const content = String(messages[0]!.content);
  assert(content.endsWith(String(before[0]!.content)), content);
  // A text that may fill the context is not longer than it was, and holds no half of a character.
  const long = "😀".repeat(40);
  const [other] =
    checkRequestOf({ ...first, messages: [{ role: "user", content: long }] }).messages;
  assertEquals([other!.content.length <= long.length, String(other!.content).isWellFormed()], [
    true,
    true,
  ]);

  const image = { type: "image_url", image_url: { url: "data:," } };
  const [parts] = checkRequestOf({ ...first, messages: [{ role: "user", content: [image] }] })
    .messages;
  assertEquals([parts!.content.length, parts!.content.at(-1)], [2, image]);
});

Deno.test("checkRequestOf sends known ids in another order", () => {
  const ids = (promptTokenIds: readonly number[]) =>
    checkRequestOf(cannedRequest({ messages: [], promptTokenIds })).promptTokenIds;
  assertEquals(ids([1, 5, 6, 7]), [1, 7, 6, 5]);
  assertEquals([ids([7, 7, 7]), ids([7]), ids([])], [[7, 7, 7, 7], [7, 7], []]);
  const turned = (turn: number) =>
    markedRequest(cannedRequest({ messages: [], promptTokenIds: [1, 5, 6, 7] }), "", turn)
      .promptTokenIds;
  assertEquals([0, 1, 2, 3].map(turned), [[1, 7, 6, 5], [1, 6, 5, 7], [1, 5, 7, 6], [1, 7, 6, 5]]);
});
