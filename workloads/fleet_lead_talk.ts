/**
 * Whom a leader listens to: each message is checked, and answered where somebody waits for it.
 *
 * @module
 */
import type { BusMessage, BusSubscription, FleetBus } from "./fleet_bus.ts";
import type {
  AgentDone,
  AgentEnd,
  Beat,
  FindAnswer,
  FindAsk,
  FleetSecrets,
  Hello,
  HelloAnswer,
  LeaseAnswer,
  LeaseAsk,
  NextAnswer,
  NextAsk,
  Prepared,
  Ready,
  Update,
} from "./fleet_messages.ts";
import {
  agentDoneShape,
  agentEndShape,
  anyHelloShape,
  findAskShape,
  helloShape,
  leaseAskShape,
  nextAskShape,
  preparedShape,
  readyShape,
  secretsAskShape,
  updateShape,
} from "./fleet_shape_agent.ts";
import { encodeMessage, NOTHING, readMessage } from "./fleet_wire.ts";
import type { Shape } from "./json_shape.ts";

/** What a hello of any version has. */
export type AnyHello = Pick<Hello, "protocol" | "version" | "agent" | "hostname">;

/** Answers agents that look for work. @returns what stops it. */
export function answerHellos(
  bus: FleetBus,
  { onHello, onOther }: {
    readonly onHello: (hello: Hello) => HelloAnswer;
    /** Of a version whose hello cannot be read. */
    readonly onOther: (hello: AnyHello) => HelloAnswer;
  },
): BusSubscription {
  return bus.subscribe("hello", (message) => {
    const hello = readMessage<Hello>(message.data, helloShape);
    const other = hello ?? readMessage<AnyHello>(message.data, anyHelloShape);
    if (other === undefined) return;
    message.respond(encodeMessage(hello === undefined ? onOther(other) : onHello(hello)));
  });
}

/** What is done about messages of a run. `undefined` = nothing is answered. */
export interface RunTalk {
  onSecrets(ask: { readonly agent: number }): FleetSecrets | undefined;
  onPrepared(prepared: Prepared): boolean;
  onReady(ready: Ready): Beat | undefined;
  onLease(ask: LeaseAsk): LeaseAnswer | undefined;
  onFind(ask: FindAsk): FindAnswer | undefined;
  onNext(ask: NextAsk): NextAnswer | undefined;
  onUpdate(update: Update): void;
  onEnd(end: AgentEnd): void;
  onDone(done: AgentDone): void;
}

/** Listens to the agents of a run. @returns what stops it. */
export async function listenToRun(
  bus: FleetBus,
  run: string,
  talk: RunTalk,
): Promise<BusSubscription> {
  const open: BusSubscription[] = [];
  const hear = <T>(subject: string, shape: Shape, use: (value: T, message: BusMessage) => void) =>
    open.push(bus.subscribe(`${run}.${subject}`, (message) => {
      const value = readMessage<T>(message.data, shape);
      if (value !== undefined) use(value, message);
    }));
  const answer = <T>(subject: string, shape: Shape, of: (value: T) => unknown) =>
    hear<T>(subject, shape, (value, message) => {
      const said = of(value);
      if (said !== undefined) message.respond(encodeMessage(said));
    });
  answer<{ readonly agent: number }>("secrets", secretsAskShape, (ask) => talk.onSecrets(ask));
  hear<Prepared>("prepared", preparedShape, (value, message) => {
    if (talk.onPrepared(value)) message.respond(NOTHING);
  });
  answer<Ready>("ready", readyShape, (ask) => talk.onReady(ask));
  answer<LeaseAsk>("lease", leaseAskShape, (ask) => talk.onLease(ask));
  answer<FindAsk>("find", findAskShape, (ask) => talk.onFind(ask));
  answer<NextAsk>("next", nextAskShape, (ask) => talk.onNext(ask));
  hear<Update>("update", updateShape, (update) => talk.onUpdate(update));
  // An agent says that it leaves after it has said how its loads ended.
  open.push(
    await bus.receive(`${run}.*.*`, ({ subject, data }) => {
      const [, kind] = subject.split(".");
      if (kind === "end") {
        const end = readMessage<AgentEnd>(data, agentEndShape);
        if (end !== undefined) talk.onEnd(end);
      } else if (kind === "done") {
        const done = readMessage<AgentDone>(data, agentDoneShape);
        if (done !== undefined) talk.onDone(done);
      }
    }),
  );
  return {
    close() {
      for (const one of open) one.close();
    },
  };
}
