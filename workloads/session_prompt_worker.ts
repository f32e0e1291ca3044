/**
 * The thread that makes requests of sessions: it knows no tokenizer, only its words, and is ready as
 * soon as its protocol is loaded.
 *
 * @module
 */
import { findProtocol } from "../backends/protocols.ts";
import { inWorker, workerScope } from "../backends/worker.ts";
import { answerOf, type FromPromptWorker, type ToPromptWorker } from "./session_prompt_messages.ts";
import { type RequestMaker, requestMaker } from "./session_prompt_request.ts";

/** This file, for `startWorker`. */
export const PROMPT_WORKER: string = "workloads/session_prompt_worker.ts";

if (inWorker(PROMPT_WORKER)) {
  const scope = workerScope<ToPromptWorker, FromPromptWorker>();
  let maker: RequestMaker;
  scope.onmessage = ({ data }) => {
    if (data.kind === "open") {
      const { protocol, ...options } = data;
      maker = makerOf(() => requestMaker({ ...options, protocol: findProtocol(protocol) }));
      return;
    }
    const answer = answerOf(() => maker(data.prompt, data.parts));
    const body = answer.kind === "made" ? answer.wire.body?.buffer : undefined;
    scope.postMessage(answer, body === undefined ? [] : [body]);
  };
}

/** A maker; where there is none, one whose requests say why. */
function makerOf(open: () => RequestMaker): RequestMaker {
  try {
    return open();
  } catch (error) {
    return () => {
      throw error;
    };
  }
}
