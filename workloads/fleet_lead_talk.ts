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
import { packMessage, readDelivered, readMessage } from "./fleet_codec.ts";
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
    const at = "hello";
    const hello = readMessage<Hello>(message.data, helloShape, { at });
    if ("value" in hello) return message.respond(packMessage(onHello(hello.value)));
    const other = readMessage<AnyHello>(message.data, anyHelloShape, { at });
    if ("value" in other) message.respond(packMessage(onOther(other.value)));
  });
}

/** Stands for an answer that says nothing but that something was heard. */
const NOTHING = new Uint8Array(0);

/** What is done about messages of a run. `undefined` = nothing is answered. */
export interface RunTalk {
  /** A message cannot be read; why, in a clause. */
  onProblem(problem: string): void;
  onSecrets(ask: { readonly agent: number }): FleetSecrets | undefined;
  onPrepared(prepared: Prepared): boolean;
  onReady(ready: Ready): Beat | undefined;
  onLease(ask: LeaseAsk): LeaseAnswer | undefined;
  onFind(ask: FindAsk): FindAnswer | undefined;
  onNext(ask: NextAsk): NextAnswer | undefined;
  onUpdate(update: Update): void;
  onEnd(end: AgentEnd): void;
  /** An agent tells the end of a load, and it cannot be read. */
  onUnreadableEnd(agent: number, problem: string): void;
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
      const read = readMessage<T>(message.data, shape, { at: subject });
      if ("value" in read) use(read.value, message);
      else talk.onProblem(read.problem);
    }));
  const answer = <T>(subject: string, shape: Shape, of: (value: T) => unknown) =>
    hear<T>(subject, shape, (value, message) => {
      const said = of(value);
      if (said !== undefined) message.respond(packMessage(said));
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
      const [, kind = "", agent] = subject.split(".");
      const options = { at: kind };
      if (kind === "end") {
        const read = readDelivered<AgentEnd>(data, agentEndShape, options);
        if ("value" in read) talk.onEnd(read.value);
        else talk.onUnreadableEnd(Number(agent), read.problem);
      } else if (kind === "done") {
        const read = readDelivered<AgentDone>(data, agentDoneShape, options);
        if ("value" in read) talk.onDone(read.value);
        else talk.onProblem(read.problem);
      }
    }),
  );
  return {
    close() {
      for (const one of open) one.close();
    },
  };
}
