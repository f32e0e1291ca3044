/**
 * Sessions to begin with, in our own format: a chat, a tool loop, a planner with helpers.
 *
 * @module
 */

/** Examples by name: sessions, a line each. */
export const SESSION_EXAMPLES: Readonly<Record<string, readonly object[]>> = {
  chat: [
    {
      id: "holiday",
      turns: [
        {
          messages: [
            {
              role: "system",
              content: "You are a helpful travel agent. Answer in a few sentences.",
            },
            { role: "user", content: "Where can I see northern lights without a long flight?" },
          ],
          output_tokens: 80,
        },
        {
          messages: "How cold is it there in February?",
          output_tokens: 60,
          delay_ms: 1500,
        },
        {
          messages: "Then write me a packing list.",
          output_tokens: 120,
          delay_ms: 2500,
        },
      ],
    },
    {
      id: "recipe",
      turns: [
        { messages: "What can I cook from rice, eggs and leeks?", output_tokens: 80 },
        { messages: "Make it vegan, please.", output_tokens: 80, delay_ms: 2000 },
      ],
    },
  ],
  tools: [
    {
      id: "weather",
      turns: [
        {
          messages: "Should I take an umbrella in Bergen tomorrow?",
          output_tokens: 40,
          tools: [{
            type: "function",
            function: {
              name: "forecast",
              description: "The weather of a place on a day",
              parameters: {
                type: "object",
                properties: { place: { type: "string" }, day: { type: "string" } },
                required: ["place", "day"],
              },
            },
          }],
        },
        {
          messages: [{ role: "tool", content: '{"rain_mm": 12, "wind": "strong"}' }],
          output_tokens: 60,
          delay_ms: 300,
        },
        {
          messages: "And the day after?",
          output_tokens: 40,
          delay_ms: 2000,
        },
        {
          messages: [{ role: "tool", content: '{"rain_mm": 0, "wind": "calm"}' }],
          output_tokens: 60,
          delay_ms: 300,
        },
      ],
    },
  ],
  planner: [
    {
      id: "review",
      turns: [
        {
          id: "plan",
          messages: [
            { role: "system", content: "You lead a review. You have two helpers." },
            { role: "user", content: "Review the change: what to check first?" },
          ],
          output_tokens: 100,
        },
        {
          id: "report",
          messages:
            "Both helpers have reported: no fault in the code, one test is missing. Sum it up.",
          output_tokens: 150,
          delay_ms: 100,
        },
      ],
      spawn: [
        {
          name: "reader",
          after: "plan",
          join: "report",
          turns: [
            { messages: "Read the changed files and list what they do.", output_tokens: 80 },
            { messages: "Now look for faults in them.", output_tokens: 120, delay_ms: 500 },
          ],
        },
        {
          name: "tester",
          after: "plan",
          join: "report",
          turns: [
            {
              messages: "Which tests cover this change, and what do they miss?",
              output_tokens: 120,
            },
          ],
        },
      ],
    },
  ],
};

/** An example as JSON lines. */
export function exampleText(name: string): string {
  return (SESSION_EXAMPLES[name] ?? []).map((session) => `${JSON.stringify(session)}\n`).join("");
}
