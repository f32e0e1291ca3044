/**
 * The engine's own thread: generating blocks for milliseconds at a time and must not delay stamps or
 * requests.
 *
 * @module
 */
import { messageOf } from "./error_message.ts";
import { epochOriginMs, systemClock } from "./clock.ts";
import type { FromEngine, ToEngine } from "./inprocess_messages.ts";
import { TransformersEngine } from "./transformers_engine.ts";
import { loadTransformers } from "./transformers_library.ts";
import { inWorker, workerScope } from "./worker.ts";

/** Handles the messages of one engine. */
export function createEngineThread(
  reply: (message: FromEngine) => void,
  load: typeof loadTransformers = loadTransformers,
): (message: ToEngine) => Promise<void> {
  let engine: TransformersEngine | undefined;

  const handle = async (message: ToEngine): Promise<void> => {
    if (message.kind === "open") {
      const { model, settings } = message;
      engine = await TransformersEngine.open({
        library: await load(),
        clock: systemClock,
        model,
        settings,
      });
      return reply({ kind: "opened", originMs: epochOriginMs() });
    }
    if (message.kind === "close") {
      await engine?.close();
      return reply({ kind: "closed" });
    }
    if (engine === undefined) throw new TypeError("Cannot use an engine before it was opened");
    switch (message.kind) {
      case "warm":
        await engine.warm();
        return reply({ kind: "warmed" });
      case "tokenize": {
        const ids = engine.tokenize(message.prompt);
        return reply({ kind: "tokenized", number: message.number, ids });
      }
      case "generate": {
        const { number } = message;
        return engine.generate(
          number,
          message.call,
          (event) => reply({ kind: "event", number, event }),
        );
      }
      case "cancel":
        return engine.cancel(message.number);
    }
  };
  return async (message) => {
    try {
      await handle(message);
    } catch (error) {
      reply({ kind: "failed", message: messageOf(error) });
    }
  };
}

if (inWorker("backends/transformers_worker.ts")) {
  const scope = workerScope<ToEngine, FromEngine>();
  const handle = createEngineThread((message) => scope.postMessage(message));
  scope.onmessage = (event) => void handle(event.data);
}
