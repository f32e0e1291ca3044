/**
 * Recordings of a test's own making, as files hold them.
 *
 * @module
 */

/** A request of a recording of an agent. */
interface WekaRequest {
  readonly t: number;
  readonly in: number;
  readonly ids: readonly number[];
  readonly api?: number;
}

const request = ({ t, in: tokens, ids, api = 1 }: WekaRequest) => ({
  ...{ t, type: "s", model: "m", in: tokens, out: 6, hash_ids: ids },
  ...{ input_types: ["text"], output_types: ["text"], stop: "end_turn", api_time: api },
});

/** An agent of four turns; behind the second it starts two helpers of two turns each. */
export function agentFile(id: string): string {
  const helper = (end: number, durationMs: number, firstId: number) => ({
    type: "subagent",
    ...{ t: end, agent_id: `${id}-${firstId}`, subagent_type: "Explore", status: "completed" },
    ...{ duration_ms: durationMs, models: ["m"], tool_tokens: 64, system_tokens: 64 },
    requests: [
      request({ t: 0, in: 270, ids: [firstId, firstId + 1, firstId + 2, firstId + 3] }),
      request({
        t: 2,
        in: 330,
        ids: [firstId, firstId + 1, firstId + 2, firstId + 3, firstId + 4],
      }),
    ],
  });
  return JSON.stringify({
    ...{ id, models: ["m"], block_size: 64, hash_id_scope: "local" },
    ...{ tool_tokens: 64, system_tokens: 64 },
    requests: [
      request({ t: 0, in: 200, ids: [1, 2, 3] }),
      request({ t: 3, in: 300, ids: [1, 2, 3, 4] }),
      helper(9, 4500, 100),
      helper(11, 6500, 200),
      request({ t: 12, in: 400, ids: [1, 2, 3, 4, 5, 6] }),
      request({ t: 14, in: 500, ids: [1, 2, 3, 4, 5, 6, 7] }),
    ],
  });
}

/** Rows of a recording without sessions, some of which leave at one instant. */
export function mooncakeRows(count: number): string {
  return Array.from({ length: count }, (_, i) => ({
    timestamp: 100 * Math.floor(i / 3),
    input_length: 600 + i,
    output_length: 4,
    hash_ids: [1, i + 2],
  })).map((row) => JSON.stringify(row)).join("\n");
}
