import { assert, assertEquals } from "@std/assert";
import { FramedChunk } from "../backends/sim_frame.ts";
import { simOpenaiChat, simOpenaiCompletions } from "../backends/sim_openai.ts";
import type { SimJob, SimStream, SimToken } from "../backends/sim_protocol.ts";

const token = (text: string): SimToken => ({ id: 300, text, reasoning: false });

Deno.test("FramedChunk fills in each text, whatever length the chunk then has", () => {
  const decoder = new TextDecoder();
  for (const beforeLength of [1, 8, 240, 250, 4080]) {
    const before = "b".repeat(beforeLength);
    const framed = new FramedChunk({ before, after: "]" });
    for (const text of [" the", "", "\n", "é", "🚀", ' "quoted"', " longer", " the"]) {
      const event = `${before}${JSON.stringify(text)}]`;
      const size = new TextEncoder().encode(event).length.toString(16);
      const length = framed.fill(token(text));
      assertEquals(
        decoder.decode(framed.bytes.subarray(0, length)),
        `${size}\r\n${event}\r\n`,
        `${beforeLength} ${text}`,
      );
    }
  }
});

function streamOf(quirks: readonly string[], job: Partial<SimJob> = {}): SimStream {
  return {
    job: {
      model: "tiny",
      promptTokens: 3,
      maxTokens: 10,
      minTokens: 0,
      ignoreEos: true,
      stream: true,
      includeUsage: true,
      continuousUsage: false,
      extra: {},
      ...job,
    },
    serial: 7,
    tokensSoFar: 4,
    textSoFar: "",
    cachedTokens: 0,
    quirks: new Set(["usage:asked", "role-chunk:with-first", ...quirks]),
  };
}

for (const protocol of [simOpenaiCompletions, simOpenaiChat]) {
  Deno.test(`${protocol.name}: a frame and a text are the event`, () => {
    for (const quirks of [[], ["cached-tokens"], ["done:missing"], ["usage:last-chunk"]]) {
      const stream = streamOf(quirks);
      const { before, after } = protocol.frame!(stream)!;
      for (const text of [" the", "", "é"]) {
        assertEquals(
          before + JSON.stringify(text) + after,
          protocol.event(stream, [token(text)], false, "length"),
        );
      }
    }
  });

  Deno.test(`${protocol.name}: there is no frame where events differ in more than their text`, () => {
    const quirks = ["usage:every-chunk", "token-ids", "reasoning", "join-utf8"];
    for (const quirk of quirks) assertEquals(protocol.frame!(streamOf([quirk])), undefined, quirk);
    const asked = streamOf([], { continuousUsage: true });
    assertEquals(protocol.frame!(asked), undefined);
    const ids = streamOf([], { extra: { returnTokenIds: true } });
    assertEquals(protocol.frame!(ids), undefined);
    assert(protocol.frame!(streamOf([])) !== undefined);
  });
}
