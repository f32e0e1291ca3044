/**
 * The call that empties an engine's prefix cache. vLLM and SGLang have one, with different ways to say that
 * it failed.
 *
 * @module
 */
import { simJsonReply } from "./sim_json.ts";
import type { SimReply, SimRequest } from "./sim_protocol.ts";

/** The call of an engine, and how it answers. */
interface ResetCall {
  readonly methods: readonly string[];
  readonly path: string;
  readonly reply: (done: boolean) => SimReply;
}

const CALLS: Readonly<Record<string, ResetCall>> = {
  // vLLM; the status says nothing.
  openai: {
    methods: ["POST"],
    path: "/reset_prefix_cache",
    reply: (success) => simJsonReply(200, { success }),
  },
  sglang: {
    methods: ["GET", "POST"],
    path: "/flush_cache",
    reply: (done) => ({
      status: done ? 200 : 400,
      contentType: "text/plain",
      body:
        "Cache flushed.\nPlease check backend logs for more details. (When there are running or " +
        "waiting requests, the operation will not be performed.)\n",
    }),
  },
};

/** Answers such a call of this engine; `undefined` = it is none. */
export function simCacheReset(
  engine: string,
  { method, path }: Pick<SimRequest, "method" | "path">,
  reset: () => boolean,
): SimReply | undefined {
  const call = Object.hasOwn(CALLS, engine) ? CALLS[engine]! : undefined;
  if (call?.path !== path) return undefined;
  if (!call.methods.includes(method)) {
    return simJsonReply(405, { error: `${path} is answered to ${call.methods.join(" and ")}` });
  }
  return call.reply(reset());
}
