import { assertThrows } from "@std/assert";
import { findProtocol } from "../backends/protocols.ts";
import {
  checkPromptForm,
  checkWrittenPrompts,
  type PromptFormAsked,
} from "../workloads/session_prompt_check.ts";
import type { MessagesPrompt, TraceSession } from "../workloads/trace.ts";
import { UserError } from "../workloads/user_error.ts";
import { blockSession } from "./support/block_sessions.ts";

const CHAT = findProtocol("openai-chat");
const TEXT = findProtocol("openai-completions");

Deno.test("checkPromptForm refuses prompts that cannot be made or sent", () => {
  const rows: [Partial<PromptFormAsked>, string | undefined][] = [
    [{}, undefined],
    [{ tokenIds: true }, "Cannot send token ids to openai-chat"],
    [{ vocab: 100 }, "Cannot use --vocab 100 without --token-ids"],
    [
      { tokenIds: true, protocol: TEXT },
      "Cannot make token ids: give --tokenizer PATH, or --vocab N",
    ],
    [{ tokenIds: true, protocol: TEXT, vocab: 100 }, undefined],
    [{ tokenIds: true, protocol: TEXT, hasTokenizer: true }, undefined],
    [{ protocol: findProtocol("triton-turbomind") }, "Cannot send recorded prompts over triton-"],
  ];
  for (const [asked, message] of rows) {
    const check = () => checkPromptForm({ protocol: CHAT, hasTokenizer: false, ...asked });
    if (message === undefined) check();
    else assertThrows(check, UserError, message);
  }
});

const blocks = blockSession([{ ids: [1], inputTokens: 10 }]);

function writtenSession(prompt: Partial<MessagesPrompt>): TraceSession {
  return {
    ...blocks,
    turns: blocks.turns.map((turn) => ({
      ...turn,
      prompt: { kind: "messages", holds: "new", messages: [], ...prompt },
    })),
  };
}

Deno.test("checkWrittenPrompts names what a protocol of texts cannot send, and the session", () => {
  const message = { role: "user", content: "Hi" };
  const rows: [Partial<MessagesPrompt>, string | undefined][] = [
    [{ messages: [message] }, undefined],
    [{ tools: [] }, "tools"],
    [{ messages: [message, { ...message, extra: { tool_call_id: "c" } }] }, "tool_call_id"],
    [{ messages: [{ ...message, content: [{ type: "image_url" }] }] }, "image_url"],
  ];
  for (const [prompt, strange] of rows) {
    const trace = { source: "x.jsonl", sessions: [blocks, writtenSession(prompt)] };
    checkWrittenPrompts(trace, { protocol: CHAT });
    const check = () => checkWrittenPrompts(trace, { protocol: TEXT });
    if (strange === undefined) check();
    else {
      const text =
        `Cannot send ${strange} of session s over openai-completions, which takes text: ` +
        "use --protocol openai-chat";
      assertThrows(check, UserError, text);
    }
  }
});

Deno.test("checkWrittenPrompts refuses token ids where all prompts are written out", () => {
  const written = writtenSession({ messages: [] });
  const check = (sessions: readonly TraceSession[]) =>
    checkWrittenPrompts({ source: "x.jsonl", sessions }, { protocol: TEXT, tokenIds: true });
  check([written, blocks]);
  assertThrows(() => check([written]), UserError, "Cannot use --token-ids with x.jsonl");
});
